"""Takes the pictures of docs/plots.md: ``python -m docs.figures``.

The fleets in them are played by random numbers, so that they are large and always the same.
Chromium draws them with plotly's own script, light and dark. They go to `docs/pictures/`, and with
them one figure as it is saved for a paper.
"""

from __future__ import annotations

import json
import random
import tempfile
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import plotly
from playwright.sync_api import sync_playwright

from nexapod.views import figures
from nexapod.views.frames import attempts_frame, jobs_frame, nodes_frame
from nexapod.wire.messages import NodeRow
from tests.browser.lab import CHROMIUM, chromium

HERE = Path(__file__).parent / "pictures"
START = 1_790_000_000.0
WIDTH_PX = 700
NODES = ("cloud-1", "cloud-2", "gpu-1", "ws-ada", "ws-otto")
#: What Jupyter's light and dark notebooks paint: the page, its text.
THEMES = {"light": ("#ffffff", "rgba(0,0,0,0.87)"), "dark": ("#111111", "#ffffff")}


def history(number: int, nodes: tuple[str, ...], slots: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three sweeps, submitted one after the other, and what became of them until now."""
    dice = random.Random(4)
    free = [(0.0, node) for node in nodes for _ in range(slots)]
    now = number * 20 / len(free) * 0.8
    sweeps = ("villin", "villin-fine", "bpti")
    jobs: list[dict[str, Any]] = []
    tries: list[dict[str, Any]] = []
    for at in range(number):
        sweep = at * 3 // number
        job: dict[str, Any] = {"job_id": f"job-{at}", "sweep": sweeps[sweep], "name": "fold"}
        job |= {"created_at": START + now * 0.3 * sweep, "status": "pending"}
        while job["status"] == "pending":
            begin, node = heappop(free)
            begin = max(begin, job["created_at"] - START) + 0.2
            stop = begin + dice.gauss(20, 5)
            end = dice.choices(["completed", "failed", "lost"], [93, 4, 3])[0]
            heappush(free, (stop, node))
            if begin > now:
                break
            epoch = job.get("epoch", 0) + 1
            job |= {"epoch": epoch, "started_at": START + begin}
            attempt = {**job, "node_id": node, "params": {"temperature_k": 300 + at % 4 * 30}}
            if stop > now:
                job["status"] = "assigned"
            else:
                attempt |= {"ended_at": START + stop, "end": end}
                if end != "lost":
                    job |= {"status": end, "finished_at": START + stop}
            tries.append(attempt)
        jobs.append(job)
    return jobs_frame(_columns(jobs)), attempts_frame(_columns(tries))


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = {name: None for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}


def nodes(number: int) -> pd.DataFrame:
    """A large fleet, most of it busy."""
    dice = random.Random(2)
    rows = []
    for at in range(number):
        slots = dice.choice([2, 4, 8])
        status = dice.choices(["online", "suspect", "lost", "draining"], [60, 1, 1, 1])[0]
        rows.append(
            NodeRow(
                id=f"node-{at:04d}",
                profile=msgspec.Raw(b"{}"),
                status=status,
                slots=slots,
                cpus=float(slots),
                memory_bytes=slots * 4 * 10**9,
                gpus=0,
                tags=(),
                leases=0,
                completed=0,
                failed=0,
                unmatched=(),
                running=0 if status == "lost" else min(slots, round(slots * dice.uniform(0, 1.4))),
                registered_at=START,
                last_seen_at=START,
            )
        )
    return nodes_frame(rows)


def shoot(pictures: dict[str, Any], folder: Path) -> None:
    """One PNG for each figure and theme."""
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM)
        for theme, (page_colour, ink) in THEMES.items():
            for name, figure in pictures.items():
                html = folder / f"{name}-{theme}.html"
                spec = json.loads(figure.to_json())
                drawn = f"Plotly.newPlot('it', {json.dumps(spec['data'])},"
                drawn += f" {json.dumps(spec['layout'])}, {{displayModeBar: false}})"
                html.write_text(
                    f"<meta charset=utf-8><body style='margin:0;background:{page_colour};"
                    f"color:{ink}'><div id=it></div><script src='{script.as_uri()}'></script>"
                    f"<script>{drawn}.then(() => document.title = 'drawn')</script>"
                )
                size = {"width": WIDTH_PX, "height": round(figure.layout.height)}
                page = browser.new_page(viewport=size)  # type: ignore[arg-type]
                page.goto(html.as_uri())
                page.wait_for_function("document.title === 'drawn'")
                suffix = "" if theme == "light" else f"-{theme}"
                page.screenshot(path=HERE / f"plot-{name}{suffix}.png")
                page.close()
        browser.close()


def main() -> None:
    """Take them all."""
    jobs, tries = history(240, NODES, slots=4)
    pictures = {
        "timeline": figures.timeline(tries),
        "throughput": figures.throughput(jobs, tries),
        "status": figures.status(jobs),
        "fleet": figures.fleet(nodes(1_000)),
    }
    with tempfile.TemporaryDirectory(prefix="nexapod-figures-") as folder:
        shoot(pictures, Path(folder))
    figures.save(pictures["timeline"], HERE / "paper-timeline.png", height_mm=70, dpi=150)


if __name__ == "__main__":
    main()
