import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { refusal } from "../actions";
import { type AttemptDetail, type Failure, type JobDetail, preview, sealed } from "../model/detail";
import { bytes, duration, number, ticking, timeOfDay } from "../model/format";
import { colourOf } from "../paint/theme";
import { usePanel } from "./context";
import { Drawer, Facts, Part } from "./Drawer";
import { JobLog } from "./JobLog";
import { State } from "./parts";

const isOver = (status: string): boolean => !["pending", "assigned"].includes(status);

/** One job: why it waits, what it was given, what it printed, what came of it. */
export function JobDrawer({ id, revision }: { id: string; revision: string }): JSX.Element {
  const { store, actions, open } = usePanel();
  const [detail, setDetail] = useState<JobDetail | null>(null);
  const [words, setWords] = useState("Asking the coordinator …");
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    let isGone = false;
    store.ask("GET", `/jobs/${encodeURIComponent(id)}`).then(
      (answer) => {
        if (isGone) return;
        if (answer.status === 200) setDetail(answer.body as JobDetail);
        else if (answer.status === 404) setWords("The coordinator does not know this job any more.");
        else setWords(refusal(answer));
      },
      (error: unknown) => !isGone && setWords(String(error)),
    );
    return () => {
      isGone = true;
    };
  }, [id, revision]);

  const job = detail?.job_id === id ? detail : null;
  const act = async (what: () => Promise<unknown>): Promise<void> => {
    setBusy(true);
    await what();
    setBusy(false);
  };
  const retry = async (): Promise<void> => {
    const made = await actions.retry([id]);
    if (made) open({ kind: "job", id: made });
  };
  const buttons = job && (
    <>
      {!isOver(job.status) && (
        <button type="button" class="nxp-Button" disabled={busy} onClick={() => void act(() => actions.cancel([id]))}>
          Cancel
        </button>
      )}
      {isOver(job.status) && (
        <button type="button" class="nxp-Button" disabled={busy} onClick={() => void act(retry)}>
          Retry
        </button>
      )}
    </>
  );
  return (
    <Drawer title={job?.name || id} label={`Job ${job?.name || id}`} actions={buttons}>
      {job ? <Told job={job} revision={revision} /> : <p class="nxp-soft">{words}</p>}
    </Drawer>
  );
}

function Told({ job, revision }: { job: JobDetail; revision: string }): JSX.Element {
  const { open, actions, now, state } = usePanel();
  const attempts = job.attempts ?? [];
  const running = job.status === "assigned";
  const ran = running && job.started_at !== null ? ticking(now - job.started_at) : duration(job.run_s);
  const waited = (job.started_at ?? (isOver(job.status) ? job.finished_at : now)) ?? now;
  const row = state.jobs.rowOfId(job.job_id);
  const fraction = row < 0 ? (job.progress?.[0] ?? NaN) : state.jobs.fraction[row]!;
  const message = row < 0 ? (job.progress?.[1] ?? "") : (state.jobs.message[row] ?? "");
  const facts: (readonly [string, ComponentChildren])[] = [
    ["State", <State key="s" of={job.status} />],
    ["Id", <Copied key="i" text={job.job_id} copy={() => void actions.copy(job.job_id, "Copied the id")} />],
  ];
  if (job.sweep) facts.push(["Sweep", job.sweep]);
  if (job.assigned_to) {
    const node = job.assigned_to;
    facts.push(["Node", <Open key="n" text={node} open={() => open({ kind: "node", id: node })} />]);
  }
  facts.push(["Submitted", timeOfDay(job.created_at, now)], ["Waited", duration(Math.max(0, waited - job.created_at))]);
  if (job.started_at !== null) facts.push([running ? "Runs for" : "Ran", ran]);
  if (job.finished_at !== null) facts.push(["Ended", timeOfDay(job.finished_at, now)]);
  if (job.priority) facts.push(["Priority", number(job.priority)]);
  if (job.retry_of) {
    const before = job.retry_of;
    facts.push(["Again for", <Open key="r" text={before} open={() => open({ kind: "job", id: before })} />]);
  }
  return (
    <>
      <Facts of={facts} />
      {running && (!Number.isNaN(fraction) || message) && (
        <div class="nxp-Progress nxp-mod-large">
          {!Number.isNaN(fraction) && (
            <span class="nxp-Gauge">
              <i style={{ width: `${fraction * 100}%`, "--c": colourOf("running") }} />
            </span>
          )}
          <span>
            {Number.isNaN(fraction) ? "" : `${Math.floor(fraction * 100)} % `}
            {message}
          </span>
        </div>
      )}
      {!!job.waiting?.length && !isOver(job.status) && (
        <Part title="Why it waits">
          <ul class="nxp-Why">
            {job.waiting.map((why) => (
              <li key={why}>{why}</li>
            ))}
          </ul>
        </Part>
      )}
      {job.error && <Error of={job.error} />}
      <Inputs job={job} />
      {job.status === "completed" && <Result value={job.result} />}
      {attempts.length > 0 && <JobLog key={job.job_id} id={job.job_id} revision={revision} />}
      {attempts.length > 0 && <AttemptList attempts={attempts} />}
    </>
  );
}

