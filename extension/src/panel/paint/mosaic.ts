import type { SweepRow } from "../model/sweep";
import type { HeatGrid } from "./heatmap";
import { colourOf, mix, type Theme } from "./theme";

/** One cell per job, in the order of the sweep; what still waits is faint. */
export function paintMosaic(
  context: CanvasRenderingContext2D,
  rows: readonly SweepRow[],
  grid: HeatGrid,
  marked: number,
  theme: Theme,
): void {
  const gap = grid.pitch >= 14 ? 2 : grid.pitch >= 5 ? 1 : 0.5;
  const side = grid.pitch - gap;
  rows.forEach((row, at) => {
    const colour = colourOf(row.state);
    const x = (at % grid.columns) * grid.pitch;
    const y = Math.floor(at / grid.columns) * grid.pitch;
    context.fillStyle = row.state === "pending" ? mix(colour, theme.back, 0.3) : colour;
    context.fillRect(x, y, side, side);
    if (at !== marked) return;
    context.strokeStyle = theme.ink;
    context.lineWidth = 2;
    context.strokeRect(x - gap / 2, y - gap / 2, side + gap, side + gap);
  });
}
