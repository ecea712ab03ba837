/** The panel's link through the Jupyter server: it works while the kernel is busy. */

import type { Answer, Link, LinkState } from "../panel/link";
import type { Message } from "../panel/model/messages";
import { EventReader } from "./events";
import type { Relay } from "./relay";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

export class ProxyLink implements Link {
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
    return () => stop.abort();
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
      let words = "the connection broke off";
      try {
        for await (const text of pieces(await this.relay.panel(this.id, signal), signal)) {
          delayMs = FIRST_DELAY_MS;
          if (!isLive) onState("live");
          isLive = true;
          onMessage(JSON.parse(text) as Message);
        }
      } catch (error) {
        if (signal.aborted) return;
        words = error instanceof Error ? error.message : String(error);
      }
      isLive = false;
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
