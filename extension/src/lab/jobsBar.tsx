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

/** "3 running · 40 pending · 1 failed": while jobs are open, what is done need not be said. */
export function jobsLine(jobs: Record<string, number>, trans: TranslationBundle): string {
  const words = stateWords(trans);
  const count = (state: string): number => jobs[state] ?? 0;
  const isOpen = count("assigned") + count("pending") > 0;
  const said = (isOpen ? ["assigned", "pending", "failed"] : ["completed", "failed", "cancelled"])
    .filter((state) => count(state) > 0)
    .map((state) => `${count(state).toLocaleString()} ${words[state]}`);
  return said.join(" · ") || trans.__("no jobs yet");
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
