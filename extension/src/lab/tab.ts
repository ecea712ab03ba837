/** The panel as a tab of the main area: the very same that a cell shows, fed by the server. */

import { MainAreaWidget } from "@jupyterlab/apputils";
import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";

import { mount } from "../panel";
import { fleetIcon } from "./icon";
import { ProxyLink } from "./proxyLink";
import type { Relay } from "./relay";

class FleetPanel extends Widget {
  private takeDown: (() => void) | null = null;

  constructor(
    private readonly relay: Relay,
    private readonly coordinator: string,
  ) {
    super();
    this.addClass("nxp-FleetTab");
  }

  /** Drawn once it has a size, and then for as long as the tab is open. */
  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.takeDown ??= mount(this.node, new ProxyLink(this.relay, this.coordinator), {
      view: "fleet",
      density: "tab",
    });
  }

  override dispose(): void {
    this.takeDown?.();
    this.takeDown = null;
    super.dispose();
  }
}

export class FleetTab extends MainAreaWidget<Widget> {
  constructor(
    relay: Relay,
    readonly coordinator: string,
    readonly fleetName: string,
  ) {
    super({ content: new FleetPanel(relay, coordinator) });
    this.id = `nexapod-fleet-${coordinator}`;
    this.title.label = fleetName;
    this.title.icon = fleetIcon;
    this.title.closable = true;
    this.toolbar.hide();
  }
}
