"""The program, which `pip install` puts beside Python: `plangrad`, or `python -m plangrad`."""

from __future__ import annotations

import signal
import sys

from ._native import main as _program


def main() -> None:
    """Runs the program and ends the process with its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the program listens itself
    sys.exit(_program(["plangrad", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
