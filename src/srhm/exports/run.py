"""The writing of an export, from its plan to its manifest."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..files import check_folder, user_path, write_atomically
from ..model.encoding import Encoding
from . import hugging_face, numpy_files, parquet
from .plan import Format, Part, Plan, Shard
from .table import values

MANIFEST = "manifest.json"
"""The file that describes an export; the last to be completed."""

RULES = "grammar.json"
"""The file of the production rules, as :meth:`srhm.Grammar.load` reads it."""

_WRITERS: dict[str, ModuleType] = {
    "parquet": parquet,
    "numpy": numpy_files,
    "hugging_face": hugging_face,
}

_KIND = "srhm-export"


def export(
    folder: str | Path,
    parts: Mapping[str, Part],
    format: Format = "parquet",
    *,
    encoding: Encoding | None = None,
    shard_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write samples with all hidden variables to a folder, or resume an export that was interrupted.

    Shards are written atomically, one by one; existing ones are kept. The folder also contains the production rules
    and the manifest: the model, the digest of the rules and their weights, seed and range of every part, the version of
    the streams, all columns, and at the end size and SHA-256 of every file. Without these the export is unfinished;
    with them, another call rewrites files that have changed since. Only one process at a time may write to a folder.

    Parameters
    ----------
    folder
        A new or empty folder, or the folder of the same export.
    parts
        Samples of streams of one grammar, by name, such as ``"train"`` and ``"test"``.
    format
        ``"parquet"``: Parquet files, one per shard. ``"numpy"``: `.npy` files, one for each column of a shard, which
        `numpy.load` maps into memory. ``"hugging_face"``: Parquet files in a folder `data` with a dataset card, as
        Hugging Face `datasets` loads it. All but ``"numpy"`` need pyarrow.
    encoding
        Also write dense inputs in this encoding; see :data:`srhm.Encoding`. They are large: d numbers for each
        channel of a sample. Default: no dense inputs.
    shard_size
        Number of samples of a shard. Default: about 256 MiB before compression.
    progress
        Called after every shard with the number of samples written and the total.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    ArgumentError
        If an argument cannot be used, or the folder contains something else; raised before any file is touched.
    MissingExtraError
        If pyarrow is needed and not installed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from srhm import Grammar, Stream
    >>> from srhm.model.params import Params
    >>> stream = Stream(Grammar(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), seed=0), seed=0)
    >>> with TemporaryDirectory() as folder:
    ...     manifest = export(folder, {"train": Part(stream, 1000)}, "numpy", shard_size=600)
    ...     labels = np.load(Path(folder) / "train-00001-of-00002.label.npy", mmap_mode="r")
    ...     print(labels.shape, manifest["plan"]["parts"]["train"]["count"])
    (400,) 1000
    """
    plan = Plan(format, parts, encoding, shard_size)
    writer = _WRITERS[format]
    writer.check()
    folder = user_path(folder)
    _check_place(folder, plan)
    return _write(folder, plan, writer, progress)


def _write(
    folder: Path, plan: Plan, writer: ModuleType, progress: Callable[[int, int], None] | None
) -> dict[str, Any]:
    _clear(folder, [MANIFEST, RULES])
    found = _manifest(folder)
    if found is None:
        _save_manifest(folder, plan, None)
    recorded = (found or {}).get("files") or {}
    plan.grammar.save(folder / RULES)
    total = sum(part.count for part in plan.parts.values())
    done, files = 0, [RULES]
    for shard in plan.shards():
        names = list(writer.names(plan, shard))
        if not all(_is_finished(folder / name, recorded.get(name)) for name in names):
            _clear(folder, names)
            writer.write(folder, plan, shard, _chunks(plan, shard))
        files += names
        done += shard.count
        if progress is not None:
            progress(done, total)
    _clear(folder, [hugging_face.CARD])
    files += writer.finish(folder, plan)
    return _save_manifest(folder, plan, {name: _fingerprint(folder / name) for name in files})


def _chunks(plan: Plan, shard: Shard) -> Iterator[dict[str, np.ndarray]]:
    """The samples of a shard, a few at a time."""
    stream = plan.parts[shard.part].stream
    for first in range(0, shard.count, plan.chunk):
        count = min(plan.chunk, shard.count - first)
        yield values(stream, shard.start + first, count, plan.encoding)


def _check_place(folder: Path, plan: Plan) -> None:
    """Check that the folder is empty, or contains the same export."""
    named = str(folder)
    try:
        if folder.exists():
            if not folder.is_dir():
                raise ArgumentError("folder", named, "is not a folder", "Name a new folder")
            found = _manifest(folder)
            if found is None and not all(_is_part(place.name, MANIFEST) for place in folder.iterdir()):
                problem = f"holds files, but no {MANIFEST} of an export"
                raise ArgumentError("folder", named, problem, "Name a new folder, or empty this one")
            if found is not None:
                _check_same(named, found, plan)
        check_folder(folder)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        raise ArgumentError("folder", named, problem, "Name another place") from error


def _check_same(named: str, manifest: dict[str, Any], plan: Plan) -> None:
    wanted, there = plan.to_dict(), _in_present_words(manifest.get("plan"))
    if manifest.get("kind") != _KIND or not isinstance(there, dict):
        raise ArgumentError(
            "folder", named, f"has a {MANIFEST} that is not of an export", "Name a new folder"
        )
    for name in wanted | there:
        if wanted.get(name) != there.get(name):
            problem = f"holds another export, with other {name}"
            raise ArgumentError("folder", named, problem, "Name a new folder, or delete this one")


def _in_present_words(plan: Any) -> Any:
    """Return a plan as it is written now; earlier manifests say ``backward``, and ``independent`` of the rule."""
    if not isinstance(plan, dict) or not isinstance(plan.get("parts"), dict):
        return plan
    parts = {}
    for name, part in plan["parts"].items():
        present = {"reverse" if key == "backward" else key: value for key, value in part.items()}
        parts[name] = present | ({"rule": "replacement"} if present.get("rule") == "independent" else {})
    return plan | {"parts": parts}


def _manifest(folder: Path) -> dict[str, Any] | None:
    """The contents of the manifest; an empty dictionary if it cannot be read, None if it does not exist."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _save_manifest(folder: Path, plan: Plan, files: dict[str, Any] | None) -> dict[str, Any]:
    content = {"kind": _KIND, "plan": plan.to_dict(), "files": files}
    write_atomically(folder / MANIFEST, (json.dumps(content, indent=1) + "\n").encode())
    return content


def _is_finished(path: Path, recorded: dict[str, Any] | None) -> bool:
    """Whether a file exists and agrees with the manifest of a finished export."""
    return path.is_file() and recorded in (None, _fingerprint(path))


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _is_part(file_name: str, name: str) -> bool:
    """Whether a file is the remains of another, left by a killed process; see :func:`srhm.files.atomic_file`."""
    return re.fullmatch(rf"\.{re.escape(name)}\.[0-9a-f]{{16}}", file_name) is not None


def _clear(folder: Path, names: list[str]) -> None:
    """Delete the remains that a killed process left of these files."""
    for place in (folder / name for name in names):
        if place.parent.is_dir():
            for rest in place.parent.iterdir():
                if _is_part(rest.name, place.name):
                    rest.unlink(missing_ok=True)
