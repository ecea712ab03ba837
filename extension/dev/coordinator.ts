/** A coordinator that exists only here: nodes, jobs and their lives, told as the real one tells them. */

import type { Answer, Link, LinkState } from "../src/panel/link";
import type {
  AttemptCells, Message, NodeCells, PaceCells, PatchCells, ProgressCells,
} from "../src/panel/model/messages";
import { detailOf, type Job, logOf } from "./detail";
import { randomFrom } from "./random";

export interface Scale {
  nodes: number;
  jobs: number;
  /** Messages per second. */
  hertz: number;
  seed: number;
}

const NAMES = ["fold", "relax", "score", "minimise"];
const SWEEPS = ["villin-temperature", "hp35-mutants", "trp-cage", null];
const HOSTS = ["gpu-box", "lab-ws", "cloud", "slurm"];
const CHUNK = 5000;

const PACE_S = 5;
const HISTORY_S = 900;

export class Coordinator implements Link {
  private readonly random: () => number;
  private readonly started: number;
  private nodes: NodeCells[] = [];
  private jobs: Job[] = [];
  private waiting: Job[] = [];
  private running = new Map<string, Set<Job>>();
  private attempts: AttemptCells[] = [];
  private pace: PaceCells[] = [];
  private counts: Record<string, number> = { pending: 0, assigned: 0, completed: 0, failed: 0, cancelled: 0 };
  private changed = { nodes: new Set<NodeCells>(), jobs: new Set<Job>(), fresh: [] as Job[], attempts: new Set<AttemptCells>() };
  private submitted = 0;
  private ended = 0;
  private failed = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private now: number;

  constructor(private readonly scale: Scale) {
    this.random = randomFrom(scale.seed);
    this.now = Date.now() / 1000;
    this.started = this.now - HISTORY_S;
    this.populate();
  }

