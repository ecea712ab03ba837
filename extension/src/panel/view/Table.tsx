import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { useUid } from "./uid";

export const ROW_PX = 26;
/** Rows drawn beyond those in sight, so that a quick scroll finds them there. */
const SPARE = 6;
/** So many rows in sight tell where the others have gone. */
const HELD = 7;

export interface TableColumn {
  key: string;
  label: string;
  /** A track of a CSS grid. */
  width: string;
  end?: boolean;
  /** Left out where the panel is narrow. */
  wide?: boolean;
}

export interface TableProps {
  label: string;
  columns: readonly TableColumn[];
  count: number;
  /** Which rows in which order are meant; another one is seen from its top. */
  view: unknown;
  /** What stays the same for a row wherever it stands. */
  keyAt: (at: number) => number;
  /** Where the row of a key stands now; -1 when it is not shown. */
  find: (key: number) => number;
  cell: (at: number, column: string) => ComponentChildren;
  sort: { column: string; descending: boolean };
  onSort: (column: string) => void;
  onOpen: (at: number) => void;
  isOpen?: (at: number) => boolean;
  selected?: ReadonlySet<number>;
  onSelect?: (selected: Set<number>) => void;
  empty: ComponentChildren;
}

/**
 * A table of any length: only the rows in sight are in the page. The arrow keys, Page Up and Down,
 * Home and End move the current row, Enter opens it, Space selects it, Ctrl+A selects all shown.
 */
