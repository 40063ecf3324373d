"""Whether the job of this process is asked to stop.

An exception raised by the handler of a signal may be lost, where Python just then runs a finalizer. So the handler
also leaves a note, and work that takes long looks at it again and again.
"""

import threading

_ASKED = threading.Event()


def ask_to_stop() -> None:
    """Leave the note."""
    _ASKED.set()


def asked_to_stop() -> bool:
    """Return whether the note is there."""
    return _ASKED.is_set()


def check_interrupt() -> None:
    """Raise KeyboardInterrupt if the job is asked to stop."""
    if _ASKED.is_set():
        raise KeyboardInterrupt
