import type { Answer, Link, LinkState } from "./link";
import { merge } from "./model/merge";
import type { Message } from "./model/messages";
import { PanelState } from "./model/state";

const seconds = (): number => Date.now() / 1000;

/**
 * What one link told so far. Messages are merged as they come; whoever draws hears of all of them
 * once per frame. Several views may share one store.
 */
export class Store {
  state = new PanelState();
  link: LinkState = "waiting";
  words = "";
  private readonly readers = new Set<() => void>();
  private frame = 0;
  private skewS = 0;
  private readonly close: () => void;

  constructor(private readonly border: Link) {
    this.close = border.open(
      (message) => this.hear(message),
      (link, words = "") => {
        this.link = link;
        this.words = words;
        this.wake();
      },
    );
  }

  /** The coordinator's clock, in Unix seconds. It stands still once nothing can be heard any more. */
  now(): number {
    const told = this.state.tick?.now ?? this.state.hello?.now;
    if (this.link === "closed" && told !== undefined) return told;
    return seconds() + this.skewS;
  }

  subscribe(reader: () => void): () => void {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  }

  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.border.ask(method, path, body);
  }

  dispose(): void {
    this.close();
    this.readers.clear();
    cancelAnimationFrame(this.frame);
  }

  private hear(message: Message): void {
    this.state = merge(this.state, message);
    if (message.t === "tick" || message.t === "hello") this.skewS = message.now - seconds();
    this.wake();
  }

  private wake(): void {
    if (this.frame || !this.readers.size) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const reader of this.readers) reader();
    });
  }
}
