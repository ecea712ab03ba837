import { type JobFilter, narrows, NO_FILTER, tester } from "./filter";
import type { JobTable } from "./jobs";
import { comparer, dealt, isSteady, type JobSort, NEWEST_FIRST } from "./sort";

/**
 * The rows of a table that pass a filter, in the order of a sort. Kept up to date by what changed:
 * a patch of a few rows costs one pass over small numbers, not a sort.
 */
export class JobOrder {
  rows: Int32Array = new Int32Array(0);
  /** Counts every change of `rows`. */
  version = 0;
  filter: JobFilter = NO_FILTER;
  sort: JobSort = NEWEST_FIRST;

  /** Another object for every filter and sort. */
  view: object = {};

  private shown = new Uint8Array(0);
  private seen = 0;
  private generation = -1;
  private compare: (a: number, b: number) => number = () => 0;

  constructor(private table: JobTable) {}

  show(table: JobTable, filter: JobFilter, sort: JobSort, now: number): void {
    const fresh = table !== this.table || table.generation !== this.generation;
    const sorted = sort.column === this.sort.column && sort.descending === this.sort.descending;
    if (fresh || filter !== this.filter || !sorted) {
      const narrower = !fresh && sorted && narrows(filter, this.filter);
      if (narrower) this.follow(now);
      Object.assign(this, { table, filter, sort, view: {} });
      this.generation = table.generation;
      if (narrower) this.narrow();
      else this.rebuild(now);
    } else if (table.version !== this.seen) {
      this.follow(now);
    }
  }

  private rebuild(now: number): void {
    const { table } = this;
    const passes = tester(table, this.filter);
    this.compare = comparer(table, this.sort, now);
    this.shown = new Uint8Array(table.seq.length);
    const rows = new Int32Array(table.count);
    let count = 0;
    const oldestFirst = this.sort.column === "seq" && !this.sort.descending;
    for (let at = 0; at < table.count; at += 1) {
      const row = oldestFirst ? at : table.count - 1 - at;
      if (!passes(row)) continue;
      this.shown[row] = 1;
      rows[count++] = row;
    }
    this.rows = this.sorted(rows.slice(0, count));
    this.seen = table.version;
    this.version += 1;
  }

  /** Rows that come in the order of the table, newest first unless the oldest are asked for. */
  private sorted(rows: Int32Array): Int32Array {
    if (!this.table.ordered) return rows.sort(this.compare);
    if (this.sort.column === "seq") return rows;
    return dealt(this.table, this.sort, rows) ?? rows.sort(this.compare);
  }

  private narrow(): void {
    const passes = tester(this.table, this.filter);
    this.rows = this.rows.filter((row) => {
      if (passes(row)) return true;
      this.shown[row] = 0;
      return false;
    });
    this.version += 1;
  }

  /** Take the changed rows out and put those that pass back in where they belong now. */
  private follow(now: number): void {
    const { table, seen } = this;
    if (this.shown.length < table.seq.length) {
      const more = new Uint8Array(table.seq.length);
      more.set(this.shown);
      this.shown = more;
    }
    const passes = tester(table, this.filter);
    const steady = isSteady(this.sort);
    const moved: number[] = [];
    let leaves = false;
    for (let row = 0; row < table.count; row += 1) {
      if (table.stamp[row]! <= seen) continue;
      const was = this.shown[row] === 1;
      const is = passes(row);
      if (was && is && steady) continue;
      if (was) leaves = true;
      this.shown[row] = was && is ? 2 : is ? 1 : 0;
      if (is) moved.push(row);
    }
    this.seen = table.version;
    if (!moved.length && !leaves) return;
    this.compare = comparer(table, this.sort, now);
    this.rows = this.merged(moved.sort(this.compare), leaves);
    this.version += 1;
  }

  private merged(moved: readonly number[], leaves: boolean): Int32Array {
    const kept = leaves ? this.rows.filter((row) => this.shown[row] === 1) : this.rows;
    for (const row of moved) this.shown[row] = 1;
    const out = new Int32Array(kept.length + moved.length);
    let from = 0;
    let at = 0;
    for (const row of moved) {
      while (from < kept.length && this.compare(kept[from]!, row) < 0) out[at++] = kept[from++]!;
      out[at++] = row;
    }
    out.set(kept.subarray(from), at);
    return out;
  }
}
