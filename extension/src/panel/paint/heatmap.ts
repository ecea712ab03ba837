import { busyFraction, type FleetNode } from "../model/state";
import { colourOf, mix, type Theme } from "./theme";

export interface HeatGrid {
  columns: number;
  /** Side of a cell with its gap, in pixels. */
  pitch: number;
}

const LARGEST = 26;

/** The largest cells with which `count` of them fit into the given room. */
export function heatGrid(count: number, width: number, height: number): HeatGrid {
  let pitch = Math.min(LARGEST, Math.sqrt((width * height) / Math.max(1, count)));
  while (pitch > 2) {
    const columns = Math.floor(width / pitch);
    if (columns * Math.floor(height / pitch) >= count) return { columns, pitch };
    pitch -= pitch > 8 ? 0.25 : 0.1;
  }
  return { columns: Math.max(1, Math.floor(width / 2)), pitch: 2 };
}

/** Which cell lies under a point; -1 for none. */
export function cellAt(grid: HeatGrid, count: number, x: number, y: number): number {
  const column = Math.floor(x / grid.pitch);
  if (x < 0 || y < 0 || column >= grid.columns) return -1;
  const at = Math.floor(y / grid.pitch) * grid.columns + column;
  return at < count ? at : -1;
}

/** Idle is nearly the page's own colour; the busier, the stronger. What is wrong is loud. */
export function nodeColour(node: FleetNode, theme: Theme): string {
  switch (node.status) {
    case "online": {
      const busy = busyFraction(node);
      return busy ? mix(colourOf("busy"), theme.back, 0.3 + 0.7 * busy) : mix(theme.ink, theme.back, 0.15);
    }
    case "left":
      return mix(theme.ink, theme.back, 0.06);
    default:
      return colourOf(node.status);
  }
}

export function paintHeatMap(
  context: CanvasRenderingContext2D,
  nodes: readonly FleetNode[],
  grid: HeatGrid,
  theme: Theme,
  marked: { hovered: number; focused: number },
): void {
  const gap = grid.pitch >= 14 ? 2 : grid.pitch >= 5 ? 1 : 0.5;
  const side = grid.pitch - gap;
  const place = (at: number): [number, number] => [
    (at % grid.columns) * grid.pitch,
    Math.floor(at / grid.columns) * grid.pitch,
  ];
  const byColour = new Map<string, Path2D>();
  nodes.forEach((node, at) => {
    const colour = nodeColour(node, theme);
    let path = byColour.get(colour);
    if (!path) byColour.set(colour, (path = new Path2D()));
    const [x, y] = place(at);
    if (side > 7) path.roundRect(x, y, side, side, Math.min(3, side / 5));
    else path.rect(x, y, side, side);
  });
  for (const [colour, path] of byColour) {
    context.fillStyle = colour;
    context.fill(path);
  }
  for (const at of [marked.hovered, marked.focused]) {
    if (at < 0 || at >= nodes.length) continue;
    const [x, y] = place(at);
    context.lineWidth = 2;
    context.strokeStyle = theme.ink;
    context.strokeRect(x - gap / 2, y - gap / 2, side + gap, side + gap);
  }
}
