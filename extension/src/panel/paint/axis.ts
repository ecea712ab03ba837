import { number } from "../model/format";

export interface Ticking {
  at: number;
  label: string;
}

/** Round numbers between `low` and `high`, about `most` of them. */
export function niceTicks(low: number, high: number, most: number): number[] {
  const span = high - low;
  if (!(span > 0) || most < 1) return [low];
  const rough = span / most;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 2.5, 5, 10].find((factor) => factor * size >= rough) ?? 10);
  const ticks: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) {
    ticks.push(Number((at * step).toPrecision(12)));
  }
  return ticks;
}

export const numberTicks = (low: number, high: number, most: number): Ticking[] =>
  niceTicks(low, high, most).map((at) => ({ at, label: number(at) }));

const STEPS_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
];

const two = (value: number): string => String(value).padStart(2, "0");

/** Times of day between two Unix times, at round ones of the reader's clock. */
export function timeTicks(from: number, to: number, most: number): Ticking[] {
  const rough = (to - from) / Math.max(1, most);
  const step = STEPS_S.find((size) => size >= rough) ?? Math.ceil(rough / 86_400) * 86_400;
  const zone = new Date(from * 1000).getTimezoneOffset() * 60;
  const ticks: Ticking[] = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) {
    const date = new Date(at * 1000);
    const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
    const days = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    const label = step < 60 ? `${minutes}:${two(date.getSeconds())}` : step < 86_400 ? minutes : days;
    ticks.push({ at, label });
  }
  return ticks;
}
