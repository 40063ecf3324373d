"""The paper's figures as a table: what each draws, of which networks on which models (docs, reproduction.md)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import ArgumentError, name_fix
from ..model.params import Params, Sparsity
from ..study.setup import Setup
from .settings import model, setup

Kind = Literal[
    "complexity",
    "insensitivity",
    "curves",
    "rescaled",
    "against",
    "sharing",
    "representation",
    "relevance",
    "map",
    "drawing",
]
"""complexity: P* against its scaling law. insensitivity: P* against P*_S and P*_D. curves: error, S and D over P.
rescaled: the same over P divided by a scale. against: error over D and S. sharing: P* over s0+1 for each number of
shared layers. representation: probes and clusters over P, beside S and D. relevance: P* over the map of Eq. 5. map:
Eq. 5. drawing: of the model and the networks. The last two need no runs."""


@dataclass(frozen=True)
class PaperFigure:
    """One figure: what is drawn, and of what."""

    name: str
    """Its number, as ``"4B"``; ours have words."""
    kind: Kind
    """How it is drawn."""
    title: str
    """What it shows, in a line."""
    settings: tuple[Setup, ...] = ()
    """Its points or curves."""
    stand_in: tuple[Setup, ...] = ()
    """What is run in their place at the laptop tier, where all of them cost too much."""
    P: tuple[int, ...] = ()
    """Training points, where the figure fixes them; else they follow from P*."""
    stand_in_P: tuple[int, ...] = ()
    """Those of the laptop tier."""

    causes: bool = False
    """Whether it tests why a published value differs from ours; then P*_S and P*_D are searched too."""

    @property
    def senses(self) -> bool:
        """Whether P*_S and P*_D are searched for its settings, beside P*."""
        return self.kind == "insensitivity" or self.causes

    @property
    def searches(self) -> bool:
        """Whether P* is searched for its settings."""
        return self.kind in ("complexity", "insensitivity", "sharing", "relevance")

    @property
    def curved(self) -> bool:
        """Whether it draws whole curves, which take runs far from P* too."""
        return self.kind in ("curves", "rescaled", "against", "representation")


def _each(
    net: str, vs: Iterable[int], s0s: Iterable[int], L: int, s: int = 2, sparsity: Sparsity = "A"
) -> tuple[Setup, ...]:
    return tuple(setup(net, model(v, s0, L=L, s=s, sparsity=sparsity)) for v in vs for s0 in s0s)


_LCN = (
    *_each("lcn", (4, 6, 8, 10), (0, 1, 2), 2),
    *_each("lcn", (6, 8, 10), (4,), 2),
    *_each("lcn", (4, 6, 8, 10), (0, 1, 2), 3),
)
_CNN = (
    *_each("cnn", (3, 4, 6, 8, 10, 12), (0, 1, 2, 4, 6), 2),
    *_each("cnn", (4, 6, 8, 10, 12), (1, 2, 4), 3),
)
_RELEVANCE = tuple(one for one in _LCN if one.params.v in (4, 6) and one.params.s0 <= 2)
_LCN_3 = (
    *_each("lcn", (4, 6), (0, 1, 2, 4), 2, s=3),
    *_each("lcn", (4,), (0, 1), 3, s=3),
)
_CNN_3 = (
    *_each("cnn", (4, 6), (0, 1, 2, 4), 2, s=3),
    *_each("cnn", (4,), (0, 1, 2), 3, s=3),
)
_FCN = (*_each("fcn", (6, 8), (0, 1, 2), 2), *_each("fcn", (4, 6, 8), (0, 1, 2), 3))
_STANDARD = ("vgg11", "vgg16", "resnet18", "resnet34", "efficientnetb0")
_IMAGE = model(10, 2)
"""Length 36, 10 channels: the model of the figures with standard architectures."""


def _on_image(nets: Iterable[str]) -> tuple[Setup, ...]:
    return tuple(setup(net, _IMAGE) for net in nets)


_ALL_NETS = _on_image(("lcn", "cnn", *_STANDARD))
_FEW_NETS = _on_image(("lcn", "cnn", "vgg11", "resnet18"))
_P = (870, 1_600, 2_900, 5_000, 7_400, 12_000, 20_000, 39_230)
_FEW_P = (2_000, 4_000, 7_400, 12_000)


_SHARED_RATE = 0.03
"""Learning rate of the CNNs of the sharing experiment, shared or not. At the published 0.1 a CNN whose two layers sum
the places of a sub-patch dies: all its units fall silent (v = 6, s0 = 2, P = 1,036)."""


def _shared(net: str, v: int, s0s: Iterable[int], layers: Iterable[tuple[int, ...]]) -> tuple[Setup, ...]:
    rate = _SHARED_RATE if net == "cnn" else None
    return tuple(
        setup(net, model(v, s0), rate=rate, shared_layers=shared)
        for shared in layers
        for s0 in s0s
        if s0 > 0 or not shared  # without blanks all are one network
    )


_SHARING = (
    *_shared("lcn", 6, (0, 1, 2), ((), (1,), (1, 2))),
    *_shared("cnn", 6, (0, 1, 2), ((), (1,), (2,), (1, 2))),
)
_SHARING_LARGE = (
    *_shared("lcn", 8, (0, 1, 2, 4), ((), (1,), (1, 2))),
    *_shared("cnn", 8, (0, 1, 2, 4), ((), (1,), (2,), (1, 2))),
)
LARGE_BATCHES = (126, 252)
"""Points a batch, or a few less: the published CNNs of L = 2 with blanks are of an older pipeline, with 128 or 256."""
_BATCHES = tuple(
    setup("cnn", model(v, s0), batch=size)
    for v, s0 in ((3, 1), (3, 2), (4, 2), (6, 1), (6, 2), (6, 4), (10, 1))
    for size in (4, *(points // v for points in LARGE_BATCHES))
)

_OVERLAPPING: tuple[tuple[str, Params], ...] = (
    ("lcn", model(4, 0)), ("lcn", model(6, 0)), ("cnn", model(4, 0)), ("fcn", model(6, 0)), ("lcn", model(4, 1)),
    ("fcn", model(6, 1)),
)  # fmt: skip
_PUBLISHED = tuple(setup(net, params).published() for net, params in _OVERLAPPING)
"""Where P_max is small, a test set that overlaps the training set makes the most of a difference."""
_PROBED = (setup("lcn", model(6, 1), probe=True), setup("cnn", model(6, 1), probe=True))
_RULES = tuple(
    setup(net, replace(model(6, 1), **change))
    for net in ("cnn", "lcn")
    for change in ({"m": 2}, {"m": 3}, {"m": 4}, {"n_c": 2}, {"n_c": 3}, {"n_c": 4})
)
"""They part the exponents of m and n_c, which are equal in all of the paper's figures."""

