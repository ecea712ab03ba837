import type { ComponentChildren, JSX } from "preact";
import { useMemo, useState } from "preact/hooks";

import { clock, count } from "../model/format";
import type { Cell } from "../model/messages";
import type { SweepRow, SweepTable } from "../model/sweep";
import { usePanel } from "./context";
import { Section, State } from "./parts";
import { cellWords } from "./sweepWords";
import { Table, type TableColumn } from "./Table";

const OWN: Record<string, (row: SweepRow) => Cell> = {
  "#": (row) => row.index,
  State: (row) => row.state,
  Node: (row) => row.node,
  Ran: (row) => row.runS,
  Error: (row) => row.error || null,
};

interface Sort {
  column: string;
  descending: boolean;
}

/** The sweep's columns carry a mark, so that a parameter may be called "State". */
const MARK = "=";

function columnsOf(table: SweepTable): TableColumn[] {
  const given = table.columns.map(
    (column, at): TableColumn => ({
      key: `${MARK}${at}`,
      label: column.name,
      width: "minmax(88px, 1fr)",
      end: column.type === "number",
    }),
  );
  return [
    { key: "#", label: "#", width: "62px", end: true },
    { key: "State", label: "State", width: "108px" },
    ...given,
    { key: "Ran", label: "Ran", width: "70px", end: true },
    { key: "Node", label: "Node", width: "minmax(86px, 1fr)" },
    { key: "Error", label: "Error", width: "minmax(90px, 1fr)" },
  ];
}

const getter = (key: string): ((row: SweepRow) => Cell) =>
  OWN[key] ?? ((row) => row.cells[Number(key.slice(MARK.length))] ?? null);

/** Rows in order; empty cells last in either direction. */
function sorted(rows: readonly SweepRow[], sort: Sort): SweepRow[] {
  const value = getter(sort.column);
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = value(a);
    const y = value(b);
    if (x === y) return a.index - b.index;
    if (x === null) return 1;
    if (y === null) return -1;
    return (x < y ? -1 : 1) * sign;
  });
}

/** A row per job: parameters, results, where and how long it ran. */
export function SweepJobs({ show }: { show: (row: SweepRow) => void }): JSX.Element {
  const { state, filter, setFilter, opened } = usePanel();
  const { sweep } = state;
  const [sort, setSort] = useState<Sort>({ column: "#", descending: false });
  const columns = useMemo(() => columnsOf(sweep), [sweep, sweep.columns]);
  const rows = useMemo(() => {
    const passing = filter.state === null ? sweep.rows : sweep.rows.filter((row) => row.state === filter.state);
    return sorted(passing, sort);
  }, [sweep, sweep.version, filter.state, sort]);
  const view = useMemo(() => ({}), [sweep, filter.state, sort]);
  const cell = (at: number, key: string): ComponentChildren => {
    const row = rows[at]!;
    if (key === "State") return <State of={row.state} />;
    if (key === "Ran") return clock(row.runS);
    if (key === "#") return <span class="nxp-soft">{count(row.index)}</span>;
    const words = cellWords(getter(key)(row));
    return <span title={words} class={key === "Error" ? "nxp-error" : ""}>{words}</span>;
  };
  return (
    <Section
      title="Parameters and results"
      class="nxp-Jobs"
      aside={
        <span class="nxp-soft">
          {rows.length === sweep.rows.length ? "" : `${count(rows.length)} of ${count(sweep.rows.length)}`}
        </span>
      }
    >
      <Table
        label="Parameters and results"
        columns={columns}
        count={rows.length}
        view={view}
        keyAt={(at) => rows[at]!.index}
        find={(index) => rows.findIndex((row) => row.index === index)}
        cell={cell}
        sort={sort}
        onSort={(column) => setSort((old) => ({ column, descending: old.column === column && !old.descending }))}
        onOpen={(at) => show(rows[at]!)}
        isOpen={(at) => opened?.kind === "job" && opened.id === rows[at]!.id}
        empty={
          filter.state === null ? (
            "No job yet."
          ) : (
            <>
              No job is in this state.{" "}
              <button type="button" class="nxp-Button" onClick={() => setFilter({ state: null })}>
                Show all
              </button>
            </>
          )
        }
      />
    </Section>
  );
}
