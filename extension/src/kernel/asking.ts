import type { Answer } from "../panel/link";
import type { WidgetModel } from "./model";

/** A kernel that has not answered by then is running a cell: the request waits in its queue. */
const WAIT_MS = 1000;
const GONE = "The kernel is gone: run the cell again.";

interface Request {
  resolve: (answer: Answer) => void;
  reject: (why: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** Requests through the model on which the kernel only ever replies. */
export class Asking {
  private readonly open = new Map<string, Request>();
  private readonly late = new Set<string>();
  private last = 0;
  private isClosed = false;

  constructor(
    private readonly model: Promise<WidgetModel>,
    /** Whether any request waits for the end of a cell. */
    private readonly onWait: (isWaiting: boolean) => void,
  ) {
    model.then(
      (found) => found.on("msg:custom", this.hear),
      () => undefined,
    );
  }

  /** `isAwaited`: whether a reader looks out for the answer, and should know that it is queued. */
  async ask(method: string, path: string, body?: unknown, isAwaited = true): Promise<Answer> {
    let model: WidgetModel;
    try {
      model = await this.model;
    } catch {
      throw new Error("No kernel answers: run the cell again.");
    }
    if (this.isClosed) throw new Error(GONE);
    const id = `${Date.now().toString(36)}-${(this.last += 1)}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => isAwaited && this.mark(id), WAIT_MS);
      this.open.set(id, { resolve, reject, timer });
      model.send({ id, method, path, body: body ?? null });
    });
  }

  /** Say something that needs no answer. */
  tell(method: string, path: string, body: unknown = null): void {
    this.model.then(
      (model) => model.send({ id: "", method, path, body }),
      () => undefined,
    );
  }

  /** The kernel is gone: nothing that was asked will be answered. */
  close(): void {
    for (const { reject, timer } of this.open.values()) {
      clearTimeout(timer);
      reject(new Error(GONE));
    }
    this.isClosed = true;
    this.open.clear();
    this.late.clear();
    this.model.then(
      (found) => found.off("msg:custom", this.hear),
      () => undefined,
    );
  }

  private mark(id: string): void {
    this.late.add(id);
    this.onWait(true);
  }

  private readonly hear = (answer: { id?: string } & Partial<Answer>): void => {
    const request = this.open.get(answer.id ?? "");
    if (!request) return;
    this.open.delete(answer.id!);
    clearTimeout(request.timer);
    if (this.late.delete(answer.id!) && !this.late.size) this.onWait(false);
    request.resolve({ status: answer.status ?? 0, body: answer.body });
  };
}
