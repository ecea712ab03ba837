import type { JSX } from "preact";

import { usePanel } from "./context";
import { Fleet } from "./Fleet";
import { Head } from "./Head";
import { JobDrawer } from "./JobDrawer";
import { Jobs } from "./Jobs";
import { NodeDrawer } from "./NodeDrawer";
import { Pace } from "./Pace";
import { Timeline } from "./Timeline";

/** A whole fleet: what it is, its machines, its pace, what ran when, and every job. */
export function FleetView(): JSX.Element {
  const { opened, state } = usePanel();
  const row = opened?.kind === "job" ? state.jobs.rowOfId(opened.id) : -1;
  const revision = row < 0 ? "" : `${state.jobs.stateOf(row)} ${state.jobs.epoch[row]}`;
  return (
    <>
      <Head />
      <div class="nxp-Body">
        <Fleet />
        <Pace />
        <Timeline />
        <Jobs />
        {opened?.kind === "job" && <JobDrawer key={opened.id} id={opened.id} revision={revision} />}
        {opened?.kind === "node" && <NodeDrawer key={opened.id} id={opened.id} />}
      </div>
    </>
  );
}
