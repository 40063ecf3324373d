"""Files that are named by users, and written whole or not at all."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import ArgumentError

_PATIENCE_SECONDS = 2.0
"""How long to make a folder anew that others delete."""


def user_path(path: str | Path) -> Path:
    """Return a path with the user's home in place of a leading ``~``, where the shell did not put it in."""
    with suppress(RuntimeError):  # no such user
        return Path(path).expanduser()
    return Path(path)


def write_atomically(path: str | Path, content: bytes | memoryview) -> None:
    """Write a file so that a crash at any instant leaves the old one or the new one, never a part.

    Missing folders are made.
    """
    with atomic_file(path) as file:
        file.write(content)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to be written piece by piece, which appears, whole, when the block has ended.

    Missing folders are made. A block that ends with an error, Ctrl-C included, leaves only the old file. An error of
    the system names the file.
    """
    path = user_path(path)
    # In the same folder, since no rename crosses file systems; random, since writers may share a network disk.
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with _opened(part) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):  # the folder may be gone too
            part.unlink()
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(part)):
            error.filename = str(path)  # of a full disk, the system names no file
        raise


def _opened(part: Path) -> BinaryIO:
    """Open a new file, in a folder that another process may be deleting because it is empty."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        with suppress(FileNotFoundError, FileExistsError):
            part.parent.mkdir(parents=True, exist_ok=True)
            return part.open("xb")  # the system applies the umask, which tempfile would not
    part.parent.mkdir(parents=True, exist_ok=True)
    return part.open("xb")


def check_folder(folder: str | Path) -> None:
    """Raise an OSError unless files can be written into a folder, which need not exist yet; leave nothing behind."""
    folder = user_path(folder).absolute()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    probe = existing / f".{secrets.token_hex(8)}"
    probe.mkdir()  # permissions do not reveal a file system that accepts no files, such as /proc
    probe.rmdir()


def check_output(argument: str, path: Path, *, folder: bool = False) -> None:
    """Refuse a file, or a folder, that cannot be written, before anything is computed."""
    try:
        if path.exists() and path.is_dir() != folder:
            is_, name = ("file", "folder") if folder else ("folder", "file")
            raise ArgumentError(argument, str(path), f"is a {is_}", f"Name a {name}")
        check_folder(path if folder else path.absolute().parent)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        raise ArgumentError(argument, str(path), problem, "Name another place") from error
