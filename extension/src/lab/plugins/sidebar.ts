import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";

import { ICoordinators, type Coordinators } from "../coordinators";
import { fleetIcon } from "../icon";
import { Sidebar } from "../sidebar";

export const sidebar: JupyterFrontEndPlugin<void> = {
  id: "nexapod:sidebar",
  description: "The list of running coordinators in the left area.",
  autoStart: true,
  requires: [ICoordinators],
  optional: [ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: Coordinators,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
  ): void => {
    const trans = (translator ?? nullTranslator).load("nexapod");
    fleetIcon.bindprops({ stylesheet: "sideBar" });
    const widget = new Sidebar(model, app.commands, trans);
    restorer?.add(widget, widget.id);
    app.shell.add(widget, "left", { rank: 600, type: "Coordinators" });
  },
};
