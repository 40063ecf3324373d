"""The contents of an export and its division into shards, before any file is touched."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from ..errors import ArgumentError, check_choice, check_instance, check_integer
from ..model.encoding import Encoding, check_encoding
from ..model.grammar import Grammar
from ..model.stream import Stream
from ..randomness import STREAM_VERSION
from .table import Column, columns

Format = Literal["parquet", "numpy", "hugging_face"]
"""The file format of an export:

- ``"parquet"``: Parquet files, one per shard.
- ``"numpy"``: `.npy` files, one for each column of a shard, which `numpy.load` maps into memory.
- ``"hugging_face"``: Parquet files in a folder `data` with a dataset card, as Hugging Face `datasets` loads it.
"""

FORMATS: tuple[str, ...] = ("parquet", "numpy", "hugging_face")

SHARD_BYTES = 2**28
"""Default size of a shard before compression, in bytes."""

CHUNK_BYTES = 2**24
"""Size of the samples made at a time, in bytes."""

_MAX_SHARDS = 10**5 - 1  # five digits in a name


@dataclass(frozen=True)
class Part:
    """One part of an export, such as its training set: samples of a stream, which are drawn when they are written.

    Raises
    ------
    ArgumentError
        If `count` is below 1, or a sample lies outside the stream.
    """

    stream: Stream
    """Where the samples come from."""
    count: int
    """How many samples there are, from `start` on."""
    start: int = 0
    """Which sample of the stream is the first."""

    def __post_init__(self) -> None:
        check_instance(Stream, stream=self.stream)
        check_integer("count", self.count, minimum=1)
        start, count = self.stream.checked_range(self.start, self.count)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "count", count)


@dataclass(frozen=True)
class Shard:
    """Consecutive samples of a part, written together."""

    part: str
    """Name of the part."""
    number: int
    """Number of the shard in its part, from 0."""
    of: int
    """Number of shards of the part."""
    start: int
    """Number of its first sample in the stream of the part."""
    count: int
    """Number of samples."""

    @property
    def stem(self) -> str:
        """The names of its files without their extensions."""
        return f"{self.part}-{self.number:05d}-of-{self.of:05d}"


@dataclass(frozen=True)
class Plan:
    """An export, checked as :func:`srhm.exports.export` says."""

    format: Format
    """The file format."""
    parts: Mapping[str, Part]
    """Its parts, by name."""
    encoding: Encoding | None = None
    """The encoding of the dense inputs; None: no dense inputs."""
    shard_size: int | None = None
    """Number of samples of a shard. Default: about 256 MiB before compression."""

    def __post_init__(self) -> None:
        check_choice("format", self.format, FORMATS, "is not a format of exports")
        _check_parts(self.parts)
        if self.encoding is not None:
            check_encoding(self.encoding)
        default = max(1, min(2**31, SHARD_BYTES // self.row_bytes))
        size = default if self.shard_size is None else self.shard_size
        size = check_integer("shard_size", size, minimum=1)
        object.__setattr__(self, "shard_size", size)
        largest = max(part.count for part in self.parts.values())
        if largest > size * _MAX_SHARDS:
            raise ArgumentError(
                "shard_size",
                size,
                f"divides {largest} samples into more than {_MAX_SHARDS} shards",
                f"Use shard_size >= {-(-largest // _MAX_SHARDS)}",
            )

    @property
    def grammar(self) -> Grammar:
        """The production rules, the same in all parts."""
        return next(iter(self.parts.values())).stream.grammar

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        return columns(self.grammar.params, self.encoding)

    @property
    def row_bytes(self) -> int:
        """Bytes of one sample, before compression."""
        return sum(one.nbytes for one in self.columns)

    @property
    def chunk(self) -> int:
        """Number of samples that are made at a time."""
        return max(1, min(2**15, CHUNK_BYTES // self.row_bytes))

    def shards(self) -> Iterator[Shard]:
        """Yield all shards, in order."""
        size = self.shard_size
        assert size is not None  # filled in
        for name, part in self.parts.items():
            of = -(-part.count // size)
            for number in range(of):
                first = number * size
                yield Shard(name, number, of, part.start + first, min(size, part.count - first))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON data: everything that determines the contents of the files."""
        return {
            "format": self.format,
            "stream_version": STREAM_VERSION,
            "params": json.loads(json.dumps(self.grammar.params.to_dict())),  # tuples are lists there
            "grammar": {"seed": self.grammar.seed, "digest": self.grammar.digest}
            | self.grammar.weights_to_dict(),
            "encoding": self.encoding,
            "shard_size": self.shard_size,
            "parts": {name: _described(part) for name, part in self.parts.items()},
            "columns": [asdict(one) | {"shape": list(one.shape)} for one in self.columns],
        }


def _described(part: Part) -> dict[str, Any]:
    stream = part.stream
    origin = {"seed": stream.seed, "role": stream.role, "rule": stream.rule, "reverse": stream.reverse}
    return origin | {"start": part.start, "count": part.count}


def _check_parts(parts: Any) -> None:
    if not isinstance(parts, Mapping) or not parts:
        fix = "Give a dictionary such as {'train': Part(stream, 1000)}"
        raise ArgumentError("parts", parts, "is not a dictionary of parts", fix)
    for name, part in parts.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
            problem = "is not a valid name of a part"
            raise ArgumentError(
                "parts", name, problem, "Use lowercase letters, digits and _, such as 'train'"
            )
        if not isinstance(part, Part):
            raise ArgumentError(
                f"parts[{name!r}]", part, "is not a Part", "Give srhm.exports.Part(stream, count)"
            )
    grammars = {part.stream.grammar for part in parts.values()}
    if len(grammars) > 1:
        fix = "Export each grammar to a folder of its own"
        raise ArgumentError("parts", list(parts), "are of different grammars", fix)
