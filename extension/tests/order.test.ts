import { describe, expect, test } from "vitest";

import { type JobFilter, narrows, NO_FILTER } from "../src/panel/model/filter";
import { JobTable } from "../src/panel/model/jobs";
import { JobOrder } from "../src/panel/model/order";
import { comparer, type JobSort, NEWEST_FIRST, type SortColumn } from "../src/panel/model/sort";
import { randomFrom } from "../dev/random";
import { job } from "./cells";

const STATES = ["pending", "assigned", "completed", "failed"];
const COLUMNS: SortColumn[] = ["seq", "state", "name", "sweep", "node", "created", "run", "progress"];

const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

function change(table: JobTable, random: () => number, count: number): void {
  for (let at = 0; at < count; at += 1) {
    const seq = 1 + Math.floor(random() * table.count);
    const state = pick(random, STATES);
    table.patch([[seq, state, pick(random, [null, "a", "b"]), 1, random() * 100, null, random() * 9, state === "failed" ? "boom" : ""]]);
  }
}

function grow(table: JobTable, random: () => number, count: number): void {
  const from = table.count;
  table.upsert(
    Array.from({ length: count }, (_, at) =>
      job(from + at + 1, { state: pick(random, STATES), name: pick(random, ["fold", "score"]), sweep: pick(random, ["s", "t", null]) }),
    ),
  );
}

const seqs = (table: JobTable, order: JobOrder): number[] => [...order.rows].map((row) => table.seq[row]!);

function fresh(table: JobTable, filter: JobFilter, sort: JobSort): number[] {
  const order = new JobOrder(table);
  order.show(table, filter, sort, 50);
  return seqs(table, order);
}

describe("the order of the jobs", () => {
  test.each(COLUMNS)("follows changes as if it were made anew, by %s", (column) => {
    for (const descending of [false, true]) {
      for (const filter of [NO_FILTER, { ...NO_FILTER, state: "failed" }, { ...NO_FILTER, text: "fold b" }]) {
        const random = randomFrom(column.length + (descending ? 1 : 0));
        const table = new JobTable();
        const order = new JobOrder(table);
        const sort = { column, descending };
        grow(table, random, 300);
        for (let round = 0; round < 12; round += 1) {
          order.show(table, filter, sort, 50);
          expect(seqs(table, order)).toEqual(fresh(table, filter, sort));
          change(table, random, 20);
          if (round % 3 === 0) grow(table, random, 15);
        }
      }
    }
  });

  test.each(COLUMNS)("is that of the comparison, by %s", (column) => {
    const table = new JobTable();
    const random = randomFrom(5);
    grow(table, random, 200);
    change(table, random, 100);
    for (const descending of [false, true]) {
      const compare = comparer(table, { column, descending }, 50);
      const wanted = Array.from({ length: 200 }, (_, row) => row).sort(compare);
      expect(fresh(table, NO_FILTER, { column, descending })).toEqual(wanted.map((row) => table.seq[row]!));
    }
  });

  test("rows that came out of order are put in order", () => {
    const table = new JobTable();
    table.upsert([job(5), job(2), job(9), job(1)]);
    expect(fresh(table, NO_FILTER, NEWEST_FIRST)).toEqual([9, 5, 2, 1]);
  });

  test("typing on looks only at what is left, and finds the same", () => {
    const table = new JobTable();
    grow(table, randomFrom(1), 500);
    const order = new JobOrder(table);
    for (const text of ["", "f", "fo", "fold", "fold s", "fo", ""]) {
      const filter = { ...NO_FILTER, text };
      order.show(table, filter, NEWEST_FIRST, 0);
      expect(seqs(table, order)).toEqual(fresh(table, filter, NEWEST_FIRST));
    }
  });

  test("changes that come while the reader types are not missed", () => {
    const table = new JobTable();
    const random = randomFrom(2);
    grow(table, random, 200);
    const order = new JobOrder(table);
    order.show(table, { ...NO_FILTER, text: "b" }, NEWEST_FIRST, 0);
    change(table, random, 50);
    const filter = { ...NO_FILTER, text: "bo" };
    order.show(table, filter, NEWEST_FIRST, 0);
    expect(seqs(table, order)).toEqual(fresh(table, filter, NEWEST_FIRST));
  });

  test("starts again when old rows were dropped", () => {
    const table = new JobTable(100);
    grow(table, randomFrom(3), 100);
    const order = new JobOrder(table);
    order.show(table, NO_FILTER, NEWEST_FIRST, 0);
    table.upsert(Array.from({ length: 40 }, (_, at) => job(101 + at)));
    order.show(table, NO_FILTER, NEWEST_FIRST, 0);
    expect(seqs(table, order)).toEqual(Array.from({ length: 100 }, (_, at) => 140 - at));
  });

  test("every word of a text must be found, in whatever column", () => {
    const table = new JobTable();
    table.upsert([job(1, { name: "Fold", sweep: "Villin" }), job(2, { name: "fold", error: "out of memory" })]);
    expect(fresh(table, { ...NO_FILTER, text: "FOLD villin" }, NEWEST_FIRST)).toEqual([1]);
    expect(fresh(table, { ...NO_FILTER, text: "memory" }, NEWEST_FIRST)).toEqual([2]);
    expect(fresh(table, { ...NO_FILTER, node: "nowhere" }, NEWEST_FIRST)).toEqual([]);
  });

  test("a filter narrows another when it asks for more", () => {
    const base = { ...NO_FILTER, text: "fo" };
    expect(narrows({ ...base, text: "fold x" }, base)).toBe(true);
    expect(narrows({ ...base, state: "failed" }, base)).toBe(true);
    expect(narrows({ ...base, text: "f" }, base)).toBe(false);
    expect(narrows(base, { ...base, state: "failed" })).toBe(false);
  });
});
