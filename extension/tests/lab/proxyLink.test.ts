import { describe, expect, it } from "vitest";

import { EventReader } from "../../src/lab/events";
import { ProxyLink } from "../../src/lab/proxyLink";
import type { Message } from "../../src/panel/model/messages";

describe("server-sent events", () => {
  const text = 'data: {"t":"ready"}\n\n: still here\n\nid: 4\ndata: a\ndata: b\r\n\r\ndata:c\n\n';
  const events = ['{"t":"ready"}', "a\nb", "c"];

  it("are read however they are cut", () => {
    for (let size = 1; size <= text.length; size++) {
      const reader = new EventReader();
      const found: string[] = [];
      for (let at = 0; at < text.length; at += size) found.push(...reader.read(text.slice(at, at + size)));
      expect(found).toEqual(events);
    }
  });

  it("wait for their end", () => {
    const reader = new EventReader();
    expect(reader.read("data: half")).toEqual([]);
    expect(reader.read("\n")).toEqual([]);
    expect(reader.read("\n")).toEqual(["half"]);
  });
});

function stream(...pieces: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
}

describe("the link through the server", () => {
  const answer = { status: 200, body: null };

  it("gives every message, says when it breaks off, and comes back", async () => {
    const streams = [
      stream('data: {"t":"hel', 'lo"}\n\ndata: {"t":"ready"}\n\n'),
      stream('data: {"t":"hello"}\n\n'),
    ];
    const heard: string[] = [];
    const relay = {
      ask: () => Promise.resolve(answer),
      panel: () => {
        const next = streams.shift();
        return next === undefined ? Promise.reject(new Error("it is gone")) : Promise.resolve(next);
      },
    };
    await new Promise<void>((resolve) => {
      const close = new ProxyLink(relay, "fold-1").open(
        (message: Message) => heard.push(message.t),
        (state, words) => {
          heard.push(words === undefined ? state : `${state}: ${words}`);
          if (words === "it is gone") {
            close();
            resolve();
          }
        },
      );
    });
    expect(heard).toEqual([
      "live",
      "hello",
      "ready",
      "waiting: the connection broke off",
      "live",
      "hello",
      "waiting: the connection broke off",
      "waiting: it is gone",
    ]);
  });

  it("is silent once it is closed", async () => {
    let given: AbortSignal | undefined;
    const relay = {
      ask: () => Promise.resolve(answer),
      panel: (_id: string, signal: AbortSignal) => {
        given = signal;
        return new Promise<ReadableStream<Uint8Array>>((_, reject) =>
          signal.addEventListener("abort", () => reject(new Error("aborted"))),
        );
      },
    };
    const states: string[] = [];
    const close = new ProxyLink(relay, "fold-1").open(
      () => undefined,
      (state) => states.push(state),
    );
    await Promise.resolve();
    close();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(given?.aborted).toBe(true);
    expect(states).toEqual([]);
  });

  it("holds no connection while nobody looks, and begins anew with the next look", async () => {
    const signals: AbortSignal[] = [];
    const relay = {
      ask: () => Promise.resolve(answer),
      panel: (_id: string, signal: AbortSignal) => {
        signals.push(signal);
        return new Promise<ReadableStream<Uint8Array>>((_, reject) =>
          signal.addEventListener("abort", () => reject(new Error("aborted"))),
        );
      },
    };
    const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
    const states: string[] = [];
    const link = new ProxyLink(relay, "fold-1");
    link.bye();
    const close = link.open(
      () => undefined,
      (state) => states.push(state),
    );
    await turn();
    expect(signals).toEqual([]);
    link.hello();
    await turn();
    link.bye();
    link.bye();
    await turn();
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
    link.hello();
    await turn();
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
    link.bye();
    close();
    await turn();
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
    expect(states).toEqual([]);
  });

  it("asks about its own coordinator", async () => {
    const asked: unknown[] = [];
    const relay = {
      ask: (...request: unknown[]) => {
        asked.push(request);
        return Promise.resolve(answer);
      },
      panel: () => Promise.reject(new Error("not here")),
    };
    await new ProxyLink(relay, "fold-1").ask("POST", "/jobs/cancel", { job_ids: ["a"] });
    expect(asked).toEqual([["fold-1", "POST", "/jobs/cancel", { job_ids: ["a"] }]]);
  });
});
