/** The panel as a tab of the main area: the very same that a cell shows, fed by the server. */

import { MainAreaWidget } from "@jupyterlab/apputils";
import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";

import { bePresent } from "../kernel/presence";
import { mount } from "../panel";
import { fleetIcon } from "./icon";
import { ProxyLink } from "./proxyLink";
import type { Relay } from "./relay";

class FleetPanel extends Widget {
  private readonly link: ProxyLink;
  private takeDown: (() => void) | null = null;
  private leave: (() => void) | null = null;

  constructor(relay: Relay, coordinator: string) {
    super();
    this.addClass("nxp-FleetTab");
    this.link = new ProxyLink(relay, coordinator);
    this.link.bye();
  }

  /** Drawn once it has a size, and then for as long as the tab is open. */
  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.takeDown ??= mount(this.node, this.link, { view: "fleet", density: "tab" });
    if (this.isVisible) this.appear();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.appear();
  }

  protected override onBeforeHide(message: Message): void {
    this.vanish();
    super.onBeforeHide(message);
  }

  protected override onBeforeDetach(message: Message): void {
    this.vanish();
    super.onBeforeDetach(message);
  }

  override dispose(): void {
    this.vanish();
    this.takeDown?.();
    this.takeDown = null;
    super.dispose();
  }

  private appear(): void {
    this.leave ??= bePresent(this.link);
  }

  private vanish(): void {
    this.leave?.();
    this.leave = null;
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
