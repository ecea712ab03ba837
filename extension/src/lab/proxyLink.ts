/**
 * The panel's link through the Jupyter server: it works while the kernel is busy. It holds one of the
 * few connections that a browser has to a server, so it holds none while nobody looks.
 */

import type { Answer, Link, LinkState } from "../panel/link";
import type { Message } from "../panel/model/messages";
import { EventReader } from "./events";
import type { Relay } from "./relay";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

export class ProxyLink implements Link {
  private reading: AbortController | null = null;
  private rest: Promise<void> | null = null;
  private wake = (): void => undefined;

  constructor(
    private readonly relay: Pick<Relay, "ask" | "panel">,
    private readonly id: string,
  ) {}

  open(
    onMessage: (message: Message) => void,
    onState: (state: LinkState, words?: string) => void,
  ): () => void {
    const stop = new AbortController();
    void this.follow(onMessage, onState, stop.signal);
    return () => {
      stop.abort();
      this.reading?.abort();
      this.wake();
    };
  }

  /** Somebody looks: read, from a snapshot on. */
  hello(): void {
    this.rest = null;
    this.wake();
  }

  /** Nobody looks any more: read nothing, and say nothing of it. */
  bye(): void {
    this.rest ??= new Promise((resolve) => (this.wake = resolve));
    this.reading?.abort();
  }

  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.relay.ask(this.id, method, path, body);
  }

  /** Read the stream; when it breaks off come back, later each time. */
  private async follow(
    onMessage: (message: Message) => void,
    onState: (state: LinkState, words?: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let delayMs = FIRST_DELAY_MS;
    let isLive = false;
    while (!signal.aborted) {
      if (this.rest !== null) {
        await this.rest;
        continue;
      }
      let words = "the connection broke off";
      const reading = (this.reading = new AbortController());
      try {
        const stream = await this.relay.panel(this.id, reading.signal);
        for await (const text of pieces(stream, reading.signal)) {
          delayMs = FIRST_DELAY_MS;
          if (!isLive) onState("live");
          isLive = true;
          onMessage(JSON.parse(text) as Message);
        }
      } catch (error) {
        words = error instanceof Error ? error.message : String(error);
      }
      isLive = false;
      if (reading.signal.aborted) {
        delayMs = FIRST_DELAY_MS;
        continue;
      }
      onState("waiting", words);
      await pause(delayMs * (0.75 + Math.random() / 2), signal);
      delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 2);
    }
  }
}

/** The data of each event of a stream. */
async function* pieces(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const events = new EventReader();
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* events.read(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
