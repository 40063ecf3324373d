"""Processes that share compiled programs do not compile one at the same time: one does, the others wait and read it.

JAX looks for a program in the folder of compiled ones, and compiles and writes it if it is not there. Here a lock is
taken before the look and kept until the program is written. JAX has no public function for that: where its cache is
another than the known one, there are no locks.
"""

import fcntl
import hashlib
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from jax import monitoring

_WAIT_SECONDS = 600.0
"""How long to wait for a program that another process compiles, before it is compiled here as well."""
_POLL_SECONDS = 0.01
_COMPILED = "/jax/core/compile/backend_compile_duration"
"""What JAX reports when it has compiled a program, or read it, and has written it."""


class LockedCache:
    """JAX's folder of compiled programs, a lock for each program; processes alone are kept apart, not threads.

    The file of the locks is made in the folder; an OSError says that it cannot be.
    """

    def __init__(self, cache: Any, folder: str | Path) -> None:
        self._cache, self._folder = cache, Path(folder)
        self._file = os.open(Path(folder, "srhm-locks"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._held = threading.local()
        monitoring.register_event_duration_secs_listener(self._release_compiled)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def get(self, key: str) -> bytes | None:
        """Return a program, waiting for it where another process compiles it; None if it is to be compiled here."""
        self._release()
        with suppress(OSError):  # a disk without locks
            self._lock(key, fcntl.LOCK_SH)
        program = self._cache.get(key)
        self._release()
        if program is None:
            with suppress(OSError):
                self._lock(key, fcntl.LOCK_EX)
            program = self._cache.get(key)  # which another process may have written meanwhile
            if program is not None:
                self._release()
        return program

    def put(self, key: str, program: bytes) -> None:
        """Keep a program; one that an interrupt left half written would be read for ever."""
        try:
            self._cache.put(key, program)
        except BaseException:
            for file in self._folder.glob(f"{key}*"):
                file.unlink(missing_ok=True)
            raise

    def _lock(self, key: str, kind: int) -> None:
        """Lock the byte of a program in the file; the system unlocks it when a process ends."""
        byte = int(hashlib.sha256(key.encode()).hexdigest()[:12], 16)
        until = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < until:
            try:
                fcntl.lockf(self._file, kind | fcntl.LOCK_NB, 1, byte)
            except (BlockingIOError, PermissionError):  # another process has it
                time.sleep(_POLL_SECONDS)
            else:
                self._held.byte = byte
                return

    def _release(self) -> None:
        byte, self._held.byte = getattr(self._held, "byte", None), None
        if byte is not None:
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)

    def _release_compiled(self, event: str, *_: Any, **__: Any) -> None:
        if event == _COMPILED:
            self._release()


def compile_one_at_a_time() -> None:
    """Have this process wait for programs that others compile. Call it before JAX first computes; twice is once."""
    try:
        from jax._src import compilation_cache

        open_cache = compilation_cache.get_file_cache
    except (ImportError, AttributeError):  # another JAX
        return
    if getattr(open_cache, "locked", False):
        return

    def open_locked(path: str) -> Any:
        opened = open_cache(path)
        try:
            return opened and (LockedCache(opened[0], path), path)
        except OSError:  # a folder that can only be read, or not a folder of this machine
            return opened

    open_locked.locked = True  # pyright: ignore[reportFunctionMemberAccess]
    compilation_cache.get_file_cache = open_locked
