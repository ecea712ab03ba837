"""One job, as its future shows it: where it is, for how long, what came out, what went wrong."""

from __future__ import annotations

from html import escape

from nexapod.views.human import clip, duration, short_id
from nexapod.views.reprs import markup
from nexapod.views.summaries import FutureSummary
from nexapod.views.theme import colour_of, label_of

#: Lines of a log or a traceback in a text repr.
TEXT_LINES = 12


def sentence(summary: FutureSummary) -> str:
    """What is going on, in one sentence."""
    where = f" on {summary.node}" if summary.node else ""
    ran = "" if summary.run_s is None else duration(summary.run_s)
    match summary.status:
        case "pending":
            waited = "" if summary.elapsed_s is None else f" for {duration(summary.elapsed_s)}"
            return f"Waiting{waited}"
        case "assigned" | "running":
            return f"Running{where}{f' for {ran}' if ran else ''}"
        case "completed":
            return f"Completed{where}{f' in {ran}' if ran else ''}"
        case "failed":
            return f"Failed{where}{f' after {ran}' if ran else ''}"
        case "cancelled":
            return f"Cancelled{where}{f' after {ran}' if ran else ''}"
    return label_of(summary.status).capitalize()


def _title(summary: FutureSummary) -> str:
    return (
        f"{summary.name or 'job'}({clip(summary.params, 60)})"
        if summary.params
        else (summary.name or short_id(summary.job_id))
    )


def _progress(summary: FutureSummary) -> str:
    """How far it is: a bar where the job said a fraction, and its own words."""
    if summary.progress is None:
        return ""
    fraction, message = summary.progress
    if fraction is None:
        return f'<div class="nxp-label">{escape(message)}</div>'
    share = min(100.0, max(0.0, 100 * fraction))
    words = f"{share:.0f} %{f' · {clip(message, 90)}' if message else ''}"
    return (
        f'<div class="nxp-far"><span class="nxp-gauge" role="progressbar" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share:.0f}" aria-label="{escape(words)}">'
        f'<i style="--c:{colour_of("busy")};width:{share:.1f}%"></i></span>'
        f"<span>{escape(words)}</span></div>"
    )


def _output(summary: FutureSummary, *, is_open: bool) -> str:
    """The last lines it printed. While it runs they have a place of one height: nothing jumps."""
    if not is_open:
        return markup.block(summary.log, "Output", opened=summary.status == "failed")
    if not summary.log:
        return ""
    return (
        '<details open><summary>Output, the last lines</summary><div class="nxp-well">'
        f'<pre class="nxp-pre nxp-tail" tabindex="0">{escape(summary.log)}</pre></div></details>'
    )


def future_html(summary: FutureSummary) -> str:
    """One job as a self-contained card."""
    is_open = summary.status in ("pending", "assigned", "running")
    button = markup.action("cancel", "Cancel") if is_open else ""
    result = ""
    if summary.result is not None:
        result = (
            '<div class="nxp-well"><pre class="nxp-pre">' + escape(summary.result) + "</pre></div>"
        )
    return markup.card(
        "future",
        f"Job {_title(summary)}: {sentence(summary)}",
        markup.head(
            _title(summary),
            label_of(summary.status),
            summary.status,
            f'<span class="nxp-soft nxp-mono" title="{escape(summary.job_id)}">'
            f"{escape(short_id(summary.job_id))}</span>",
        ),
        f'<div class="nxp-legend"><span>{escape(sentence(summary))}</span>'
        f'<span class="nxp-grow"></span>{button}</div>',
        _progress(summary),
        markup.hints(summary.why),
        markup.hints([summary.error] if summary.error else [], "failed"),
        result,
        f'<div class="nxp-foot">{escape(summary.hint)}</div>' if summary.hint else "",
        markup.block(summary.traceback, "Traceback on the node", opened=False),
        _output(summary, is_open=is_open),
    )


def future_text(summary: FutureSummary) -> str:
    """One job for a terminal."""
    lines = [f"Job {_title(summary)} · {sentence(summary)} · {summary.job_id}"]
    if summary.progress is not None:
        fraction, message = summary.progress
        share = "" if fraction is None else f"{100 * fraction:.0f} %"
        lines.append(f"  {' · '.join(word for word in (share, message) if word)}")
    lines += [f"  ! {reason}" for reason in summary.why]
    if summary.error:
        lines.append(f"  {summary.error}")
    if summary.result is not None:
        lines.append(f"  → {clip(summary.result, 100)}")
    if summary.hint:
        lines.append(f"  {summary.hint}")
    for label, text in (("traceback", summary.traceback), ("output", summary.log)):
        if text:
            lines.append(f"  {label}:")
            lines += [f"    {line}" for line in text.rstrip().splitlines()[-TEXT_LINES:]]
    return "\n".join(lines)
