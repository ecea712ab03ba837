/**
 * The panel against a simulated coordinator. The address says what: `?nodes=10&jobs=1000&hertz=2`
 * `&view=fleet|sweep&density=cell|tab&theme=light|dark|lab-light|lab-dark&width=800`.
 */

import { mount } from "../src/panel";
import type { Link } from "../src/panel/link";
import { Coordinator } from "./coordinator";
import { SweepKernel } from "./kernel";

const asked = new URLSearchParams(location.search);
const number = (name: string, other: number): number => Number(asked.get(name) ?? other);
const theme = asked.get("theme") ?? "light";

const LAB: Record<string, Record<string, string>> = {
  "lab-light": { "--jp-layout-color1": "white", "--jp-ui-font-color1": "rgba(0,0,0,0.87)", "--jp-brand-color1": "#1976d2" },
  "lab-dark": { "--jp-layout-color1": "#111111", "--jp-ui-font-color1": "rgba(255,255,255,1)", "--jp-brand-color1": "#2196f3" },
};
for (const [name, value] of Object.entries(LAB[theme] ?? {})) document.body.style.setProperty(name, value);
document.body.style.background = theme.endsWith("dark") ? "#0d1014" : "#ffffff";

const view = asked.get("view") === "sweep" ? "sweep" : "fleet";
const density = asked.get("density") === "tab" ? "tab" : "cell";
const box = document.getElementById("panel")!;
box.style.width = `${number("width", 800)}px`;
if (density === "tab") box.style.height = `${number("height", 860)}px`;

const link: Link =
  view === "sweep"
    ? new SweepKernel({ jobs: number("jobs", 192), hertz: number("hertz", 2) })
    : new Coordinator({
        nodes: number("nodes", 10),
        jobs: number("jobs", 1000),
        hertz: number("hertz", 2),
        seed: number("seed", 7),
      });

// As in a notebook, where a widget is drawn before it is in the page.
if (asked.has("late")) {
  const home = box.parentElement!;
  box.remove();
  setTimeout(() => home.append(box), 300);
}

const before = performance.now();
const unmount = mount(box, link, { view, density });
Object.assign(window, { nexapod: { unmount, mountedMs: performance.now() - before, link } });
