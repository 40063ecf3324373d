"""Whether this process is asked to stop: by Ctrl-C, or by the SIGTERM of a container or of a batch system.

An exception raised by the handler of a signal is lost where Python just then runs a finalizer or collects garbage. So
the handler also leaves a note, and work that takes long looks at it again and again.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ONCE_SECONDS = 0.5
"""Signals so soon after the first are the same one: a terminal, `timeout` and others send it to the process and to its
group."""


class Terminated(SystemExit):
    """The process was asked to end by SIGTERM. It ends with status 143, as shells expect."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""The handlers that Python starts with."""
_RAISED: dict[int, type[BaseException]] = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}

_asked: type[BaseException] | None = None
"""The note: what is raised to stop the work."""
_since = 0.0
"""When the first signal came."""


def ask_to_stop(by: type[BaseException] = KeyboardInterrupt) -> None:
    """Leave the note."""
    global _asked
    _asked = by


def asked_to_stop() -> bool:
    """Return whether the note is there."""
    return _asked is not None


def check_interrupt() -> None:
    """Raise KeyboardInterrupt, or Terminated, if the note is there."""
    if _asked is not None:
        raise _asked


@contextmanager
def interrupts_noted(noted: bool = True) -> Iterator[None]:
    """Let Ctrl-C also leave the note meanwhile, and let SIGTERM raise Terminated and leave it too.

    This is for the main thread, and for the handlers that Python starts with; whoever has set others knows better. A
    second signal is raised in whatever the first has left to do, and a third ends the process outright. If not
    `noted`, nothing is changed.
    """
    global _asked
    noted = noted and threading.current_thread() is threading.main_thread()
    ours = [number for number, usual in _USUAL.items() if noted and signal.getsignal(number) == usual]
    if not ours:
        yield
        return
    told = sys.unraisablehook
    pass_over_lost_interrupts()
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, _USUAL[number])
        sys.unraisablehook = told
        _asked = None


def _interrupt(number: int, frame: Any) -> None:
    global _since
    now = time.monotonic()
    if _asked is None:
        _since = now
    elif now - _since < _ONCE_SECONDS:
        return
    else:
        for other in _USUAL:
            if signal.getsignal(other) == _interrupt:
                signal.signal(other, signal.SIG_DFL)
    ask_to_stop(_RAISED[number])
    raise _RAISED[number]


def pass_over_lost_interrupts() -> None:
    """Have Python say nothing of an interrupt that is lost: the note will stop the work."""
    tell = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not (_asked is not None and issubclass(unraisable.exc_type, KeyboardInterrupt | Terminated)):
            tell(unraisable)

    sys.unraisablehook = hook
