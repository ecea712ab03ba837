"""How the panel fares with a simulated coordinator; prints one JSON object.

``python dev/fps.py [--nodes 1000] [--jobs 100000]``. The page is built before, with Node.js.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from typing import Any

from playwright.sync_api import Page
from window import HERE, PAGE, window

#: Counts the frames of some seconds, and the longest of them.
FRAMES = """seconds => new Promise(done => {
  const times = [];
  const draw = now => {
    times.push(now);
    if (now - times[0] < seconds * 1000) requestAnimationFrame(draw);
    else {
      const gaps = times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
      const p = share => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))];
      const whole = times[times.length - 1] - times[0];
      const fps = 1000 * gaps.length / whole;
      done({fps, frame_ms_p50: p(0.5), frame_ms_p99: p(0.99), frame_ms_max: p(1)});
    }
  };
  requestAnimationFrame(draw);
})"""

#: Types letter by letter; how long each takes until its rows are in the page.
KEYSTROKES = """text => new Promise(done => {
  const input = document.querySelector('.nxp-Input');
  const times = [];
  let at = 0;
  const type = () => {
    if (at > text.length) return done(times);
    const before = performance.now();
    input.value = text.slice(0, at++);
    input.dispatchEvent(new Event('input', {bubbles: true}));
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        times.push(performance.now() - before);
        setTimeout(type, 120);
      };
      channel.port2.postMessage(0);
    });
  };
  type();
})"""

#: Adds up how far anything in the page jumps by itself.
SHIFTS = """() => {
  nexapod.shift = 0;
  const add = list => list.getEntries().forEach(entry => { nexapod.shift += entry.value; });
  new PerformanceObserver(add).observe({type: 'layout-shift'});
}"""

SORT = """() => new Promise(done => {
  const before = performance.now();
  const titles = [...document.querySelectorAll('.nxp-Table-titles button')];
  titles.find(title => title.textContent === 'Job').click();
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done(performance.now() - before);
    channel.port2.postMessage(0);
  });
})"""


def build() -> None:
    """Make the page."""
    node = shutil.which("node")
    if node is None or not (HERE.parent / "node_modules").is_dir():
        sys.exit("The page is built with Node.js: run `jlpm install` in extension/ first.")
    subprocess.run(
        [node, "build.mjs", "--dev"], cwd=HERE.parent, check=True, stderr=subprocess.DEVNULL
    )


def measure(page: Page, nodes: int, jobs: int, hertz: float, seconds: float) -> dict[str, Any]:
    """All figures at one scale."""
    page.goto(f"{PAGE}?nodes={nodes}&jobs={jobs}&hertz={hertz}&width=1000")
    page.wait_for_selector(".nxp-Table-row")
    page.wait_for_timeout(3000)
    figures: dict[str, Any] = {"nodes": nodes, "jobs": jobs, "hertz": hertz}
    page.evaluate(SHIFTS)
    figures["snapshot_ms"] = page.evaluate("nexapod.mountedMs")
    figures.update(page.evaluate(FRAMES, seconds))
    figures["layout_shift"] = page.evaluate("nexapod.shift")
    keys = sorted(page.evaluate(KEYSTROKES, "minimise villin"))
    figures["keystroke_ms_p50"] = keys[len(keys) // 2]
    figures["keystroke_ms_max"] = keys[-1]
    page.fill(".nxp-Input", "")
    page.wait_for_timeout(500)
    figures["sort_by_name_ms"] = page.evaluate(SORT)
    figures["heap_bytes"] = page.evaluate("performance.memory.usedJSHeapSize")
    return {k: round(v, 2) if isinstance(v, float) else v for k, v in figures.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--hertz", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    build()
    with window(viewport={"width": 1040, "height": 760}) as page:
        print(json.dumps(measure(page, asked.nodes, asked.jobs, asked.hertz, asked.seconds)))


if __name__ == "__main__":
    main()
