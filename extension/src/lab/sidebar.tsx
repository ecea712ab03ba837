/** The sidebar as a widget: draws the model again whenever it changed. */

import type { TranslationBundle } from "@jupyterlab/translation";
import type { CommandRegistry } from "@lumino/commands";
import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { render } from "preact";

import type { Coordinators } from "./coordinators";
import { fleetIcon } from "./icon";
import { SidebarView } from "./sidebarView";

export class Sidebar extends Widget {
  constructor(
    private readonly coordinators: Coordinators,
    private readonly commands: CommandRegistry,
    private readonly trans: TranslationBundle,
  ) {
    super();
    this.id = "nexapod-sidebar";
    this.addClass("nxp-Sidebar");
    this.title.icon = fleetIcon;
    this.title.caption = trans.__("Coordinators of nexapod");
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-label", this.title.caption);
    coordinators.changed.connect(this.update, this);
  }

  override dispose(): void {
    this.coordinators.changed.disconnect(this.update, this);
    render(null, this.node);
    super.dispose();
  }

  protected override onBeforeShow(message: Message): void {
    super.onBeforeShow(message);
    this.update();
  }

  protected override onUpdateRequest(message: Message): void {
    super.onUpdateRequest(message);
    const { state, all } = this.coordinators;
    const execute = (command: string, args: Record<string, string> = {}): void => {
      void this.commands.execute(command, args);
    };
    const can = (command: string): boolean => this.commands.hasCommand(command);
    render(<SidebarView {...{ state, all, execute, can, trans: this.trans }} />, this.node);
  }
}
