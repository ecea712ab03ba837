/** `GET /jobs/{id}`, as far as the panel reads it. */
export interface JobDetail {
  job_id: string;
  status: string;
  assigned_to: string | null;
  result: unknown;
  kind: string;
  name: string;
  sweep: string | null;
  params: Record<string, unknown> | null;
  data: unknown;
  epoch: number;
  priority: number;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  run_s: number | null;
  error: Failure | null;
  retry_of: string | null;
  attempts?: AttemptDetail[];
  waiting?: string[];
  progress?: [number | null, string] | null;
}

export interface AttemptDetail {
  epoch: number;
  node: string;
  leased_at: number;
  started_at: number | null;
  ended_at: number | null;
  end: string | null;
  run_s: number | null;
  peak_memory_bytes: number | null;
  error: Failure | null;
}

export interface Failure {
  type?: string;
  message?: string;
  traceback?: string | null;
  signal?: string | null;
  exit_code?: number | null;
}

/** `GET /jobs/{id}/log`: what is kept of an attempt's output from a byte on. */
export interface LogPiece {
  epoch: number;
  start: number;
  end: number;
  text: string;
  is_open: boolean;
}

/** What has been read of a log so far. */
export interface LogText {
  epoch: number;
  end: number;
  text: string;
  isOpen: boolean;
}

/** The page holds this much text of a log; older lines make room. */
const MOST_LETTERS = 400_000;

export const NO_LOG: LogText = { epoch: -1, end: 0, text: "", isOpen: true };

/** `log` with what was read after it. A new attempt begins anew; a gap is said. */
export function appended(log: LogText, piece: LogPiece): LogText {
  const isNew = piece.epoch !== log.epoch;
  const before = isNew ? "" : log.text;
  const missing = piece.start - (isNew ? 0 : log.end);
  const gap = missing > 0 ? `${before && "\n"}… ${missing} bytes were not kept …\n` : "";
  let text = before + gap + piece.text;
  if (text.length > MOST_LETTERS) {
    text = text.slice(-MOST_LETTERS);
    text = text.slice(text.indexOf("\n") + 1);
  }
  return { epoch: piece.epoch, end: piece.end, text, isOpen: piece.is_open };
}

const MOST_PREVIEW = 20_000;

/** A JSON value as people read it, cut where it is long. */
export function preview(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
  return text.length > MOST_PREVIEW ? `${text.slice(0, MOST_PREVIEW)}\n… ${text.length - MOST_PREVIEW} more letters` : text;
}

/** A result that only the kernel may open: what is known of it from outside. */
export function sealed(value: unknown): { format: string; size: number } | null {
  if (typeof value !== "object" || value === null) return null;
  const { format, size } = value as { format?: unknown; size?: unknown };
  return typeof format === "string" && typeof size === "number" ? { format, size } : null;
}
