import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";

import { Actions, type Say } from "../actions";
import { type JobFilter, NO_FILTER } from "../model/filter";
import { kept, readTheme, type Theme, watchTheme } from "../paint/theme";
import type { Store } from "../store";
import { Context, type Opened } from "./context";
import { FleetView } from "./FleetView";
import { SweepView } from "./SweepView";

const NOTE_MS = 8000;
const CLOCK_MS = 1000;

interface Props {
  store: Store;
  view: "fleet" | "sweep";
  density: "cell" | "tab";
}

const NO_THEME: Theme = {
  ink: "#1d232b", soft: "#5b6571", line: "#dfe3e8", faint: "#f2f4f6", back: "#fff", font: "sans-serif", isDark: false,
};

/** The panel: draws anew when the store has news or a second has passed, and only while it is seen. */
export function Panel({ store, view, density }: Props): JSX.Element {
  const root = useRef<HTMLDivElement>(null);
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const [theme, setTheme] = useState(NO_THEME);
  const [filter, setFilter] = useState<JobFilter>(NO_FILTER);
  const [opened, open] = useState<Opened>(null);
  const [note, say] = useNote();
  const isSeen = useSight(root);
  const actions = useMemo(() => new Actions(store, say), [store]);

  useLayoutEffect(() => {
    const read = (): void => setTheme((old) => kept(old, readTheme(root.current!)));
    read();
    // A widget is drawn before it is in the page; there its colours are known.
    const observer = new ResizeObserver(read);
    observer.observe(root.current!);
    const unwatch = watchTheme(read);
    return () => {
      observer.disconnect();
      unwatch();
    };
  }, []);
  useEffect(() => {
    if (!isSeen) return;
    draw(undefined);
    const stop = store.subscribe(() => draw(undefined));
    const timer = setInterval(() => draw(undefined), CLOCK_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [isSeen, store]);

  const panel = {
    store,
    state: store.state,
    now: store.now(),
    theme,
    isSeen,
    actions,
    filter,
    setFilter: (change: Partial<JobFilter>) => setFilter((old) => ({ ...old, ...change })),
    opened,
    open,
  };
  return (
    <Context.Provider value={panel}>
      <div
        ref={root}
        class={`nxp-Panel nxp-mod-${density} nxp-mod-${view}`}
        // Check boxes and scroll bars follow the page's theme, which need not be the system's.
        style={{ colorScheme: theme.isDark ? "dark" : "light" }}
        // The keys pressed in here are the panel's, not the notebook's.
        data-lm-suppress-shortcuts="true"
      >
        {view === "fleet" ? <FleetView /> : <SweepView />}
        <div class={`nxp-Note nxp-mod-${note.tone}`} role="status" aria-live="polite">
          {note.words}
        </div>
      </div>
    </Context.Provider>
  );
}

/** One line that says what an action did, and goes by itself. */
function useNote(): [{ words: string; tone: string }, Say] {
  const [note, setNote] = useState({ words: "", tone: "good" });
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => () => clearTimeout(timer.current), []);
  const say: Say = (words, tone = "good") => {
    setNote({ words, tone });
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setNote({ words: "", tone: "good" }), NOTE_MS);
  };
  return [note, say];
}

/** Whether any of the element is on a visible screen. */
function useSight(element: { current: HTMLElement | null }): boolean {
  const [isSeen, setSeen] = useState(true);
  useEffect(() => {
    let isNear = true;
    const look = (): void => setSeen(isNear && !document.hidden);
    const observer = new IntersectionObserver((entries) => {
      isNear = entries[entries.length - 1]!.isIntersecting;
      look();
    });
    observer.observe(element.current!);
    document.addEventListener("visibilitychange", look);
    return () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
  return isSeen;
}
