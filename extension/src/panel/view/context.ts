import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Actions } from "../actions";
import type { JobFilter } from "../model/filter";
import type { PanelState } from "../model/state";
import type { Theme } from "../paint/theme";
import type { Store } from "../store";

/** What lies open beside the tables. */
export type Opened = { kind: "job"; id: string } | { kind: "node"; id: string } | null;

export interface PanelContext {
  store: Store;
  state: PanelState;
  /** The coordinator's time at this drawing, in Unix seconds. */
  now: number;
  theme: Theme;
  /** Whether any of the panel is on the screen: nothing moves where nobody looks. */
  isSeen: boolean;
  actions: Actions;
  filter: JobFilter;
  setFilter: (change: Partial<JobFilter>) => void;
  opened: Opened;
  open: (what: Opened) => void;
}

export const Context = createContext<PanelContext | null>(null);

export function usePanel(): PanelContext {
  const panel = useContext(Context);
  if (!panel) throw new Error("outside of a panel");
  return panel;
}
