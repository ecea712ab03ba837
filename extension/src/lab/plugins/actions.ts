import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import {
  Clipboard,
  Dialog,
  ICommandPalette,
  Notification,
  showDialog,
} from "@jupyterlab/apputils";
import { ILauncher } from "@jupyterlab/launcher";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";

import { Cells } from "../cells";
import { choose } from "../choose";
import { connectCode, launchCode } from "../code";
import { Command } from "../commands";
import { ICoordinators, type Coordinators } from "../coordinators";
import { fleetIcon } from "../icon";

export const actions: JupyterFrontEndPlugin<void> = {
  id: "nexapod:actions",
  description: "Launch, connect to, invite to and stop coordinators.",
  autoStart: true,
  requires: [ICoordinators],
  optional: [INotebookTracker, ICommandPalette, ILauncher, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: Coordinators,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    translator: ITranslator | null,
  ): void => {
    const trans = (translator ?? nullTranslator).load("nexapod");
    const category = "nexapod";
    if (tracker !== null) {
      addCells(app, model, new Cells(app, tracker), trans);
      palette?.addItem({ command: Command.launch, category });
      palette?.addItem({ command: Command.connect, category });
      launcher?.add({ command: Command.launch, args: { fresh: true }, category: "Other", rank: 5 });
    }
    addRequests(app, model, trans);
    for (const command of [Command.invite, Command.stop, Command.refresh]) {
      palette?.addItem({ command, category });
    }
  },
};

/** What writes into a notebook. */
function addCells(
  app: JupyterFrontEnd,
  model: Coordinators,
  cells: Cells,
  trans: TranslationBundle,
): void {
  app.commands.addCommand(Command.launch, {
    label: (args) =>
      args["fresh"] === true ? trans.__("Fleet") : trans.__("Launch Coordinator"),
    caption: trans.__("Run a cell that launches a coordinator and local nodes"),
    icon: fleetIcon,
    execute: async (args) => {
      const { name, localNodes } = model.settings;
      const { cwd, fresh } = args as { cwd?: string; fresh?: boolean };
      const place = { ...(cwd !== undefined && { cwd }), fresh: fresh === true };
      await cells.run(launchCode(name, localNodes), place);
      await model.refresh();
    },
  });
  app.commands.addCommand(Command.connect, {
    label: trans.__("Insert a Cell that Connects"),
    caption: trans.__("Put nexapod.connect into a cell, to be run by you"),
    execute: async (args) => {
      const which = await choose(model, args, trans);
      if (which !== null) await cells.insert(connectCode(which.name));
    },
  });
}

/** What asks the coordinator. */
function addRequests(app: JupyterFrontEnd, model: Coordinators, trans: TranslationBundle): void {
  app.commands.addCommand(Command.invite, {
    label: trans.__("Copy Join Command"),
    caption: trans.__("Copy the line that lets another machine join"),
    execute: async (args) => {
      const which = await choose(model, args, trans);
      if (which === null) return;
      await told(async () => {
        Clipboard.copyToSystem(await model.relay.invitation(which.id));
        Notification.success(
          trans.__("Copied. Paste it on the machine that is to join %1; it holds a secret.", which.name),
          { autoClose: 5_000 },
        );
      });
    },
  });
  app.commands.addCommand(Command.stop, {
    label: trans.__("Stop Coordinator"),
    caption: trans.__("End a coordinator; its jobs and results stay on disk"),
    execute: async (args) => {
      const which = await choose(model, args, trans);
      if (which === null || !(await isMeant(which.name, trans))) return;
      await told(async () => {
        await model.relay.stop(which.id);
        await model.refresh();
      });
    },
  });
  app.commands.addCommand(Command.refresh, {
    label: trans.__("Refresh the Coordinators"),
    execute: () => model.refresh(),
  });
}

async function isMeant(name: string, trans: TranslationBundle): Promise<boolean> {
  const { button } = await showDialog({
    title: trans.__("Stop %1?", name),
    body: trans.__(
      "Nodes go on with the jobs they have, and wait for it to come back. Nothing is lost: launching it again goes on where it stopped.",
    ),
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__("Stop") })],
    defaultButton: 0,
  });
  return button.accept;
}

/** Do it; a refusal is told. */
async function told(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    Notification.error(error instanceof Error ? error.message : String(error));
  }
}
