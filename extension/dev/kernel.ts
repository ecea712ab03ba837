/** A kernel that shows a sweep: results land one by one, later ones have another column. */

import type { Answer, Link, LinkState } from "../src/panel/link";
import type { Cell, Column, Message, SweepCells } from "../src/panel/model/messages";
import { randomFrom } from "./random";

const TEMPERATURES = [280, 290, 300, 310, 320, 330, 340, 350, 360, 370, 380, 390];
const METHODS = ["langevin", "nose-hoover"];

const COLUMNS: Column[] = [
  { name: "temperature_k", role: "param", type: "number" },
  { name: "method", role: "param", type: "text" },
  { name: "seed", role: "param", type: "number" },
];
const RESULTS: Column[] = [
  { name: "rmsd_nm", role: "result", type: "number" },
  { name: "energy_kj_mol", role: "result", type: "number" },
  { name: "folded", role: "result", type: "bool" },
];

export class SweepKernel implements Link {
  private readonly random = randomFrom(3);
  private readonly rows: SweepCells[];
  private readonly started = Date.now() / 1000 - 95;
  private hasResults = false;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly scale: { jobs: number; hertz: number }) {
    this.rows = Array.from({ length: scale.jobs }, (_, at) => {
      const params: Cell[] = [TEMPERATURES[at % 12]!, METHODS[Math.floor(at / 12) % 2]!, Math.floor(at / 24)];
      return [at, `fold-${at}`, "pending", null, null, "", params];
    });
    for (let at = 0; at < scale.jobs * 0.55; at += 1) this.finish(this.rows[at]!);
  }

  open(onMessage: (message: Message) => void, onState: (state: LinkState) => void): () => void {
    const now = Date.now() / 1000;
    onState("live");
    onMessage({ t: "hello", v: 1, run: "r", name: "villin-temperature", url: "http://127.0.0.1:8000", fleet_id: "f", started_at: this.started, now });
    onMessage(this.described());
    onMessage({ t: "sweep_rows", rows: this.rows });
    onMessage(this.tick());
    onMessage({ t: "ready" });
    if (this.scale.hertz) {
      this.timer = setInterval(() => {
        const changed = this.step();
        if (changed.length) onMessage({ t: "sweep_rows", rows: changed });
        onMessage(this.tick());
      }, 1000 / this.scale.hertz);
    }
    return () => clearInterval(this.timer);
  }

  ask(_method: string, path: string): Promise<Answer> {
    if (path === "/sweep/cancel") return Promise.resolve({ status: 200, body: { text: "Cancelled 62 jobs; 8 of them ran." } });
    if (path === "/sweep/retry_failed") return Promise.resolve({ status: 200, body: { text: "Submitted 3 failed jobs again." } });
    return Promise.resolve({ status: 404, body: { error: { code: "not_found", message: "there is no job with this id" } } });
  }

  private described(): Message {
    return { t: "sweep", name: "villin-temperature", total: this.scale.jobs, columns: [...COLUMNS, ...(this.hasResults ? RESULTS : [])] };
  }

  private finish(row: SweepCells): void {
    this.hasResults = true;
    const [kelvin, method] = row[6] as [number, string];
    const noise = this.random() - 0.5;
    const rmsd = 0.18 + 0.5 / (1 + Math.exp((345 - kelvin) / 9)) + noise * 0.08 + (method === "langevin" ? 0 : 0.05);
    row[2] = this.random() < 0.03 ? "failed" : "completed";
    row[3] = `gpu-box-0${1 + Math.floor(this.random() * 4)}`;
    row[4] = 20 + this.random() * 20;
    if (row[2] === "failed") row[5] = "FloatingPointError: energy is not finite";
    else row[6] = [...row[6].slice(0, 3), rmsd, -12_000 + (kelvin - 280) * 6.1 + noise * 90, rmsd < 0.4];
  }

  private step(): SweepCells[] {
    const changed: SweepCells[] = [];
    const running = this.rows.filter((row) => row[2] === "assigned");
    for (const row of running) {
      if (this.random() > 0.12) continue;
      this.finish(row);
      changed.push(row);
    }
    for (const row of this.rows) {
      if (running.length + changed.length >= 16) break;
      if (row[2] !== "pending") continue;
      row[2] = "assigned";
      row[3] = "gpu-box-01";
      running.push(row);
      changed.push(row);
    }
    return changed.map((row) => [...row]);
  }

  private tick(): Message {
    const counts: Record<string, number> = { pending: 0, assigned: 0, completed: 0, failed: 0, cancelled: 0 };
    for (const row of this.rows) counts[row[2]]! += 1;
    const now = Date.now() / 1000;
    const done = counts["completed"]! + counts["failed"]!;
    const rate = done / (now - this.started);
    return { t: "tick", now, counts, rate_per_s: rate, eta_s: (this.scale.jobs - done) / rate, elapsed_s: now - this.started };
  }
}
