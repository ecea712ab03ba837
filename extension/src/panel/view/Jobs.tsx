import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";

import { clock, count, plural, timeOfDay } from "../model/format";
import { isFiltered, NO_FILTER } from "../model/filter";
import type { JobTable } from "../model/jobs";
import { JobOrder } from "../model/order";
import { type JobSort, RUNNING_FIRST, runSeconds, type SortColumn } from "../model/sort";
import { colourOf } from "../paint/theme";
import { Confirm } from "./Confirm";
import { usePanel } from "./context";
import { JobFilters } from "./JobFilters";
import { Section, State } from "./parts";
import { Table, type TableColumn } from "./Table";

const COLUMNS: readonly TableColumn[] = [
  { key: "seq", label: "#", width: "70px", end: true },
  { key: "state", label: "State", width: "108px" },
  { key: "name", label: "Job", width: "minmax(90px, 1.3fr)" },
  { key: "sweep", label: "Sweep", width: "minmax(64px, 1.1fr)" },
  { key: "node", label: "Node", width: "minmax(64px, 1.1fr)" },
  { key: "created", label: "Submitted", width: "var(--nxp-wide, 0px)", wide: true },
  { key: "run", label: "Ran", width: "68px", end: true },
  { key: "progress", label: "Progress, error", width: "minmax(120px, 1.9fr)" },
];

/** Columns that a first click sorts from the largest down. */
const LARGEST_FIRST = new Set(["seq", "created", "run"]);

const isOpenState = (state: string): boolean => state === "pending" || state === "assigned";

function Progress({ fraction, message }: { fraction: number; message: string }): JSX.Element {
  const known = !Number.isNaN(fraction);
  return (
    <span class="nxp-Progress" title={message}>
      {known && (
        <span
          class="nxp-Gauge"
          role="progressbar"
          aria-label="Progress"
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(fraction * 100)}
        >
          <i style={{ width: `${fraction * 100}%`, "--c": colourOf("running") }} />
        </span>
      )}
      <span>{message || (known ? `${Math.floor(fraction * 100)} %` : "")}</span>
    </span>
  );
}

function cellOf(jobs: JobTable, row: number, column: string, now: number): ComponentChildren {
  const state = jobs.stateOf(row);
  switch (column) {
    case "seq":
      return <span class="nxp-soft">{count(jobs.seq[row]!)}</span>;
    case "state":
      return <State of={state} />;
    case "name":
      return <span title={jobs.id[row]}>{jobs.name[row] || <span class="nxp-mono">{jobs.id[row]}</span>}</span>;
    case "sweep":
      return jobs.sweepOf(row);
    case "node":
      return jobs.nodeOf(row);
    case "created":
      return timeOfDay(jobs.created[row], now);
    case "run": {
      const runs = runSeconds(jobs, row, now);
      return clock(runs, state === "assigned");
    }
    default:
      if (jobs.error[row]) return <span class="nxp-error" title={jobs.error[row]}>{jobs.error[row]}</span>;
      if (state !== "assigned") return jobs.message[row] ?? "";
      return <Progress fraction={jobs.fraction[row] ?? NaN} message={jobs.message[row] ?? ""} />;
  }
}

/** Every job the panel knows of: filter, sort, select, open. */
export function Jobs(): JSX.Element {
  const { state, now, filter, setFilter, opened, open } = usePanel();
  const { jobs } = state;
  const order = useRef<JobOrder>(null as never);
  order.current ??= new JobOrder(jobs);
  const [sort, setSort] = useState<JobSort>(RUNNING_FIRST);
  const [selected, setSelected] = useState<Set<number>>(new Set());
  order.current.show(jobs, filter, sort, now);
  const { rows } = order.current;

  const onSort = (column: string): void =>
    setSort((old) => ({
      column: column as SortColumn,
      descending: old.column === column ? !old.descending : LARGEST_FIRST.has(column),
    }));

  return (
    <Section
      title="Jobs"
      class="nxp-Jobs"
      aside={<JobFilters shown={rows.length} />}
    >
      <Table
        label="Jobs"
        columns={COLUMNS}
        count={rows.length}
        view={order.current.view}
        keyAt={(at) => jobs.seq[rows[at]!]!}
        find={(seq) => rows.indexOf(jobs.row(seq))}
        cell={(at, column) => cellOf(jobs, rows[at]!, column, now)}
        sort={sort}
        onSort={onSort}
        onOpen={(at) => open({ kind: "job", id: jobs.id[rows[at]!]! })}
        isOpen={(at) => opened?.kind === "job" && opened.id === jobs.id[rows[at]!]}
        selected={selected}
        onSelect={setSelected}
        empty={
          isFiltered(filter) ? (
            <>
              No job matches.{" "}
              <button type="button" class="nxp-Button" onClick={() => setFilter(NO_FILTER)}>
                Show all
              </button>
            </>
          ) : (
            "No job yet. fleet.submit(f, …) in a cell makes the first."
          )
        }
      />
      <Bulk rows={rows} selected={selected} clear={() => setSelected(new Set())} />
    </Section>
  );
}

interface BulkProps {
  rows: Int32Array;
  selected: ReadonlySet<number>;
  clear: () => void;
}

/** What can be done with the selected jobs, or with all that are shown. */
function Bulk({ rows, selected, clear }: BulkProps): JSX.Element {
  const { state, actions, filter } = usePanel();
  const { jobs } = state;
  const ids = (wanted: (state: string) => boolean, from: Iterable<number>): string[] => {
    const found = [];
    for (const row of from) if (row >= 0 && wanted(jobs.stateOf(row))) found.push(jobs.id[row]!);
    return found;
  };
  const picked = [...selected].map((seq) => jobs.row(seq));
  const toCancel = ids(isOpenState, picked);
  const toRetry = ids((state) => !isOpenState(state), picked);
  const openCount = countOpen(jobs, rows);
  return (
    <div class="nxp-Bulk">
      {selected.size > 0 ? (
        <>
          <span>{plural(selected.size, "job")} selected</span>
          <Confirm
            label={`Cancel ${count(toCancel.length)}`}
            question={`Cancel ${plural(toCancel.length, "job")}?`}
            disabled={!toCancel.length}
            onConfirm={() => actions.cancel(toCancel).then(clear)}
          />
          <Confirm
            label={`Retry ${count(toRetry.length)}`}
            question={`Submit ${plural(toRetry.length, "job")} again?`}
            disabled={!toRetry.length}
            onConfirm={() => actions.retry(toRetry).then(clear)}
          />
          <button type="button" class="nxp-Button" onClick={clear}>
            Select none
          </button>
        </>
      ) : (
        <Confirm
          label={`Cancel all ${isFiltered(filter) ? "shown" : "open"}`}
          question={`Cancel ${plural(openCount, "open job")}?`}
          disabled={!openCount}
          onConfirm={() => actions.cancel(ids(isOpenState, rows))}
        />
      )}
    </div>
  );
}

function countOpen(jobs: JobTable, rows: Int32Array): number {
  const pending = jobs.states.find("pending");
  const assigned = jobs.states.find("assigned");
  let open = 0;
  for (const row of rows) {
    const state = jobs.state[row]!;
    if (state === pending || state === assigned) open += 1;
  }
  return open;
}