export function Table(props: TableProps): JSX.Element {
  const { columns, count, keyAt, find, selected, onSelect } = props;
  const body = useRef<HTMLDivElement>(null);
  const id = useUid();
  const [scroll, setScroll] = useState(0);
  const [height, setHeight] = useState(10 * ROW_PX);
  const [current, setCurrent] = useState<number | null>(null);
  const held = useRef<{ view: unknown; rows: readonly [number, number][] }>({ view: null, rows: [] });
  const currentAt = current === null ? -1 : find(current);

  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setHeight(body.current!.clientHeight - ROW_PX));
    observer.observe(body.current!);
    return () => observer.disconnect();
  }, []);

  // Whoever has scrolled down keeps the rows in sight where they are while others come above them.
  useLayoutEffect(() => {
    const element = body.current!;
    if (held.current.view !== props.view) element.scrollTop = 0;
    else if (element.scrollTop > 0) element.scrollTop += shift(held.current.rows, find) * ROW_PX;
    const first = Math.floor(element.scrollTop / ROW_PX);
    const last = Math.min(count, first + HELD);
    held.current = {
      view: props.view,
      rows: Array.from({ length: Math.max(0, last - first) }, (_, at) => [keyAt(first + at), first + at]),
    };
  });

  const from = Math.max(0, Math.floor(scroll / ROW_PX) - SPARE);
  const to = Math.min(count, Math.ceil((scroll + height) / ROW_PX) + SPARE);

  const toggle = (at: number): void => {
    if (!selected || !onSelect) return;
    const next = new Set(selected);
    if (!next.delete(keyAt(at))) next.add(keyAt(at));
    onSelect(next);
  };
  const extend = (at: number): void => {
    if (!selected || !onSelect || currentAt < 0) return toggle(at);
    const next = new Set(selected);
    for (let row = Math.min(at, currentAt); row <= Math.max(at, currentAt); row += 1) next.add(keyAt(row));
    onSelect(next);
  };
  const selectAll = (): void => {
    const next = new Set<number>();
    for (let at = 0; at < count; at += 1) next.add(keyAt(at));
    onSelect?.(next);
  };

  const go = (at: number): void => {
    const row = Math.max(0, Math.min(count - 1, at));
    setCurrent(keyAt(row));
    const element = body.current!;
    if (row * ROW_PX < element.scrollTop) element.scrollTop = row * ROW_PX;
    const below = (row + 2) * ROW_PX - element.clientHeight;
    if (below > element.scrollTop) element.scrollTop = below;
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!count || event.target !== body.current) return;
    const page = Math.max(1, Math.floor(height / ROW_PX) - 1);
    const moves: Record<string, () => void> = {
      ArrowDown: () => go(currentAt + 1),
      ArrowUp: () => go(currentAt - 1),
      PageDown: () => go(currentAt + page),
      PageUp: () => go(currentAt - page),
      Home: () => go(0),
      End: () => go(count - 1),
      Enter: () => currentAt >= 0 && props.onOpen(currentAt),
      " ": () => currentAt >= 0 && toggle(currentAt),
    };
    const move = event.key === "a" && (event.ctrlKey || event.metaKey) && onSelect ? selectAll : moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  };

  const tracks = (onSelect ? "30px " : "") + columns.map((column) => column.width).join(" ");
  const rowProps = { id, currentAt, toggle, extend, setCurrent, ...props };
  return (
    <div
      ref={body}
      class="nxp-Table"
      role="grid"
      tabIndex={0}
      aria-label={props.label}
      aria-rowcount={count + 1}
      aria-multiselectable={onSelect !== undefined}
      aria-activedescendant={currentAt >= from && currentAt < to ? `${id}-${currentAt}` : undefined}
      style={{ "--nxp-tracks": tracks }}
      onScroll={(event) => setScroll(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
    >
      <TableHead {...props} selectAll={selectAll} />
      <div role="rowgroup" class="nxp-Table-all" style={{ height: `${count * ROW_PX}px` }}>
        {Array.from({ length: Math.max(0, to - from) }, (_, offset) => (
          <Row key={keyAt(from + offset)} at={from + offset} {...rowProps} />
        ))}
      </div>
      {count === 0 && <div class="nxp-Empty">{props.empty}</div>}
    </div>
  );
}

/** How far most of the rows have moved: one that went elsewhere by itself takes nobody with it. */
function shift(rows: readonly [number, number][], find: (key: number) => number): number {
  const moves: number[] = [];
  for (const [key, at] of rows) {
    const now = find(key);
    if (now >= 0) moves.push(now - at);
  }
  moves.sort((a, b) => a - b);
  return moves[moves.length >> 1] ?? 0;
}

type HeadProps = TableProps & { selectAll: () => void };

function TableHead({ columns, count, sort, onSort, selected, onSelect, selectAll }: HeadProps): JSX.Element {
  const all = count > 0 && (selected?.size ?? 0) >= count;
  return (
    <div class="nxp-Table-head" role="rowgroup">
      <div class="nxp-Table-titles" role="row" aria-rowindex={1}>
      {onSelect && (
        <span role="columnheader" class="nxp-Table-check">
          <input
            type="checkbox"
            aria-label="Select all shown"
            checked={all}
            disabled={!count}
            onChange={() => (all ? onSelect(new Set()) : selectAll())}
          />
        </span>
      )}
      {columns.map(({ key, label, end, wide }) => {
        const sorted = sort.column === key;
        return (
          <span
            key={key}
            role="columnheader"
            aria-sort={sorted ? (sort.descending ? "descending" : "ascending") : "none"}
            class={`${end ? "nxp-mod-end" : ""} ${wide ? "nxp-mod-wide" : ""}`}
          >
            <button type="button" title={`Sort by ${label}`} onClick={() => onSort(key)}>
              {label}
              <i class={sorted ? (sort.descending ? "nxp-mod-down" : "nxp-mod-up") : ""} />
            </button>
          </span>
        );
      })}
      </div>
    </div>
  );
}

type RowProps = TableProps & {
  at: number;
  id: string;
  currentAt: number;
  toggle: (at: number) => void;
  extend: (at: number) => void;
  setCurrent: (key: number) => void;
};

function Row(props: RowProps): JSX.Element {
  const { at, columns, cell, keyAt, selected, onSelect, id, currentAt } = props;
  const picked = selected?.has(keyAt(at)) ?? false;
  const classes = [
    "nxp-Table-row",
    at % 2 ? "nxp-mod-odd" : "",
    at === currentAt ? "nxp-mod-current" : "",
    picked ? "nxp-mod-picked" : "",
    props.isOpen?.(at) ? "nxp-mod-opened" : "",
  ];
  const onClick = (event: MouseEvent): void => {
    if (event.shiftKey) props.extend(at);
    else if (event.ctrlKey || event.metaKey) props.toggle(at);
    else props.onOpen(at);
    props.setCurrent(keyAt(at));
  };
  return (
    <div
      id={`${id}-${at}`}
      role="row"
      aria-rowindex={at + 2}
      aria-selected={onSelect ? picked : undefined}
      class={classes.join(" ")}
      style={{ transform: `translateY(${at * ROW_PX}px)` }}
      onClick={onClick}
    >
      {onSelect && (
        <span role="gridcell" class="nxp-Table-check" onClick={(event) => event.stopPropagation()}>
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label="Select"
            checked={picked}
            onClick={(event) => {
              if (event.shiftKey) props.extend(at);
              else props.toggle(at);
              props.setCurrent(keyAt(at));
            }}
          />
        </span>
      )}
      {columns.map(({ key, end, wide }) => (
        <span key={key} role="gridcell" class={`${end ? "nxp-mod-end" : ""} ${wide ? "nxp-mod-wide" : ""}`}>
          {cell(at, key)}
        </span>
      ))}
    </div>
  );
}
