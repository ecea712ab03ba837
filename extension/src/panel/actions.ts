import type { Answer } from "./link";
import { plural } from "./model/format";
import type { Store } from "./store";

/** Jobs in one request: an answer that stays small, and words while the rest is under way. */
const BATCH = 10_000;

export type Say = (words: string, tone?: "good" | "bad") => void;

interface Cancelled {
  status: string;
  was: string;
  node_id: string | null;
}

/** Why a request was refused, in the words of whoever refused it. */
export function refusal({ status, body }: Answer): string {
  const error = (body as { error?: { message?: string } } | null)?.error;
  return error?.message ?? `The coordinator answered with ${status}.`;
}

const isGood = ({ status }: Answer): boolean => status >= 200 && status < 300;

/** What a reader can do. Each says in a sentence what it did, or why it did not. */
export class Actions {
  constructor(
    private readonly store: Store,
    private readonly say: Say,
  ) {}

  async cancel(ids: readonly string[]): Promise<void> {
    await this.telling(async () => {
      let killed = 0;
      let cancelled = 0;
      for (let at = 0; at < ids.length; at += BATCH) {
        const some = ids.slice(at, at + BATCH);
        const answer = await this.store.ask("POST", "/jobs/cancel", { job_ids: some });
        if (!isGood(answer)) return this.say(refusal(answer), "bad");
        const rows = answer.body as Cancelled[];
        cancelled += rows.filter((row) => row.status === "cancelled" && row.was !== "cancelled").length;
        killed += rows.filter((row) => row.was === "assigned").length;
      }
      const running = killed ? ` ${plural(killed, "process", "processes")} that ran will be killed.` : "";
      const over = ids.length - cancelled;
      const rest = over ? ` ${plural(over, "job")} had ended before.` : "";
      this.say(`Cancelled ${plural(cancelled, "job")}.${running}${rest}`, "good");
    });
  }

  /** Submit finished jobs again; the id of the new one when it was only one. */
  async retry(ids: readonly string[]): Promise<string | null> {
    let made: string | null = null;
    await this.telling(async () => {
      let done = 0;
      let last = "";
      for (const id of ids) {
        const answer = await this.store.ask("POST", `/jobs/${encodeURIComponent(id)}/retry`);
        if (isGood(answer)) {
          done += 1;
          made = (answer.body as { job_id: string }).job_id;
        } else last = refusal(answer);
      }
      const words = `Submitted ${plural(done, "job")} again, as new ones.`;
      if (done === ids.length) this.say(done === 1 ? `Submitted again, as ${made}.` : words, "good");
      else this.say(done ? `${words} Not all: ${last}` : last, "bad");
    });
    return ids.length === 1 ? made : null;
  }

  async drain(node: string): Promise<void> {
    await this.telling(async () => {
      const answer = await this.store.ask("POST", `/nodes/${encodeURIComponent(node)}/drain`);
      if (isGood(answer)) this.say(`${node} gets no new jobs; what runs there finishes.`, "good");
      else this.say(refusal(answer), "bad");
    });
  }

  /** The line with which a machine joins; null when there is none. */
  async invite(): Promise<string | null> {
    let line: string | null = null;
    await this.telling(async () => {
      const answer = await this.store.ask("POST", "/invite");
      if (isGood(answer)) line = (answer.body as { command: string }).command;
      else this.say(refusal(answer), "bad");
    });
    return line;
  }

  /** Cancel or retry a sweep; the kernel answers with its own words. */
  async sweep(verb: "cancel" | "retry_failed"): Promise<void> {
    await this.telling(async () => {
      const answer = await this.store.ask("POST", `/sweep/${verb}`);
      if (isGood(answer)) this.say((answer.body as { text: string }).text, "good");
      else this.say(refusal(answer), "bad");
    });
  }

  async copy(text: string, what = "Copied"): Promise<void> {
    this.say((await toClipboard(text)) ? `${what}.` : "The browser does not allow it: select the text and copy it.");
  }

  private async telling(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error), "bad");
    }
  }
}

async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard without a secure context: a selection and the old command still work there.
    const area = document.createElement("textarea");
    area.value = text;
    area.style.cssText = "position:fixed;opacity:0";
    document.body.appendChild(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
