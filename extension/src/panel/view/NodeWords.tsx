import type { JSX } from "preact";

import { ago, bytes, count } from "../model/format";
import { busySlots, type FleetNode, successRate } from "../model/state";
import { State } from "./parts";

export function success(node: FleetNode, verb = ""): string {
  const rate = successRate(node);
  if (rate === null) return "no job ended yet";
  const words = rate === 1 ? "100" : Math.min(99.9, Math.floor(rate * 1000) / 10).toFixed(1);
  return `${words} % of ${count(node.completed + node.failed)} jobs${verb}`;
}

export function slots(node: FleetNode): string {
  return node.slots === null
    ? `${count(busySlots(node))} running`
    : `${count(busySlots(node))} of ${count(node.slots)} slots busy`;
}

export function hardware(node: FleetNode): string {
  const parts = [];
  if (node.cpus) parts.push(`${node.cpus} CPUs`);
  if (node.memoryBytes) parts.push(bytes(node.memoryBytes));
  if (node.gpus) parts.push(`${node.gpus} GPU${node.gpus === 1 ? "" : "s"}`);
  return parts.join(" · ");
}

/** One sentence, for screen readers. */
export const sentence = (node: FleetNode, now: number): string =>
  `${node.id}: ${node.status}, ${slots(node)}, ${success(node, " succeeded")}, seen ${ago(now - node.lastSeenAt)}`;

/** The same for the eye, beside the pointer. */
export function NodeWords({ node, now }: { node: FleetNode; now: number }): JSX.Element {
  return (
    <>
      <b>{node.id}</b>
      <State of={node.status} />
      <span>{slots(node)}</span>
      {hardware(node) && <span>{hardware(node)}</span>}
      <span>{success(node, " succeeded")}</span>
      <span>seen {ago(now - node.lastSeenAt)}</span>
    </>
  );
}
