"""The line that makes another machine join, ready to be pasted."""

from __future__ import annotations

from html import escape

from nexapod.views.reprs import markup
from nexapod.views.summaries import InvitationSummary


def invitation_html(summary: InvitationSummary) -> str:
    """An invitation as a self-contained card.

    The copy button carries the whole command. For an output that is saved with the notebook, make
    the card from a summary whose `command` is already masked (see `masked`).
    """
    install = ""
    if summary.install:
        install = '<div class="nxp-label">Once per machine</div>' + markup.command_line(
            summary.install
        )
    return markup.card(
        "invitation",
        "Invitation to this fleet",
        markup.head(
            "Add a machine",
            "paste this in its terminal",
            "online",
            f'<span class="nxp-soft nxp-mono">{escape(summary.url)}</span>',
        ),
        install,
        markup.command_line(summary.command, summary.shown),
        f'<div class="nxp-foot">{escape(summary.hint)}</div>' if summary.hint else "",
    )


def masked(summary: InvitationSummary) -> InvitationSummary:
    """The same invitation without its secret, for what ends up in a file."""
    return InvitationSummary(
        command=summary.shown or summary.command,
        url=summary.url,
        install=summary.install,
        hint=summary.hint,
    )


def invitation_text(summary: InvitationSummary) -> str:
    """An invitation for a terminal: the command stands alone on its line, easy to select."""
    lines = ["To add a machine, paste this in its terminal:", ""]
    lines += [f"    {line}" for line in (summary.install, summary.command) if line]
    if summary.hint:
        lines += ["", summary.hint]
    return "\n".join(lines)
