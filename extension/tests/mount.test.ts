// @vitest-environment jsdom

import { beforeAll, beforeEach, expect, test } from "vitest";

import type { Answer, Link } from "../src/panel/link";
import type { Message } from "../src/panel/model/messages";
import { job, node } from "./cells";
import { frame, furnish, held } from "./page";

class FakeLink implements Link {
  tell: (message: Message) => void = () => undefined;
  isOpen = false;
  asked: string[] = [];
  answers: Record<string, Answer> = {};

  open(onMessage: (message: Message) => void, onState: (state: "live") => void): () => void {
    this.tell = onMessage;
    this.isOpen = true;
    onState("live");
    return () => (this.isOpen = false);
  }

  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    this.asked.push(`${method} ${path}${body ? ` ${JSON.stringify(body)}` : ""}`);
    return Promise.resolve(this.answers[path] ?? { status: 404, body: { error: { message: "not here" } } });
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

async function drawn(): Promise<void> {
  await settled();
  for (let at = 0; at < 3; at += 1) {
    frame();
    await settled();
  }
}

let mount: (element: HTMLElement, link: Link, options: { view: "fleet" | "sweep" }) => () => void;
let box: HTMLElement;

beforeAll(async () => {
  furnish();
  ({ mount } = await import("../src/panel"));
});

beforeEach(() => {
  document.body.replaceChildren();
  box = document.body.appendChild(document.createElement("div"));
});

async function panel(): Promise<{ link: FakeLink; unmount: () => void }> {
  const link = new FakeLink();
  const unmount = mount(box, link, { view: "fleet" });
  await drawn();
  link.tell({ t: "hello", v: 1, run: "r", name: "villin", url: "http://x", fleet_id: "f", started_at: 900, now: 1000 });
  link.tell({ t: "nodes", rows: [node("lab-1", { running: 1 }), node("lab-2", { status: "lost" })] });
  link.tell({ t: "jobs", rows: [job(1, { state: "assigned", node: "lab-1", epoch: 1, started: 990 }), job(2, { name: "score" })] });
  link.tell({ t: "tick", now: 1000, counts: { assigned: 1, pending: 1 }, rate_per_s: 2, eta_s: 95 });
  await drawn();
  return { link, unmount };
}

const text = (selector: string): string => box.querySelector(selector)?.textContent ?? "";
const button = (words: string): HTMLButtonElement =>
  [...box.querySelectorAll("button")].find((one) => one.textContent?.includes(words))!;

const rowOf = (words: string): HTMLElement =>
  [...box.querySelectorAll<HTMLElement>(".nxp-Table-row")].find((one) => one.textContent?.includes(words))!;

test("the head tells which fleet it is and how it is", async () => {
  const { unmount } = await panel();
  expect(text("h2")).toBe("villin");
  expect(text(".nxp-Head-figures")).toContain("1/2nodes online");
  expect(text(".nxp-Head-figures")).toContain("≈ 2 min");
  expect(text(".nxp-LinkWords")).toBe("live");
  unmount();
});

test("a chip shows the jobs of its state only", async () => {
  const { unmount } = await panel();
  button("pending").click();
  await drawn();
  expect(text(".nxp-Table-all")).toContain("score");
  expect(text(".nxp-Table-all")).not.toContain("running");
  unmount();
});

test("draining a node is asked back, done and told", async () => {
  const { link, unmount } = await panel();
  link.answers["/nodes/lab-1/drain"] = { status: 200, body: {} };
  button("lab-1").click();
  await drawn();
  button("Drain").click();
  await drawn();
  expect(link.asked).not.toContain("POST /nodes/lab-1/drain");
  button("Yes").click();
  await drawn();
  expect(link.asked).toContain("POST /nodes/lab-1/drain");
  expect(text(".nxp-Note")).toBe("lab-1 gets no new jobs; what runs there finishes.");
  unmount();
});

test("a refusal is told in the coordinator's words", async () => {
  const { unmount } = await panel();
  button("Invite").click();
  await drawn();
  expect(text(".nxp-Note")).toBe("not here");
  unmount();
});

test("a log goes on after the coordinator did not answer for a moment", async () => {
  const { link, unmount } = await panel();
  const attempt = { epoch: 1, node: "lab-1", leased_at: 990, started_at: 990, ended_at: null, end: null, run_s: null };
  link.answers["/jobs/job-2"] = {
    status: 200,
    body: { job_id: "job-2", status: "assigned", created_at: 980, started_at: 990, attempts: [attempt] },
  };
  const path = "/jobs/job-2/log?after=0";
  link.answers[path] = { status: 503, body: { error: { message: "a cell holds the interpreter" } } };
  rowOf("score").click();
  await drawn();
  expect(text(".nxp-Drawer")).toContain("a cell holds the interpreter");
  link.answers[path] = { status: 200, body: { epoch: 1, start: 0, end: 6, text: "step 1", is_open: true } };
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await drawn();
  expect(text(".nxp-Log")).toBe("step 1");
  unmount();
});

test("a job's detail that cannot be had is told in the coordinator's words", async () => {
  const { link, unmount } = await panel();
  link.answers["/jobs/job-2"] = { status: 503, body: { error: { message: "a cell holds the interpreter" } } };
  rowOf("score").click();
  await drawn();
  expect(text(".nxp-Drawer")).toContain("a cell holds the interpreter");
  unmount();
});

test("cancelling all open jobs names them to the coordinator", async () => {
  const { link, unmount } = await panel();
  link.answers["/jobs/cancel"] = {
    status: 200,
    body: [{ job_id: "job-1", status: "cancelled", was: "assigned", node_id: "lab-1" }, { job_id: "job-2", status: "cancelled", was: "pending", node_id: null }],
  };
  button("Cancel all open").click();
  await drawn();
  button("Yes").click();
  await drawn();
  expect(link.asked).toContain('POST /jobs/cancel {"job_ids":["job-1","job-2"]}');
  expect(text(".nxp-Note")).toBe("Cancelled 2 jobs. 1 process that ran will be killed.");
  unmount();
});

test("nothing is left behind by a panel that was taken down", async () => {
  const before = { ...held };
  const { link, unmount } = await panel();
  button("lab-1").click();
  await drawn();
  expect(held.observers).toBeGreaterThan(before.observers);
  expect(document.head.querySelectorAll("style")).toHaveLength(1);
  unmount();
  await settled();
  expect({ ...held }).toEqual(before);
  expect(link.isOpen).toBe(false);
  expect(box.childElementCount).toBe(0);
  expect(document.head.querySelectorAll("style")).toHaveLength(0);
});

test("two panels on a page share one style sheet", async () => {
  const one = await panel();
  const two = mount(box, new FakeLink(), { view: "sweep" });
  expect(document.head.querySelectorAll("style")).toHaveLength(1);
  one.unmount();
  expect(document.head.querySelectorAll("style")).toHaveLength(1);
  two();
  expect(document.head.querySelectorAll("style")).toHaveLength(0);
});
