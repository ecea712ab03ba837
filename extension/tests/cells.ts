import type { JobCells, NodeCells } from "../src/panel/model/messages";

/** A job's row, with what a test cares for. */
export function job(seq: number, change: Partial<Record<keyof typeof AT, unknown>> = {}): JobCells {
  const cells: unknown[] = [seq, `job-${seq}`, "pending", null, null, "fold", 0, 1000 + seq, null, null, null, 0, null, ""];
  for (const [name, value] of Object.entries(change)) cells[AT[name as keyof typeof AT]] = value;
  return cells as JobCells;
}

const AT = {
  id: 1, state: 2, node: 3, sweep: 4, name: 5, epoch: 6, created: 7, started: 8, finished: 9, run: 10,
  priority: 11, retryOf: 12, error: 13,
} as const;

export function node(id: string, change: { status?: string; slots?: number | null; running?: number; profile?: NodeCells[13] } = {}): NodeCells {
  const { status = "online", slots = 2, running = 0, profile = {} } = change;
  return [id, status, slots, running, running, 0, 0, 1000, 4, 2 ** 34, 0, [], [], profile, 900];
}
