"""Files of runs, written from runs: what :func:`srhm.study.read_grid` reads back."""

from collections.abc import Sequence
from typing import Any

from srhm.errors import ArgumentError
from srhm.study import RunSpec, Seeds, Setup
from srhm.study.options import options_of


def as_grid(specs: Sequence[RunSpec], title: str) -> str:
    """Return the text of a file of runs that names these runs, one table for all that differ in P and seed alone.

    Raises
    ------
    ArgumentError
        If the seeds of a run are not those of a replicate.
    """
    groups: dict[str, tuple[dict[str, Any], dict[int, list[int]]]] = {}
    for spec in specs:
        table = _table(spec.setup)
        seed = spec.seeds.samples
        if spec.seeds != Seeds.replicate(seed):
            raise ArgumentError("specs", spec.seeds, "is not a replicate", "Use Seeds.replicate(number)")
        entry = groups.setdefault(repr(table), (table, {}))
        entry[1].setdefault(seed, []).append(spec.P)
    lines = [f"title = {_toml(title)}"]
    for table, by_seed in groups.values():
        for seed, Ps in sorted(by_seed.items()):
            lines += ["", "[[runs]]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
            lines += [f"seeds = [{seed}]", f"P = {sorted(Ps)}"]
    return "\n".join(lines) + "\n"


def _table(setup: Setup) -> dict[str, Any]:
    """The options that give a setup, those of the model among them."""
    return setup.params.to_dict() | options_of(setup)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):  # a number for each level is a text, for lists stand for several settings
        value = ",".join(map(str, value))
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
