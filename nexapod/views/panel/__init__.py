"""The panel in a notebook: the kernel's half, which only relays.

A `Panel` is held by the object that it shows. Its `stream` gives the messages (the coordinator's,
see `panel.fleet`, or a sweep's own, see `panel.sweep`), two widgets carry them to the page and the
page's requests back, see `panel.widgets`.
"""
