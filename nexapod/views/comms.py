"""What has to be known of comms, the channels on which a kernel and a page talk."""

from __future__ import annotations

import contextlib
from typing import Any


def unroute(widget: Any) -> None:
    """Let the first message on this comm be answered beside a busy cell, too.

    ipykernel 7.4 sends a message from the page to the loop that last sent on its comm. Opening the
    comm counts as such, so that the first message would wait for the cell; without the note about
    it, the page's own wish (a subshell) counts.
    """
    with contextlib.suppress(AttributeError):
        del widget.comm._reply_subshell_id
