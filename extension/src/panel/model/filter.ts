import type { JobTable } from "./jobs";

/** Which jobs to show. Null and the empty text let everything through. */
export interface JobFilter {
  state: string | null;
  sweep: string | null;
  node: string | null;
  text: string;
}

export const NO_FILTER: JobFilter = { state: null, sweep: null, node: null, text: "" };

export const isFiltered = (filter: JobFilter): boolean =>
  filter.state !== null || filter.sweep !== null || filter.node !== null || filter.text.trim() !== "";

/** Whether every row that `next` lets through, `before` let through too: then only those are looked at. */
export function narrows(next: JobFilter, before: JobFilter): boolean {
  return (
    (before.state === null || before.state === next.state) &&
    (before.sweep === null || before.sweep === next.sweep) &&
    (before.node === null || before.node === next.node) &&
    words(before.text).every((word) => words(next.text).some((longer) => longer.includes(word)))
  );
}

export function words(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** A test of one row. Codes are looked up once, so that a row costs a few comparisons. */
export function tester(table: JobTable, filter: JobFilter): (row: number) => boolean {
  const { state, sweep, node, text } = table;
  const wanted = words(filter.text);
  const [first] = wanted;
  const ofState = filter.state === null ? null : table.states.find(filter.state);
  const ofSweep = filter.sweep === null ? null : table.sweeps.find(filter.sweep);
  const ofNode = filter.node === null ? null : table.nodes.find(filter.node);
  // A word that no row carries has the code -1, as has none at all: nothing matches it.
  if (ofState === -1 || ofSweep === -1 || ofNode === -1) return () => false;
  return (row) =>
    (ofState === null || state[row] === ofState) &&
    (ofSweep === null || sweep[row] === ofSweep) &&
    (ofNode === null || node[row] === ofNode) &&
    (first === undefined ||
      (wanted.length === 1
        ? text[row]!.includes(first)
        : wanted.every((word) => text[row]!.includes(word))));
}
