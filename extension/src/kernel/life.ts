import type { WidgetModel } from "./model";

/** As much of JupyterLab's manager and model as tells whether the kernel still lives. */
interface Host {
  kernel?: { id: string; status: string } | null;
}
interface Connected {
  comm_live?: boolean;
}

const LOOK_MS = 2000;
const ENDED = new Set(["dead", "terminating"]);

/**
 * Call `gone` once when a widget has lost its kernel: it was restarted, shut down or exchanged. A
 * host that tells nothing of its kernel (not JupyterLab) is taken to have one.
 */
export function watchKernel(model: WidgetModel, asked: Promise<WidgetModel>, gone: () => void): () => void {
  const host = model.widget_manager as Host;
  const first = host.kernel?.id;
  let connected: Connected = {};
  asked.then(
    (found) => (connected = found as Connected),
    () => undefined,
  );
  const look = (): void => {
    const { kernel } = host;
    const isOver = first !== undefined && (!kernel || kernel.id !== first || ENDED.has(kernel.status));
    if (!isOver && connected.comm_live !== false) return;
    stop();
    gone();
  };
  const timer = setInterval(look, LOOK_MS);
  model.on("comm_live_update", look);
  model.on("comm:close", look);
  const stop = (): void => {
    clearInterval(timer);
    model.off("comm_live_update", look);
    model.off("comm:close", look);
  };
  return stop;
}
