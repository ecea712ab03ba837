import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { preview } from "../model/detail";
import { ago, clock, count, timeOfDay } from "../model/format";
import type { FleetNode } from "../model/state";
import { colourOf } from "../paint/theme";
import { Confirm } from "./Confirm";
import { usePanel } from "./context";
import { Drawer, Facts, Part } from "./Drawer";
import { hardware, slots, success } from "./NodeWords";
import { State } from "./parts";

/** So many of its running jobs are listed. */
const MOST_JOBS = 64;

/** One node: its hardware, what runs there, how it fares; and how to let it go. */
export function NodeDrawer({ id }: { id: string }): JSX.Element {
  const { state, now, actions, setFilter, open } = usePanel();
  const showJobs = (): void => {
    setFilter({ node: id });
    open(null);
  };
  const node = state.nodes.get(id);
  if (!node) {
    return (
      <Drawer title={id} label={`Node ${id}`}>
        <p class="nxp-soft">The coordinator has not told of this node.</p>
      </Drawer>
    );
  }
  const facts: (readonly [string, ComponentChildren])[] = [
    ["State", <State key="s" of={node.status} />],
    ["Slots", slots(node)],
    ["Hardware", hardware(node) || "not told"],
    ["Success", success(node)],
    ["Last seen", ago(now - node.lastSeenAt)],
    ["Joined", timeOfDay(node.registeredAt, now)],
  ];
  if (node.tags.length) facts.push(["Tags", node.tags.join(", ")]);
  const canDrain = node.status === "online" || node.status === "suspect";
  return (
    <Drawer
      title={id}
      label={`Node ${id}`}
      actions={
        <>
          <button type="button" class="nxp-Button" onClick={showJobs}>
            Show its jobs
          </button>
          <Confirm
            label="Drain"
            question="No new jobs for it?"
            disabled={!canDrain}
            onConfirm={() => actions.drain(id)}
          />
        </>
      }
    >
      <Facts of={facts} />
      {node.unmatched.length > 0 && (
        <Part title="Cannot take">
          <ul class="nxp-Why">
            {node.unmatched.map((why) => (
              <li key={why}>{why}</li>
            ))}
          </ul>
        </Part>
      )}
      <RunningJobs node={node} />
      <Profile node={node} />
    </Drawer>
  );
}

function RunningJobs({ node }: { node: FleetNode }): JSX.Element {
  const { state, now, open } = usePanel();
  const { jobs } = state;
  const code = jobs.nodes.find(node.id);
  const assigned = jobs.states.find("assigned");
  const rows: number[] = [];
  for (let row = jobs.count - 1; row >= 0 && rows.length < MOST_JOBS && code >= 0; row -= 1) {
    if (jobs.node[row] === code && jobs.state[row] === assigned) rows.push(row);
  }
  return (
    <Part title={rows.length ? `Runs ${count(rows.length)} now` : "Runs nothing now"}>
      <ul class="nxp-Running">
        {rows.map((row) => (
          <li key={jobs.seq[row]}>
            <button type="button" class="nxp-Link" onClick={() => open({ kind: "job", id: jobs.id[row]! })}>
              {jobs.name[row] || jobs.id[row]}
            </button>
            <Progress fraction={jobs.fraction[row]!} />
            <span class="nxp-soft">{clock(now - jobs.started[row]!, true)}</span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Progress({ fraction }: { fraction: number }): JSX.Element {
  if (Number.isNaN(fraction)) return <span />;
  return (
    <span class="nxp-Gauge">
      <i style={{ width: `${100 * fraction}%`, "--c": colourOf("running") }} />
    </span>
  );
}

function Profile({ node }: { node: FleetNode }): JSX.Element | null {
  const [isWhole, setWhole] = useState(false);
  const entries = Object.entries(node.profile);
  if (!entries.length) return null;
  const plain = entries.filter(([, value]) => typeof value !== "object" || value === null);
  return (
    <Part title="Profile">
      <Facts of={plain.map(([name, value]) => [name, <span key={name} class="nxp-mono">{String(value)}</span>] as const)} />
      {plain.length < entries.length && (
        <button type="button" class="nxp-Link" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show less" : "Show all of it"}
        </button>
      )}
      {isWhole && (
        <pre class="nxp-Text" tabIndex={0} aria-label="Profile of the node">
          {preview(node.profile)}
        </pre>
      )}
    </Part>
  );
}
