/** What the user may set; see schema/coordinators.json. */

import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import { Signal, type ISignal } from "@lumino/signaling";

export class Settings {
  private readonly _changed = new Signal<this, void>(this);
  private registered: ISettingRegistry.ISettings | null = null;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Follow the registry's. Until then, and without a registry, the defaults hold. */
  follow(registered: ISettingRegistry.ISettings): void {
    this.registered = registered;
    registered.changed.connect(() => this._changed.emit());
    this._changed.emit();
  }

  get pollIntervalMs(): number {
    return 1_000 * this.value("pollInterval", 5);
  }

  get localNodes(): number {
    return this.value("localNodes", 2);
  }

  get name(): string {
    return this.value("name", "default");
  }

  get notifySweepEnded(): boolean {
    return this.value("notifySweepEnded", true);
  }

  get notifyNodeLost(): boolean {
    return this.value("notifyNodeLost", true);
  }

  private value<T extends number | string | boolean>(key: string, otherwise: T): T {
    const found = this.registered?.get(key).composite;
    return typeof found === typeof otherwise ? (found as T) : otherwise;
  }
}
