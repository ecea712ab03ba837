/**
 * The entry of the kernel's widget (anywidget). There is one store per model, made when the model
 * is: what the kernel pushes before anybody looks is not lost, and all views show the same.
 */

import { KernelLink } from "./kernel/link";
import type { WidgetModel } from "./kernel/model";
import { mountStore } from "./panel/mount";
import { Store } from "./panel/store";

const stores = new WeakMap<WidgetModel["widget_manager"], Map<unknown, Store>>();

interface Hook {
  model: WidgetModel;
}

/** anywidget gives every hook its own proxy of a model; the id of its ask model tells them apart. */
function storesOf(model: WidgetModel): [Map<unknown, Store>, unknown] {
  let known = stores.get(model.widget_manager);
  if (!known) stores.set(model.widget_manager, (known = new Map<unknown, Store>()));
  return [known, model.get("ask") || model];
}

function storeOf(model: WidgetModel): Store {
  const [known, key] = storesOf(model);
  let store = known.get(key);
  if (!store) known.set(key, (store = new Store(new KernelLink(model))));
  return store;
}

function initialize({ model }: Hook): () => void {
  const store = storeOf(model);
  return () => {
    const [known, key] = storesOf(model);
    known.delete(key);
    store.dispose();
  };
}

function render({ model, el }: Hook & { el: HTMLElement }): () => void {
  const view = model.get("view") === "sweep" ? "sweep" : "fleet";
  return mountStore(el, storeOf(model), { view });
}

export default { initialize, render };
