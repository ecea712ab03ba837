import type { Message, PaceCells } from "./messages";
import { nodeOf, PanelState } from "./state";

/** The last hour is what the charts show. */
const PACE_KEPT_S = 3600;

/**
 * `state` after `message`. The tables of the state are changed in place and count their versions;
 * only a `hello` gives a new state, because whoever hears it forgets all that was before.
 */
export function merge(state: PanelState, message: Message): PanelState {
  switch (message.t) {
    case "hello": {
      const fresh = new PanelState(message.window);
      fresh.hello = message;
      return fresh;
    }
    case "nodes":
      for (const row of message.rows) {
        state.nodes.set(row[0], nodeOf(row, state.nodes.get(row[0])));
      }
      state.nodesVersion += 1;
      break;
    case "jobs":
      state.jobs.upsert(message.rows);
      break;
    case "patch":
      state.jobs.patch(message.rows);
      break;
    case "progress":
      state.jobs.progress(message.rows);
      break;
    case "attempts":
      state.attempts.upsert(message.rows);
      break;
    case "pace":
      state.paceWidthS = message.width_s;
      state.pace = mergePace(state.pace, message.rows);
      state.paceVersion += 1;
      break;
    case "tick":
      state.tick = message;
      break;
    case "sweep":
      state.sweep.describe(message.name, message.total, message.columns);
      break;
    case "sweep_rows":
      state.sweep.upsert(message.rows);
      break;
    case "ready":
      state.ready = true;
      break;
  }
  return state;
}

function mergePace(old: readonly PaceCells[], rows: readonly PaceCells[]): PaceCells[] {
  if (!rows.length) return old as PaceCells[];
  const known = new Map(old.map((row) => [row[0], row]));
  for (const row of rows) known.set(row[0], row);
  const all = [...known.values()].sort((a, b) => a[0] - b[0]);
  const oldest = all[all.length - 1]![0] - PACE_KEPT_S;
  return all.filter((row) => row[0] >= oldest);
}
