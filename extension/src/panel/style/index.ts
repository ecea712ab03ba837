import { BASE } from "./base";
import { DRAWER } from "./drawer";
import { FLEET } from "./fleet";
import { SWEEP } from "./sweep";
import { TABLE } from "./table";

const users = new WeakMap<Node, { count: number; style: HTMLStyleElement }>();

/** One style sheet per document or shadow root, for as long as a panel stands in it. */
export function adoptStyle(element: HTMLElement): () => void {
  const root = element.getRootNode();
  // An element that is not in the page yet carries the sheet itself.
  const home = root instanceof Document ? root.head : root instanceof ShadowRoot ? root : element;
  let use = users.get(home);
  if (!use) {
    const style = document.createElement("style");
    style.textContent = BASE + FLEET + TABLE + DRAWER + SWEEP;
    home.prepend(style);
    users.set(home, (use = { count: 0, style }));
  }
  use.count += 1;
  const held = use;
  return () => {
    held.count -= 1;
    if (held.count) return;
    held.style.remove();
    users.delete(home);
  };
}
