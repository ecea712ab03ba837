import type { Attempt } from "../model/attempts";
import { firstBarFrom, type Lane } from "../model/lanes";
import { timeTicks } from "./axis";
import { colourOf, mix, type Theme } from "./theme";

export interface TimeWindow {
  from: number;
  to: number;
}

export interface TimelineView {
  lanes: readonly Lane[];
  window: TimeWindow;
  now: number;
  /** Height of a lane with its gap, and how far the lanes are scrolled, in pixels. */
  pitch: number;
  scroll: number;
  colour: (bar: Attempt) => string;
  marked: Attempt | null;
}

/** Room for the names of the nodes at the left, and for the times at the bottom. */
export const GUTTER = 84;
export const AXIS = 18;

export function paintTimeline(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  view: TimelineView,
  theme: Theme,
): void {
  const floor = height - AXIS;
  const scale = (width - GUTTER) / (view.window.to - view.window.from);
  const x = (time: number): number => GUTTER + (time - view.window.from) * scale;
  paintTimes(context, width, floor, view.window, x, theme);
  context.save();
  context.beginPath();
  context.rect(0, 0, width, floor);
  context.clip();
  paintNodes(context, floor, view, theme);
  context.beginPath();
  context.rect(GUTTER, 0, width - GUTTER, floor);
  context.clip();
  paintBars(context, floor, view, theme, x);
  if (view.now >= view.window.from && view.now <= view.window.to) {
    context.fillStyle = mix(theme.ink, theme.back, 0.45);
    context.fillRect(Math.round(x(view.now)), 0, 1, floor);
  }
  context.restore();
}

function paintTimes(
  context: CanvasRenderingContext2D,
  width: number,
  floor: number,
  window: TimeWindow,
  x: (time: number) => number,
  theme: Theme,
): void {
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  for (const { at, label } of timeTicks(window.from, window.to, (width - GUTTER) / 110)) {
    context.fillStyle = theme.line;
    context.fillRect(Math.round(x(at)), 0, 1, floor);
    context.fillStyle = theme.soft;
    const half = context.measureText(label).width / 2;
    if (x(at) - half > GUTTER - 8 && x(at) + half < width) context.fillText(label, x(at), floor + AXIS / 2 + 1);
  }
}

function paintNodes(
  context: CanvasRenderingContext2D,
  floor: number,
  { lanes, pitch, scroll }: TimelineView,
  theme: Theme,
): void {
  context.textAlign = "left";
  let lastText = -Infinity;
  lanes.forEach((lane, at) => {
    if (lane.index > 0) return;
    const top = at * pitch - scroll;
    if (top > floor || top < -pitch * 64) return;
    if (at > 0 && pitch >= 5) {
      context.fillStyle = theme.line;
      context.fillRect(0, Math.round(top - 1), context.canvas.width, 1);
    }
    // A name stays in sight while any lane of its node is, and never lies over the one before.
    let lanesOfNode = 1;
    while (lanes[at + lanesOfNode]?.node === lane.node) lanesOfNode += 1;
    const middle = Math.min(
      Math.max(top + pitch / 2, 7),
      Math.max(top + pitch / 2, top + pitch * lanesOfNode - pitch / 2),
    );
    if (middle - lastText < 12 || middle < 5 || middle > floor - 5) return;
    lastText = middle;
    context.fillStyle = theme.soft;
    context.fillText(fitted(context, lane.node, GUTTER - 10), 0, middle + 0.5);
  });
}

export function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let short = text;
  while (short.length > 1 && context.measureText(`${short}…`).width > width) short = short.slice(0, -1);
  return `${short}…`;
}

function paintBars(
  context: CanvasRenderingContext2D,
  floor: number,
  { lanes, window, now, pitch, scroll, colour, marked }: TimelineView,
  theme: Theme,
  x: (time: number) => number,
): void {
  const thick = Math.max(1, pitch - (pitch >= 5 ? 2 : pitch >= 3 ? 1 : 0));
  const first = Math.max(0, Math.floor(scroll / pitch));
  const last = Math.min(lanes.length, Math.ceil((scroll + floor) / pitch));
  for (let at = first; at < last; at += 1) {
    const lane = lanes[at]!;
    const top = at * pitch - scroll;
    for (let next = firstBarFrom(lane, window.from); next < lane.bars.length; next += 1) {
      const bar = lane.bars[next]!;
      if (bar.start > window.to) break;
      const left = x(bar.start);
      const right = x(Number.isNaN(bar.end) ? now : bar.end);
      context.fillStyle = colour(bar);
      // A hair between two bars in a row; what is shorter than a pixel is still seen.
      context.fillRect(left, top, Math.max(1, right - left - (right - left > 3 ? 1 : 0)), thick);
      if (bar === marked) {
        context.strokeStyle = theme.ink;
        context.lineWidth = 1.5;
        context.strokeRect(left - 0.5, top - 0.5, Math.max(2, right - left) + 1, thick + 1);
      }
    }
  }
}

/** The bar under a point, or near it in time; null for none. */
export function barAt(width: number, x: number, y: number, view: TimelineView): Attempt | null {
  const lane = view.lanes[Math.floor((y + view.scroll) / view.pitch)];
  if (!lane || x < GUTTER) return null;
  const perPixel = (view.window.to - view.window.from) / (width - GUTTER);
  const time = view.window.from + (x - GUTTER) * perPixel;
  const bar = lane.bars[firstBarFrom(lane, time - 2 * perPixel)];
  return bar && bar.start <= time + 2 * perPixel ? bar : null;
}

export const colourByEnd = (bar: Attempt): string => colourOf(bar.how || "running");
