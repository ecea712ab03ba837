import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";

import { version } from "../../../package.json";
import { Coordinators, ICoordinators } from "../coordinators";
import { Relay } from "../relay";
import { Settings } from "../settings";

/** The model that the other plugins show. */
export const coordinators: JupyterFrontEndPlugin<Coordinators> = {
  id: "nexapod:coordinators",
  description: "Knows the coordinators that run, and the settings.",
  autoStart: true,
  provides: ICoordinators,
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
  ): Coordinators => {
    const relay = new Relay(app.serviceManager.serverSettings);
    const settings = new Settings();
    const model = new Coordinators(relay, settings);
    registry
      ?.load(coordinators.id)
      .then((registered) => settings.follow(registered))
      .catch((error: unknown) => console.warn("nexapod: the settings cannot be read", error));
    void checkVersion(relay, (translator ?? nullTranslator).load("nexapod"));
    return model;
  },
};

/** A page of one version beside a server of another: say how to mend it. */
async function checkVersion(relay: Relay, trans: TranslationBundle): Promise<void> {
  try {
    const server = await relay.version();
    if (server === version || server.startsWith(`${version}.`)) return;
    Notification.warning(
      trans.__(
        "This page has nexapod %1, the Jupyter server has %2. Start the server again and reload the page.",
        version,
        server,
      ),
      { autoClose: false },
    );
  } catch {
    // no such extension on the server: the sidebar says so
  }
}
