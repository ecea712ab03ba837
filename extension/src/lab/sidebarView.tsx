/** What the sidebar shows: one card per coordinator, or how to come by one. */

import type { TranslationBundle } from "@jupyterlab/translation";
import {
  addBelowIcon,
  addIcon,
  copyIcon,
  launcherIcon,
  stopIcon,
  type LabIcon,
} from "@jupyterlab/ui-components";
import { useEffect, useRef } from "preact/hooks";

import { Command } from "./commands";
import type { Coordinator } from "./coordinator";
import type { ListState } from "./coordinators";
import { JobsBar, jobsLine } from "./jobsBar";
import { Sparkline } from "./sparkline";

export interface SidebarProps {
  state: ListState;
  all: readonly Coordinator[];
  trans: TranslationBundle;
  execute: (command: string, args?: Record<string, string>) => void;
  /** Whether there is this command here: Notebook 7 has no tabs, a page without notebooks no cells. */
  can: (command: string) => boolean;
}

export function SidebarView({ state, all, trans, execute, can }: SidebarProps) {
  return (
    <>
      <div class="nxp-Sidebar-header">
        <h2>{trans.__("Coordinators")}</h2>
        {can(Command.launch) && (
          <IconButton
            icon={addIcon}
            label={trans.__("Launch a coordinator")}
            onClick={() => execute(Command.launch)}
          />
        )}
      </div>
      {state === "unreachable" && (
        <p class="nxp-Sidebar-note" role="status">
          {trans.__("The Jupyter server does not answer; what is shown is what it said last.")}
        </p>
      )}
      {all.length > 0 ? (
        <ul class="nxp-Sidebar-list" aria-label={trans.__("Coordinators that run")}>
          {all.map((one) => (
            <Card key={one.id} one={one} trans={trans} execute={execute} can={can} />
          ))}
        </ul>
      ) : (
        <Nothing state={state} trans={trans} execute={execute} can={can} />
      )}
    </>
  );
}

function Nothing({ state, trans, execute, can }: Omit<SidebarProps, "all">) {
  if (state === "unknown") return null;
  if (state === "missing") {
    return (
      <div class="nxp-Sidebar-empty">
        <p>
          {trans.__("The Jupyter server runs without the nexapod extension. Enable it there with")}
        </p>
        <code>jupyter server extension enable nexapod</code>
        <p>{trans.__("and start the server again.")}</p>
      </div>
    );
  }
  return (
    <div class="nxp-Sidebar-empty">
      <p>{trans.__("No coordinator of yours runs on this machine.")}</p>
      <p>{trans.__("Launch one in a notebook's kernel, or run this in a terminal:")}</p>
      <code>nexapod serve</code>
      {can(Command.launch) && (
        <button
          type="button"
          class="jp-mod-styled jp-mod-accept"
          onClick={() => execute(Command.launch)}
        >
          {trans.__("Launch Coordinator")}
        </button>
      )}
    </div>
  );
}

interface CardProps extends Pick<SidebarProps, "trans" | "execute" | "can"> {
  one: Coordinator;
}

function Card({ one, trans, execute, can }: CardProps) {
  const which = { id: one.id, name: one.name };
  const notebook = one.notebook?.split("/").pop();
  const where = one.url.replace(/^https?:\/\//, "");
  return (
    <li class="nxp-Card" data-state={one.state}>
      <div class="nxp-Card-top">
        <button
          type="button"
          class="nxp-Card-name"
          disabled={!can(Command.open)}
          title={trans.__("Open the panel of %1 (%2)", one.name, one.url)}
          onClick={() => execute(Command.open, which)}
        >
          {one.name}
        </button>
        <Sparkline values={one.pace.ended} label={rate(one, trans)} />
      </div>
      <div class="nxp-Card-line" title={one.notebook ?? one.url}>
        {notebook ?? (one.in_kernel ? where : trans.__("own process · %1", where))}
      </div>
      <JobsBar jobs={one.jobs} trans={trans} />
      <div class="nxp-Card-line">{jobsLine(one.jobs, trans)}</div>
      <div class="nxp-Card-bottom">
        <span class="nxp-Card-line" role="status">
          {one.state === "live" ? nodesLine(one, trans) : trans.__("does not answer at the moment")}
        </span>
        {can(Command.open) && (
          <IconButton
            icon={launcherIcon}
            label={trans.__("Open the panel of %1", one.name)}
            onClick={() => execute(Command.open, which)}
          />
        )}
        {can(Command.connect) && (
          <IconButton
            icon={addBelowIcon}
            label={trans.__("Insert a cell that connects to %1", one.name)}
            onClick={() => execute(Command.connect, which)}
          />
        )}
        <IconButton
          icon={copyIcon}
          label={trans.__("Copy the command that lets a machine join %1", one.name)}
          onClick={() => execute(Command.invite, which)}
        />
        <IconButton
          icon={stopIcon}
          label={trans.__("Stop %1", one.name)}
          onClick={() => execute(Command.stop, which)}
        />
      </div>
    </li>
  );
}

function nodesLine(one: Coordinator, trans: TranslationBundle): string {
  const { online, total, lost } = one.nodes;
  const said =
    online === total
      ? trans._n("%1 node", "%1 nodes", online)
      : trans.__("%1 of %2 nodes", online, total);
  return lost.length > 0 ? trans.__("%1, %2 lost", said, lost.length) : said;
}

function rate(one: Coordinator, trans: TranslationBundle): string {
  const minutes = Math.round((one.pace.width_s * one.pace.ended.length) / 60);
  const ended = one.pace.ended.reduce((sum, value) => sum + value, 0);
  return trans.__("%1 jobs ended in the last %2 minutes", ended.toLocaleString(), minutes);
}

function IconButton({
  icon,
  label,
  onClick,
}: {
  icon: LabIcon;
  label: string;
  onClick: () => void;
}) {
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (place.current !== null) icon.element({ container: place.current, tag: "span" });
  }, [icon]);
  return (
    <button type="button" class="nxp-IconButton" title={label} aria-label={label} onClick={onClick}>
      <span ref={place} aria-hidden="true" />
    </button>
  );
}
