// Made by palette.py from nexapod/views/theme.py: change it there.

/** The colour of a state. */
export const STATE_COLOURS: Readonly<Record<string, string>> = {
  "pending": "#8c8d90",
  "assigned": "#2563eb",
  "running": "#2563eb",
  "completed": "#0b8060",
  "failed": "#bd4427",
  "cancelled": "#8b6288",
  "lost": "#c8860a",
  "released": "#079dd4",
  "online": "#0b8060",
  "suspect": "#756d24",
  "draining": "#079dd4",
  "left": "#8c8d90",
  "busy": "#2563eb",
  "free": "#8c8d90"
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
  "#7b8cf4",
  "#b2466f",
  "#58a27a",
  "#88683a",
  "#7560af",
  "#939139",
  "#b780b0",
  "#567e82"
];

/** For a state this version does not know. */
export const UNKNOWN_COLOUR: string = "#7d8590";
