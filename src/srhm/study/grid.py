"""Files of runs: GRID.toml names many runs and searches in a few lines (docs, cluster.md)."""

import itertools
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, check_choice, check_integer, name_fix
from ..files import user_path
from ..model.options import Model
from .options import option_table, setup_of
from .setup import RunSpec, Seeds, Setup
from .study import Study, chosen_thresholds

_MODEL = tuple(one.name for one in fields(Model))
_MAX_RUNS = 1_000_000
"""Runs of one file."""


@dataclass(frozen=True)
class Grid:
    """Runs and searches, in the order they are to be done."""

    title: str
    """Name of the file, or what it calls itself."""
    runs: tuple[RunSpec, ...]
    """Single runs, each once."""
    studies: tuple[Study, ...]
    """Searches for P*."""


def shard(sources: Sequence[Any], number: int, of: int) -> list[Any]:
    """Return one of `of` parts of the sources, counted from 1: every of-th, so that parts are alike."""
    check_integer("shards", of, minimum=1, maximum=1_000_000)
    check_integer("shard", number, minimum=1, maximum=of)
    return list(sources[number - 1 :: of])


def parsed_shard(text: str) -> tuple[int, int]:
    """Return (i, n) of "i/n", checked."""
    found = re.fullmatch(r"(\d{1,7})/(\d{1,7})", text) if isinstance(text, str) else None
    if found is None:
        raise ArgumentError("shard", text, "is not of the form i/n", "Write for example --shard 3/10")
    number, of = int(found[1]), int(found[2])
    shard([], number, of)
    return number, of


def read_grid(path: str | Path) -> Grid:
    """Read a file of runs.

    Tables ``[[runs]]`` name single runs, tables ``[[pstar]]`` searches for P*. Their keys are the options of `srhm
    train` and `srhm pstar`, written with ``_``; a list of values means one table for each, and several lists for
    all combinations. ``seeds`` is the number of replicates (numbered from 0), or a list of their numbers in
    ``[[runs]]``; ``fix`` a list of the roles that share seed 0; ``title`` names the whole.

    Raises
    ------
    ArgumentError
        If the file cannot be read, is not TOML, or names something that is not there or cannot be; the error
        names the table.
    """
    path = user_path(path)
    content = _parsed(path)
    unknown = set(content) - {"title", "runs", "pstar"}
    if unknown:
        fix = name_fix(sorted(unknown)[0], ("title", "runs", "pstar"))
        raise _wrong(path, f"has the key {sorted(unknown)[0]!r}", fix)
    title = content.get("title", path.stem)
    if not isinstance(title, str):
        raise _wrong(path, f"has the title {title!r}, which is not a text", "Write it in quotes")
    runs: dict[str, RunSpec] = {}
    for spec in _each(path, content, "runs", _known("P", "seeds", "fix"), _runs_of):
        runs.setdefault(spec.hash, spec)
    known = _known("seeds", "fix", "quantities", "threshold", "start", "search")
    studies = tuple(_each(path, content, "pstar", known, _studies_of))
    if not runs and not studies:
        raise _wrong(path, "names no runs", "Add a table [[runs]] or [[pstar]]")
    return Grid(title, tuple(runs.values()), studies)


def _known(*others: str) -> tuple[str, ...]:
    return (*_MODEL, *option_table(), "protocol", *others)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}", "Name a file of runs") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(path, f"is not TOML: {error}", "Fix the file") from error


def _each(path: Path, content: dict[str, Any], kind: str, known: Sequence[str], of: Any) -> Iterator[Any]:
    """Yield what all tables of a kind name; errors say which table."""
    tables = content.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _wrong(
            path, f"has a {kind!r} that is not a list of tables", f"Write [[{kind}]], with two brackets"
        )
    for number, table in enumerate(tables, start=1):
        where = f"[[{kind}]] number {number}"
        unknown = [key for key in table if key not in known]
        if unknown:
            raise _wrong(path, f"has the key {unknown[0]!r} in {where}", name_fix(unknown[0], known))
        try:
            yield from of(table)
        except ArgumentError as error:
            raise _wrong(path, f"is wrong in {where}: {error}"[:-1], "Fix that table") from error
        except TypeError as error:
            raise _wrong(path, f"is wrong in {where}: {error}", "Fix that table") from error


def _wrong(path: Path, problem: str, fix: str) -> ArgumentError:
    return ArgumentError("grid", str(path), problem, fix)


def _crossed(table: dict[str, Any], apart: Sequence[str], times: int = 1) -> Iterator[dict[str, Any]]:
    """Yield the table for every combination of its lists, each of which means `times` runs.

    The keys of `apart` are left as they are.
    """
    lists = {key: value for key, value in table.items() if isinstance(value, list) and key not in apart}
    count = times
    for key, values in lists.items():
        count *= len(values)
        if not values:
            raise ArgumentError(key, [], "is an empty list", "Give at least one value")
    if count > _MAX_RUNS:
        raise ArgumentError("grid", count, "is too many combinations", f"Use at most {_MAX_RUNS:,}")
    for values in itertools.product(*lists.values()):
        yield table | dict(zip(lists, values, strict=True))


def _setup(table: dict[str, Any]) -> Setup:
    for key, value in table.items():
        if isinstance(value, dict):
            raise ArgumentError(key, value, "is a table", "Give a number, a word or a list of them")
    model = Model(**{key: table[key] for key in _MODEL if key in table})
    chosen = {name: table[name] for name in option_table() if name in table}
    protocol = table.get("protocol", "default")
    check_choice("protocol", protocol, ("default", "published"), "is not known")
    return setup_of(model.params(), chosen, published=protocol == "published")


def _seeds(value: Any) -> list[int]:
    if value == []:
        raise ArgumentError("seeds", value, "is an empty list", "Give at least one value")
    if isinstance(value, list):
        return [check_integer("seeds", seed, minimum=0, maximum=2**64 - 1) for seed in value]
    return list(range(check_integer("seeds", value, minimum=1, maximum=_MAX_RUNS)))


def _roles(table: dict[str, Any]) -> tuple[str, ...]:
    fix = table.get("fix", [])
    if not isinstance(fix, str | list):
        raise ArgumentError("fix", fix, "is not a list of roles", "Write for example fix = ['grammar']")
    return (fix,) if isinstance(fix, str) else tuple(fix)


def _runs_of(table: dict[str, Any]) -> Iterator[RunSpec]:
    if "P" not in table:
        raise ArgumentError("P", None, "is missing", "Give P, or use [[pstar]] to search for P*")
    seeds, fix = _seeds(table.get("seeds", 1)), _roles(table)
    for one in _crossed(table, ("seeds", "fix"), times=len(seeds)):
        setup = _setup(one)
        for seed in seeds:
            yield setup.at(one["P"], Seeds.replicate(seed, fix))


def _studies_of(table: dict[str, Any]) -> Iterator[Study]:
    for one in _crossed(table, ("fix",)):
        setup = _setup(one)
        chosen = chosen_thresholds(setup, one.get("quantities", "error"), one.get("threshold"))
        usual = "nearest_grid" if one.get("protocol") == "published" else "bisection"
        seeds = check_integer("seeds", one.get("seeds", 3), minimum=1, maximum=1000)
        rule = one.get("search", usual)
        yield Study(setup, seeds, _roles(one), chosen, one.get("start"), rule).check()
