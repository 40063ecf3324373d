"""The heart of a driver: a thread that says in the store that the driver lives, and hears of a cancellation."""

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ..errors import SrhmError
from ..store import Store, owner_name

LEASE_SECONDS = 300.0
"""How long a claim holds unless it is renewed; a driver that has died on another machine is believed alive so long."""
_BEAT_SECONDS = 2.0
"""How often a driver says that it lives, and asks whether it is to stop."""


class Heart(threading.Thread):
    """Says in the store, again and again, that the driver lives and keeps its claims; hears of a cancellation.

    Parameters
    ----------
    store
        The store.
    done
        Returns how many chains are done.
    stops_main
        Whether a cancellation interrupts the thread that made this one, as Ctrl-C does, since it may compute for
        long and look at nothing.

    Attributes
    ----------
    owner
        The owner of the driver's claims.
    cancelled
        Whether the driver was asked to stop.
    """

    def __init__(self, store: Store, done: Callable[[], int], *, stops_main: bool) -> None:
        super().__init__(daemon=True, name="srhm-heart")
        self._done = done
        self.owner = owner_name()
        self.cancelled = False
        self._main = threading.get_ident()
        self._store, self._stops_main = store, stops_main
        self._ended = threading.Event()

    def run(self) -> None:
        """Beat until told to stop."""
        renewed = time.monotonic()
        while not self._ended.wait(_BEAT_SECONDS):
            with suppress(Exception):  # such as a store that is locked for a while; the lease outlasts it
                if self._store.seen(self.owner, self._done()) and not self.cancelled:
                    self.cancelled = True
                    if self._stops_main:
                        signal.pthread_kill(self._main, signal.SIGINT)
                if time.monotonic() - renewed >= LEASE_SECONDS / 4:
                    self._store.renew(self.owner, LEASE_SECONDS)
                    renewed = time.monotonic()

    def stop(self, state: str) -> None:
        """Stop beating, and give back all claims."""
        self._ended.set()
        self.join()
        with suppress(SrhmError):  # claims of a process that has ended are void in any case
            self._store.release(self.owner)
            self._store.leave(self.owner, state, self._done())
