import type { AttemptCells } from "./messages";

export interface Attempt {
  seq: number;
  epoch: number;
  node: string;
  /** When it began to run, or was leased where that was not told. */
  start: number;
  /** NaN while it runs. */
  end: number;
  /** How it ended; empty while it runs. */
  how: string;
}

/** The oldest ended attempts go first once there are more than this. */
const MOST = 20_000;

/** The newest attempts, by job and epoch. */
export class Attempts {
  version = 0;
  readonly all = new Map<string, Attempt>();

  upsert(cells: readonly AttemptCells[]): void {
    this.version += 1;
    for (const [seq, epoch, node, leased, started, ended, how] of cells) {
      this.all.set(`${seq}:${epoch}`, {
        seq,
        epoch,
        node,
        start: started ?? leased,
        end: ended ?? NaN,
        how: how ?? "",
      });
    }
    if (this.all.size > MOST * 1.1) this.trim();
  }

  private trim(): void {
    let surplus = this.all.size - MOST;
    for (const [key, attempt] of this.all) {
      if (surplus <= 0) break;
      if (Number.isNaN(attempt.end)) continue;
      this.all.delete(key);
      surplus -= 1;
    }
  }
}
