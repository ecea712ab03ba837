import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { FleetNode } from "../model/state";
import { cellAt, heatGrid, paintHeatMap } from "../paint/heatmap";
import { Canvas } from "./Canvas";
import { usePanel } from "./context";
import { NodeWords, sentence } from "./NodeWords";
import { Tip } from "./parts";
import { useUid } from "./uid";

const STEPS: Record<string, (columns: number) => number> = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
  Home: () => -Infinity,
  End: () => Infinity,
};

/** A cell per node. The pointer or the arrow keys tell of one; a click or Enter opens it. */
export function HeatMap({ nodes, summary }: { nodes: readonly FleetNode[]; summary: string }): JSX.Element {
  const { now, theme, open } = usePanel();
  const described = useUid();
  const [size, setSize] = useState<[number, number]>([0, 0]);
  const [hovered, setHovered] = useState(-1);
  const [focused, setFocused] = useState(-1);
  const grid = heatGrid(nodes.length, ...size);
  const at = hovered >= 0 ? hovered : focused;
  const node = nodes[at];
  const under = (event: MouseEvent): number => cellAt(grid, nodes.length, event.offsetX, event.offsetY);
  const show = (cell: number): void => {
    const found = nodes[cell];
    if (found) open({ kind: "node", id: found.id });
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    if (step) {
      event.preventDefault();
      const next = Math.max(0, focused) + step(grid.columns);
      setFocused(Math.max(0, Math.min(nodes.length - 1, next)));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      show(focused);
    }
  };

  return (
    <div class="nxp-HeatMap">
      <Canvas
        role="application"
        aria-roledescription="map of nodes"
        aria-label={`${nodes.length} nodes: ${summary}. The arrow keys go from node to node, Enter opens one.`}
        aria-describedby={described}
        tabIndex={0}
        paint={(context) => paintHeatMap(context, nodes, grid, theme, { hovered, focused })}
        onSize={(width, height) => setSize([width, height])}
        onMouseMove={(event) => setHovered(under(event))}
        onMouseLeave={() => setHovered(-1)}
        onClick={(event) => show(under(event))}
        onFocus={() => setFocused((old) => Math.max(0, old))}
        onBlur={() => setFocused(-1)}
        onKeyDown={onKeyDown}
      />
      <span id={described} class="nxp-hidden" aria-live="polite">
        {nodes[focused] && sentence(nodes[focused], now)}
      </span>
      {node && (
        <Tip
          x={(at % grid.columns) * grid.pitch + grid.pitch / 2}
          y={Math.floor(at / grid.columns) * grid.pitch + grid.pitch / 2}
        >
          <NodeWords node={node} now={now} />
        </Tip>
      )}
    </div>
  );
}
