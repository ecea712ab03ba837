import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import { ICommandPalette, WidgetTracker } from "@jupyterlab/apputils";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";

import { choose } from "../choose";
import { Command } from "../commands";
import { ICoordinators, type Coordinators } from "../coordinators";
import { fleetIcon } from "../icon";
import { FleetTab } from "../tab";

export const fleetTab: JupyterFrontEndPlugin<void> = {
  id: "nexapod:tab",
  description: "A fleet's panel as a tab of the main area.",
  autoStart: true,
  requires: [ICoordinators],
  optional: [ILabShell, ICommandPalette, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: Coordinators,
    shell: ILabShell | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
  ): void => {
    if (shell === null) return; // Notebook 7 has room for one document
    const trans = (translator ?? nullTranslator).load("nexapod");
    const tracker = new WidgetTracker<FleetTab>({ namespace: "nexapod" });
    app.commands.addCommand(Command.open, {
      label: trans.__("Open Fleet Panel"),
      caption: trans.__("Show a fleet in a tab that works while the kernel is busy"),
      icon: fleetIcon,
      execute: async (args) => {
        const which = await choose(model, args, trans);
        if (which === null) return;
        let tab = tracker.find((open) => open.coordinator === which.id);
        if (tab === undefined) {
          tab = new FleetTab(model.relay, which.id, which.name);
          await tracker.add(tab);
          app.shell.add(tab, "main");
        }
        app.shell.activateById(tab.id);
      },
    });
    void restorer?.restore(tracker, {
      command: Command.open,
      args: (tab) => ({ id: tab.coordinator, name: tab.fleetName }),
      name: (tab) => tab.coordinator,
    });
    palette?.addItem({ command: Command.open, category: "nexapod" });
  },
};
