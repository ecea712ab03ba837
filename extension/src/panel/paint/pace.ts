import type { PaceCells } from "../model/messages";
import { number } from "../model/format";
import { niceTicks, timeTicks } from "./axis";
import { colourOf, mix, type Theme } from "./theme";

export interface PaceView {
  rows: readonly PaceCells[];
  widthS: number;
  from: number;
  to: number;
  /** The time under the pointer or the focus; NaN for none. */
  marked: number;
}

export const PACE_GUTTER = 38;
const AXIS = 16;
const GAP = 14;

interface Box {
  left: number;
  right: number;
  top: number;
  floor: number;
  x: (time: number) => number;
}

/** Above: jobs that ended per second. Below: how many wait and run. One time axis. */
export function paintPace(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  view: PaceView,
  theme: Theme,
): void {
  const x = (time: number): number =>
    PACE_GUTTER + ((time - view.from) / (view.to - view.from)) * (width - PACE_GUTTER);
  const middle = Math.round((height - AXIS - GAP) / 2);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  const box = (top: number, floor: number): Box => ({ left: PACE_GUTTER, right: width, top, floor, x });
  paintRates(context, box(6, middle), view, theme);
  paintQueue(context, box(middle + GAP, height - AXIS), view, theme);
  context.textAlign = "center";
  context.fillStyle = theme.soft;
  for (const { at, label } of timeTicks(view.from, view.to, (width - PACE_GUTTER) / 70)) {
    const half = context.measureText(label).width / 2;
    if (x(at) - half > PACE_GUTTER - 4 && x(at) + half < width) context.fillText(label, x(at), height - 6);
  }
  if (!Number.isNaN(view.marked)) {
    context.fillStyle = mix(theme.ink, theme.back, 0.5);
    context.fillRect(Math.round(x(view.marked)), 4, 1, height - AXIS - 4);
  }
}

function scaleY(context: CanvasRenderingContext2D, box: Box, most: number, theme: Theme): (value: number) => number {
  const ticks = niceTicks(0, most, Math.max(1, (box.floor - box.top) / 22));
  const top = Math.max(most, ticks[ticks.length - 1] ?? most);
  const y = (value: number): number => box.floor - (value / top) * (box.floor - box.top);
  context.textAlign = "right";
  for (const tick of ticks) {
    context.fillStyle = theme.line;
    context.fillRect(box.left, Math.round(y(tick)), box.right - box.left, 1);
    context.fillStyle = theme.soft;
    context.fillText(short(tick), box.left - 6, y(tick) + 0.5);
  }
  return y;
}

const short = (value: number): string =>
  value >= 1e6 ? `${number(value / 1e6)}M` : value >= 1e3 ? `${number(value / 1e3)}k` : number(value);

function paintRates(context: CanvasRenderingContext2D, box: Box, view: PaceView, theme: Theme): void {
  const { rows, widthS } = view;
  const seen = rows.filter((row) => row[0] >= view.from);
  const y = scaleY(context, box, Math.max(1 / widthS, ...seen.map((row) => row[2] / widthS)), theme);
  const wide = Math.max(1, box.x(view.from + widthS) - box.x(view.from));
  const gap = wide > 4 ? 1 : 0;
  for (const [at, , ended, failed] of seen) {
    const left = box.x(at);
    const cut = y(failed / widthS);
    context.fillStyle = colourOf("completed");
    context.fillRect(left, y(ended / widthS), wide - gap, cut - y(ended / widthS));
    context.fillStyle = colourOf("failed");
    context.fillRect(left, cut, wide - gap, box.floor - cut);
  }
}

function paintQueue(context: CanvasRenderingContext2D, box: Box, view: PaceView, theme: Theme): void {
  const seen = view.rows.filter((row) => row[0] >= view.from);
  const y = scaleY(context, box, Math.max(1, ...seen.map((row) => Math.max(row[4], row[5]))), theme);
  // Buckets in which nothing happened are not told: what was, holds until the next one.
  const line = (cell: 4 | 5): Path2D => {
    const path = new Path2D();
    seen.forEach((row, at) => {
      if (at) path.lineTo(box.x(row[0]), y(seen[at - 1]![cell]));
      path[at ? "lineTo" : "moveTo"](box.x(row[0]), y(row[cell]));
    });
    path.lineTo(box.right, y(seen[seen.length - 1]![cell]));
    return path;
  };
  if (!seen.length) return;
  const area = line(4);
  area.lineTo(box.right, box.floor);
  area.lineTo(box.x(seen[0]![0]), box.floor);
  context.fillStyle = mix(colourOf("pending"), theme.back, 0.28);
  context.fill(area);
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.strokeStyle = colourOf("pending");
  context.stroke(line(4));
  context.strokeStyle = colourOf("running");
  context.stroke(line(5));
}

/** The bucket under a point; null for none. */
export function bucketAt(width: number, x: number, view: PaceView): PaceCells | null {
  const time = view.from + ((x - PACE_GUTTER) / (width - PACE_GUTTER)) * (view.to - view.from);
  return view.rows.find((row) => row[0] <= time && time < row[0] + view.widthS) ?? null;
}
