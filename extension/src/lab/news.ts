/** What is worth a word between two looks at the list: each thing once. */

import type { Coordinator } from "./coordinator";

export type Item =
  | { kind: "sweep-ended"; coordinator: Coordinator; sweep: string; total: number; failed: number }
  | { kind: "node-lost"; coordinator: Coordinator; node: string };

/** Remembers what was known of each coordinator while it last answered. */
export class News {
  private readonly known = new Map<string, Coordinator>();

  /** What happened since the last look. The first look at a coordinator says nothing. */
  since(all: readonly Coordinator[]): Item[] {
    const items: Item[] = [];
    for (const now of all) {
      if (now.state !== "live") continue;
      const before = this.known.get(now.id);
      this.known.set(now.id, now);
      if (before !== undefined) items.push(...ended(before, now), ...lost(before, now));
    }
    const present = new Set(all.map((one) => one.id));
    for (const id of this.known.keys()) if (!present.has(id)) this.known.delete(id);
    return items;
  }
}

function ended(before: Coordinator, now: Coordinator): Item[] {
  const open = new Map(before.sweeps.map((sweep) => [sweep.name, sweep.open]));
  return now.sweeps
    .filter((sweep) => sweep.open === 0 && open.get(sweep.name) !== 0)
    .map(({ name, total, failed }) => ({
      kind: "sweep-ended",
      coordinator: now,
      sweep: name,
      total,
      failed,
    }));
}

function lost(before: Coordinator, now: Coordinator): Item[] {
  const already = new Set(before.nodes.lost);
  return now.nodes.lost
    .filter((node) => !already.has(node))
    .map((node) => ({ kind: "node-lost", coordinator: now, node }));
}
