import { useRef, useState } from "preact/hooks";

import { GUTTER, type TimeWindow } from "../paint/timeline";
import { usePanel } from "./context";

const SHORTEST_S = 2;
const FIRST_S = 300;
/** How much of the width lies past the present while it is followed. */
const AHEAD = 0.02;

export interface TimeWindowControl {
  window: TimeWindow;
  isFollowing: boolean;
  follow: () => void;
  /** Make the window `factor` times as long; `x` is the pixel that keeps its time. */
  zoom: (factor: number, x?: number) => void;
  shift: (pixels: number) => void;
  reveal: (time: number) => void;
}

/** Which part of time a drawing shows: the last minutes up to now, or what the reader chose. */
export function useTimeWindow(now: number, earliest: number, width: number): TimeWindowControl {
  const { store } = usePanel();
  const [chosen, setChosen] = useState<number | null>(null);
  const [end, setEnd] = useState<number | null>(null);
  const grown = useRef(30);
  // A young fleet fills the width too: the first window grows in few steps, not all the time.
  const known = Number.isFinite(earliest) ? now - earliest : 0;
  while (grown.current < FIRST_S && known > grown.current * 0.98) grown.current *= 2;
  const span = chosen ?? Math.min(FIRST_S, grown.current);
  const present = (): number => store.now() + span * AHEAD;
  const to = end ?? present();
  const pixels = Math.max(1, width - GUTTER);
  const longest = Math.max(FIRST_S, known * 1.2);

  return {
    get window(): TimeWindow {
      const until = end ?? present();
      return { from: until - span, to: until };
    },
    isFollowing: end === null,
    follow: () => setEnd(null),
    zoom: (factor, x) => {
      const next = Math.min(longest, Math.max(SHORTEST_S, span * factor));
      setChosen(next);
      if (x === undefined && end === null) return;
      const share = x === undefined ? 0.5 : (x - GUTTER) / pixels;
      const still = to - span * (1 - share);
      const until = still + next * (1 - share);
      setEnd(until >= store.now() ? null : until);
    },
    shift: (by) => {
      const until = to + (by * span) / pixels;
      setEnd(until >= store.now() + span * AHEAD ? null : until);
    },
    reveal: (time) => {
      if (time < to - span || time > to) setEnd(Math.min(time + span / 2, store.now()));
    },
  };
}
