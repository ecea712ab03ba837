import { describe, expect, test } from "vitest";

import { merge } from "../src/panel/model/merge";
import type { Message } from "../src/panel/model/messages";
import { busyFraction, PanelState } from "../src/panel/model/state";
import { job, node } from "./cells";

const hello: Message = {
  t: "hello", v: 1, run: "r", name: "villin", url: "http://x", fleet_id: "f", started_at: 900, now: 1000, window: 100,
};
const told = (...messages: Message[]): PanelState => messages.reduce(merge, new PanelState());

describe("the state of a panel", () => {
  test("a hello forgets everything that was known", () => {
    const state = told(hello, { t: "jobs", rows: [job(1)] }, { t: "nodes", rows: [node("a")] }, hello);
    expect(state.jobs.count).toBe(0);
    expect(state.nodes.size).toBe(0);
    expect(state.hello?.name).toBe("villin");
  });

  test("the same rows twice are the same as once", () => {
    const state = told(hello, { t: "jobs", rows: [job(1), job(2)] }, { t: "jobs", rows: [job(2)] });
    expect(state.jobs.count).toBe(2);
  });

  test("a patch changes what it names and leaves the rest", () => {
    const state = told(
      hello,
      { t: "jobs", rows: [job(1, { sweep: "s" })] },
      { t: "patch", rows: [[1, "assigned", "a", 1, 1005, null, null, ""]] },
    );
    const { jobs } = state;
    expect([jobs.stateOf(0), jobs.nodeOf(0), jobs.sweepOf(0), jobs.started[0]]).toEqual(["assigned", "a", "s", 1005]);
  });

  test("patches and progress of jobs outside the window are ignored", () => {
    const state = told(
      hello,
      { t: "patch", rows: [[9, "completed", "a", 1, 1, 2, 1, ""]] },
      { t: "progress", rows: [[9, 0.5, "half"]] },
    );
    expect(state.jobs.count).toBe(0);
  });

  test("what an attempt before had reached is gone with the next attempt", () => {
    const state = told(
      hello,
      { t: "jobs", rows: [job(1, { state: "assigned", epoch: 1 })] },
      { t: "progress", rows: [[1, 0.5, "half"]] },
      { t: "patch", rows: [[1, "assigned", "b", 2, 1005, null, null, ""]] },
    );
    expect(state.jobs.fraction[0]).toBeNaN();
    expect(state.jobs.message[0]).toBe("");
  });

  test("the window keeps the newest jobs", () => {
    const rows = Array.from({ length: 130 }, (_, at) => job(at + 1));
    const { jobs } = told(hello, { t: "jobs", rows });
    expect(jobs.count).toBe(100);
    expect([jobs.seq[0], jobs.seq[99], jobs.id[0]]).toEqual([31, 130, "job-31"]);
    expect(jobs.row(30)).toBe(-1);
    expect(jobs.row(130)).toBe(99);
    expect(jobs.generation).toBe(1);
  });

  test("a node's profile stays when an update leaves it out", () => {
    const state = told(
      hello,
      { t: "nodes", rows: [node("a", { profile: { cpu: "EPYC" } })] },
      { t: "nodes", rows: [node("a", { profile: null, running: 1 })] },
    );
    expect(state.nodes.get("a")?.profile).toEqual({ cpu: "EPYC" });
    expect(busyFraction(state.nodes.get("a")!)).toBe(0.5);
  });

  test("unknown messages and extra cells are ignored", () => {
    const strange = { t: "weather", rows: [[1, 2, 3]] } as unknown as Message;
    const longer = [...job(1), "a cell from the future", 7] as unknown as ReturnType<typeof job>;
    const state = told(hello, strange, { t: "jobs", rows: [longer] });
    expect(state.jobs.count).toBe(1);
  });

  test("the pace keeps one bucket per time, in order, for an hour", () => {
    const state = told(
      hello,
      { t: "pace", width_s: 5, rows: [[5000, 1, 0, 0, 1, 0], [100, 1, 1, 1, 1, 1]] },
      { t: "pace", width_s: 5, rows: [[5000, 2, 1, 0, 1, 0], [4995, 0, 0, 0, 0, 0]] },
    );
    expect(state.pace.map((row) => row.slice(0, 2))).toEqual([[4995, 0], [5000, 2]]);
  });

  test("a sweep counts its states as rows change", () => {
    const state = told(
      hello,
      { t: "sweep", name: "s", total: 2, columns: [{ name: "x", role: "param", type: "number" }] },
      { t: "sweep_rows", rows: [[0, "a", "pending", null, null, "", [1]], [1, "b", "pending", null, null, "", [2]]] },
      { t: "sweep_rows", rows: [[0, "a", "completed", "n", 2.5, "", [1]]] },
    );
    expect(Object.fromEntries(state.sweep.counts)).toEqual({ pending: 1, completed: 1 });
    expect(state.sweep.rows[0]?.runS).toBe(2.5);
  });
});
