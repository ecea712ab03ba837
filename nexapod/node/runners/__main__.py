"""A runner process: ``python …/runners/__main__.py SOCKET_FD PARENT_PID CARD BLOBS [FILE.py]``."""

import sys

if __name__ == "__main__":
    import os

    # Started by path, Python puts this directory first: its modules are nobody's top level.
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    if root not in sys.path:
        sys.path.append(root)

    from nexapod.node.runners.loop import main

    main(sys.argv[1:])
