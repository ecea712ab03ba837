"""Run a notebook without a browser, show how far it is, and write it as HTML.

``python notebooks/render.py notebooks/01_quickstart.ipynb`` prints the outputs of the cells tagged
``results`` and ends with the path of the page, under ``notebooks/rendered/``. When a cell fails, it
prints the cell and the error and exits with status 1.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import plotly.io
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

RENDERED = Path(__file__).resolve().parent / "rendered"
CELL_TIMEOUT_S = 600


def titles(notebook: nbformat.NotebookNode) -> list[str]:
    """For each cell, the heading it stands under."""
    found, title = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ +(.+)$", cell.source, flags=re.MULTILINE)
            title = headings[-1] if headings else title
        found.append(title)
    return found


class Display:
    """A bar over the notebook's cells, and one below it for the progress bar of a cell.

    On a terminal the bars move; elsewhere (a log file) there is a line per cell, and per quarter of
    a cell's own bar.
    """

    def __init__(self, console: Console, cells: int) -> None:
        self.console = console
        self.bars = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.cells = cells
        self.number = 0
        self.title = ""
        self.started_s = 0.0
        self.overall = self.bars.add_task("starting the kernel", total=cells)
        self.inner: TaskID | None = None
        self.quarter = 0

    def cell_started(self, title: str) -> None:
        """The next cell runs."""
        self.number += 1
        self.title = title
        self.started_s = time.monotonic()
        self.bars.update(self.overall, description=title)

    def cell_progress(self, value: float, total: float) -> None:
        """The running cell's own progress bar moved."""
        if self.inner is None:
            self.inner = self.bars.add_task("jobs in this cell", total=total)
            self.quarter = 0
        self.bars.update(self.inner, completed=value, total=total)
        quarter = int(4 * value / total)
        if not self.console.is_terminal and quarter > self.quarter:
            self.console.print(f"         {value:.0f} of {total:.0f}", highlight=False)
        self.quarter = quarter

    def cell_ended(self) -> None:
        """The running cell succeeded."""
        self.bars.update(self.overall, completed=self.number)
        if self.inner is not None:
            self.bars.remove_task(self.inner)
            self.inner = None
        if not self.console.is_terminal:
            took_s = time.monotonic() - self.started_s
            line = f"[{self.number:2d}/{self.cells}] {took_s:6.1f} s  {self.title}"
            self.console.print(line, markup=False, highlight=False)


class Run(NotebookClient):
    """A notebook run that tells a `Display` what its kernel says."""

    display: Display

    def process_message(
        self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int
    ) -> nbformat.NotebookNode | None:
        """Look at progress-bar widgets on the way (tqdm's are such)."""
        if msg["msg_type"] in {"comm_open", "comm_msg"}:
            super_result = super().process_message(msg, cell, cell_index)
            state = self.widget_state.get(msg["content"]["comm_id"], {})
            changed: Mapping[str, Any] = msg["content"]["data"].get("state", {})
            if "ProgressModel" in state.get("_model_name", "") and "value" in changed:
                total = state.get("max") or 0
                if total > 1:
                    self.display.cell_progress(state["value"], total)
            return super_result
        return super().process_message(msg, cell, cell_index)


def run(path: Path, console: Console) -> nbformat.NotebookNode:
    """Execute the notebook at `path` and return it with its outputs."""
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    headings = titles(notebook)
    display = Display(console, sum(cell.cell_type == "code" for cell in notebook.cells))

    def started(cell: nbformat.NotebookNode, cell_index: int) -> None:
        if cell.cell_type == "code":
            display.cell_started(headings[cell_index])

    def executed(cell: nbformat.NotebookNode, cell_index: int, execute_reply: Any) -> None:
        if execute_reply["content"]["status"] == "ok":
            display.cell_ended()

    # Unix sockets rather than ports: nobody else on a shared machine can listen in.
    sockets = tempfile.TemporaryDirectory(prefix="nexapod-render-")
    kernel = AsyncKernelManager(
        kernel_name="python3", transport="ipc", ip=str(Path(sockets.name, "kernel"))
    )
    client = Run(
        notebook,
        km=kernel,
        timeout=CELL_TIMEOUT_S,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=started,
        on_cell_executed=executed,
    )
    client.display = display
    with sockets, display.bars:
        try:
            client.execute()
        finally:
            run_sync(kernel.shutdown_kernel)()
    freeze_widgets(notebook, client.widget_state)
    notebook.metadata.pop("widgets", None)
    draw_figures(notebook)
    return notebook


