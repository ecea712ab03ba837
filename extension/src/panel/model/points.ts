import type { Cell, Column } from "./messages";
import type { SweepRow, SweepTable } from "./sweep";

/** The time a job ran stands beside the sweep's own columns. */
export const RUN_TIME = "run time (s)";
const MOST_SERIES = 8;

export interface Series {
  name: string;
  /** x, y, and the row of each. */
  points: [number, number, SweepRow][];
  /** x and the mean of y, in order of x. */
  means: [number, number][];
}

export interface Plot {
  series: Series[];
  /** The words of an axis that has no numbers: x is their index. */
  words: string[] | null;
  count: number;
}

export interface PlotAxes {
  x: string;
  y: string;
  by: string | null;
}

export function valueOf(table: SweepTable, row: SweepRow, name: string): Cell {
  if (name === RUN_TIME) return row.runS;
  const at = table.columns.findIndex((column) => column.name === name);
  return at < 0 ? null : (row.cells[at] ?? null);
}

export const paramsOf = (table: SweepTable): Column[] => table.columns.filter((c) => c.role === "param");

/** What can be an ordinate: numbers, and truth values, whose mean is a share. */
export const resultsOf = (table: SweepTable): string[] => [
  ...table.columns.filter((c) => c.role === "result" && c.type !== "text").map((c) => c.name),
  RUN_TIME,
];

function distinct(table: SweepTable, name: string, most: number): number {
  const seen = new Set<Cell>();
  for (const row of table.rows) {
    seen.add(valueOf(table, row, name));
    if (seen.size > most) break;
  }
  return seen.size;
}

/** What to draw before the reader chooses: a result over the first parameter that varies. */
export function firstAxes(table: SweepTable): PlotAxes {
  const params = paramsOf(table);
  const varied = params.filter((column) => distinct(table, column.name, 1) > 1);
  const x = varied.find((column) => column.type === "number") ?? varied[0] ?? params[0];
  const by = varied.find((c) => c !== x && c.type !== "number" && distinct(table, c.name, MOST_SERIES) <= MOST_SERIES);
  return { x: x?.name ?? "", y: resultsOf(table)[0]!, by: by?.name ?? null };
}

const worded = (value: Cell): string => (value === null ? "none" : String(value));

/** The rows that have both values, as points in series with their means. */
export function plotOf(table: SweepTable, axes: PlotAxes): Plot {
  const column = table.columns.find((c) => c.name === axes.x);
  const words = column && column.type !== "number" ? [...new Set(table.rows.map((row) => worded(valueOf(table, row, axes.x))))].sort() : null;
  const all = new Map<string, Series>();
  let count = 0;
  for (const row of table.rows) {
    const raw = valueOf(table, row, axes.x);
    const x = words ? words.indexOf(worded(raw)) : Number(raw ?? NaN);
    const y = Number(valueOf(table, row, axes.y) ?? NaN);
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    const name = axes.by === null ? "" : worded(valueOf(table, row, axes.by));
    let series = all.get(name);
    if (!series) all.set(name, (series = { name, points: [], means: [] }));
    series.points.push([x, y, row]);
    count += 1;
  }
  for (const series of all.values()) series.means = means(series.points);
  const series = [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { series, words, count };
}

function means(points: Series["points"]): [number, number][] {
  const sums = new Map<number, [number, number]>();
  for (const [x, y] of points) {
    const sum = sums.get(x);
    if (sum) {
      sum[0] += y;
      sum[1] += 1;
    } else sums.set(x, [y, 1]);
  }
  return [...sums].map(([x, [total, many]]): [number, number] => [x, total / many]).sort((a, b) => a[0] - b[0]);
}
