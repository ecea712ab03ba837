import type { Answer, Link, LinkState } from "../panel/link";
import type { Message } from "../panel/model/messages";
import { Asking } from "./asking";
import { Hearing } from "./hearing";
import { watchKernel } from "./life";
import { text, type WidgetModel } from "./model";

const QUEUED = "queued until the cell ends";
const GONE = "stopped: run the cell again";
/** A page that hears nothing for so long after it asked shows what was saved, without a kernel. */
const SILENCE_MS = 10_000;

/** A first hello may be sent before its channel beside a busy cell is open, and then waits for the cell. */
const AGAIN_MS = 1_000;

/** The border of the panel, through a notebook's kernel. */
export class KernelLink implements Link {
  private readonly asking: Asking;
  private readonly asked: Promise<WidgetModel>;
  private onState: (state: LinkState, words?: string) => void = () => undefined;
  private isWaiting = false;
  private isHeard = false;
  private isGone = false;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private again: ReturnType<typeof setTimeout> | undefined;
  /** By this name the kernel counts the page once, however often it says hello. */
  private readonly page = Math.random().toString(36).slice(2);

  constructor(private readonly model: WidgetModel) {
    const id = text(model, "ask");
    this.asked = id ? model.widget_manager.get_model(id) : Promise.reject(new Error("no kernel"));
    this.asking = new Asking(this.asked, (isWaiting) => {
      this.isWaiting = isWaiting;
      this.tell();
    });
  }

  open(
    onMessage: (message: Message) => void,
    onState: (state: LinkState, words?: string) => void,
  ): () => void {
    this.onState = onState;
    const hear = (message: Message): void => {
      if (!this.isHeard) {
        this.isHeard = true;
        this.tell();
      }
      onMessage(message);
    };
    const hearing = new Hearing(this.model, hear, () => this.ask("POST", "/resync"));
    const gone = (): void => {
      this.isGone = true;
      this.asking.close();
      this.tell();
    };
    this.model.on("change:state", this.tell);
    this.model.on("change:words", this.tell);
    const unwatch = watchKernel(this.model, this.asked, gone);
    this.model.on("destroy", gone);
    this.tell();
    return () => {
      this.rest();
      hearing.close();
      this.model.off("change:state", this.tell);
      this.model.off("change:words", this.tell);
      unwatch();
      this.model.off("destroy", gone);
      this.asking.close();
    };
  }

  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.asking.ask(method, path, body);
  }

  /** Tell the kernel that somebody looks. Its first answer also opens the way beside a busy cell. */
  hello(): void {
    const silent = (): void => {
      if (!this.isHeard) this.onState("closed", "no kernel: run the cell again");
    };
    const greet = (): Promise<Answer> => this.asking.ask("POST", "/hello", { page: this.page }, false);
    this.rest();
    this.silence = setTimeout(silent, SILENCE_MS);
    this.again = setTimeout(() => void greet().catch(() => undefined), AGAIN_MS);
    greet().then(() => clearTimeout(this.again), silent);
  }

  /** Tell it that nobody looks any more: it need not push. */
  bye(): void {
    this.rest();
    if (!this.isGone) this.asking.tell("POST", "/bye", { page: this.page });
  }

  private rest(): void {
    clearTimeout(this.silence);
    clearTimeout(this.again);
  }

  private readonly tell = (): void => {
    if (this.isGone) this.onState("closed", GONE);
    else if (this.isWaiting) this.onState("waiting", QUEUED);
    else {
      const told = text(this.model, "state");
      const state = told === "waiting" || told === "closed" ? told : "live";
      this.onState(state, text(this.model, "words"));
    }
  };
}
