/** Numbers, times and sizes as people read them; the same words as the notebook's other views. */

export const NONE = "–";

const finite = (value: number | null | undefined): value is number =>
  value != null && Number.isFinite(value);

/** `1240` as `1,240`. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 job`, `1,240 jobs`. */
export function plural(value: number, noun: string, nouns = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : nouns}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** A length of time with its two largest units: `0.42 s`, `42 s`, `3 min 12 s`. */
export function duration(seconds: number | null | undefined): string {
  if (!finite(seconds)) return NONE;
  if (seconds <= 0) return "0 s";
  if (seconds < 0.0005) return "<1 ms";
  if (seconds < 0.1) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** `duration` of something that still runs: whole seconds, so that it ticks and does not flicker. */
export function ticking(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return whole < 60 ? `${whole} s` : duration(whole);
}

/** Narrow, for table cells: `0.42 s`, `42 s`, `3:12`, `2:05:09`, `3d 4h`. What ticks has whole seconds. */
export function clock(seconds: number | null | undefined, isTicking = false): string {
  if (!finite(seconds)) return "";
  if (isTicking && seconds < 59.5) return ticking(seconds);
  if (seconds < 59.5) return duration(seconds);
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
  if (whole < 86_400) {
    return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  }
  return `${Math.floor(whole / 86_400)}d ${Math.floor((whole % 86_400) / 3600)}h`;
}

/** A length of time in its largest unit only: `42 s`, `3 min`, `2 h`, `5 d`. */
export function coarse(seconds: number | null | undefined): string {
  if (!finite(seconds)) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole >= 86_400) return `${Math.floor(whole / 86_400)} d`;
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h`;
  if (whole >= 60) return `${Math.floor(whole / 60)} min`;
  return `${whole} s`;
}

/** `just now` (under 5 s), `12 s ago`, `3 min ago`. */
export function ago(seconds: number | null | undefined): string {
  if (!finite(seconds)) return NONE;
  return seconds < 5 ? "just now" : `${coarse(seconds)} ago`;
}

/** `about 4 min`, rounded so that it does not flicker; empty when unknown. */
export function remaining(seconds: number | null | undefined): string {
  if (!finite(seconds) || seconds < 0) return "";
  if (seconds < 10) return "a few seconds";
  if (seconds < 60) return `about ${Math.ceil(seconds / 10) * 10} s`;
  if (seconds < 600) {
    const halves = Math.ceil(seconds / 30);
    return `about ${halves >> 1}${halves % 2 ? "½" : ""} min`;
  }
  if (seconds < 3600) return `about ${Math.ceil(seconds / 300) * 5} min`;
  if (seconds < 36_000) {
    const halves = Math.ceil(seconds / 1800);
    return `about ${halves >> 1}${halves % 2 ? "½" : ""} h`;
  }
  if (seconds < 172_800) return `about ${Math.ceil(seconds / 3600)} h`;
  return `about ${Math.ceil(seconds / 86_400)} d`;
}

/** Per second when there are many, per minute or hour when there are few: `12 /s`, `4.5 /min`. */
export function rate(perSecond: number | null | undefined): [string, string] {
  if (!finite(perSecond)) return [NONE, "jobs/s"];
  if (perSecond >= 0.95 || perSecond === 0) return [figures(perSecond), "jobs/s"];
  if (perSecond * 60 >= 0.95) return [figures(perSecond * 60), "jobs/min"];
  return [figures(perSecond * 3600), "jobs/h"];
}

function figures(value: number): string {
  return value === 0 ? "0" : value < 9.95 ? value.toFixed(1) : count(value);
}

/** `512 B`, `4.0 KiB`, `16 GiB`. */
export function bytes(value: number | null | undefined): string {
  if (!finite(value)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  while (value >= 1023.5 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** A number of a result or a parameter, short and without noise: 4 significant digits. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return count(Math.abs(value)).replace(/^/, value < 0 ? "−" : "");
  const size = Math.abs(value);
  const text = size >= 1e7 || size < 1e-3 ? value.toExponential(3) : String(Number(value.toPrecision(5)));
  return text.replace("-", "−").replace("e+", "e");
}

/** `14:05:09`, in the reader's time zone; with the day when it is not today's. */
export function timeOfDay(at: number | null | undefined, now: number): string {
  if (!finite(at)) return NONE;
  const date = new Date(at * 1000);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const today = new Date(now * 1000).toDateString() === date.toDateString();
  return today ? clock : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** `37 %`; never 100 % before it is all. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return NONE;
  const value = (100 * part) / whole;
  return `${part < whole ? Math.min(99, Math.floor(value)) : 100} %`;
}
