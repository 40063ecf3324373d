"""The columns of an export: samples with all their hidden variables."""

from dataclasses import dataclass
from math import prod

import numpy as np

from ..errors import check_instance
from ..model.dataset import smallest_unsigned
from ..model.derivation import expand
from ..model.encoding import Encoding, channels, encode
from ..model.params import Params
from ..model.stream import Stream


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    """Its name."""
    dtype: str
    """The NumPy dtype of its numbers."""
    shape: tuple[int, ...]
    """The shape of one sample's value, () for a single number."""
    meaning: str
    """What it holds."""

    @property
    def nbytes(self) -> int:
        """Size of the value of one sample, in bytes."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


def columns(params: Params, encoding: Encoding | None = None) -> tuple[Column, ...]:
    """Return the columns of an export of a model; dense inputs are in an encoding, if one is given.

    Examples
    --------
    >>> [one.name for one in columns(Params(n_c=6, v=6, m=6, s=2, s0=1, L=1), "onehot")]
    ['sample', 'label', 'features_1', 'positions_1', 'rules_1', 'placements_1', 'inputs']
    """
    check_instance(Params, params=params)
    found = [
        Column("sample", "uint64", (), "number of the sample in its stream"),
        Column("label", _type(params.n_c), (), "class"),
    ]
    for level in range(1, params.L + 1):
        numbers = params.level(level)
        nodes, leaves, length = (numbers.nodes,), (numbers.nodes * numbers.s,), numbers.positions
        where = f"level {level}" + (" (the input)" if level == 1 else "")
        parents = "the class" if level == params.L else f"each feature of level {level + 1}"
        of_parents = f"of {parents}, for its features of level {level}"
        among = f"the {length} of {where}, increasing{', in tree order' * params.plane}"
        for name, bound, shape, meaning in (
            ("features", numbers.v, leaves, f"informative features of {where}"),
            ("positions", length, leaves, f"their positions among {among}"),
            ("rules", numbers.m, nodes, f"which of the m = {numbers.m} rules {of_parents}"),
            (
                "placements",
                numbers.placements,
                nodes,
                f"which of the {numbers.placements} placements {of_parents}",
            ),
        ):
            found.append(Column(f"{name}_{level}", _type(bound), shape, meaning))
    if encoding is not None:
        integer = encoding == "integer"
        shape = params.shape if integer else (*params.shape, channels(params, encoding))
        axes = ["row", "column"] if params.plane else ["position"]
        meaning = (
            f"dense input, encoding {encoding!r}, [{', '.join(axes if integer else [*axes, 'channel'])}]"
        )
        found.append(Column("inputs", "int32" if integer else "float32", shape, meaning))
    return tuple(found)


def values(stream: Stream, start: int, count: int, encoding: Encoding | None = None) -> dict[str, np.ndarray]:
    """Return the columns of samples `start` to `start + count - 1` of a stream, by name, [sample, ...]."""
    params = stream.params
    derivation = stream.take(start, count)
    tree = expand(stream.grammar, derivation)
    found = {"sample": np.arange(count, dtype=np.uint64) + np.uint64(start), "label": derivation.label}
    for level in range(1, params.L + 1):
        found[f"features_{level}"] = tree.features[level - 1]
        found[f"positions_{level}"] = tree.positions[level - 1]
        found[f"rules_{level}"] = derivation.rules[level - 1]
        found[f"placements_{level}"] = derivation.placements[level - 1]
    if encoding is not None:
        found["inputs"] = encode(params, tree.features[0], tree.positions[0], encoding)
    return {
        one.name: np.ascontiguousarray(found[one.name], dtype=one.dtype) for one in columns(params, encoding)
    }


def _type(count: int) -> str:
    """The name of the smallest type for 0 to count - 1."""
    return np.dtype(smallest_unsigned(count)).name
