/** What a simulated coordinator answers about one job. */

import type { AttemptCells, JobCells } from "../src/panel/model/messages";

export interface Job {
  cells: JobCells;
  until: number;
  attempt: AttemptCells | null;
}

/** `GET /jobs/{id}` of a made-up job. */
export function detailOf(job: Job): unknown {
  const [seq, id, status, node, sweep, name, epoch, created, started, finished, run, priority, retryOf, error] = job.cells;
  const lines = "Traceback (most recent call last):\n  File \"fold.py\", line 41, in fold\n    energy = integrate(system, dt)\n  File \"md.py\", line 112, in integrate\n    raise FloatingPointError(\"energy is not finite\")";
  return {
    job_id: id, status, assigned_to: node, kind: "call", name, sweep, epoch, priority, data: null,
    params: { temperature_k: 300 + (seq % 4) * 30, seed: seq % 16, method: "langevin" },
    result: status === "completed" ? { rmsd_nm: 0.21, energy_kj_mol: -12084.3, steps: 50_000, folded: true } : null,
    created_at: created, started_at: started, finished_at: finished, run_s: run, retry_of: retryOf,
    error: error ? { type: "error", message: error, traceback: `${lines}\n${error}` } : null,
    waiting: status === "pending" ? ["slurm-03: needs 2 GPUs, the node has 1", "3 nodes have no free slot; 1,204 jobs are before this one"] : [],
    attempts: job.attempt ? [{
      epoch: job.attempt[1], node: job.attempt[2], leased_at: job.attempt[3], started_at: job.attempt[4],
      ended_at: job.attempt[5], end: job.attempt[6], run_s: run, peak_memory_bytes: 412_000_000, error: null,
    }] : [],
  };
}

/** `GET /jobs/{id}/log?after=`: a line per second. */
export function logOf(job: Job, path: string, now: number): unknown {
  const after = Number(/after=(\d+)/.exec(path)?.[1] ?? 0);
  const since = job.cells[8] ?? now;
  const steps = Math.floor(Math.min(200, (job.cells[9] ?? now) - since + 5));
  const whole = Array.from({ length: steps }, (_, at) => `step ${String(at * 250).padStart(6)}  E = ${(-12000 - at * 1.7).toFixed(2)} kJ/mol  T = ${(300 + (at % 7)).toFixed(1)} K\n`).join("");
  return { epoch: job.cells[6], start: after, end: whole.length, text: whole.slice(after), is_open: job.cells[2] === "assigned" };
}
