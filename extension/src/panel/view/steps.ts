import { useEffect, useReducer } from "preact/hooks";

import { usePanel } from "./context";

const FASTEST_MS = 33;

/** Draw again whenever time has moved by one pixel, so that a drawing glides and wastes nothing. */
export function useSteps(isOn: boolean, secondsPerPixel: number): void {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const { isSeen } = usePanel();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const pause = Math.min(1000, Math.max(calm ? 1000 : FASTEST_MS, secondsPerPixel * 1000));
  useEffect(() => {
    if (!isOn || !isSeen) return;
    let frame = 0;
    const timer = setInterval(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => draw(undefined));
    }, pause);
    return () => {
      clearInterval(timer);
      cancelAnimationFrame(frame);
    };
  }, [isOn, isSeen, pause]);
}
