"""The pieces that every repr is made of. Whatever comes from outside is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from nexapod.views.human import clip, count, number, plural
from nexapod.views.theme import OPEN as OPEN
from nexapod.views.theme import STATE_ORDER, colour_of, label_of

_SHEET = files("nexapod.views").joinpath("assets/style.css").read_text(encoding="utf-8")
#: Without comments and line breaks, because every saved output carries a copy.
CSS: str = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", _SHEET, flags=re.DOTALL)).strip()
STYLE = f"<style>{CSS}</style>"


class Cell(NamedTuple):
    """One cell: markup that is already safe, and the class it wears."""

    markup: str
    css: str = ""


def card(kind: str, label: str, *parts: str) -> str:
    """A whole repr: the style, then one card.

    Parameters
    ----------
    kind
        ``fleet``, ``sweep``, …: the class that tests and themes can hold on to.
    label
        What a screen reader says the card is.
    parts
        Safe markup.
    """
    inner = "".join(parts)
    return (
        f'{STYLE}<div class="nxp nxp-{kind}" role="group" aria-label="{escape(label)}">'
        f"{inner}</div>"
    )


def colour(state: str) -> str:
    """The style attribute that gives an element its state's colour."""
    return f'style="--c:{colour_of(state)}"'


def dot(state: str) -> str:
    """A coloured dot; hollow for what waits."""
    hollow = " nxp-dot-open" if state in ("pending", "left") else ""
    return f'<span class="nxp-dot{hollow}" {colour(state)} aria-hidden="true"></span>'


def state_word(state: str) -> str:
    """A dot and the state's name: colour is never the only sign."""
    return f"{dot(state)}{escape(label_of(state))}"


def soft(text: str) -> str:
    """Escaped text in the quieter ink; nothing for nothing."""
    return f'<span class="nxp-soft">{escape(text)}</span>' if text else ""


def head(title: str, kind: str, state: str, *right: str) -> str:
    """The first line: state, title, kind, then whatever stands at the right."""
    tail = "".join(right)
    return (
        f'<div class="nxp-head"><span class="nxp-title" title="{escape(title)}">{dot(state)}'
        f'{escape(title)}</span><span class="nxp-kind">{escape(kind)}</span>'
        f'<span class="nxp-grow"></span>{tail}</div>'
    )


def ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """States with jobs in the one order, unknown states last."""
    rank = {state: place for place, state in enumerate(STATE_ORDER)}
    items = [(str(state), number) for state, number in counts.items() if number]
    return sorted(items, key=lambda item: rank.get(item[0], len(rank)))


def bar(counts: Mapping[str, int]) -> str:
    """The progress bar: one piece per state, in the state's colour."""
    items = ordered(counts)
    total = sum(amount for _, amount in items)
    done = sum(amount for state, amount in items if state in ("completed", "failed", "cancelled"))
    words = ", ".join(f"{count(amount)} {label_of(state)}" for state, amount in items)
    pieces = "".join(
        f'<i class="{"nxp-open" if state in OPEN else ""}" '
        f'style="--c:{colour_of(state)};flex:{amount} 0 0"></i>'
        for state, amount in items
    )
    return (
        f'<div class="nxp-bar" role="progressbar" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{done}" aria-valuetext="{escape(words or "no jobs yet")}">{pieces}</div>'
    )


def legend(counts: Mapping[str, int], *right: str) -> str:
    """The numbers under the bar, then whatever stands at the right."""
    items = "".join(
        f"<span>{dot(state)}<b>{count(amount)}</b> {escape(label_of(state))}</span>"
        for state, amount in ordered(counts)
    )
    empty = "" if items else '<span class="nxp-soft">No jobs yet</span>'
    tail = "".join(right)
    return f'<div class="nxp-legend">{items}{empty}<span class="nxp-grow"></span>{tail}</div>'


def table(header: Sequence[Cell], rows: Iterable[Sequence[Cell]], label: str) -> str:
    """A table with rows of one fixed height."""
    top = "".join(f'<th scope="col" class="{cell.css}">{cell.markup}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f'<td class="{cell.css}">{cell.markup}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="nxp-scroll"><table class="nxp-table" aria-label="{escape(label)}">'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def value(thing: Any, width: int = 40) -> Cell:
    """A parameter or a result in a table: numbers to the right, all else clipped text."""
    if isinstance(thing, bool):
        return Cell(str(thing))
    if isinstance(thing, int):
        return Cell(escape(str(thing)), "nxp-num")
    if isinstance(thing, float):
        return Cell("" if thing != thing else escape(number(thing)), "nxp-num")
    if thing is None:
        return Cell("")
    text = str(thing)
    return Cell(f'<span title="{escape(text[:500])}">{escape(clip(text, width))}</span>')


def hints(sentences: Iterable[str], state: str = "suspect") -> str:
    """Sentences that ask for something."""
    return "".join(
        f'<div class="nxp-hint" {colour(state)}>{escape(text)}</div>' for text in sentences
    )


def action(name: str, label: str) -> str:
    """A button that asks the kernel for something; seen only in a live display."""
    return f'<button type="button" data-nxp-action="{escape(name)}">{escape(label)}</button>'


def copy_button(text: str, label: str = "Copy") -> str:
    """A button that copies `text`; seen only in a live display."""
    return (
        f'<button type="button" data-nxp-copy="{escape(text)}" '
        f'aria-label="{escape(label)} the command">{escape(label)}</button>'
    )


def command_line(command: str, shown: str = "") -> str:
    """A command in a well, with a copy button; one click selects all of it."""
    return (
        f'<div class="nxp-well"><pre class="nxp-pre nxp-line">{escape(shown or command)}</pre>'
        f"{copy_button(command)}</div>"
    )


def block(text: str, label: str, *, opened: bool) -> str:
    """Text that may be long, folded away under its label."""
    if not text:
        return ""
    return (
        f"<details{' open' if opened else ''}><summary>{escape(label)}</summary>"
        f'<div class="nxp-well"><pre class="nxp-pre">{escape(text)}</pre></div></details>'
    )


def more(hidden: int, noun: str, where: str) -> str:
    """``and 84 more rows in sweep.frame``; nothing when nothing is hidden."""
    return f"and {plural(hidden, 'more ' + noun)} in {where}" if hidden > 0 else ""
