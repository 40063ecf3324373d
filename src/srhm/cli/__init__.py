"""The command line. It parses, calls and prints."""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from .. import __version__
from .endings import INTERRUPTED, TERMINATED

_WINDOWS = (
    "Windows is not supported: runs are interrupted by signals that it does not have. "
    "Use the Windows Subsystem for Linux (wsl --install)."
)


def console() -> None:
    """Run the command line and end the process.

    An interrupted one ends at once: JAX continues to compile in a thread of its own, and crashes where Python takes
    down around it what it uses.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before; libraries expect one
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing has to be tidied up until a command runs
    try:
        main()
    except SystemExit as ended:
        if ended.code not in (INTERRUPTED, TERMINATED):
            raise
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # nobody reads it any more
                stream.flush()
        os._exit(ended.code)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    It ends with exit status 2 for bad arguments, 1 for other errors, 130 after Ctrl-C and 143 after SIGTERM.
    """
    if sys.platform == "win32":
        print(f"srhm: error: {_WINDOWS}", file=sys.stderr)
        raise SystemExit(1)
    if (sys.argv[1:] if arguments is None else arguments) == ["--version"]:
        from .printing import print_result

        print_result(f"srhm {__version__}")
        return
    # Nothing is imported before this point, so that Ctrl-C meanwhile is no error, and only what the command needs.
    from ..errors import MissingExtraError

    try:
        import_module("..lab_extra", __package__)  # says which package is missing
    except MissingExtraError as error:
        print(f"srhm: error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    from .commands import run

    run(arguments)
