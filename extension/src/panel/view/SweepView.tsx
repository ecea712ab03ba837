import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { count, duration, percent, rate } from "../model/format";
import type { SweepRow } from "../model/sweep";
import { STATE_ORDER } from "../palette";
import { Confirm } from "./Confirm";
import { usePanel } from "./context";
import { Chips, LinkWords, TimeLeft } from "./Head";
import { JobDrawer } from "./JobDrawer";
import { Mosaic } from "./Mosaic";
import { Figure, StateBar } from "./parts";
import { SweepJobs } from "./SweepJobs";
import { SweepPlot } from "./SweepPlot";

/** How far the sweep is, and what can be done about it. */
function SweepHead(): JSX.Element {
  const { state, actions } = usePanel();
  const { sweep, tick } = state;
  const counts = tick?.counts ?? Object.fromEntries(sweep.counts);
  const of = (name: string): number => counts[name] ?? 0;
  const open = of("pending") + of("assigned");
  const over = of("completed") + of("failed") + of("cancelled");
  const [speed, unit] = rate(tick?.rate_per_s);
  return (
    <header class="nxp-Head">
      <div class="nxp-Head-line">
        <h2 title={sweep.name}>{sweep.name || state.hello?.name || "…"}</h2>
        <LinkWords />
        <span class="nxp-Head-place">sweep of {count(sweep.total)} jobs</span>
        <Confirm
          label="Retry failed"
          question={`Submit ${count(of("failed"))} failed again?`}
          disabled={!of("failed")}
          onConfirm={() => actions.sweep("retry_failed")}
        />
        <Confirm
          label="Cancel open"
          question={`Cancel ${count(open)} open jobs?`}
          disabled={!open}
          onConfirm={() => actions.sweep("cancel")}
        />
      </div>
      <div class="nxp-Head-line nxp-Head-figures">
        <div class="nxp-Figures">
          <Figure
            value={
              <>
                {count(over)}
                <small>/{count(sweep.total)}</small>
              </>
            }
            unit={`ended, ${percent(over, sweep.total)}`}
          />
          <Figure value={duration(tick?.elapsed_s)} unit="elapsed" />
          <TimeLeft open={open} etaS={tick?.eta_s} />
          <Figure value={speed} unit={unit} />
        </div>
        <Chips />
      </div>
      <StateBar counts={counts} order={STATE_ORDER} />
    </header>
  );
}

/** A sweep: progress, a plot that grows, and the table of parameters and results. */
export function SweepView(): JSX.Element {
  const { opened, state, open } = usePanel();
  const [marked, mark] = useState<SweepRow | null>(null);
  const show = (row: SweepRow): void => open({ kind: "job", id: row.id });
  const row = opened?.kind === "job" ? state.sweep.rows.find((one) => one.id === opened.id) : undefined;
  return (
    <>
      <SweepHead />
      <div class="nxp-Body nxp-SweepBody">
        <SweepPlot marked={marked} mark={mark} show={show} />
        <Mosaic marked={marked} mark={mark} show={show} />
        <SweepJobs show={show} />
        {opened?.kind === "job" && <JobDrawer key={opened.id} id={opened.id} revision={row?.state ?? ""} />}
      </div>
    </>
  );
}
