/**
 * The entry of the kernel's widget (anywidget). There is one store per model, made when the model
 * is: what the kernel pushes before anybody looks is not lost, and all views show the same.
 */

import { KernelLink } from "./kernel/link";
import type { WidgetModel } from "./kernel/model";
import { bePresent } from "./kernel/presence";
import { mountStore } from "./panel/mount";
import { Store } from "./panel/store";

interface Hook {
  model: WidgetModel;
}

interface Shared {
  link: KernelLink;
  store: Store;
  views: number;
  leave: () => void;
}

/** anywidget gives every hook its own proxy of a model; the id of its ask model tells them apart. */
const known = new WeakMap<WidgetModel["widget_manager"], Map<unknown, Shared>>();

function all(model: WidgetModel): Map<unknown, Shared> {
  let found = known.get(model.widget_manager);
  if (!found) known.set(model.widget_manager, (found = new Map<unknown, Shared>()));
  return found;
}

function sharedOf(model: WidgetModel): Shared {
  const key = model.get("ask");
  let shared = all(model).get(key);
  if (!shared) {
    const link = new KernelLink(model);
    shared = { link, store: new Store(link), views: 0, leave: () => undefined };
    all(model).set(key, shared);
  }
  return shared;
}

function initialize({ model }: Hook): () => void {
  const shared = sharedOf(model);
  return () => {
    for (const [key, value] of all(model)) if (value === shared) all(model).delete(key);
    shared.store.dispose();
  };
}

function render({ model, el }: Hook & { el: HTMLElement }): () => void {
  const view = model.get("view") === "sweep" ? "sweep" : "fleet";
  const shared = sharedOf(model);
  const unmount = mountStore(el, shared.store, { view });
  if (++shared.views === 1) shared.leave = bePresent(shared.link);
  return () => {
    unmount();
    if (--shared.views === 0) shared.leave();
  };
}

export default { initialize, render };
