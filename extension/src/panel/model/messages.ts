/**
 * The messages of `GET /panel` and of a sweep's display. Every message of rows is an upsert by its
 * key, so that a snapshot and a patch are one thing. Cells past those named here belong to a newer
 * coordinator and are ignored, as are messages of unknown kinds. Times are Unix seconds.
 */

export interface Hello {
  t: "hello";
  v: number;
  run: string;
  name: string;
  url: string;
  fleet_id: string;
  started_at: number;
  now: number;
  window?: number;
}

export type NodeCells = [
  id: string,
  status: string,
  slots: number | null,
  leases: number,
  running: number,
  completed: number,
  failed: number,
  last_seen_at: number,
  cpus: number,
  memory_bytes: number,
  gpus: number,
  tags: string[],
  unmatched: string[],
  profile: Record<string, unknown> | null,
  registered_at: number,
];

export type JobCells = [
  seq: number,
  id: string,
  state: string,
  node: string | null,
  sweep: string | null,
  name: string,
  epoch: number,
  created_at: number,
  started_at: number | null,
  finished_at: number | null,
  run_s: number | null,
  priority: number,
  retry_of: string | null,
  error: string,
];

export type PatchCells = [
  seq: number,
  state: string,
  node: string | null,
  epoch: number,
  started_at: number | null,
  finished_at: number | null,
  run_s: number | null,
  error: string,
];

export type ProgressCells = [seq: number, fraction: number | null, message: string];

export type AttemptCells = [
  seq: number,
  epoch: number,
  node: string,
  leased_at: number,
  started_at: number | null,
  ended_at: number | null,
  end: string | null,
];

export type PaceCells = [
  at: number,
  submitted: number,
  ended: number,
  failed: number,
  waiting: number,
  running: number,
];

export type Cell = number | string | boolean | null;

export interface Column {
  name: string;
  role: "param" | "result";
  type: "number" | "text" | "bool";
}

export type SweepCells = [
  index: number,
  job_id: string,
  state: string,
  node: string | null,
  run_s: number | null,
  error: string,
  cells: Cell[],
];

export interface Tick {
  t: "tick";
  now: number;
  counts: Record<string, number>;
  rate_per_s: number | null;
  eta_s: number | null;
  elapsed_s?: number | null;
}

export type Message =
  | Hello
  | Tick
  | { t: "nodes"; rows: NodeCells[] }
  | { t: "jobs"; rows: JobCells[] }
  | { t: "patch"; rows: PatchCells[] }
  | { t: "progress"; rows: ProgressCells[] }
  | { t: "attempts"; rows: AttemptCells[] }
  | { t: "pace"; width_s: number; rows: PaceCells[] }
  | { t: "ready" }
  | { t: "sweep"; name: string; total: number; columns: Column[] }
  | { t: "sweep_rows"; rows: SweepCells[] };
