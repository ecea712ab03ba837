import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";

import { plural } from "../model/format";
import { firstAxes, paramsOf, type PlotAxes, plotOf, resultsOf } from "../model/points";
import { paintPlot, plotFrame, pointAt, seriesColour } from "../paint/plot";
import { Canvas } from "./Canvas";
import { usePanel } from "./context";
import type { MarkProps } from "./Mosaic";
import { Section, Tip } from "./parts";
import { rowWords } from "./sweepWords";

interface PickProps {
  label: string;
  value: string;
  options: readonly string[];
  none?: string;
  onPick: (value: string) => void;
}

function Pick({ label, value, options, none, onPick }: PickProps): JSX.Element {
  return (
    <label class="nxp-Pick">
      <span>{label}</span>
      <select class="nxp-Select" value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        {none !== undefined && <option value="">{none}</option>}
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Any result over any parameter, in series by a third: points as they land, and their means. */
export function SweepPlot({ marked, mark, show }: MarkProps): JSX.Element {
  const { state, theme } = usePanel();
  const { sweep } = state;
  const [chosen, choose] = useState<Partial<PlotAxes>>({});
  const [size, setSize] = useState<[number, number]>([0, 0]);
  const [isHere, setHere] = useState(false);
  const first = useMemo(() => firstAxes(sweep), [sweep, sweep.version]);
  const axes: PlotAxes = { ...first, ...chosen };
  const plot = useMemo(() => plotOf(sweep, axes), [sweep, sweep.version, axes.x, axes.y, axes.by]);
  const params = paramsOf(sweep).map((column) => column.name);
  const results = resultsOf(sweep);
  const frame = plotFrame(plot, ...size);
  const spot = marked && plot.series.flatMap((series) => series.points).find(([, , row]) => row.index === marked.index);
  const step = (by: number): void => {
    const rows = plot.series.flatMap((series) => series.points.map(([, , row]) => row));
    const at = rows.findIndex((row) => row.index === marked?.index);
    mark(rows[Math.max(0, Math.min(rows.length - 1, at + by))] ?? null);
  };
  return (
    <Section
      title="Results"
      class="nxp-Plot"
      aside={
        <div class="nxp-Row">
          <Pick label="y" value={axes.y} options={results} onPick={(y) => choose({ ...chosen, y })} />
          <Pick label="x" value={axes.x} options={params} onPick={(x) => choose({ ...chosen, x })} />
          <Pick
            label="by"
            value={axes.by ?? ""}
            none="nothing"
            options={params.filter((name) => name !== axes.x)}
            onPick={(by) => choose({ ...chosen, by: by || null })}
          />
        </div>
      }
    >
      <div class="nxp-Plot-sight">
        <Canvas
          role="application"
          aria-roledescription="chart"
          aria-label={`${axes.y} over ${axes.x}, ${plural(plot.count, "point")}. Left and right go from point to point, Enter opens the job.`}
          tabIndex={0}
          paint={(context, width, height) =>
            plot.count > 0 && paintPlot(context, width, height, plot, axes, marked, theme)
          }
          onSize={(width, height) => setSize([width, height])}
          onMouseMove={(event) => {
            setHere(true);
            mark(pointAt(plot, ...size, event.offsetX, event.offsetY));
          }}
          onMouseLeave={() => {
            setHere(false);
            mark(null);
          }}
          onFocus={() => setHere(true)}
          onBlur={() => setHere(false)}
          onClick={() => marked && show(marked)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && marked) show(marked);
            if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
            event.preventDefault();
            event.stopPropagation();
            step(event.key === "ArrowLeft" ? -1 : 1);
          }}
        />
        {plot.count === 0 && <p class="nxp-Empty">Results appear here as they land.</p>}
        {isHere && marked && spot && (
          <Tip x={frame.x(spot[0])} y={frame.y(spot[1])}>
            {rowWords(sweep, marked).map((line, at) => (
              <span key={at}>{line}</span>
            ))}
          </Tip>
        )}
      </div>
      {axes.by !== null && (
        <div class="nxp-Legend nxp-soft nxp-Plot-legend">
          {plot.series.slice(0, 8).map((series, at) => (
            <span key={series.name}>
              <i class="nxp-Dot" style={{ "--c": seriesColour(at) }} />
              {series.name}
            </span>
          ))}
          {plot.series.length > 8 && <span>and {plot.series.length - 8} more</span>}
        </div>
      )}
    </Section>
  );
}
