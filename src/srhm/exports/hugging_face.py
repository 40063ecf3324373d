"""An export as a folder that Hugging Face `datasets` loads: Parquet shards and a dataset card.

Layout and card follow https://huggingface.co/docs/hub/datasets-file-names-and-splits and
https://huggingface.co/docs/hub/datasets-cards; nothing of Hugging Face needs to be installed.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..errors import in_short
from ..files import write_atomically
from ..model.derivation import child_offsets
from ..model.params import Level
from . import parquet
from .plan import Plan, Shard
from .table import Column

CARD = "README.md"
"""The file of the dataset card."""

_DATA = "data"
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")

check = parquet.check


def names(plan: Plan, shard: Shard) -> Iterator[str]:
    """Yield the files of a shard."""
    for name in parquet.names(plan, shard):
        yield f"{_DATA}/{name}"


def write(folder: Path, plan: Plan, shard: Shard, chunks: Iterable[dict[str, np.ndarray]]) -> None:
    """Write a shard, a chunk at a time."""
    parquet.write(folder / _DATA, plan, shard, chunks)


def finish(folder: Path, plan: Plan) -> Iterator[str]:
    """Write the card, and yield its file."""
    write_atomically(folder / CARD, card(plan).encode())
    yield CARD


def card(plan: Plan) -> str:
    """Return the dataset card: a header that `datasets` reads, and a description."""
    params = plan.grammar.params
    title = f"Sparse Random Hierarchy Model, L = {params.L}, v = {params.v}, s = {params.s}, s0 = {params.s0}"
    title += f", sparsity {params.sparsity}"
    lines = ["---", *_header(plan, title), "---", "", f"# {title}", "", _INTRODUCTION, "", *_model(plan), ""]
    lines += ["## Columns", "", "| column | type | shape | |", "| --- | --- | --- | --- |"]
    for one in plan.columns:
        shape = " × ".join(map(str, one.shape)) or "one number"
        lines.append(f"| `{one.name}` | {one.dtype} | {shape} | {one.meaning} |")
    return "\n".join([*lines, "", _choices(plan), "", _END, ""])


def _header(plan: Plan, title: str) -> Iterator[str]:
    total = sum(part.count for part in plan.parts.values())
    yield f"pretty_name: {json.dumps(title)}"
    yield from ("tags:", "- synthetic", "- random-hierarchy-model")
    size = _SIZES[min(max(0, len(str(total)) - 3), len(_SIZES) - 1)]
    yield from ("size_categories:", f"- {size}")
    yield from ("configs:", "- config_name: default", "  data_files:")
    for name in plan.parts:
        yield from (f"  - split: {name}", f"    path: {_DATA}/{name}-*")
    yield from ("dataset_info:", "  features:")
    for one in plan.columns:
        yield from (f"  {line}" for line in _feature(plan, one))
    yield "  splits:"
    for name, part in plan.parts.items():
        yield from (f"  - name: {name}", f"    num_bytes: {part.count * plan.row_bytes}")
        yield f"    num_examples: {part.count}"
    yield f"  dataset_size: {total * plan.row_bytes}"


def _feature(plan: Plan, column: Column) -> Iterator[str]:
    """The type of a column, as the card writes it: fixed-size lists are sequences with a length."""
    yield f"- name: {column.name}"
    if column.name == "label":
        yield from ("  dtype:", "    class_label:", "      names:")
        yield from (f"        '{label}': '{label}'" for label in range(plan.grammar.params.n_c))
        return
    if not column.shape:
        yield f"  dtype: {column.dtype}"
        return
    yield from (f"  {line}" for line in _sequence(column.dtype, column.shape))


def _sequence(dtype: str, shape: tuple[int, ...]) -> Iterator[str]:
    """A sequence with a length, of numbers or of sequences; `datasets` reads the type from the first key."""
    if len(shape) == 1:
        yield f"sequence: {dtype}"
    else:
        yield "sequence:"
        yield from (f"  {line}" for line in _sequence(dtype, shape[1:]))
    yield f"length: {shape[0]}"


def _model(plan: Plan) -> Iterator[str]:
    params = plan.grammar.params
    yield "## Model"
    yield ""
    yield from ("| | |", "| --- | --- |")
    yield f"| classes n_c, features v, synonyms m | {params.n_c}, {params.v}, {params.m} |"
    yield f"| informative children s, blanks s0 next to each | {params.s}, {params.s0} |"
    yield f"| levels L, sparsity | {params.L}, {params.sparsity} |"
    if params.plane:
        yield f"| rows and columns of a picture | {' × '.join(map(str, params.shape))} |"
    yield f"| input positions d, informative ones s^L | {params.d}, {params.num_leaves} |"
    yield f"| distinct data P_max | {in_short(params.P_max, ',')} |"
    yield f"| seed of the rules | {plan.grammar.seed} |"
    yield f"| digest of numbers and rules | `{plan.grammar.digest}` |"
    if plan.grammar.weighted:
        yield f"| uneven weights (`grammar.json`, in units of 2^-32) | {_uneven(plan)} |"
    yield ""
    yield "| split | samples | first | seed | drawn |"
    yield "| --- | --- | --- | --- | --- |"
    for name, part in plan.parts.items():
        stream = part.stream
        how = "without replacement" if stream.rule == "permutation" else "with replacement"
        how += ", from the end of the order" if stream.reverse else ""
        yield f"| {name} | {part.count:,} | {part.start:,} | {stream.seed} ({stream.role}) | {how} |"


def _uneven(plan: Plan) -> str:
    """What has uneven weights, and at which levels."""
    words = {"rule_weights": "rules", "placement_weights": "placements", "class_weights": "classes"}
    return "; ".join(
        words[name] + (f" of level {', '.join(weights)}" if isinstance(weights, dict) else "")
        for name, weights in plan.grammar.weights_to_dict().items()
    )


def _choices(plan: Plan) -> str:
    """What the numbers of rules and placements mean."""
    params = plan.grammar.params
    end = "\n" + _PICTURES if params.plane else ""
    if params.uniform:
        placements = _placements(params.level(1))
        return _CHOICES.format(s=params.s, p=params.patch, of_level="", placements=placements) + end
    lines = [f"  - At level {level.level}, {_placements(level)}" for level in params.levels]
    listed = "\n".join(["which has p:", *lines])
    return _CHOICES.format(s="s", p="p", of_level="", placements=listed) + end


def _placements(level: Level) -> str:
    """What the numbers of placements mean at a level."""
    shown = min(level.placements, _SHOWN)
    places = child_offsets(level, np.arange(shown)).tolist()
    listed = ", ".join(f"{number}: {tuple(one)}" for number, one in enumerate(places))
    if level.placements == 1:
        order = "There is one placement"
    elif level.sparsity == "A":
        base = f"base s0 + 1 = {level.s0 + 1}"
        order = f"In {base}, the digits of its number are the places of the s features in their sub-patches"
    else:
        order = f"Its number is the rank of its {level.s} places among all choices of them, in lexicographic order"
    more = " and so on" if shown < level.placements else ""
    return f"of {level.patch} places. {order}: {listed}{more}."


_SHOWN = 8
"""Placements that the card lists."""

_CHOICES = """\
## Rules and placements