_TABLE = (
    PaperFigure(
        "1", "against", "Test error against the sensitivity of the output, P = 7,400 and growing P",
        _ALL_NETS, _FEW_NETS, P=_P, stand_in_P=_FEW_P,
    ),
    PaperFigure("2", "drawing", "The model: rules, blanks, synonyms and diffeomorphisms"),
    PaperFigure("3", "drawing", "The networks: CNN, LCN and FCN"),
    PaperFigure("4A", "curves", "Test error of the LCN against P", _each("lcn", (10,), (2,), 2)),
    PaperFigure("4B", "complexity", "P* of the LCN against its scaling law, s = 2", _LCN),
    PaperFigure("4C", "complexity", "P* of the CNN against its scaling law, s = 2", _CNN),
    PaperFigure("5", "map", "The scaling law of P* of the LCN over dimension and relevant fraction"),
    PaperFigure("6", "insensitivity", "P* of the LCN against P*_S and P*_D, s = 2", _LCN),
    PaperFigure(
        "7", "rescaled", "LCN, sparsity B",
        (*_each("lcn", (6,), (1, 2, 4), 2, sparsity="B"), *_each("lcn", (6,), (1, 2, 4), 3, sparsity="B")),
    ),
    PaperFigure(
        "8", "rescaled", "CNN, sparsity B",
        (*_each("cnn", (10,), (1, 2, 4), 2, sparsity="B"), *_each("cnn", (10,), (1, 2, 4), 3, sparsity="B")),
        _each("cnn", (10,), (1, 2), 2, sparsity="B"),
    ),
    PaperFigure(
        "9", "curves", "Error, S and D of standard architectures against P", _on_image(_STANDARD),
        _on_image(("vgg11", "resnet18")),
        P=(100, 200, 400, *_P), stand_in_P=_FEW_P,
    ),
    PaperFigure("10", "complexity", "P* of the LCN against its scaling law, s = 3", _LCN_3),
    PaperFigure("11", "insensitivity", "P* of the LCN against P*_S and P*_D, s = 3", _LCN_3),
    PaperFigure(
        "12", "rescaled", "S, D and error of the LCN", _each("lcn", (8,), (0, 1, 2, 4), 2),
        _each("lcn", (6,), (0, 1, 2), 2),
    ),
    PaperFigure(
        "13", "complexity", "P* of the CNN against its scaling law, s = 3", _CNN_3,
        _each("cnn", (4,), (0, 1), 2, s=3),
    ),
    PaperFigure("14", "insensitivity", "P* of the CNN against P*_S and P*_D", (*_CNN, *_CNN_3)),
    PaperFigure(
        "15", "rescaled", "S, D and error of the CNN", _each("cnn", (8,), (0, 1, 2, 4), 2),
        _each("cnn", (6,), (0, 1, 2), 2),
    ),
    PaperFigure(
        "16", "insensitivity", "P* of the FCN against P*_S and P*_D", _FCN,
        _each("fcn", (6,), (0, 1), 2),
    ),
    PaperFigure(
        "17", "against", "Test error against the sensitivity of an internal layer", _ALL_NETS, _FEW_NETS,
        P=_P, stand_in_P=_FEW_P,
    ),
    PaperFigure(
        "sharing", "sharing", "P* with weights shared over the places of a sub-patch", _SHARING_LARGE, _SHARING
    ),
    PaperFigure(
        "relevance", "relevance", "P* of the LCN over input length and relevant fraction", _RELEVANCE
    ),
    PaperFigure(
        "rules", "complexity", "P* of CNN and LCN with fewer synonyms or classes", _RULES, _RULES
    ),
    PaperFigure(
        "probes", "representation", "What can be read from the layers, and what they forget", _PROBED, _PROBED
    ),
    PaperFigure(
        "published", "insensitivity", "The published protocol: repeats, overlap, best error", _PUBLISHED, _PUBLISHED,
        causes=True,
    ),
    PaperFigure(
        "batch", "complexity", "P* of the CNN depends on the batch", _BATCHES, _BATCHES,
        causes=True,
    ),
)  # fmt: skip

FIGURES: dict[str, PaperFigure] = {figure.name: figure for figure in _TABLE}
"""All figures by name, in the order of the paper; then those that are not in it."""


def figures_named(name: str) -> list[PaperFigure]:
    """Return the figures that a name means: ``"4"`` is 4A to 4C, ``"1C"`` a part of 1, ``"6D"`` of 6.

    Raises
    ------
    ArgumentError
        If there is none.
    """
    wanted = name.strip().lower()
    number = wanted.rstrip("abcdef")
    for found in (
        [figure for figure in _TABLE if figure.name.lower() == wanted],
        [figure for figure in _TABLE if wanted.isdecimal() and figure.name.rstrip("ABC") == wanted],
        [figure for figure in _TABLE if number.isdecimal() and figure.name == number],
    ):
        if found:
            return found
    raise ArgumentError("figure", name, "is not a figure", name_fix(name, [*FIGURES, "all"]))
