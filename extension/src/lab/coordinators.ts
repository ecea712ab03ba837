/** The model of everything in this folder: which coordinators run, as of the last look. */

import { Token } from "@lumino/coreutils";
import type { IDisposable } from "@lumino/disposable";
import { Poll } from "@lumino/polling";
import { Signal, type ISignal } from "@lumino/signaling";

import { merged, type Coordinator } from "./coordinator";
import { Refused, type Relay } from "./relay";
import type { Settings } from "./settings";

export const ICoordinators = new Token<Coordinators>(
  "nexapod:ICoordinators",
  "The coordinators that run, as the Jupyter server finds them.",
);

/** `unknown`: nobody has looked yet. `missing`: the server has no such extension. */
export type ListState = "unknown" | "live" | "missing" | "unreachable";

export class Coordinators implements IDisposable {
  private readonly poll: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private list: readonly Coordinator[] = [];
  private _state: ListState = "unknown";

  constructor(
    readonly relay: Relay,
    readonly settings: Settings,
  ) {
    this.poll = new Poll({
      name: "nexapod:coordinators",
      factory: () => this.look(),
      frequency: { interval: settings.pollIntervalMs, backoff: true, max: 60_000 },
      standby: "when-hidden",
    });
    settings.changed.connect(this.follow, this);
  }

  /** After every look that saw something new. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get all(): readonly Coordinator[] {
    return this.list;
  }

  get state(): ListState {
    return this._state;
  }

  find(id: string): Coordinator | undefined {
    return this.list.find((one) => one.id === id);
  }

  /** Look now. */
  refresh(): Promise<void> {
    return this.poll.refresh();
  }

  get isDisposed(): boolean {
    return this.poll.isDisposed;
  }

  dispose(): void {
    this.poll.dispose();
    this.settings.changed.disconnect(this.follow, this);
    Signal.clearData(this);
  }

  private follow(): void {
    this.poll.frequency = { ...this.poll.frequency, interval: this.settings.pollIntervalMs };
  }

  private async look(): Promise<void> {
    try {
      const found = merged(this.list, await this.relay.coordinators());
      const isNew = found !== this.list || this._state !== "live";
      this.list = found;
      this._state = "live";
      if (isNew) this._changed.emit();
    } catch (error) {
      const missing = error instanceof Refused && error.status === 404;
      this._state = missing ? "missing" : "unreachable";
      if (missing) this.list = [];
      this._changed.emit();
      throw error; // the poll waits longer then
    }
  }
}