function Copied({ text, copy }: { text: string; copy: () => void }): JSX.Element {
  return (
    <button type="button" class="nxp-Link nxp-mono" title="Copy" onClick={copy}>
      {text}
    </button>
  );
}

function Open({ text, open }: { text: string; open: () => void }): JSX.Element {
  return (
    <button type="button" class="nxp-Link" onClick={open}>
      {text}
    </button>
  );
}

function Error({ of }: { of: Failure }): JSX.Element {
  const ended = [of.signal && `signal ${of.signal}`, of.exit_code != null && `exit code ${of.exit_code}`];
  return (
    <Part title="Error">
      <p class="nxp-error">{[of.message || of.type, ...ended].filter(Boolean).join(" · ")}</p>
      {of.traceback && (
        <pre class="nxp-Text" tabIndex={0} aria-label="Traceback">
          {of.traceback}
        </pre>
      )}
    </Part>
  );
}

const shown = (value: unknown): string => (typeof value === "number" ? number(value) : preview(value));

function Inputs({ job }: { job: JobDetail }): JSX.Element | null {
  const params = Object.entries(job.params ?? {});
  if (params.length) {
    return (
      <Part title="Parameters">
        <Facts of={params.map(([name, value]) => [name, <span key={name} class="nxp-mono">{shown(value)}</span>] as const)} />
      </Part>
    );
  }
  if (job.data == null) return null;
  return (
    <Part title="Data">
      <pre class="nxp-Text" tabIndex={0} aria-label="Data of the job">
        {preview(job.data)}
      </pre>
    </Part>
  );
}

function Result({ value }: { value: unknown }): JSX.Element {
  const outside = sealed(value);
  return (
    <Part title="Result">
      {outside ? (
        <p class="nxp-soft">
          {bytes(outside.size)}, {outside.format}. It is opened in the notebook: <code>future.result()</code>
        </p>
      ) : (
        <pre class="nxp-Text" tabIndex={0} aria-label="Result">
          {preview(value)}
        </pre>
      )}
    </Part>
  );
}

function AttemptList({ attempts }: { attempts: readonly AttemptDetail[] }): JSX.Element {
  const { now } = usePanel();
  return (
    <Part title={attempts.length === 1 ? "Attempt" : "Attempts"}>
      <table class="nxp-List">
        <thead>
          <tr>
            <th>#</th>
            <th>End</th>
            <th>Node</th>
            <th>Began</th>
            <th class="nxp-mod-end">Ran</th>
            <th class="nxp-mod-end">Memory</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map((attempt) => (
            <tr key={attempt.epoch} title={attempt.error?.message}>
              <td>{attempt.epoch}</td>
              <td>
                <State of={attempt.end ?? "running"} />
              </td>
              <td>{attempt.node}</td>
              <td>{timeOfDay(attempt.started_at ?? attempt.leased_at, now)}</td>
              <td class="nxp-mod-end">
                {attempt.run_s !== null
                  ? duration(attempt.run_s)
                  : attempt.ended_at === null
                    ? ticking(now - (attempt.started_at ?? attempt.leased_at))
                    : duration(attempt.ended_at - (attempt.started_at ?? attempt.leased_at))}
              </td>
              <td class="nxp-mod-end">{bytes(attempt.peak_memory_bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}
