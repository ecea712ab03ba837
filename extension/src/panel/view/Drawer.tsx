import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { usePanel } from "./context";

interface Props {
  title: ComponentChildren;
  label: string;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

/** What was opened, over the right of the panel: nothing below it moves. Escape closes it. */
export function Drawer({ title, label, actions, children }: Props): JSX.Element {
  const { open } = usePanel();
  const drawer = useRef<HTMLElement>(null);
  useEffect(() => {
    const root = drawer.current!.getRootNode() as Document | ShadowRoot;
    const before = root.activeElement;
    drawer.current!.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <aside
      ref={drawer}
      class="nxp-Drawer"
      aria-label={label}
      tabIndex={-1}
      onKeyDown={(event) => event.key === "Escape" && open(null)}
    >
      <header class="nxp-Drawer-head">
        <h3>{title}</h3>
        <div class="nxp-Row">
          {actions}
          <button type="button" class="nxp-Button nxp-mod-icon" aria-label="Close" title="Close (Escape)" onClick={() => open(null)}>
            ×
          </button>
        </div>
      </header>
      <div class="nxp-Drawer-body" tabIndex={0} role="group" aria-label={`${label}, details`}>
        {children}
      </div>
    </aside>
  );
}

/** A list of names with their values. */
export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="nxp-Facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Part({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <section class="nxp-Part">
      <h4>{title}</h4>
      {children}
    </section>
  );
}
