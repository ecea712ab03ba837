import type { JSX } from "preact";

import { count } from "../model/format";
import { busySlots, type FleetNode } from "../model/state";
import { usePanel } from "./context";
import { HeatMap } from "./HeatMap";
import { Section } from "./parts";
import { Tiles } from "./Tiles";

/** More nodes than this are cells of a map rather than tiles with names. */
const MOST_TILES = 40;

const kindOf = (node: FleetNode): string =>
  node.status === "online" ? (busySlots(node) ? "busy" : "idle") : node.status;

function summary(nodes: readonly FleetNode[]): string {
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(kindOf(node), (counts.get(kindOf(node)) ?? 0) + 1);
  return ["busy", "idle", "draining", "suspect", "lost"]
    .filter((kind) => counts.get(kind))
    .map((kind) => `${count(counts.get(kind)!)} ${kind}`)
    .join(" · ");
}

/** The machines: a tile each, or a map once they are many. Those that left are not shown. */
export function Fleet(): JSX.Element {
  const { state } = usePanel();
  const nodes = [...state.nodes.values()].filter((node) => node.status !== "left");
  const words = summary(nodes);
  return (
    <Section title="Nodes" class="nxp-Fleet" aside={<span class="nxp-soft">{words}</span>}>
      {nodes.length === 0 ? (
        <p class="nxp-Empty">
          {state.nodes.size > 0 ? "All nodes have left." : "No node yet."} “Invite a node” gives the line that lets a
          machine join.
        </p>
      ) : nodes.length <= MOST_TILES ? (
        <Tiles nodes={nodes} />
      ) : (
        <HeatMap nodes={nodes} summary={words} />
      )}
    </Section>
  );
}
