"""The findings, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Console
from rich.text import Text

from nexapod.doctor.finding import Finding

_STYLES = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}


def show(findings: Iterable[Finding], console: Console) -> list[Finding]:
    """Print each as it comes: one line, and what to do below it."""
    shown = []
    for finding in findings:
        shown.append(finding)
        line = Text.assemble(
            (f"{finding.level:<4}", _STYLES[finding.level]), f"  {finding.check:<12} {finding.says}"
        )
        if finding.mend:
            line.append(f"\n      {'':<12} → {finding.mend}", "dim")
        console.print(line, soft_wrap=True)
    return shown


def as_json(findings: Sequence[Finding]) -> str:
    """A list of objects: check, level, says, mend."""
    return msgspec.json.format(msgspec.json.encode(findings), indent=2).decode()
