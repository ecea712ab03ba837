import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { IStatusBar } from "@jupyterlab/statusbar";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";

import { ICoordinators, type Coordinators } from "../coordinators";
import { StatusItem } from "../statusItem";

export const status: JupyterFrontEndPlugin<void> = {
  id: "nexapod:status",
  description: "Nodes online and running jobs in the status bar.",
  autoStart: true,
  requires: [ICoordinators],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: Coordinators,
    bar: IStatusBar | null,
    translator: ITranslator | null,
  ): void => {
    if (bar === null) return;
    const trans = (translator ?? nullTranslator).load("nexapod");
    const item = new StatusItem(model, trans, () => app.shell.activateById("nexapod-sidebar"));
    bar.registerStatusItem("nexapod:status", {
      item,
      align: "left",
      rank: 100,
      isActive: () => item.isActive,
      activeStateChanged: model.changed,
    });
  },
};
