"""A folder of compiled programs with the two methods of JAX's."""

from pathlib import Path


class Programs:
    """Keeps each program in a file."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def get(self, key: str) -> bytes | None:
        """Return a program, or None."""
        path = self._folder / key
        return path.read_bytes() if path.exists() else None

    def put(self, key: str, program: bytes) -> None:
        """Keep a program."""
        (self._folder / key).write_bytes(program)
