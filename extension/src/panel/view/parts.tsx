import type { ComponentChildren, JSX } from "preact";

import { count } from "../model/format";
import { STATE_LABELS } from "../palette";
import { colourOf } from "../paint/theme";

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

/** Words at a point of a drawing; kept inside its parent by the side that has room. */
export function Tip(props: { x: number; y: number; width: number; children: ComponentChildren }): JSX.Element {
  const right = props.x > props.width / 2;
  const place = right ? { right: `${props.width - props.x + 10}px` } : { left: `${props.x + 10}px` };
  return (
    <div class="nxp-Tip" style={{ ...place, top: `${props.y + 10}px` }} aria-hidden="true">
      {props.children}
    </div>
  );
}
