import type { JobCells, PatchCells, ProgressCells } from "./messages";
import { Words } from "./words";

type Typed = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

const FIRST_ROOM = 1024;
/** How far past its window the table may grow before the oldest rows go, all at once. */
const SLACK = 1.1;

const nan = (value: number | null | undefined): number => value ?? NaN;

function grown<T extends Typed>(from: T, room: number): T {
  const to = new (from.constructor as new (n: number) => T)(room);
  to.set(from);
  return to;
}

/**
 * The newest jobs, column by column. A row is an index that stays the same until `generation`
 * changes. `stamp` says at which version a row last changed, which is how views find what to redo.
 * Missing times are NaN.
 */
export class JobTable {
  count = 0;
  version = 0;
  /** Changes when rows were moved or dropped: whoever kept row numbers starts again. */
  generation = 0;
  /** Whether the rows lie in ascending order of `seq`, as they nearly always do. */
  ordered = true;

  readonly states = new Words();
  readonly nodes = new Words();
  readonly sweeps = new Words();

  seq = new Float64Array(FIRST_ROOM);
  created = new Float64Array(FIRST_ROOM);
  started = new Float64Array(FIRST_ROOM);
  finished = new Float64Array(FIRST_ROOM);
  run = new Float64Array(FIRST_ROOM);
  fraction = new Float64Array(FIRST_ROOM);
  state = new Int32Array(FIRST_ROOM);
  node = new Int32Array(FIRST_ROOM);
  sweep = new Int32Array(FIRST_ROOM);
  epoch = new Int32Array(FIRST_ROOM);
  priority = new Int32Array(FIRST_ROOM);
  stamp = new Uint32Array(FIRST_ROOM);
  id: string[] = [];
  name: string[] = [];
  error: string[] = [];
  message: string[] = [];
  retryOf: (string | null)[] = [];
  /** What a filter's text is looked for in, in lower case. */
  text: string[] = [];

  private rows = new Map<number, number>();

  constructor(public window = 100_000) {}

  /** The row of a job, or -1 when it is outside the window. */
  row(seq: number): number {
    return this.rows.get(seq) ?? -1;
  }

  rowOfId(id: string): number {
    return this.id.lastIndexOf(id);
  }

  stateOf(row: number): string {
    return this.states.word(this.state[row]!) ?? "";
  }

  nodeOf(row: number): string | null {
    return this.nodes.word(this.node[row]!);
  }

  sweepOf(row: number): string | null {
    return this.sweeps.word(this.sweep[row]!);
  }

  upsert(cells: readonly JobCells[]): void {
    this.version += 1;
    for (const job of cells) {
      let row = this.row(job[0]);
      if (row < 0) row = this.add(job[0]);
      this.id[row] = job[1];
      this.sweep[row] = this.sweeps.code(job[4]);
      this.name[row] = job[5];
      this.created[row] = job[7];
      this.priority[row] = job[11];
      this.retryOf[row] = job[12];
      this.change(row, job[2], job[3], job[6], job[8], job[9], job[10], job[13]);
    }
    if (this.count > this.window * SLACK) this.trim();
  }

  patch(cells: readonly PatchCells[]): void {
    this.version += 1;
    for (const [seq, state, node, epoch, started, finished, run, error] of cells) {
      const row = this.row(seq);
      if (row >= 0) this.change(row, state, node, epoch, started, finished, run, error);
    }
  }

  progress(cells: readonly ProgressCells[]): void {
    this.version += 1;
    for (const [seq, fraction, message] of cells) {
      const row = this.row(seq);
      if (row < 0) continue;
      this.fraction[row] = nan(fraction);
      this.message[row] = message;
      this.stamp[row] = this.version;
    }
  }

  private change(
    row: number,
    state: string,
    node: string | null,
    epoch: number,
    started: number | null,
    finished: number | null,
    run: number | null,
    error: string,
  ): void {
    if (epoch !== this.epoch[row]) {
      // What the attempt before had reached says nothing about this one.
      this.fraction[row] = NaN;
      this.message[row] = "";
    }
    this.state[row] = this.states.code(state);
    this.node[row] = this.nodes.code(node);
    this.epoch[row] = epoch;
    this.started[row] = nan(started);
    this.finished[row] = nan(finished);
    this.run[row] = nan(run);
    this.error[row] = error;
    this.text[row] =
      `${this.id[row]}\n${this.name[row]}\n${this.sweepOf(row) ?? ""}\n${node ?? ""}\n${error}`.toLowerCase();
    this.stamp[row] = this.version;
  }

  private add(seq: number): number {
    if (this.count === this.seq.length) this.grow();
    const row = this.count++;
    if (row > 0 && this.seq[row - 1]! > seq) this.ordered = false;
    this.seq[row] = seq;
    this.rows.set(seq, row);
    this.epoch[row] = -1;
    return row;
  }

  private grow(): void {
    const room = this.seq.length * 2;
    for (const name of NUMBERS) (this as Record<string, unknown>)[name] = grown(this[name], room);
  }

  /** Keep the newest `window` jobs. */
  private trim(): void {
    const keep = [...this.rows.keys()].sort((a, b) => a - b).slice(-this.window);
    const from = keep.map((seq) => this.rows.get(seq)!);
    for (const name of NUMBERS) {
      const column = this[name];
      const kept = new (column.constructor as new (n: number) => Typed)(column.length);
      from.forEach((row, at) => (kept[at] = column[row]!));
      (this as Record<string, unknown>)[name] = kept;
    }
    for (const name of TEXTS) {
      const column = this[name];
      (this as Record<string, unknown>)[name] = from.map((row) => column[row]);
    }
    this.rows = new Map(keep.map((seq, at) => [seq, at]));
    this.count = keep.length;
    this.ordered = true;
    this.generation += 1;
  }
}

const NUMBERS = [
  "seq", "created", "started", "finished", "run", "fraction",
  "state", "node", "sweep", "epoch", "priority", "stamp",
] as const;

const TEXTS = ["id", "name", "error", "message", "retryOf", "text"] as const;
