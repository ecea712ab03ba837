// Made by palette.py from nexapod/views/theme.py: change it there.

/** The colour of a state. */
export const STATE_COLOURS: Readonly<Record<string, string>> = {
  "pending": "#a3abb5",
  "assigned": "#2b83ca",
  "running": "#2b83ca",
  "completed": "#10a37c",
  "failed": "#d9541e",
  "cancelled": "#b07aa8",
  "lost": "#dd9a12",
  "released": "#7fb2dd",
  "online": "#10a37c",
  "suspect": "#c9b02f",
  "draining": "#7fb2dd",
  "left": "#a3abb5",
  "busy": "#2b83ca",
  "free": "#a3abb5"
};

/** What people read for a state. */
export const STATE_LABELS: Readonly<Record<string, string>> = {
  "assigned": "running"
};

/** What is done first, what is open last. */
export const STATE_ORDER: readonly string[] = [
  "completed",
  "failed",
  "lost",
  "cancelled",
  "released",
  "assigned",
  "running",
  "pending"
];

/** For things that are not states. */
export const SERIES_COLOURS: readonly string[] = [
  "#4477aa",
  "#cc6677",
  "#669966",
  "#b59b2c",
  "#8a6fb8",
  "#44a3a0",
  "#b3706a",
  "#7f8a96"
];

/** For a state this version does not know. */
export const UNKNOWN_COLOUR: string = "#8a8f98";
