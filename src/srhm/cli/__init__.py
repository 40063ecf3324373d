"""The command line. It parses, calls and prints."""

import os
import sys
from contextlib import suppress

from ..errors import MissingExtraError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells count it."""


def console() -> None:
    """Run the command line and end the process.

    An interrupted one ends at once: JAX goes on compiling in a thread of its own, and crashes where Python takes down
    around it what it uses.
    """
    try:
        main()
    except SystemExit as ended:
        if ended.code != INTERRUPTED:
            raise
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # nobody reads it any more
                stream.flush()
        os._exit(INTERRUPTED)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad arguments end it with exit status 2, other errors with 1, an interrupt with 130."""
    # Imported only here: the processes of workers import this module too, and need none of the commands.
    try:
        from .. import lab  # noqa: F401 (says which extra is missing)
    except MissingExtraError as error:
        print(f"srhm: error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    from .commands import run

    run(arguments)
