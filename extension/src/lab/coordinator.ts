/** A coordinator as the Jupyter server lists it. Times are Unix seconds. */

export interface SweepCounts {
  name: string;
  total: number;
  /** How many of its jobs may still change. */
  open: number;
  failed: number;
}

export interface Coordinator {
  /** The same for every run on one database. */
  id: string;
  name: string;
  url: string;
  /** The notebook whose kernel started it, named from the folder that Jupyter shows. */
  notebook: string | null;
  pid: number;
  started_at: number;
  in_kernel: boolean;
  /** `waiting`: it does not answer at the moment, and the numbers are those it had. */
  state: "live" | "waiting";
  nodes: { online: number; total: number; lost: string[] };
  jobs: Record<string, number>;
  rate_per_s: number | null;
  eta_s: number | null;
  /** Jobs that ended in each of the last buckets. */
  pace: { width_s: number; ended: number[] };
  sweeps: SweepCounts[];
}

/** How many jobs all of them run, and on how many nodes. */
export function totals(all: readonly Coordinator[]): { online: number; running: number } {
  return {
    online: all.reduce((sum, one) => sum + one.nodes.online, 0),
    running: all.reduce((sum, one) => sum + (one.jobs["assigned"] ?? 0), 0),
  };
}

/**
 * The next list, with the very objects of the one before where nothing changed, so that a view
 * can tell at a glance what to draw again.
 */
export function merged(
  before: readonly Coordinator[],
  after: readonly Coordinator[],
): readonly Coordinator[] {
  const known = new Map(before.map((one) => [one.id, one]));
  const next = after.map((one) => {
    const old = known.get(one.id);
    return old !== undefined && JSON.stringify(old) === JSON.stringify(one) ? old : one;
  });
  const same = next.length === before.length && next.every((one, at) => one === before[at]);
  return same ? before : next;
}
