import { describe, expect, it } from "vitest";

import { merged, totals, type Coordinator } from "../../src/lab/coordinator";
import { News } from "../../src/lab/news";

function coordinator(more: Partial<Coordinator> = {}): Coordinator {
  return {
    id: "fold-1",
    name: "fold",
    url: "http://127.0.0.1:8000",
    notebook: null,
    pid: 7,
    started_at: 1,
    in_kernel: false,
    state: "live",
    nodes: { online: 2, total: 2, lost: [] },
    jobs: { assigned: 3 },
    rate_per_s: null,
    eta_s: null,
    pace: { width_s: 5, ended: [] },
    sweeps: [],
    ...more,
  };
}

const sweep = (open: number, failed = 0) => ({ name: "villin", total: 4, open, failed });

describe("news", () => {
  it("says nothing at the first look, whatever there is", () => {
    const first = coordinator({ sweeps: [sweep(0)], nodes: { online: 0, total: 1, lost: ["a"] } });
    expect(new News().since([first])).toEqual([]);
  });

  it("says once that a sweep ended", () => {
    const news = new News();
    news.since([coordinator({ sweeps: [sweep(1)] })]);
    const done = coordinator({ sweeps: [sweep(0, 1)] });
    expect(news.since([done])).toEqual([
      { kind: "sweep-ended", coordinator: done, sweep: "villin", total: 4, failed: 1 },
    ]);
    expect(news.since([done])).toEqual([]);
  });

  it("says it of a sweep that came and ended between two looks", () => {
    const news = new News();
    news.since([coordinator()]);
    expect(news.since([coordinator({ sweeps: [sweep(0)] })])).toHaveLength(1);
  });

  it("says it again when the sweep went on and ended again", () => {
    const news = new News();
    news.since([coordinator({ sweeps: [sweep(0)] })]);
    expect(news.since([coordinator({ sweeps: [sweep(2)] })])).toEqual([]);
    expect(news.since([coordinator({ sweeps: [sweep(0)] })])).toHaveLength(1);
  });

  it("says once that a node is lost", () => {
    const news = new News();
    news.since([coordinator()]);
    const now = coordinator({ nodes: { online: 1, total: 2, lost: ["b"] } });
    expect(news.since([now])).toEqual([{ kind: "node-lost", coordinator: now, node: "b" }]);
    expect(news.since([now])).toEqual([]);
  });

  it("compares with what was known before a coordinator fell silent", () => {
    const news = new News();
    news.since([coordinator({ sweeps: [sweep(1)] })]);
    expect(news.since([coordinator({ state: "waiting", sweeps: [] })])).toEqual([]);
    expect(news.since([coordinator({ sweeps: [sweep(0)] })])).toHaveLength(1);
  });

  it("forgets a coordinator that is gone", () => {
    const news = new News();
    news.since([coordinator({ sweeps: [sweep(1)] })]);
    news.since([]);
    expect(news.since([coordinator({ sweeps: [sweep(0)] })])).toEqual([]);
  });
});

describe("the list", () => {
  it("keeps what did not change, and itself when nothing did", () => {
    const before = [coordinator(), coordinator({ id: "b" })];
    expect(merged(before, [coordinator(), coordinator({ id: "b" })])).toBe(before);
    const after = merged(before, [coordinator(), coordinator({ id: "b", pid: 8 })]);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
  });

  it("notices what came, went and moved", () => {
    const before = [coordinator(), coordinator({ id: "b" })];
    expect(merged(before, [before[0]!]).map((one) => one.id)).toEqual(["fold-1"]);
    expect(merged(before, [before[1]!, before[0]!])[0]).toBe(before[1]);
  });

  it("sums up", () => {
    expect(totals([coordinator(), coordinator({ jobs: {} })])).toEqual({ online: 4, running: 3 });
  });
});
