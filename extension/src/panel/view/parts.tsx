import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { count } from "../model/format";
import { STATE_LABELS } from "../palette";
import { colourOf } from "../paint/theme";

/** Pixels between a point and the words about it. */
const AWAY = 10;

export const labelOf = (state: string): string => STATE_LABELS[state] ?? state;

/** A state as a coloured dot and its name: colour is never the only sign. */
export function State({ of }: { of: string }): JSX.Element {
  return (
    <span class="nxp-State">
      <Dot of={of} />
      {labelOf(of)}
    </span>
  );
}

/** Filled for what is or was at work; a ring for what still waits. */
export function Dot({ of }: { of: string }): JSX.Element {
  const ring = of === "pending" || of === "left";
  return <i class={`nxp-Dot${ring ? " nxp-mod-ring" : ""}`} style={{ "--c": colourOf(of) }} />;
}

/** One strip whose parts are as long as their states are frequent. */
export function StateBar({ counts, order }: { counts: Record<string, number>; order: readonly string[] }): JSX.Element {
  const total = order.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const words = order.filter((state) => counts[state]).map((state) => `${count(counts[state]!)} ${labelOf(state)}`);
  return (
    <div class="nxp-StateBar" role="img" aria-label={words.join(", ") || "no jobs yet"}>
      {total > 0 &&
        order.map((state) => (
          <i
            key={state}
            class={state === "pending" ? "nxp-mod-open" : ""}
            style={{ flexGrow: counts[state] ?? 0, "--c": colourOf(state), display: counts[state] ? "" : "none" }}
          />
        ))}
    </div>
  );
}

/** A number with what it counts under it. The number's place does not move while it grows. */
export function Figure(props: { value: ComponentChildren; unit: ComponentChildren; title?: string }): JSX.Element {
  return (
    <div class="nxp-Figure" title={props.title}>
      <b>{props.value}</b>
      <span>{props.unit}</span>
    </div>
  );
}

export function Section(props: {
  title: string;
  class: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section class={`nxp-Section ${props.class}`} aria-label={props.title}>
      <header class="nxp-Section-head">
        <h3>{props.title}</h3>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

/** Words beside a point of a drawing, moved to where they lie inside of the panel. */
export function Tip(props: { x: number; y: number; children: ComponentChildren }): JSX.Element {
  const tip = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { style, offsetParent } = tip.current!;
    const panel = tip.current!.closest(".nxp-Panel")?.getBoundingClientRect();
    if (!panel || !offsetParent) return;
    const from = offsetParent.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = tip.current!;
    const place = (at: number, start: number, size: number, low: number, high: number): number =>
      Math.max(low - start, start + at + AWAY + size < high ? at + AWAY : at - AWAY - size);
    style.left = `${place(props.x, from.left, width, panel.left + 4, panel.right - 4)}px`;
    style.top = `${place(props.y, from.top, height, panel.top + 4, panel.bottom - 4)}px`;
  });
  return (
    <div ref={tip} class="nxp-Tip" aria-hidden="true">
      {props.children}
    </div>
  );
}
