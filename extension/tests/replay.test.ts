/** What Python tests recorded of a real coordinator, heard again: see recorded/README.md. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { merge } from "../src/panel/model/merge";
import type { Message } from "../src/panel/model/messages";
import { PanelState } from "../src/panel/model/state";

interface JobRow {
  job_id: string; status: string; assigned_to: string | null; sweep: string | null; name: string; epoch: number;
  created_at: number; started_at: number | null; finished_at: number | null; run_s: number | null; priority: number;
  retry_of: string | null; error: { message?: string; type?: string } | null;
}

interface Recording {
  messages: Message[];
  jobs: JobRow[];
  nodes: Record<string, unknown>[];
  status: { jobs: Record<string, number> };
}

const FOLDER = join(import.meta.dirname, "recorded");
const names = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : [];

describe.skipIf(!names.length)("a recorded stream", () => {
  test.each(names)("%s leads to what the coordinator's API says", (name) => {
    const recording = JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Recording;
    const state = recording.messages.reduce(merge, new PanelState());
    const { jobs } = state;
    const orNull = (value: number | undefined): number | null => (Number.isNaN(value) ? null : value!);
    const rows = recording.jobs.map(({ job_id }) => {
      const row = jobs.rowOfId(job_id);
      return {
        job_id, status: jobs.stateOf(row), assigned_to: jobs.nodeOf(row), sweep: jobs.sweepOf(row), name: jobs.name[row],
        epoch: jobs.epoch[row], created_at: jobs.created[row], started_at: orNull(jobs.started[row]),
        finished_at: orNull(jobs.finished[row]), run_s: orNull(jobs.run[row]), priority: jobs.priority[row],
        retry_of: jobs.retryOf[row], error: jobs.error[row],
      };
    });
    const wanted = recording.jobs.map(({ error, ...job }) => {
      const told = Object.fromEntries(Object.entries(job).filter(([key]) => key in rows[0]!));
      return { ...told, error: (error?.message ?? error?.type ?? "").slice(0, 300) };
    });
    expect(jobs.count).toBe(recording.jobs.length);
    expect(rows).toEqual(wanted);
    expect(state.tick?.counts).toEqual(recording.status.jobs);
    expect([...state.nodes.values()].map(({ id, status, slots, completed, failed, profile }) => ({ id, status, slots, completed, failed, profile })))
      .toEqual(recording.nodes.map(({ id, status, slots, completed, failed, profile }) => ({ id, status, slots, completed, failed, profile })));
  });
});

if (!names.length) test.todo("no recording is here");
