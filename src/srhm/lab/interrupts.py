"""Whether this process is asked to stop.

An exception raised by the handler of a signal is lost where Python just then runs a finalizer or collects garbage. So
the handler also leaves a note, and work that takes long looks at it again and again.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ASKED = threading.Event()


def ask_to_stop() -> None:
    """Leave the note."""
    _ASKED.set()


def asked_to_stop() -> bool:
    """Return whether the note is there."""
    return _ASKED.is_set()


def check_interrupt(_: object = None) -> None:
    """Raise KeyboardInterrupt if the note is there. Work that tells its progress may tell it to this."""
    if _ASKED.is_set():
        raise KeyboardInterrupt


@contextmanager
def interrupts_noted() -> Iterator[None]:
    """Let Ctrl-C leave the note meanwhile, beside what it does.

    This is for the main thread, and for Python's own handler of Ctrl-C; whoever has set another knows better.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    told = sys.unraisablehook
    pass_over_lost_interrupts()
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = told
        _ASKED.clear()


def _interrupt(number: int, frame: Any) -> None:
    ask_to_stop()
    raise KeyboardInterrupt


def pass_over_lost_interrupts() -> None:
    """Have Python say nothing of an interrupt that is lost: the note will stop the work."""
    tell = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not (_ASKED.is_set() and issubclass(unraisable.exc_type, KeyboardInterrupt)):
            tell(unraisable)

    sys.unraisablehook = hook
