import type { JSX } from "preact";

import { isFiltered, NO_FILTER } from "../model/filter";
import { count } from "../model/format";
import { usePanel } from "./context";

interface ChoiceProps {
  label: string;
  all: string;
  value: string | null;
  options: readonly string[];
  onPick: (value: string | null) => void;
}

function Choice({ label, all, value, options, onPick }: ChoiceProps): JSX.Element {
  return (
    <select
      class="nxp-Select"
      aria-label={label}
      value={value ?? ""}
      onChange={(event) => onPick(event.currentTarget.value || null)}
    >
      <option value="">{all}</option>
      {options.map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  );
}

/** Free text, sweep and node; the states are the chips of the head. */
export function JobFilters({ shown }: { shown: number }): JSX.Element {
  const { state, filter, setFilter } = usePanel();
  const { jobs } = state;
  const total = jobs.count;
  return (
    <div class="nxp-Row nxp-JobFilters">
      <span class="nxp-soft" role="status">
        {isFiltered(filter) ? `${count(shown)} of ${count(total)}` : count(total)}
      </span>
      <input
        class="nxp-Input"
        type="search"
        placeholder="Filter: id, name, sweep, node, error"
        aria-label="Filter jobs by text"
        value={filter.text}
        onInput={(event) => setFilter({ text: event.currentTarget.value })}
        onKeyDown={(event) => event.stopPropagation()}
      />
      <Choice
        label="Sweep"
        all="All sweeps"
        value={filter.sweep}
        options={jobs.sweeps.list}
        onPick={(sweep) => setFilter({ sweep })}
      />
      <Choice
        label="Node"
        all="All nodes"
        value={filter.node}
        options={jobs.nodes.list}
        onPick={(node) => setFilter({ node })}
      />
      <button
        type="button"
        class="nxp-Button"
        disabled={!isFiltered(filter)}
        onClick={() => setFilter(NO_FILTER)}
      >
        Clear
      </button>
    </div>
  );
}
