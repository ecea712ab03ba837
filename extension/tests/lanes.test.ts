import { describe, expect, test } from "vitest";

import type { Attempt } from "../src/panel/model/attempts";
import { firstBarFrom, packLanes } from "../src/panel/model/lanes";

const bar = (seq: number, start: number, end: number, node = "a"): Attempt => ({
  seq, epoch: 1, node, start, end, how: Number.isNaN(end) ? "" : "completed",
});

describe("lanes", () => {
  test("bars that do not overlap share a lane", () => {
    const lanes = packLanes([bar(1, 0, 5), bar(2, 5, 9), bar(3, 20, 30)]);
    expect(lanes.map((lane) => lane.bars.map((one) => one.seq))).toEqual([[1, 2, 3]]);
  });

  test("as many lanes are used as bars overlap at once", () => {
    const lanes = packLanes([bar(1, 0, 10), bar(2, 1, 3), bar(3, 2, 12), bar(4, 4, 6)]);
    expect(lanes.map((lane) => lane.bars.map((one) => one.seq))).toEqual([[1], [2, 4], [3]]);
  });

  test("what still runs keeps its lane", () => {
    const lanes = packLanes([bar(1, 0, NaN), bar(2, 100, NaN)]);
    expect(lanes).toHaveLength(2);
  });

  test("nodes come in the given order, strangers behind", () => {
    const lanes = packLanes([bar(1, 0, 1, "x"), bar(2, 0, 1, "b"), bar(3, 0, 1, "a")], ["a", "b"]);
    expect(lanes.map((lane) => lane.node)).toEqual(["a", "b", "x"]);
  });

  test("the first bar in sight is found", () => {
    const [lane] = packLanes([bar(1, 0, 5), bar(2, 6, 9), bar(3, 20, NaN)]);
    expect([0, 5.5, 9, 15, 1000].map((time) => firstBarFrom(lane!, time))).toEqual([0, 1, 1, 2, 2]);
  });
});
