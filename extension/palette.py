"""Write src/panel/palette.ts: the notebook's colours, so that one state has one colour everywhere.

Run `python extension/palette.py` after a change of nexapod/views/theme.py.
"""

from __future__ import annotations

import json
from pathlib import Path

from nexapod.views import theme

TARGET = Path(__file__).parent / "src" / "panel" / "palette.ts"


def source() -> str:
    """The text of palette.ts."""

    def block(comment: str, name: str, kind: str, value: object) -> str:
        return f"/** {comment} */\nexport const {name}: {kind} = {json.dumps(value, indent=2)};\n"

    words = "Readonly<Record<string, string>>"
    return "\n".join(
        [
            "// Made by palette.py from nexapod/views/theme.py: change it there.\n",
            block("The colour of a state.", "STATE_COLOURS", words, theme.STATE_COLOURS),
            block("What people read for a state.", "STATE_LABELS", words, theme.STATE_LABELS),
            block("What is done first, what is open last.", "STATE_ORDER", "readonly string[]",
                  theme.STATE_ORDER),
            block("For things that are not states.", "SERIES_COLOURS", "readonly string[]",
                  theme.SERIES_COLOURS),
            block("For a state this version does not know.", "UNKNOWN_COLOUR", "string",
                  theme.UNKNOWN_COLOUR),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    TARGET.write_text(source(), encoding="utf-8")
