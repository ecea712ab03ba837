import { number } from "../model/format";
import type { Plot } from "../model/points";
import type { SweepRow } from "../model/sweep";
import { SERIES_COLOURS } from "../palette";
import { niceTicks } from "./axis";
import { fitted } from "./timeline";
import { mix, type Theme } from "./theme";

export const seriesColour = (at: number): string => SERIES_COLOURS[at % SERIES_COLOURS.length]!;

const MARGIN = { left: 58, right: 12, top: 10, bottom: 34 };

export interface PlotFrame {
  x: (value: number) => number;
  y: (value: number) => number;
  low: [number, number];
  high: [number, number];
}

function range(values: readonly number[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - pad, high + pad];
}

/** Where values lie in the drawing. */
export function plotFrame(plot: Plot, width: number, height: number): PlotFrame {
  const points = plot.series.flatMap((series) => series.points);
  const [x0, x1] = plot.words ? [-0.5, plot.words.length - 0.5] : range(points.map((point) => point[0]));
  const [y0, y1] = range(points.map((point) => point[1]));
  const right = width - MARGIN.right;
  const floor = height - MARGIN.bottom;
  return {
    x: (value) => MARGIN.left + ((value - x0) / (x1 - x0)) * (right - MARGIN.left),
    y: (value) => floor - ((value - y0) / (y1 - y0)) * (floor - MARGIN.top),
    low: [x0, y0],
    high: [x1, y1],
  };
}

export function paintPlot(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  plot: Plot,
  names: { x: string; y: string },
  marked: SweepRow | null,
  theme: Theme,
): void {
  const frame = plotFrame(plot, width, height);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  paintAxes(context, width, height, plot, frame, theme);
  context.fillStyle = theme.soft;
  context.textAlign = "center";
  context.fillText(fitted(context, names.x, width - MARGIN.left), (MARGIN.left + width) / 2, height - 7);
  context.save();
  context.translate(7, (height - MARGIN.bottom + MARGIN.top) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(fitted(context, names.y, height - MARGIN.bottom), 0, 0);
  context.restore();
  plot.series.forEach((series, at) => {
    const colour = seriesColour(at);
    if (series.means.length > 1 && series.means.length < series.points.length) {
      context.beginPath();
      for (const [x, y] of series.means) context.lineTo(frame.x(x), frame.y(y));
      context.strokeStyle = mix(colour, theme.back, 0.75);
      context.lineWidth = 1.5;
      context.lineJoin = "round";
      context.stroke();
    }
    const size = series.points.length > 5000 ? 1.5 : series.points.length > 500 ? 2.2 : 3;
    context.beginPath();
    for (const [x, y] of series.points) {
      context.moveTo(frame.x(x) + size, frame.y(y));
      context.arc(frame.x(x), frame.y(y), size, 0, 2 * Math.PI);
    }
    context.globalAlpha = 0.75;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = 1;
  });
  const point = plot.series.flatMap((series) => series.points).find(([, , row]) => row.index === marked?.index);
  if (!point) return;
  context.beginPath();
  context.arc(frame.x(point[0]), frame.y(point[1]), 5.5, 0, 2 * Math.PI);
  context.strokeStyle = theme.ink;
  context.lineWidth = 1.5;
  context.stroke();
}

function paintAxes(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  plot: Plot,
  frame: PlotFrame,
  theme: Theme,
): void {
  const floor = height - MARGIN.bottom;
  context.textAlign = "right";
  for (const tick of niceTicks(frame.low[1], frame.high[1], (floor - MARGIN.top) / 34)) {
    const y = Math.round(frame.y(tick));
    context.fillStyle = theme.line;
    context.fillRect(MARGIN.left, y, width - MARGIN.left - MARGIN.right, 1);
    context.fillStyle = theme.soft;
    context.fillText(number(tick), MARGIN.left - 6, y + 0.5);
  }
  context.textAlign = "center";
  context.fillStyle = theme.soft;
  if (plot.words) {
    const room = (width - MARGIN.left - MARGIN.right) / plot.words.length - 6;
    plot.words.forEach((word, at) => context.fillText(fitted(context, word, room), frame.x(at), floor + 10));
    return;
  }
  for (const tick of niceTicks(frame.low[0], frame.high[0], (width - MARGIN.left) / 70)) {
    const x = Math.round(frame.x(tick));
    context.fillStyle = theme.line;
    context.fillRect(x, floor, 1, 4);
    context.fillStyle = theme.soft;
    context.fillText(number(tick), x, floor + 11);
  }
}

const REACH = 12;

/** The row whose point is nearest to a place, if it is near. */
export function pointAt(plot: Plot, width: number, height: number, x: number, y: number): SweepRow | null {
  const frame = plotFrame(plot, width, height);
  let best: SweepRow | null = null;
  let nearest = REACH * REACH;
  for (const series of plot.series) {
    for (const [px, py, row] of series.points) {
      const distance = (frame.x(px) - x) ** 2 + (frame.y(py) - y) ** 2;
      if (distance < nearest) {
        nearest = distance;
        best = row;
      }
    }
  }
  return best;
}
