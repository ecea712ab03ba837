/** Code goes into a cell that everybody sees, in the notebook at hand or in a new one. */

import type { JupyterFrontEnd } from "@jupyterlab/application";
import { NotebookActions, type INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";

export interface Place {
  /** The folder of a new notebook. */
  cwd?: string;
  /** Even where a notebook is at hand. */
  fresh?: boolean;
}

export class Cells {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tracker: INotebookTracker,
  ) {}

  /** Put `code` into a cell of its own and run it to its end. */
  async run(code: string, place: Place = {}): Promise<void> {
    const panel = await this.insert(code, place);
    if (panel !== null) await NotebookActions.run(panel.content, panel.sessionContext);
  }

  /** Put `code` into a cell of its own, below the active one. */
  async insert(code: string, place: Place = {}): Promise<NotebookPanel | null> {
    const panel = (place.fresh === true ? null : this.atHand()) ?? (await this.create(place.cwd));
    if (panel === null) return null;
    await panel.context.ready;
    await panel.sessionContext.ready;
    const notebook = panel.content;
    const active = notebook.activeCell;
    const isBlank = active?.model.type === "code" && active.model.sharedModel.source.trim() === "";
    if (!isBlank) {
      NotebookActions.insertBelow(notebook);
      if (notebook.activeCell?.model.type !== "code") NotebookActions.changeCellType(notebook, "code");
    }
    notebook.activeCell?.model.sharedModel.setSource(code);
    this.app.shell.activateById(panel.id);
    return panel;
  }

  private atHand(): NotebookPanel | null {
    const panel = this.tracker.currentWidget;
    return panel !== null && panel.isAttached && !panel.isDisposed ? panel : null;
  }

  private async create(cwd = ""): Promise<NotebookPanel | null> {
    const specs = this.app.serviceManager.kernelspecs;
    await specs.ready;
    const kernelName = specs.specs?.default ?? "python3";
    const made: unknown = await this.app.commands.execute("notebook:create-new", {
      cwd,
      kernelName,
      activate: true,
    });
    // In Notebook 7 it is in another browser tab, out of our reach.
    return this.tracker.find((panel) => panel === made) ?? null;
  }
}
