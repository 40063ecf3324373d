"""Atomic checkpoints of a run: one file of arrays and JSON, never a pickle."""

import io
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..errors import ArgumentError, check_number
from ..files import user_path, write_atomically


@dataclass
class Checkpoint:
    """A file that holds the state of one unfinished run."""

    path: Path
    """The file."""
    every: float = 60.0
    """Seconds between two saves."""
    _saved: float = field(default_factory=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        self.path = user_path(self.path)
        check_number("every", self.every)

    @classmethod
    def of(cls, checkpoint: "Checkpoint | Path | str | None") -> "Checkpoint | None":
        """Return the checkpoint at a path; a Checkpoint, or None, is returned unchanged."""
        if checkpoint is not None and not isinstance(checkpoint, (str, Path, Checkpoint)):
            raise ArgumentError(
                "checkpoint", checkpoint, "is not a file", "Give its path, a Checkpoint or None"
            )
        return cls(Path(checkpoint)) if isinstance(checkpoint, (str, Path)) else checkpoint

    def due(self) -> bool:
        """Return whether it is time for the next save."""
        return time.monotonic() - self._saved >= self.every

    def save(self, identity: dict[str, Any], host: dict[str, Any], arrays: list[np.ndarray]) -> None:
        """Write the file, whole or not at all: to a temporary file first, flushed to disk, then renamed."""
        head = json.dumps({"identity": identity, "host": host, "arrays": len(arrays)})
        named: dict[str, Any] = {f"array_{number}": array for number, array in enumerate(arrays)}
        buffer = io.BytesIO()
        np.savez(buffer, head=np.frombuffer(head.encode(), np.uint8), **named)
        write_atomically(self.path, buffer.getbuffer())
        self._saved = time.monotonic()

    def load(self, identity: dict[str, Any]) -> tuple[dict[str, Any], list[np.ndarray]] | None:
        """Read the file back, or return None if there is none.

        Raises
        ------
        ArgumentError
            If the file belongs to a run with other settings, or is not a checkpoint.
        """
        try:
            stored = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            with np.load(io.BytesIO(stored), allow_pickle=False) as content:
                head = json.loads(content["head"].tobytes().decode())
                arrays = [content[f"array_{number}"] for number in range(head["arrays"])]
            found, host = head["identity"], head["host"]
        except (ValueError, KeyError, TypeError, EOFError, OSError, RuntimeError, BadZipFile) as error:
            path = str(self.path)
            raise ArgumentError("checkpoint", path, "is not a checkpoint", "Delete the file") from error
        if found != json.loads(json.dumps(identity)):
            raise ArgumentError(
                "checkpoint",
                str(self.path),
                "belongs to a run with other settings",
                "Use another file, or delete it",
            )
        return host, arrays

    def remove(self) -> None:
        """Delete the file of a run that has ended."""
        self.path.unlink(missing_ok=True)