Entry k, from 0, of `rules_l` and `placements_l` is the choice of feature k of level l + 1, or for the highest level of
the class. It produces the {s} features of level l from entry {s} k on.

- Rule i of feature a is the tuple `rules[l - 1][a][i]` in `grammar.json`.
- A placement names the places of the {s} features in their patch{of_level}, {placements}
- A feature has the position {p} q + its place, where q is the position of its parent, 0 for the class."""

_PICTURES = """\
- An input is a picture: the children of a node sit in squares of a x a sub-patches, a^2 = s, each of b x b pixels,
  b^2 = s0 + 1. With child c at the place c b^2 + r, the row is ab times that of the parent, plus b (c // a) + r // b,
  and the column likewise, plus b (c % a) + r % b; the class is at row 0 and column 0."""

_INTRODUCTION = """\
A classification task whose data are hierarchical and sparse. A class produces `s` features, each of these `s` features
of the level below, and so on down to the input; every step chooses one of `m` equivalent rules, and places the
features among blanks. Every choice is in the table: labels, the features and positions of every level, the rules and
the placements. Level 1 is the input, level L lies just below the class. A position that `positions_1` does not name is
blank."""

_END = """\
`grammar.json` holds the production rules, `manifest.json` how to draw the same samples again with the Python library
`srhm`, to the bit.

## Source

Umberto M. Tomasini and Matthieu Wyart. How Deep Networks Learn Sparse and Hierarchical Data: the Sparse Random
Hierarchy Model. Proceedings of the 41st International Conference on Machine Learning, PMLR 235:48369-48389, 2024.
arXiv:2404.10727."""
