import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { KernelLink } from "../src/kernel/link";
import type { Message } from "../src/panel/model/messages";
import { bytes, FakeModel } from "./fakeModel";

const hello = { t: "hello", v: 1, now: 1 };
const tick = (now: number): unknown => ({ t: "tick", now, counts: {}, rate_per_s: null, eta_s: null });

function connected(traits: Record<string, unknown> = {}, kernel?: { id: string; status: string }) {
  const asked = new FakeModel();
  const model = new FakeModel({ ask: "q", state: "live", words: "", ...traits }, asked);
  if (kernel) Object.assign(model.widget_manager, { kernel });
  const link = new KernelLink(model);
  const told: unknown[] = [];
  const states: string[] = [];
  const close = link.open(
    (message: Message) => told.push(message.t === "tick" ? message.now : message.t),
    (state, words) => states.push(words ? `${state}: ${words}` : state),
  );
  const answer = (path: string, status: number, body: unknown): void => {
    const request = asked.sent.find((one) => one.path === path)!;
    asked.say("msg:custom", { id: request.id, status, body });
  };
  return { asked, model, link, told, states, close, answer };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("what a kernel pushes", () => {
  test("is told in order from the hello on", () => {
    const { model, told } = connected();
    model.push(1, hello, tick(1));
    model.push(2, tick(2));
    expect(told).toEqual(["hello", 1, 2]);
  });

  test("begins with the snapshot for a page that comes late", () => {
    const { model, told } = connected({ snapshot: bytes([hello, tick(5)]), snapshot_n: 5 });
    model.push(5, tick(5.5));
    model.push(6, tick(6));
    expect(told).toEqual(["hello", 5, 6]);
  });

  test("after a gap waits for a snapshot, then goes on", async () => {
    const { asked, model, told } = connected();
    model.push(1, hello);
    model.push(3, tick(3));
    model.push(4, tick(4));
    expect(told).toEqual(["hello"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked.sent.map((request) => request.path)).toEqual(["/resync"]);
    model.set({ snapshot: bytes([hello, tick(3)]), snapshot_n: 3 });
    expect(told).toEqual(["hello", "hello", 3, 4]);
  });

  test("after a gap is whole again with the next hello", () => {
    const { model, told } = connected();
    model.push(1, hello);
    model.push(3, tick(3));
    model.push(7, hello, tick(7));
    model.push(8, tick(8));
    expect(told).toEqual(["hello", "hello", 7, 8]);
  });

  test("is not taken twice from snapshots that come while all is well", () => {
    const { model, told } = connected();
    model.push(1, hello);
    model.set({ snapshot: bytes([hello, tick(9)]), snapshot_n: 9 });
    expect(told).toEqual(["hello"]);
  });
});

describe("what is asked of a kernel", () => {
  test("is answered by its id, in any order", async () => {
    const { asked, link, answer } = connected();
    const one = link.ask("GET", "/jobs/a");
    const two = link.ask("POST", "/invite");
    await vi.advanceTimersByTimeAsync(0);
    expect(new Set(asked.sent.map((request) => request.id)).size).toBe(2);
    answer("/invite", 200, { command: "nexapod node" });
    answer("/jobs/a", 404, {});
    expect([(await two).body, (await one).status]).toEqual([{ command: "nexapod node" }, 404]);
  });

  test("is said to be queued while a cell runs", async () => {
    const { link, states, answer } = connected();
    const asked = link.ask("POST", "/invite");
    await vi.advanceTimersByTimeAsync(900);
    expect(states.at(-1)).toBe("live");
    await vi.advanceTimersByTimeAsync(200);
    expect(states.at(-1)).toBe("waiting: queued until the cell ends");
    answer("/invite", 200, {});
    await asked;
    expect(states.at(-1)).toBe("live");
  });

  test("fails in words when the kernel goes", async () => {
    const { asked, link, model, states } = connected();
    const answer = link.ask("POST", "/invite");
    const failed = expect(answer).rejects.toThrow("The kernel is gone");
    await vi.advanceTimersByTimeAsync(0);
    Object.assign(asked, { comm_live: false });
    model.say("comm_live_update");
    await failed;
    await expect(link.ask("POST", "/invite")).rejects.toThrow("The kernel is gone");
    expect(states.at(-1)).toBe("closed: stopped: run the cell again");
  });

  test("fails in words when the kernel was shut down or exchanged", async () => {
    const { model, states } = connected({}, { id: "k", status: "idle" });
    const host = model.widget_manager as { kernel?: { id: string; status: string } | null };
    await vi.advanceTimersByTimeAsync(3000);
    expect(states.at(-1)).toBe("live");
    host.kernel = { id: "other", status: "idle" };
    await vi.advanceTimersByTimeAsync(3000);
    expect(states.at(-1)).toBe("closed: stopped: run the cell again");
  });

  test("a hello that waits is nobody's concern", async () => {
    const { link, model, states } = connected();
    model.push(1, hello);
    link.hello();
    await vi.advanceTimersByTimeAsync(5000);
    expect(states.at(-1)).toBe("live");
  });

  test("a saved widget without a kernel says so", async () => {
    const model = new FakeModel({ ask: "q", state: "live" });
    const link = new KernelLink(model);
    const states: string[] = [];
    link.open(() => undefined, (state, words) => states.push(`${state}: ${words}`));
    link.hello();
    await vi.advanceTimersByTimeAsync(0);
    expect(states.at(-1)).toBe("closed: no kernel: run the cell again");
  });
});

test("the kernel's own word on the stream is shown", () => {
  const { model, states } = connected();
  model.set({ state: "closed", words: "the coordinator was stopped" });
  expect(states.at(-1)).toBe("closed: the coordinator was stopped");
});

test("a closed link listens to nothing", async () => {
  const { asked, model, close } = connected();
  await vi.advanceTimersByTimeAsync(0);
  expect(model.listeners).toBeGreaterThan(0);
  close();
  await vi.advanceTimersByTimeAsync(0);
  expect([model.listeners, asked.listeners, vi.getTimerCount()]).toEqual([0, 0, 0]);
});
