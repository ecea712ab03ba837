import type { Attempt } from "./attempts";

export interface Lane {
  node: string;
  /** 0 for the node's first lane. */
  index: number;
  /** In order of their start; none overlaps the next. */
  bars: Attempt[];
}

/**
 * Attempts packed into lanes: on each node as many as it ran jobs at once, none overlapping. The
 * nodes come in the order of `order`, those that are not in it behind, by name.
 */
export function packLanes(attempts: Iterable<Attempt>, order: readonly string[] = []): Lane[] {
  const byNode = new Map<string, Attempt[]>();
  for (const node of order) byNode.set(node, []);
  const strangers = new Map<string, Attempt[]>();
  for (const attempt of attempts) {
    let list = byNode.get(attempt.node) ?? strangers.get(attempt.node);
    if (!list) strangers.set(attempt.node, (list = []));
    list.push(attempt);
  }
  for (const node of [...strangers.keys()].sort()) byNode.set(node, strangers.get(node)!);
  const lanes: Lane[] = [];
  for (const [node, list] of byNode) if (list.length) lanes.push(...packNode(node, list));
  return lanes;
}

function packNode(node: string, list: Attempt[]): Lane[] {
  list.sort((a, b) => a.start - b.start || a.seq - b.seq);
  const lanes: Lane[] = [];
  const free: number[] = [];
  for (const bar of list) {
    let at = 0;
    while (at < lanes.length && free[at]! > bar.start) at += 1;
    if (at === lanes.length) lanes.push({ node, index: at, bars: [] });
    lanes[at]!.bars.push(bar);
    free[at] = Number.isNaN(bar.end) ? Infinity : Math.max(bar.end, bar.start);
  }
  return lanes;
}

/** The first bar of a lane that is not over before `time`, found by halving. */
export function firstBarFrom(lane: Lane, time: number): number {
  let low = 0;
  let high = lane.bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const end = lane.bars[middle]!.end;
    if (!Number.isNaN(end) && end < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
