/** The panel's only border: what it hears from a coordinator, and what it may ask of it. */

import type { Message } from "./model/messages";

/** `live`: messages come. `waiting`: a request is queued until the cell ends. `closed`: the end. */
export type LinkState = "live" | "waiting" | "closed";

export interface Answer {
  status: number;
  body: unknown;
}

export interface Link {
  /** Start listening; the function it returns stops it. */
  open(
    onMessage: (message: Message) => void,
    onState: (state: LinkState, words?: string) => void,
  ): () => void;
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
}
