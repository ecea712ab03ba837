import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";

import { Command } from "../commands";
import { ICoordinators, type Coordinators } from "../coordinators";
import { News, type Item } from "../news";

export const notifications: JupyterFrontEndPlugin<void> = {
  id: "nexapod:notifications",
  description: "Says when a sweep ended or a node was lost.",
  autoStart: true,
  requires: [ICoordinators],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, model: Coordinators, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load("nexapod");
    const news = new News();
    model.changed.connect(() => {
      for (const item of news.since(model.all)) {
        const { notifySweepEnded, notifyNodeLost } = model.settings;
        if (item.kind === "sweep-ended" ? notifySweepEnded : notifyNodeLost) say(app, item, trans);
      }
    });
  },
};

function say(app: JupyterFrontEnd, item: Item, trans: TranslationBundle): void {
  const { id, name } = item.coordinator;
  const isGood = item.kind === "sweep-ended" && item.failed === 0;
  Notification.emit(words(item, trans), isGood ? "success" : "warning", {
    autoClose: isGood ? 8_000 : false,
    actions: app.commands.hasCommand(Command.open)
      ? [
          {
            label: trans.__("Open panel"),
            callback: () => void app.commands.execute(Command.open, { id, name }),
          },
        ]
      : [],
  });
}

function words(item: Item, trans: TranslationBundle): string {
  const { name } = item.coordinator;
  if (item.kind === "node-lost") {
    return trans.__("%1: the node %2 is lost; its jobs go to others", name, item.node);
  }
  if (item.failed === 0) {
    return trans.__("%1: the sweep %2 has ended, %3 jobs", name, item.sweep, item.total);
  }
  const { failed, sweep, total } = item;
  return trans.__("%1: the sweep %2 has ended, %3 of %4 jobs failed", name, sweep, failed, total);
}
