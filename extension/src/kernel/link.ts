import type { Answer, Link, LinkState } from "../panel/link";
import type { Message } from "../panel/model/messages";
import { Asking } from "./asking";
import { Hearing } from "./hearing";
import type { WidgetModel } from "./model";

const QUEUED = "queued until the cell ends";

/** The border of the panel, through a notebook's kernel. */
export class KernelLink implements Link {
  private readonly asking: Asking;
  private onState: (state: LinkState, words?: string) => void = () => undefined;
  private isClosed = false;

  constructor(private readonly model: WidgetModel) {
    const id = String(model.get("ask") || "").replace(/^IPY_MODEL_/, "");
    const asked = id ? model.widget_manager.get_model(id) : Promise.reject(new Error("no kernel"));
    this.asking = new Asking(asked, (isWaiting) => {
      if (!this.isClosed) this.onState(isWaiting ? "waiting" : "live", isWaiting ? QUEUED : "");
    });
    // ipykernel answers beside a busy cell only on a comm that has been answered on before.
    this.asking.ask("POST", "/hello").catch(() => this.close("no kernel: a saved picture"));
  }

  open(
    onMessage: (message: Message) => void,
    onState: (state: LinkState, words?: string) => void,
  ): () => void {
    this.onState = onState;
    const hear = (message: Message): void => {
      if (message.t === "hello" && !this.isClosed) onState("live");
      onMessage(message);
    };
    const hearing = new Hearing(this.model, hear, () => this.ask("POST", "/resync"));
    const gone = (): void => this.close("stopped: run the cell again");
    this.model.on("comm:close", gone);
    this.model.on("destroy", gone);
    return () => {
      hearing.close();
      this.model.off("comm:close", gone);
      this.model.off("destroy", gone);
      this.asking.close();
    };
  }

  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.asking.ask(method, path, body);
  }

  private close(words: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.asking.close();
    this.onState("closed", words);
  }
}
