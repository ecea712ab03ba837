import type { JSX } from "preact";

import { busySlots, type FleetNode, successRate } from "../model/state";
import { colourOf } from "../paint/theme";
import { usePanel } from "./context";
import { slots } from "./NodeWords";
import { Dot } from "./parts";

/** More slots than this are a bar instead of pips. */
const MOST_PIPS = 12;

function Slots({ node }: { node: FleetNode }): JSX.Element {
  const total = node.slots ?? Math.max(1, busySlots(node));
  const busy = Math.min(total, busySlots(node));
  if (total > MOST_PIPS) {
    return (
      <span class="nxp-Gauge">
        <i style={{ width: `${(100 * busy) / total}%`, "--c": colourOf("busy") }} />
      </span>
    );
  }
  return (
    <span class="nxp-Pips">
      {Array.from({ length: total }, (_, at) => (
        <i key={at} class={at < busy ? "nxp-mod-busy" : ""} style={{ "--c": colourOf("busy") }} />
      ))}
    </span>
  );
}

/** One tile per node; each opens it. */
export function Tiles({ nodes }: { nodes: readonly FleetNode[] }): JSX.Element {
  const { open, opened } = usePanel();
  return (
    <div class="nxp-Tiles" role="list" aria-label="Nodes">
      {nodes.map((node) => {
        const rate = successRate(node);
        const isOpen = opened?.kind === "node" && opened.id === node.id;
        return (
          <div key={node.id} role="listitem">
            <button
              type="button"
              class={`nxp-Tile nxp-mod-${node.status}`}
              aria-pressed={isOpen}
              title={slots(node)}
              onClick={() => open(isOpen ? null : { kind: "node", id: node.id })}
            >
              <span class="nxp-Tile-name">
                <Dot of={node.status} />
                <span>{node.id}</span>
              </span>
              <span class="nxp-Tile-foot">
                {node.status === "online" || node.status === "draining" ? (
                  <>
                    <span class="nxp-hidden">{`${node.status}, ${slots(node)}`}</span>
                    <Slots node={node} />
                  </>
                ) : (
                  <em>{node.status}</em>
                )}
                {rate !== null && (
                  <span class={rate < 0.9 ? "nxp-mod-bad" : ""}>
                    {Math.floor(rate * 100)} %<span class="nxp-hidden"> succeeded</span>
                  </span>
                )}
              </span>
            </button>
          </div>
        );
      })}
    </div>
  );
}
