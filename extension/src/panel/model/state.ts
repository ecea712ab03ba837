import { Attempts } from "./attempts";
import { JobTable } from "./jobs";
import type { Hello, NodeCells, PaceCells, Tick } from "./messages";
import { SweepTable } from "./sweep";

export interface FleetNode {
  id: string;
  status: string;
  slots: number | null;
  leases: number;
  running: number;
  completed: number;
  failed: number;
  lastSeenAt: number;
  cpus: number;
  memoryBytes: number;
  gpus: number;
  tags: readonly string[];
  unmatched: readonly string[];
  profile: Record<string, unknown>;
  registeredAt: number;
}

/** All that the messages have told, and nothing that they have not. */
export class PanelState {
  hello: Hello | null = null;
  ready = false;
  tick: Tick | null = null;
  readonly nodes = new Map<string, FleetNode>();
  nodesVersion = 0;
  readonly jobs: JobTable;
  readonly attempts = new Attempts();
  pace: PaceCells[] = [];
  paceWidthS = 5;
  paceVersion = 0;
  readonly sweep = new SweepTable();

  constructor(window = 100_000) {
    this.jobs = new JobTable(window);
  }
}

/** The share of a node's jobs that went well; null before the first. */
export function successRate(node: FleetNode): number | null {
  const all = node.completed + node.failed;
  return all ? node.completed / all : null;
}

/** How much of a node is in use, 0 to 1. A node that never said its slots has one. */
export function busyFraction(node: FleetNode): number {
  return Math.min(1, busySlots(node) / (node.slots ?? 1));
}

export function busySlots(node: FleetNode): number {
  return Math.max(node.running, Math.min(node.leases, node.slots ?? node.leases));
}

export const isOnline = (node: FleetNode): boolean =>
  node.status === "online" || node.status === "suspect" || node.status === "draining";

export function nodeOf(cells: NodeCells, before: FleetNode | undefined): FleetNode {
  return {
    id: cells[0],
    status: cells[1],
    slots: cells[2],
    leases: cells[3],
    running: cells[4],
    completed: cells[5],
    failed: cells[6],
    lastSeenAt: cells[7],
    cpus: cells[8],
    memoryBytes: cells[9],
    gpus: cells[10],
    tags: cells[11] ?? [],
    unmatched: cells[12] ?? [],
    profile: cells[13] ?? before?.profile ?? {},
    registeredAt: cells[14],
  };
}
