import type { Cell, Column, SweepCells } from "./messages";

export interface SweepRow {
  index: number;
  id: string;
  state: string;
  node: string | null;
  runS: number | null;
  error: string;
  cells: Cell[];
}

/** A sweep's table: one row per job, parameters and results in `columns`. */
export class SweepTable {
  version = 0;
  name = "";
  total = 0;
  columns: Column[] = [];
  rows: SweepRow[] = [];
  readonly counts = new Map<string, number>();
  private readonly at = new Map<number, number>();

  describe(name: string, total: number, columns: Column[]): void {
    this.version += 1;
    this.name = name;
    this.total = total;
    this.columns = columns;
  }

  upsert(cells: readonly SweepCells[]): void {
    this.version += 1;
    for (const [index, id, state, node, runS, error, values] of cells) {
      const row = { index, id, state, node, runS, error, cells: values };
      const at = this.at.get(index);
      if (at === undefined) {
        this.at.set(index, this.rows.push(row) - 1);
      } else {
        const was = this.rows[at]!.state;
        this.counts.set(was, this.counts.get(was)! - 1);
        this.rows[at] = row;
      }
      this.counts.set(state, (this.counts.get(state) ?? 0) + 1);
    }
  }
}
