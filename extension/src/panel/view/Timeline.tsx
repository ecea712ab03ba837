import type { JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";

import type { Attempt } from "../model/attempts";
import { duration, plural, ticking, timeOfDay } from "../model/format";
import type { JobTable } from "../model/jobs";
import { packLanes } from "../model/lanes";
import { SERIES_COLOURS, UNKNOWN_COLOUR } from "../palette";
import { AXIS, barAt, colourByEnd, paintTimeline, type TimelineView } from "../paint/timeline";
import { Canvas } from "./Canvas";
import { usePanel } from "./context";
import { labelOf, Section, Tip } from "./parts";
import { useSteps } from "./steps";
import { useUid } from "./uid";
import { type TimeWindowControl, useTimeWindow } from "./window";

const LEAST_PITCH = 3;
const LARGEST_PITCH = 16;
/** Where the drawing begins in its section. */
const LEFT = 14;
const TOP = 32;

/** Every attempt as a bar in its slot's lane, against time. */
export function Timeline(): JSX.Element {
  const { state, now, theme, open, opened, store } = usePanel();
  const { attempts, jobs } = state;
  const [bySweep, setBySweep] = useState(false);
  const [size, setSize] = useState<[number, number]>([0, 0]);
  const [scroll, setScroll] = useState(0);
  const [pointed, setPointed] = useState<{ bar: Attempt; x: number; y: number } | null>(null);
  const [focused, setFocused] = useState<string | null>(null);
  const described = useUid();
  const nodes = state.nodes.size;
  // The order of the nodes only grows, so that no lane changes its place.
  const lanes = useMemo(
    () => packLanes(attempts.all.values(), [...state.nodes.keys()]),
    [attempts, attempts.version, nodes],
  );
  const earliest = useMemo(() => {
    let first = Infinity;
    for (const attempt of attempts.all.values()) first = Math.min(first, attempt.start);
    return first;
  }, [attempts, attempts.version]);
  const time = useTimeWindow(now, earliest, size[0]);
  useSteps(time.isFollowing && store.link !== "closed", (time.window.to - time.window.from) / Math.max(1, size[0]));

  const room = Math.max(1, size[1] - AXIS);
  const pitch = Math.max(LEAST_PITCH, Math.min(LARGEST_PITCH, room / Math.max(1, lanes.length)));
  const focusedBar = focused === null ? null : (attempts.all.get(focused) ?? null);
  const sweepColour = (bar: Attempt): string => {
    const row = jobs.row(bar.seq);
    const code = row < 0 ? -1 : jobs.sweep[row]!;
    return code < 0 ? UNKNOWN_COLOUR : SERIES_COLOURS[code % SERIES_COLOURS.length]!;
  };
  const openedRow = opened?.kind === "job" ? jobs.rowOfId(opened.id) : -1;
  const openedBar = openedRow < 0 ? null : attempts.all.get(`${jobs.seq[openedRow]}:${jobs.epoch[openedRow]}`);
  const view = (): TimelineView => ({
    lanes,
    window: time.window,
    now: store.now(),
    pitch,
    scroll,
    colour: bySweep ? sweepColour : colourByEnd,
    marked: pointed?.bar ?? focusedBar ?? openedBar ?? null,
  });

  const show = (bar: Attempt | null | undefined): void => {
    const row = bar ? jobs.row(bar.seq) : -1;
    if (row >= 0) open({ kind: "job", id: jobs.id[row]! });
  };
  const dragging = useRef<{ x: number; moved: boolean } | null>(null);
  const onPointerMove = (event: PointerEvent): void => {
    const from = dragging.current;
    if (from) {
      if (Math.abs(event.offsetX - from.x) > 3) from.moved = true;
      if (from.moved) {
        time.shift(from.x - event.offsetX);
        from.x = event.offsetX;
      }
      return;
    }
    const bar = barAt(size[0], event.offsetX, event.offsetY, view());
    setPointed(bar && { bar, x: event.offsetX, y: event.offsetY });
  };
  const onPointerUp = (event: PointerEvent): void => {
    if (dragging.current && !dragging.current.moved) show(barAt(size[0], event.offsetX, event.offsetY, view()));
    dragging.current = null;
  };
  const step = (by: number): void => {
    const all = [...attempts.all.entries()];
    const at = all.findIndex(([key]) => key === focused);
    const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? all.length - 1 : at + by))];
    if (!next) return;
    setFocused(next[0]);
    time.reveal(next[1].start);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const keys: Record<string, () => void> = {
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      "+": () => time.zoom(0.5),
      "-": () => time.zoom(2),
      End: time.follow,
      Enter: () => show(focusedBar),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };

  return (
    <Section
      title="Timeline"
      class="nxp-Timeline"
      aside={<Controls attempts={attempts.all.size} time={time} bySweep={bySweep} setBySweep={setBySweep} />}
    >
      <div
        class="nxp-Timeline-scroll"
        tabIndex={-1}
        onScroll={(event) => setScroll(event.currentTarget.scrollTop)}
      >
        <div class="nxp-Timeline-sight">
          <Canvas
            role="application"
            aria-roledescription="timeline"
            aria-label={`${plural(attempts.all.size, "attempt")} on ${plural(lanes.length, "slot")}. Left and right go from attempt to attempt, Enter opens the job, plus and minus zoom, End follows the present.`}
            aria-describedby={described}
            tabIndex={0}
            paint={(context, width, height) => paintTimeline(context, width, height, view(), theme)}
            onSize={(width, height) => setSize([width, height])}
            onPointerDown={(event) => {
              dragging.current = { x: event.offsetX, moved: false };
              event.currentTarget.setPointerCapture(event.pointerId);
              setPointed(null);
            }}
            onPointerMove={onPointerMove}
            onPointerUp={onPointerUp}
            onPointerCancel={() => (dragging.current = null)}
            onPointerLeave={() => setPointed(null)}
            onBlur={() => setFocused(null)}
            onKeyDown={onKeyDown}
            onWheel={(event) => {
              // The plain wheel belongs to the page: a cell must not hold whoever scrolls past it.
              if (event.ctrlKey || event.metaKey || event.altKey) {
                event.preventDefault();
                time.zoom(Math.exp(event.deltaY * 0.003), event.offsetX);
              } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
                event.preventDefault();
                time.shift(event.deltaX);
              }
            }}
          />
        </div>
        <div style={{ height: `${Math.max(0, Math.ceil(lanes.length * pitch - room))}px` }} />
      </div>
      {attempts.all.size === 0 && <p class="nxp-Empty">Nothing has run yet.</p>}
      <span id={described} class="nxp-hidden" aria-live="polite">
        {focusedBar && barWords(focusedBar, jobs, now).join(", ")}
      </span>
      {pointed && (
        <Tip x={pointed.x + LEFT} y={pointed.y + TOP}>
          {barWords(pointed.bar, jobs, now).map((line, at) => (at ? <span key={at}>{line}</span> : <b key={at}>{line}</b>))}
        </Tip>
      )}
    </Section>
  );
}

