import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { count, plural, rate, timeOfDay } from "../model/format";
import type { PaceCells } from "../model/messages";
import { bucketAt, PACE_GUTTER, paintPace, type PaceView } from "../paint/pace";
import { Canvas } from "./Canvas";
import { usePanel } from "./context";
import { Dot, Section, Tip } from "./parts";
import { useUid } from "./uid";

const SHORTEST_S = 300;
const LONGEST_S = 3600;

function sentence(row: PaceCells, widthS: number, now: number): string[] {
  const [speed, unit] = rate(row[2] / widthS);
  return [
    timeOfDay(row[0], now),
    `${speed} ${unit} ended${row[3] ? `, ${count(row[3])} failed` : ""}`,
    `${count(row[1])} submitted`,
    `${count(row[5])} running, ${count(row[4])} waiting`,
  ];
}

/** How fast jobs end, and how many wait and run, over the last minutes. */
export function Pace(): JSX.Element {
  const { state, now, theme } = usePanel();
  const { pace, paceWidthS } = state;
  const [width, setWidth] = useState(0);
  const [marked, setMarked] = useState(NaN);
  const described = useUid();
  const oldest = pace[0]?.[0] ?? now;
  const last = pace[pace.length - 1];
  const to = Math.max(now, (last?.[0] ?? 0) + paceWidthS);
  const span = Math.min(LONGEST_S, Math.max(SHORTEST_S, to - oldest));
  const row = pace.find((bucket) => bucket[0] === marked);
  const view: PaceView = {
    rows: pace,
    widthS: paceWidthS,
    from: to - span,
    to,
    marked: row ? row[0] + paceWidthS / 2 : NaN,
  };
  const step = (by: number): void => {
    const at = pace.findIndex((bucket) => bucket[0] === marked);
    const next = pace[Math.max(0, Math.min(pace.length - 1, at < 0 ? pace.length - 1 : at + by))];
    setMarked(next?.[0] ?? NaN);
  };
  const summary = last
    ? `At present ${sentence(last, paceWidthS, now).slice(1).join(", ")}.`
    : "Nothing was measured yet.";
  return (
    <Section
      title="Pace"
      class="nxp-Pace"
      aside={
        <span class="nxp-Legend nxp-soft">
          <span>
            <Dot of="completed" />
            jobs/s
          </span>
          <span>
            <Dot of="running" />
            running
          </span>
          <span>
            <Dot of="pending" />
            waiting
          </span>
        </span>
      }
    >
      <div class="nxp-Pace-sight">
        <Canvas
          role="application"
          aria-roledescription="chart"
          aria-label={`Jobs that ended per second, and jobs that wait and run, over the last ${plural(Math.round(span / 60), "minute")}. ${summary} Left and right go from time to time.`}
          aria-describedby={described}
          tabIndex={0}
          paint={(context, wide, high) => paintPace(context, wide, high, view, theme)}
          onSize={setWidth}
          onMouseMove={(event) => setMarked(bucketAt(width, event.offsetX, view)?.[0] ?? NaN)}
          onMouseLeave={() => setMarked(NaN)}
          onBlur={() => setMarked(NaN)}
          onKeyDown={(event) => {
            if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
            event.preventDefault();
            event.stopPropagation();
            step(event.key === "ArrowLeft" ? -1 : 1);
          }}
        />
      </div>
      <span id={described} class="nxp-hidden" aria-live="polite">
        {row && sentence(row, paceWidthS, now).join(", ")}
      </span>
      {row && (
        <Tip x={14 + PACE_GUTTER + ((row[0] - view.from) / span) * (width - PACE_GUTTER)} y={22}>
          {sentence(row, paceWidthS, now).map((line, at) => (
            <span key={at}>{line}</span>
          ))}
        </Tip>
      )}
    </Section>
  );
}
