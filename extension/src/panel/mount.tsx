import { render } from "preact";

import type { Link } from "./link";

export interface MountOptions {
  view: "fleet" | "sweep";
  /** `cell`: a fixed height with inner scrolling; `tab`: fills its parent. */
  density?: "cell" | "tab";
}

/** Draw the panel into `element`; the function it returns takes it down and leaves nothing behind. */
export function mount(element: HTMLElement, link: Link, options: MountOptions): () => void {
  const close = link.open(
    () => undefined,
    () => undefined,
  );
  render(<div class="nxp-panel">{options.view}</div>, element);
  return () => {
    close();
    render(null, element);
  };
}
