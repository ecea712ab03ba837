/** Jobs by state as one thin bar, and as words. */

import type { TranslationBundle } from "@jupyterlab/translation";

import { STATE_COLOURS, UNKNOWN_COLOUR } from "../panel/palette";

/** As people read a batch: what is done first, what waits last. */
const ORDER = ["completed", "failed", "cancelled", "assigned", "pending"] as const;

export function stateWords(trans: TranslationBundle): Record<string, string> {
  return {
    completed: trans.__("completed"),
    failed: trans.__("failed"),
    cancelled: trans.__("cancelled"),
    assigned: trans.__("running"),
    pending: trans.__("pending"),
  };
}

/** "3 running, 40 waiting": what is open and what went wrong; all that is done only when alone. */
export function jobsLine(jobs: Record<string, number>, trans: TranslationBundle): string {
  const words = stateWords(trans);
  const said = (["assigned", "pending", "failed", "completed"] as const)
    .filter((state) => (jobs[state] ?? 0) > 0)
    .map((state) => `${(jobs[state] ?? 0).toLocaleString()} ${words[state]}`);
  return said.length > 0 ? said.slice(0, 3).join(" · ") : trans.__("no jobs yet");
}

export function JobsBar({
  jobs,
  trans,
}: {
  jobs: Record<string, number>;
  trans: TranslationBundle;
}) {
  const words = stateWords(trans);
  const shown = ORDER.filter((state) => (jobs[state] ?? 0) > 0);
  const label = shown.map((state) => `${jobs[state]} ${words[state]}`).join(", ");
  return (
    <div class="nxp-JobsBar" role="img" aria-label={label || trans.__("no jobs yet")} title={label}>
      {shown.map((state) => (
        <span
          key={state}
          style={{ flexGrow: jobs[state], background: STATE_COLOURS[state] ?? UNKNOWN_COLOUR }}
        />
      ))}
    </div>
  );
}
