import { render } from "preact";

import type { Link } from "./link";
import { Store } from "./store";
import { adoptStyle } from "./style";
import { Panel } from "./view/Panel";

export interface MountOptions {
  view: "fleet" | "sweep";
  /** `cell`: a fixed height with inner scrolling. `tab`: fills its parent. */
  density?: "cell" | "tab";
}

/** Draw a panel into `element`; the function it returns takes it down and leaves nothing behind. */
export function mount(element: HTMLElement, link: Link, options: MountOptions): () => void {
  const store = new Store(link);
  const unmount = mountStore(element, store, options);
  return () => {
    unmount();
    store.dispose();
  };
}

/** The same for a store that several views share; it outlives them. */
export function mountStore(element: HTMLElement, store: Store, options: MountOptions): () => void {
  const letGo = adoptStyle(element);
  const box = document.createElement("div");
  box.className = "nxp-Root";
  element.append(box);
  render(<Panel store={store} view={options.view} density={options.density ?? "cell"} />, box);
  return () => {
    render(null, box);
    box.remove();
    letGo();
  };
}
