"""Printing of results on standard output."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import in_short

UNREAD = 128 + signal.SIGPIPE
"""Exit status where nobody reads on, as of other commands."""

_WRITTEN = 4300
"""Digits up to which Python writes an integer."""


def print_result(text: str) -> None:
    """Print a result."""
    with standard_output():
        print(text, flush=True)


@contextmanager
def standard_output() -> Iterator[None]:
    """End the command where standard output takes no more.

    Quietly, as other commands do, if nobody reads on (as in `srhm sample | head -1`), else with an error, such as
    that the disk is full.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise SystemExit(UNREAD) from None
        complain(f"standard output cannot be written: {error.strerror}")
        raise SystemExit(1) from None


def complain(text: str) -> None:
    """Say on standard error what is wrong, if it can be said."""
    with suppress(OSError):
        print(f"srhm: error: {text}", file=sys.stderr, flush=True)


def as_json(number: int) -> int | str:
    """Return an integer for JSON, as text such as ``"1.2e5000"`` where it has more digits than Python writes."""
    return number if number < 10**_WRITTEN else in_short(number)
