import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { plural } from "../model/format";
import type { SweepRow } from "../model/sweep";
import { cellAt, heatGrid } from "../paint/heatmap";
import { paintMosaic } from "../paint/mosaic";
import { Canvas } from "./Canvas";
import { usePanel } from "./context";
import { Section, Tip } from "./parts";
import { rowWords } from "./sweepWords";
import { useUid } from "./uid";

export interface MarkProps {
  marked: SweepRow | null;
  mark: (row: SweepRow | null) => void;
  show: (row: SweepRow) => void;
}

/** Every job of a sweep as a cell of its state's colour. */
export function Mosaic({ marked, mark, show }: MarkProps): JSX.Element {
  const { state, theme } = usePanel();
  const { sweep } = state;
  const [size, setSize] = useState<[number, number]>([0, 0]);
  const [isHere, setHere] = useState(false);
  const described = useUid();
  const { rows } = sweep;
  const grid = heatGrid(rows.length, ...size);
  const at = marked ? rows.findIndex((row) => row.index === marked.index) : -1;
  const under = (event: MouseEvent): SweepRow | null =>
    rows[cellAt(grid, rows.length, event.offsetX, event.offsetY)] ?? null;
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -grid.columns, ArrowDown: grid.columns };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      mark(rows[Math.max(0, Math.min(rows.length - 1, at + step))] ?? null);
    } else if (event.key === "Enter" && marked) show(marked);
  };
  return (
    <Section title="Jobs by state" class="nxp-Mosaic">
      <div class="nxp-HeatMap">
        <Canvas
          role="application"
          aria-roledescription="map of jobs"
          aria-label={`${plural(rows.length, "job")}, a cell each. The arrow keys go from job to job, Enter opens one.`}
          aria-describedby={described}
          tabIndex={0}
          paint={(context) => paintMosaic(context, rows, grid, at, theme)}
          onSize={(width, height) => setSize([width, height])}
          onMouseMove={(event) => {
            setHere(true);
            mark(under(event));
          }}
          onMouseLeave={() => {
            setHere(false);
            mark(null);
          }}
          onFocus={() => setHere(true)}
          onBlur={() => setHere(false)}
          onClick={(event) => {
            const row = under(event);
            if (row) show(row);
          }}
          onKeyDown={onKeyDown}
        />
        <span id={described} class="nxp-hidden" aria-live="polite">
          {isHere && marked ? rowWords(sweep, marked).join(", ") : ""}
        </span>
        {isHere && marked && at >= 0 && (
          <Tip
            x={(at % grid.columns) * grid.pitch + grid.pitch / 2}
            y={Math.floor(at / grid.columns) * grid.pitch + grid.pitch / 2}
          >
            {rowWords(sweep, marked).map((line, nth) => (
              <span key={nth}>{line}</span>
            ))}
          </Tip>
        )}
      </div>
    </Section>
  );
}