def freeze_widgets(
    notebook: nbformat.NotebookNode, states: Mapping[str, Mapping[str, Any]]
) -> None:
    """Replace each widget by what a page without a kernel can show: its HTML, or its last text."""
    view = "application/vnd.jupyter.widget-view+json"
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            shown = output.get("data", {}).pop(view, None)
            if shown is None:
                continue
            children = states.get(shown["model_id"], {}).get("children", ())
            parts = [states.get(name.removeprefix("IPY_MODEL_"), {}) for name in children]
            words = [str(part["value"]) for part in parts if part.get("_model_name") == "HTMLModel"]
            text = html.unescape(re.sub(r"<[^>]+>", "", " ".join(words))).strip()
            if text:  # a progress bar; its own text/plain is from when it was new
                output["data"]["text/plain"] = text


def draw_figures(notebook: nbformat.NotebookNode) -> None:
    """Give plotly figures a form that a page without JupyterLab can draw, and without a network."""
    library: bool | str = True  # plotly's script goes into the page once, with the first figure
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            spec = output.get("data", {}).get("application/vnd.plotly.v1+json")
            if spec is not None:
                figure = {name: spec[name] for name in ("data", "layout") if name in spec}
                output["data"]["text/html"] = plotly.io.to_html(
                    figure, full_html=False, include_plotlyjs=library, validate=False
                )
                library = False


def dark(exporter: HTMLExporter) -> str:
    """The style with which the page follows a system that is set to dark."""
    environment: Any = exporter.environment
    sheet = environment.loader.get_source(environment, "static/theme-dark.css")[0]
    return (
        "<style>:root { color-scheme: light dark; } "
        f"@media (prefers-color-scheme: dark) {{ {sheet} }}</style>"
    )


def failure(error: Exception, notebook_path: Path, console: Console) -> None:
    """Print the cell that failed and what it said."""
    console.print(f"\n[bold red]{notebook_path.name} failed.[/]")
    if isinstance(error, CellExecutionError):
        # Its text is the cell's source and the coloured traceback, each under a rule.
        console.print(Text.from_ansi(str(error).strip()))
    else:
        console.print(f"{type(error).__name__}: {error}", markup=False, highlight=False)


def results(notebook: nbformat.NotebookNode) -> list[str]:
    """The text of the outputs of the cells tagged ``results``."""
    return [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if "results" in cell.metadata.get("tags", ())
        for output in cell.get("outputs", ())
        if "text/plain" in output.get("data", {})
    ]


def main(arguments: list[str] | None = None) -> int:
    """Render one notebook; the exit status."""
    parser = argparse.ArgumentParser(description="Run a notebook and write it as HTML.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--to", type=Path, default=RENDERED, help="the folder for the page")
    given = parser.parse_args(arguments)
    path: Path = given.notebook
    console = Console(soft_wrap=True)
    started_s = time.monotonic()
    console.print(f"Running {path.name}", highlight=False)
    try:
        notebook = run(path, console)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as error:
        failure(error, path, console)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted; the kernel has been stopped.")
        return 130

    # The page is complete without a network: these two would come from elsewhere, and nothing in
    # our notebooks needs them.
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        embed_images=True, require_js_url="data:,", mathjax_url="data:,"
    )
    body, _ = exporter.from_notebook_node(notebook)
    body = body.replace("</head>", f"{dark(exporter)}</head>", 1)
    given.to.mkdir(parents=True, exist_ok=True)
    page = given.to / path.with_suffix(".html").name
    page.write_text(body, "utf-8")

    for text in results(notebook):
        console.print(f"\n{text}", markup=False, highlight=False)
    console.print(f"\nDone in {time.monotonic() - started_s:.0f} s. The executed notebook:")
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
