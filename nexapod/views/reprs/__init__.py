"""Text and HTML of what a user can hold: pure functions of the records in `views.summaries`.

Each ``*_html`` is self-contained (its style comes with it) and each ``*_text`` suits a terminal.
"""

from nexapod.views.reprs.fleet import fleet_html, fleet_text
from nexapod.views.reprs.future import future_html, future_text
from nexapod.views.reprs.invitation import invitation_html, invitation_text
from nexapod.views.reprs.node import node_html, node_text
from nexapod.views.reprs.sweep import sweep_html, sweep_text

__all__ = [
    "fleet_html",
    "fleet_text",
    "future_html",
    "future_text",
    "invitation_html",
    "invitation_text",
    "node_html",
    "node_text",
    "sweep_html",
    "sweep_text",
]
