import type { JobTable } from "./jobs";

export type SortColumn =
  | "seq" | "state" | "name" | "sweep" | "node" | "created" | "run" | "progress";

export interface JobSort {
  column: SortColumn;
  descending: boolean;
}

export const NEWEST_FIRST: JobSort = { column: "seq", descending: true };
/** What runs is on top, and of that what is newest. */
export const RUNNING_FIRST: JobSort = { column: "state", descending: false };

const STATE_RANK: Record<string, number> = {
  assigned: 0, pending: 1, failed: 2, cancelled: 3, completed: 4,
};

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** How long a job has run: what was told, or up to `now` while it runs; NaN before. */
export function runSeconds(table: JobTable, row: number, now: number): number {
  const run = table.run[row]!;
  if (!Number.isNaN(run)) return run;
  const finished = table.finished[row]!;
  const end = Number.isNaN(finished) ? now : finished;
  return table.stateOf(row) === "pending" ? NaN : end - table.started[row]!;
}

function ranks(list: readonly string[], rank?: Record<string, number>): Int32Array {
  const order = list.map((_, code) => code);
  if (rank) order.sort((a, b) => (rank[list[a]!] ?? 9) - (rank[list[b]!] ?? 9));
  else order.sort((a, b) => compareText(list[a]!, list[b]!));
  const out = new Int32Array(list.length);
  order.forEach((code, at) => (out[code] = at));
  return out;
}

/** The codes of a column of words and the place of each in the order; null for other columns. */
function ranked(table: JobTable, sort: JobSort): { column: Int32Array; rank: Int32Array } | null {
  switch (sort.column) {
    case "state":
      return { column: table.state, rank: ranks(table.states.list, STATE_RANK) };
    case "node":
      return { column: table.node, rank: ranks(table.nodes.list) };
    case "sweep":
      return { column: table.sweep, rank: ranks(table.sweeps.list) };
    default:
      return null;
  }
}

/**
 * Rows that come newest first, in order, without comparing any two: columns of few words are dealt
 * into piles. Null for other columns.
 */
export function dealt(table: JobTable, sort: JobSort, newestFirst: Int32Array): Int32Array | null {
  const found = ranked(table, sort);
  if (!found) return null;
  const { column, rank } = found;
  const last = rank.length;
  const pile = (row: number): number => {
    const code = column[row]!;
    if (code < 0) return last;
    return sort.descending ? last - 1 - rank[code]! : rank[code]!;
  };
  const starts = new Int32Array(last + 2);
  for (const row of newestFirst) starts[pile(row) + 1]! += 1;
  for (let at = 1; at < starts.length; at += 1) starts[at]! += starts[at - 1]!;
  const out = new Int32Array(newestFirst.length);
  for (const row of newestFirst) out[starts[pile(row)]!++] = row;
  return out;
}

/**
 * A comparison of two rows. Empty cells come last in either direction, equal ones newest first.
 * `now` is frozen in it, so that the order stays a proper one while jobs run on.
 */
export function comparer(table: JobTable, sort: JobSort, now: number): (a: number, b: number) => number {
  const sign = sort.descending ? -1 : 1;
  const newer = (a: number, b: number): number => table.seq[b]! - table.seq[a]!;
  const byNumber =
    (key: (row: number) => number) =>
    (a: number, b: number): number => {
      const x = key(a);
      const y = key(b);
      if (x === y) return newer(a, b);
      if (Number.isNaN(x)) return Number.isNaN(y) ? newer(a, b) : 1;
      if (Number.isNaN(y)) return -1;
      return sign * (x - y);
    };
  const byText =
    (key: (row: number) => string) =>
    (a: number, b: number): number => {
      const x = key(a);
      const y = key(b);
      if (x === y) return newer(a, b);
      if (!x || !y) return x ? -1 : 1;
      return sign * compareText(x, y);
    };
  switch (sort.column) {
    case "seq":
      return (a, b) => sign * (table.seq[a]! - table.seq[b]!);
    case "created":
      return byNumber((row) => table.created[row]!);
    case "run":
      return byNumber((row) => runSeconds(table, row, now));
    case "name":
      return byText((row) => table.name[row]!);
    case "progress":
      return byText((row) => table.error[row]! || table.message[row] || "");
    case "state":
    case "node":
    case "sweep": {
      const { column, rank } = ranked(table, sort)!;
      return byNumber((row) => (column[row]! < 0 ? NaN : (rank[column[row]!] ?? NaN)));
    }
  }
}

/** Whether a change of a row's other cells leaves its place in this order as it is. */
export const isSteady = (sort: JobSort): boolean =>
  sort.column === "seq" || sort.column === "created" || sort.column === "name" || sort.column === "sweep";
