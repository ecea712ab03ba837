/** The status bar's words: nodes online and jobs that run, over all coordinators. */

import type { TranslationBundle } from "@jupyterlab/translation";
import { Widget } from "@lumino/widgets";

import { totals } from "./coordinator";
import type { Coordinators } from "./coordinators";

export class StatusItem extends Widget {
  private readonly button = document.createElement("button");

  constructor(
    private readonly coordinators: Coordinators,
    private readonly trans: TranslationBundle,
    onClick: () => void,
  ) {
    super();
    this.addClass("nxp-StatusItem");
    this.button.type = "button";
    this.button.className = "jp-StatusBar-TextItem";
    this.button.addEventListener("click", onClick);
    this.node.appendChild(this.button);
    coordinators.changed.connect(this.update, this);
    this.update();
  }

  /** Whether there is anything to say. */
  get isActive(): boolean {
    return this.coordinators.all.length > 0;
  }

  override dispose(): void {
    this.coordinators.changed.disconnect(this.update, this);
    super.dispose();
  }

  protected override onUpdateRequest(): void {
    const { online, running } = totals(this.coordinators.all);
    const nodes = this.trans._n("%1 node", "%1 nodes", online);
    this.button.textContent = this.trans.__("%1 · %2 running", nodes, running.toLocaleString());
    this.button.title = this.trans.__("Show the coordinators");
  }
}
