"""Printing of results on standard output."""

import os
import signal
import sys


def print_result(text: str) -> None:
    """Print a result; end quietly, as other commands do, if nobody reads on (as in `srhm sample | head -1`)."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # What is still in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
