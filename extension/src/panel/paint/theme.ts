import { STATE_COLOURS, UNKNOWN_COLOUR } from "../palette";

type Rgb = [number, number, number];

/** The colours and the font of a canvas, read from the page once per change of its theme. */
export interface Theme {
  ink: string;
  soft: string;
  line: string;
  faint: string;
  back: string;
  font: string;
  isDark: boolean;
}

export const colourOf = (state: string): string => STATE_COLOURS[state] ?? UNKNOWN_COLOUR;

function parse(colour: string): Rgb {
  if (colour.startsWith("#")) {
    const value = parseInt(colour.slice(1), 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  }
  const [r = 128, g = 128, b = 128] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return colour.startsWith("color(") ? [r * 255, g * 255, b * 255] : [r, g, b];
}

/** `share` of `top` over `under`. */
export function mix(top: string, under: string, share: number): string {
  const a = parse(top);
  const b = parse(under);
  const [red, green, blue] = a.map((x, at) => Math.round(x * share + b[at]! * (1 - share)));
  return `rgb(${red}, ${green}, ${blue})`;
}

const same = (a: Theme, b: Theme): boolean => a.ink === b.ink && a.back === b.back && a.font === b.font;

/** `old` again where nothing has changed, so that nothing is drawn anew. */
export const kept = (old: Theme, now: Theme): Theme => (same(old, now) ? old : now);

export function readTheme(element: HTMLElement): Theme {
  const style = getComputedStyle(element);
  const ink = style.color || "#1d232b";
  const back = style.backgroundColor || "#ffffff";
  const [r, g, b] = parse(back);
  return {
    ink,
    back,
    soft: mix(ink, back, 0.66),
    line: mix(ink, back, 0.16),
    faint: mix(ink, back, 0.07),
    font: style.fontFamily || "sans-serif",
    isDark: r * 0.3 + g * 0.6 + b * 0.1 < 128,
  };
}

/** Call `changed` whenever the page may have another theme; the function it returns stops that. */
export function watchTheme(changed: () => void): () => void {
  const media = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(changed);
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, {
      attributes: true,
      attributeFilter: ["class", "style", "data-jp-theme-name", "data-jp-theme-light", "data-vscode-theme-kind"],
    });
  }
  media.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    media.removeEventListener("change", changed);
  };
}