  open(onMessage: (message: Message) => void, onState: (state: LinkState, words?: string) => void): () => void {
    onState("live");
    for (const message of this.snapshot()) onMessage(message);
    if (this.scale.hertz > 0) {
      this.timer = setInterval(() => {
        for (const message of this.step()) onMessage(message);
      }, 1000 / this.scale.hertz);
    }
    return () => clearInterval(this.timer);
  }

  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    await new Promise((resolve) => setTimeout(resolve, 30));
    const [, kind, id, verb] = path.split(/[/?]/);
    if (path === "/invite") {
      return { status: 200, body: { command: `nexapod node http://10.0.4.12:8000 --token nx_${"f3a9".repeat(8)}` } };
    }
    if (path === "/jobs/cancel") return { status: 200, body: this.cancel((body as { job_ids: string[] }).job_ids) };
    if (kind === "nodes" && verb === "drain") {
      const node = this.nodes.find((row) => row[0] === id)!;
      node[1] = "draining";
      this.changed.nodes.add(node);
      return { status: 200, body: {} };
    }
    const job = this.jobs.find((one) => one.cells[1] === id);
    if (!job) return { status: 404, body: { error: { code: "not_found", message: "there is no job with this id" } } };
    if (method === "POST") return { status: 200, body: { job_id: this.submit(job.cells[5], job.cells[4], id ?? null).cells[1], status: "pending" } };
    return { status: 200, body: verb === "log" ? logOf(job, path, this.now) : detailOf(job) };
  }

  private cancel(ids: readonly string[]): unknown[] {
    const wanted = new Set(ids);
    const told: unknown[] = [];
    for (const job of this.jobs) {
      if (!wanted.has(job.cells[1])) continue;
      const was = job.cells[2];
      if (was === "pending" || was === "assigned") this.end(job, "cancelled");
      told.push({ job_id: job.cells[1], status: job.cells[2], was, node_id: job.cells[3] });
    }
    this.waiting = this.waiting.filter((job) => job.cells[2] === "pending");
    return told;
  }

  private populate(): void {
    const { random, scale } = this;
    for (let at = 0; at < scale.nodes; at += 1) {
      const host = `${HOSTS[at % HOSTS.length]}-${String(Math.floor(at / HOSTS.length) + 1).padStart(2, "0")}`;
      const dice = random();
      const status = at < 3 || dice < 0.9 ? "online" : dice < 0.93 ? "draining" : dice < 0.96 ? "suspect" : "lost";
      const slots = [2, 4, 8, 16][Math.floor(random() * 4)]!;
      this.nodes.push([
        host, status, slots, 0, 0, Math.floor(random() * 400), Math.floor(random() * 12), this.now, slots, slots * 4 * 2 ** 30,
        at % 3 === 0 ? 1 : 0, at % 5 === 0 ? ["gpu"] : [], [],
        { hostname: host, cpu: "AMD EPYC 7763", cores: slots, python: "3.11.7", os: "Linux 6.1", nexapod: "0.3.0", hashes: { runner: "9f2c", weights: "41aa" } },
        this.started + at,
      ]);
      this.running.set(host, new Set());
    }
    const open = Math.min(scale.jobs, Math.max(40, Math.floor(scale.jobs * 0.25)));
    for (let at = 0; at < scale.jobs; at += 1) {
      const created = this.started + (HISTORY_S * 0.9 * at) / scale.jobs;
      const job = this.submit(NAMES[Math.floor(at / 40) % NAMES.length]!, SWEEPS[Math.floor(at / 40) % SWEEPS.length]!, null, created);
      if (at < scale.jobs - open) this.history(job, at / Math.max(1, scale.jobs - open));
    }
    this.waiting = this.waiting.filter((job) => job.cells[2] === "pending");
    this.assign();
    for (const pool of this.running.values()) {
      // What runs at the start began some time ago.
      for (const job of pool) job.cells[8] = job.attempt![4] = this.now - random() * 40;
    }
    for (let at = Math.ceil((this.now - HISTORY_S) / PACE_S) * PACE_S; at < this.now; at += PACE_S) {
      const wave = 1 + 0.4 * Math.sin(at / 70) + 0.2 * random();
      const speed = (scale.nodes || 1) * 0.9 * wave;
      const left = Math.max(0, (scale.jobs * (this.now - at)) / HISTORY_S);
      this.pace.push([at, 0, Math.round(speed), Math.round(speed * 0.04 * random() * 2), Math.round(left), Math.round(scale.nodes * 5 * wave * 0.7)]);
    }
  }

  private history(job: Job, part: number): void {
    const node = this.nodes[Math.floor(this.random() * this.nodes.length)]!;
    const start = this.started + HISTORY_S * part * 0.96;
    const run = 1 + this.random() * Math.min(50, (HISTORY_S * this.nodes.length * 4) / this.scale.jobs);
    job.cells[3] = node[0];
    job.cells[6] = 1;
    job.cells[8] = start;
    job.cells[9] = Math.min(this.now, start + run);
    job.cells[10] = job.cells[9] - start;
    job.attempt = [job.cells[0], 1, node[0], start, start, job.cells[9], null];
    this.attempts.push(job.attempt);
    this.finish(job);
  }

  private submit(name: string, sweep: string | null, retryOf: string | null, created = this.now): Job {
    const seq = this.jobs.length + 1;
    const id = `${name}-${(seq * 2654435761 % 4294967296).toString(16).padStart(8, "0")}`;
    const job: Job = {
      cells: [seq, id, "pending", null, sweep, name, 0, created, null, null, null, 0, retryOf, ""],
      until: 0,
      attempt: null,
    };
    this.jobs.push(job);
    this.waiting.push(job);
    this.changed.fresh.push(job);
    this.counts["pending"]! += 1;
    this.submitted += 1;
    return job;
  }

  private assign(): void {
    for (const node of this.nodes) {
      const pool = this.running.get(node[0])!;
      while (node[1] === "online" && pool.size < node[2]! && this.waiting.length) {
        const job = this.waiting.shift()!;
        if (job.cells[2] !== "pending") continue;
        pool.add(job);
        job.cells[2] = "assigned";
        job.cells[3] = node[0];
        job.cells[6] += 1;
        job.cells[8] = this.now;
        job.until = this.now + 3 + this.random() * 40;
        job.attempt = [job.cells[0], job.cells[6], node[0], this.now, this.now, null, null];
        this.attempts.push(job.attempt);
        this.counts["pending"]! -= 1;
        this.counts["assigned"]! += 1;
        this.touch(job, node);
      }
    }
  }

  private touch(job: Job, node: NodeCells | undefined): void {
    this.changed.jobs.add(job);
    if (job.attempt) this.changed.attempts.add(job.attempt);
    if (!node) return;
    node[3] = node[4] = this.running.get(node[0])!.size;
    node[7] = this.now;
    this.changed.nodes.add(node);
  }

  private finish(job: Job): void {
    const isBad = this.random() < 0.04;
    const state = isBad ? "failed" : "completed";
    this.counts[job.cells[2]]! -= 1;
    this.counts[state]! += 1;
    job.cells[2] = state;
    job.cells[13] = isBad ? "FloatingPointError: energy is not finite at step 12,400" : "";
    if (job.attempt) job.attempt[6] = state;
  }

  private end(job: Job, how: "cancelled" | null): void {
    const node = this.nodes.find((row) => row[0] === job.cells[3]);
    this.running.get(job.cells[3] ?? "")?.delete(job);
    job.cells[9] = this.now;
    if (job.cells[8] !== null) job.cells[10] = this.now - job.cells[8];
    if (job.attempt) job.attempt[5] = this.now;
    if (how) {
      this.counts[job.cells[2]]! -= 1;
      this.counts[how]! += 1;
      job.cells[2] = how;
      if (job.attempt) job.attempt[6] = how;
    } else {
      this.finish(job);
      this.ended += 1;
      if (job.cells[2] === "failed") this.failed += 1;
      if (node) node[job.cells[2] === "failed" ? 6 : 5] += 1;
    }
    this.touch(job, node);
  }

  private *step(): Generator<Message> {
    this.now = Date.now() / 1000;
    const progress: ProgressCells[] = [];
    for (const pool of this.running.values()) {
      for (const job of [...pool]) {
        if (job.until <= this.now) this.end(job, null);
        else if (job.cells[0] % 2) {
          const done = (this.now - job.cells[8]!) / (job.until - job.cells[8]!);
          progress.push([job.cells[0], Math.max(0, Math.min(1, done)), `step ${Math.floor(done * 200) * 250}`]);
        }
      }
    }
    if (this.waiting.length < this.scale.nodes * 2 && this.scale.jobs) {
      for (let at = 0; at < this.scale.nodes * 4; at += 1) this.submit(NAMES[at % 4]!, SWEEPS[this.jobs.length % 4]!, null);
    }
    this.assign();
    yield* this.changes(progress);
  }

  private *changes(progress: ProgressCells[]): Generator<Message> {
    const { changed } = this;
    const copy = <T extends unknown[]>(cells: T): T => [...cells] as T;
    if (changed.fresh.length) yield { t: "jobs", rows: changed.fresh.map((job) => copy(job.cells)) };
    const patches = [...changed.jobs].map(
      ({ cells: c }): PatchCells => [c[0], c[2], c[3], c[6], c[8], c[9], c[10], c[13]],
    );
    if (patches.length) yield { t: "patch", rows: patches };
    if (progress.length) yield { t: "progress", rows: progress };
    if (changed.attempts.size) yield { t: "attempts", rows: [...changed.attempts].map(copy) };
    if (changed.nodes.size) yield { t: "nodes", rows: [...changed.nodes].map((node) => copy(node)) };
    this.changed = { nodes: new Set(), jobs: new Set(), fresh: [], attempts: new Set() };
    const at = Math.floor(this.now / PACE_S) * PACE_S;
    let bucket = this.pace[this.pace.length - 1];
    if (bucket?.[0] !== at) {
      this.pace.push((bucket = [at, 0, 0, 0, 0, 0]));
      this.submitted = this.ended = this.failed = 0;
    }
    bucket.splice(1, 5, this.submitted, this.ended, this.failed, this.counts["pending"]!, this.counts["assigned"]!);
    yield { t: "pace", width_s: PACE_S, rows: [copy(bucket)] };
    yield this.tick();
  }

  private tick(): Message {
    const rate = (this.pace[this.pace.length - 2]?.[2] ?? 0) / PACE_S;
    const open = this.counts["pending"]! + this.counts["assigned"]!;
    return { t: "tick", now: this.now, counts: { ...this.counts }, rate_per_s: rate, eta_s: rate ? open / rate : null };
  }

  private *snapshot(): Generator<Message> {
    yield {
      t: "hello", v: 1, run: "r1", name: "villin", url: "http://127.0.0.1:8000", fleet_id: "f1",
      started_at: this.started - 7200, now: this.now, window: 100_000,
    };
    yield { t: "nodes", rows: this.nodes.map((node) => [...node]) };
    for (let at = 0; at < this.jobs.length; at += CHUNK) {
      yield { t: "jobs", rows: this.jobs.slice(at, at + CHUNK).map((job) => [...job.cells]) };
    }
    yield { t: "attempts", rows: this.attempts.slice(-5000).map((attempt) => [...attempt]) };
    yield { t: "pace", width_s: PACE_S, rows: this.pace.map((row) => [...row]) };
    yield this.tick();
    yield { t: "ready" };
    this.changed = { nodes: new Set(), jobs: new Set(), fresh: [], attempts: new Set() };
  }
}
