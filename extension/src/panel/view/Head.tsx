import type { JSX } from "preact";

import { coarse, count, NONE, plural, rate, remaining, timeOfDay } from "../model/format";
import { isOnline } from "../model/state";
import { STATE_ORDER } from "../palette";
import { usePanel } from "./context";
import { Invite } from "./Invite";
import { Dot, Figure, labelOf, StateBar } from "./parts";

const LISTED = ["assigned", "pending", "completed", "failed", "cancelled"];

const LINK_WORDS = { live: "live", waiting: "waiting", closed: "stopped" };

/** Whether what is seen is the present. */
export function LinkWords(): JSX.Element {
  const { store } = usePanel();
  return (
    <span class={`nxp-LinkWords nxp-mod-${store.link}`} role="status">
      <i />
      {store.words || LINK_WORDS[store.link]}
    </span>
  );
}

export function Chips(): JSX.Element {
  const { state, filter, setFilter } = usePanel();
  const counts = state.tick?.counts ?? {};
  return (
    <div class="nxp-Chips" role="group" aria-label="Show only jobs of one state">
      {LISTED.map((name) => (
        <button
          key={name}
          type="button"
          class="nxp-Chip"
          aria-pressed={filter.state === name}
          onClick={() => setFilter({ state: filter.state === name ? null : name })}
        >
          <b>{count(counts[name] ?? 0)}</b>
          <span>
            <Dot of={name} />
            {labelOf(name)}
          </span>
        </button>
      ))}
    </div>
  );
}

/** The coordinator's estimate, where there is something left to do. */
export function TimeLeft({ open, etaS }: { open: number; etaS: number | null | undefined }): JSX.Element {
  const words = open ? remaining(etaS).replace(/^about /, "≈ ").replace("a few seconds", "< 10 s") : "";
  return <Figure value={words || NONE} unit={open ? "left" : "nothing open"} />;
}

/** Which fleet this is, how it is, and how far it has come. */
export function Head(): JSX.Element {
  const { state, now } = usePanel();
  const { hello, tick } = state;
  const nodes = [...state.nodes.values()].filter((node) => node.status !== "left");
  const online = nodes.filter(isOnline).length;
  const [speed, unit] = rate(tick?.rate_per_s);
  const open = (tick?.counts["pending"] ?? 0) + (tick?.counts["assigned"] ?? 0);
  return (
    <header class="nxp-Head">
      <div class="nxp-Head-line">
        <h2 title={hello?.name}>{hello?.name ?? "…"}</h2>
        <LinkWords />
        <span class="nxp-Head-place">
          <span class="nxp-mono">{hello?.url}</span>
          {hello && (
            <span title={`since ${timeOfDay(hello.started_at, now)}`}> · up {coarse(now - hello.started_at)}</span>
          )}
        </span>
        <Invite />
      </div>
      <div class="nxp-Head-line nxp-Head-figures">
        <div class="nxp-Figures">
        <Figure
          value={
            <>
              {count(online)}
              <small>/{count(nodes.length)}</small>
            </>
          }
          unit="nodes online"
          title={`${plural(online, "node")} of ${count(nodes.length)} online`}
        />
        <Figure value={speed} unit={unit} />
        <TimeLeft open={open} etaS={tick?.eta_s} />
        </div>
        <Chips />
      </div>
      <StateBar counts={tick?.counts ?? {}} order={STATE_ORDER} />
    </header>
  );
}
