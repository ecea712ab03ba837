import { duration, number } from "../model/format";
import type { Cell } from "../model/messages";
import type { SweepRow, SweepTable } from "../model/sweep";
import { labelOf } from "./parts";

export function cellWords(value: Cell | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return number(value);
  return typeof value === "boolean" ? (value ? "yes" : "no") : value;
}

/** A job of a sweep in a few lines: what it was given, and what came of it. */
export function rowWords(table: SweepTable, row: SweepRow): string[] {
  const told = (role: string): string[] =>
    table.columns
      .map((column, at) => [column, cellWords(row.cells[at])] as const)
      .filter(([column, words]) => column.role === role && words)
      .slice(0, 8)
      .map(([column, words]) => `${column.name} = ${words}`);
  const ran = row.runS === null ? "" : `, ${duration(row.runS)}`;
  return [
    `#${row.index} ${labelOf(row.state)}${ran}`,
    ...told("param"),
    ...told("result"),
    ...(row.error ? [row.error] : []),
  ];
}
