import type { Message } from "../panel/model/messages";
import { parsed, type WidgetModel } from "./model";

/** So many numbered batches are kept while an earlier one is missing. */
const MOST_HELD = 1000;

/**
 * Puts what the kernel pushes into its order. Batches are numbered; the traits `snapshot` and
 * `snapshot_n` hold all that was told up to a number. Where a number is missing, a newer snapshot
 * fills the gap, or one is asked for.
 */
export class Hearing {
  private heard = -1;
  private readonly held = new Map<number, Message[]>();
  private isAsking = false;

  constructor(
    private readonly model: WidgetModel,
    private readonly onMessage: (message: Message) => void,
    private readonly resync: () => Promise<unknown>,
  ) {
    model.on("msg:custom", this.hear);
    model.on("change:snapshot_n", this.look);
    model.on("change:snapshot", this.look);
    this.look();
  }

  close(): void {
    this.model.off("msg:custom", this.hear);
    this.model.off("change:snapshot_n", this.look);
    this.model.off("change:snapshot", this.look);
  }

  private readonly hear = (content: { kind?: string; n?: number }, buffers: unknown[]): void => {
    if (content.kind !== "messages" || content.n === undefined) return;
    const messages = buffers.map((buffer) => parsed(buffer) as Message);
    // A hello makes everything before it obsolete, also a gap.
    const isFresh = messages[0]?.t === "hello";
    if (content.n <= this.heard && !isFresh) return;
    if (isFresh) this.heard = content.n - 1;
    this.held.set(content.n, messages);
    this.drain();
    if (this.held.size) this.fill();
  };

  /** A snapshot is taken at the start, and where it bridges a gap; else the messages told it all. */
  private readonly look = (): void => {
    if (this.heard >= 0 && !this.held.size) return;
    const number = Number(this.model.get("snapshot_n") ?? -1);
    const snapshot = this.model.get("snapshot") as { byteLength?: number } | null;
    if (!snapshot?.byteLength || number <= this.heard) return;
    for (const message of parsed(snapshot) as Message[]) this.onMessage(message);
    this.heard = number;
    this.isAsking = false;
    this.drain();
  };

  private drain(): void {
    for (const number of this.held.keys()) if (number <= this.heard) this.held.delete(number);
    for (let next = this.held.get(this.heard + 1); next; next = this.held.get(this.heard + 1)) {
      this.heard += 1;
      this.held.delete(this.heard);
      for (const message of next) this.onMessage(message);
    }
  }

  private fill(): void {
    this.look();
    if (!this.held.size || this.isAsking) return;
    if (this.held.size > MOST_HELD) this.held.clear();
    this.isAsking = true;
    this.resync().then(
      () => {
        this.isAsking = false;
        this.look();
      },
      () => (this.isAsking = false),
    );
  }
}