function barWords(bar: Attempt, jobs: JobTable, now: number): string[] {
  const row = jobs.row(bar.seq);
  const sweep = row < 0 ? null : jobs.sweepOf(row);
  const isOver = !Number.isNaN(bar.end);
  return [
    row < 0 ? `job ${bar.seq}` : jobs.name[row] || jobs.id[row]!,
    ...(sweep === null ? [] : [`sweep ${sweep}`]),
    `${isOver ? labelOf(bar.how) : "running"} on ${bar.node}`,
    `${timeOfDay(bar.start, now)}, ${isOver ? duration(bar.end - bar.start) : ticking(now - bar.start)}`,
    ...(bar.epoch > 1 ? [`attempt ${bar.epoch}`] : []),
  ];
}

interface ControlsProps {
  attempts: number;
  time: TimeWindowControl;
  bySweep: boolean;
  setBySweep: (isOn: boolean) => void;
}

function Controls({ attempts, time, bySweep, setBySweep }: ControlsProps): JSX.Element {
  const icon = (sign: string, label: string, factor: number, title: string): JSX.Element => (
    <button
      type="button"
      class="nxp-Button nxp-mod-icon"
      aria-label={label}
      title={title}
      onClick={() => time.zoom(factor)}
    >
      {sign}
    </button>
  );
  return (
    <div class="nxp-Row">
      <span class="nxp-soft nxp-mod-roomy">{plural(attempts, "attempt")}</span>
      <div class="nxp-Switch" role="group" aria-label="Colour of the bars">
        <button type="button" aria-pressed={!bySweep} onClick={() => setBySweep(false)}>
          by state
        </button>
        <button type="button" aria-pressed={bySweep} onClick={() => setBySweep(true)}>
          by sweep
        </button>
      </div>
      {icon("−", "Zoom out", 2, "Zoom out (−)")}
      {icon("+", "Zoom in", 0.5, "Zoom in (+, or Ctrl and the wheel)")}
      <button
        type="button"
        class="nxp-Button"
        aria-pressed={time.isFollowing}
        title="Keep the present in sight"
        onClick={time.follow}
      >
        Now
      </button>
    </div>
  );
}
