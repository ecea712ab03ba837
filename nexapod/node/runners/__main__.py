"""A runner process: ``python … SOCKET_FD PARENT_PID CARD BLOBS RESULTS FOLDERS [FILE.py]``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Started by path, Python puts this directory first: its modules are nobody's top level.
    here = Path(__file__).resolve().parent
    root = str(here.parents[2])
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    # First for this one import: the runner must be of the same nexapod as its agent. Last from
    # then on: where that is site-packages, it must not come before the standard library.
    sys.path.insert(0, root)
    from nexapod.node.runners.loop import main

    sys.path.remove(root)
    if root not in sys.path:
        sys.path.append(root)
    main(sys.argv[1:])
