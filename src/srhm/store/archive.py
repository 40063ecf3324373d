"""Archives of runs: a small compressed file that is the same for the same runs, to be committed and shared."""

import json
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import ArgumentError
from ..files import user_path, write_atomically
from ..study import Run

SUFFIX = ".jsonl.xz"
"""How the names of archives end: a run a line, as JSON, compressed by xz."""


def write_archive(path: str | Path, runs: Iterable[Run]) -> int:
    """Write runs in the order of their hashes, and return their number; equal runs give equal bytes.

    Trained weights are not in it, nor which ones were kept.

    Raises
    ------
    ArgumentError
        If the name does not end in ``.jsonl.xz``.
    """
    path = user_path(path)
    check_name(path)
    lines = {run.spec.hash: json.dumps(run.to_dict() | {"weights": None}, sort_keys=True) for run in runs}
    text = "".join(f"{lines[digest]}\n" for digest in sorted(lines))
    write_atomically(
        path, lzma.compress(text.encode(), check=lzma.CHECK_SHA256, preset=9 | lzma.PRESET_EXTREME)
    )
    return len(lines)


def read_archive(path: str | Path) -> Iterator[Run]:
    """Yield the runs of an archive, each checked.

    Raises
    ------
    ArgumentError
        If the file is not such an archive, is torn, or holds a row that was changed.
    """
    path = user_path(path)
    check_name(path)
    try:
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield Run.from_dict(json.loads(line))
    except (lzma.LZMAError, EOFError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArgumentError(
            "archive", str(path), f"cannot be read: {error}", "Take a whole file from srhm export"
        ) from error
    except OSError as error:
        raise ArgumentError(
            "archive", str(path), f"cannot be read: {error.strerror}", "Name a file from srhm export"
        ) from error


def check_name(path: Path) -> None:
    """Refuse a file that is not named as an archive."""
    if not path.name.endswith(SUFFIX):
        raise ArgumentError("archive", str(path), "is not named as an archive", f"Name a file *{SUFFIX}")
