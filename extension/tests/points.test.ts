import { describe, expect, test } from "vitest";

import type { Cell } from "../src/panel/model/messages";
import { firstAxes, plotOf, RUN_TIME } from "../src/panel/model/points";
import { SweepTable } from "../src/panel/model/sweep";

function table(rows: Cell[][]): SweepTable {
  const made = new SweepTable();
  made.describe("s", rows.length, [
    { name: "kelvin", role: "param", type: "number" },
    { name: "method", role: "param", type: "text" },
    { name: "fixed", role: "param", type: "number" },
    { name: "rmsd", role: "result", type: "number" },
    { name: "folded", role: "result", type: "bool" },
  ]);
  made.upsert(rows.map((cells, at) => [at, `j${at}`, "completed", "a", 1 + at, "", cells]));
  return made;
}

const ROWS: Cell[][] = [
  [300, "md", 1, 0.2, true], [300, "md", 1, 0.4, false], [310, "md", 1, 0.5, true], [300, "mc", 1, 0.9, true], [310, "mc", 1, null, null],
];

describe("a sweep's plot", () => {
  test("begins with a result over the parameter that varies", () => {
    expect(firstAxes(table(ROWS))).toEqual({ x: "kelvin", y: "rmsd", by: "method" });
  });

  test("has a series per value, and their means", () => {
    const plot = plotOf(table(ROWS), { x: "kelvin", y: "rmsd", by: "method" });
    expect(plot.series.map((series) => [series.name, series.points.length])).toEqual([["mc", 1], ["md", 3]]);
    const [at, mean] = plot.series[1]!.means[0]!;
    expect([at, mean.toFixed(3)]).toEqual([300, "0.300"]);
    expect(plot.count).toBe(4);
  });

  test("takes words for an abscissa, and truth values for an ordinate", () => {
    const plot = plotOf(table(ROWS), { x: "method", y: "folded", by: null });
    expect(plot.words).toEqual(["mc", "md"]);
    expect(plot.series[0]!.means).toEqual([[0, 1], [1, 2 / 3]]);
  });

  test("knows the run time", () => {
    expect(plotOf(table(ROWS), { x: "kelvin", y: RUN_TIME, by: null }).count).toBe(5);
  });
});
