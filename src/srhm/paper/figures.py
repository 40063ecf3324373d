"""The paper's figures as a table: what each draws, of which networks on which models (docs, reproduction.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import ArgumentError, name_fix
from ..model.params import Params, Sparsity
from ..nets import FAMILIES, predict
from ..reference.networks import CNN, FCN, LCN, RESNET18, STANDARD, VGG11
from ..study.setup import Setup
from .kinds import (
    Against,
    Complexity,
    Curves,
    Illustration,
    Insensitivity,
    Map,
    Panels,
    PaperFigure,
    Rescaled,
    Tabulated,
    by_network,
)
from .settings import model, setup
from .sharing import by_sharing, sharing_of


def _each(
    net: str, vs: Iterable[int], s0s: Iterable[int], L: int, s: int = 2, sparsity: Sparsity = "A"
) -> tuple[Setup, ...]:
    return tuple(setup(net, model(v, s0, L=L, s=s, sparsity=sparsity)) for v in vs for s0 in s0s)


_LCN = (
    *_each(LCN, (4, 6, 8, 10), (0, 1, 2), 2),
    *_each(LCN, (6, 8, 10), (4,), 2),
    *_each(LCN, (4, 6, 8, 10), (0, 1, 2), 3),
)
_CNN = (
    *_each(CNN, (3, 4, 6, 8, 10, 12), (0, 1, 2, 4, 6), 2),
    *_each(CNN, (4, 6, 8, 10, 12), (1, 2, 4), 3),
)
_LCN_3 = (
    *_each(LCN, (4, 6), (0, 1, 2, 4), 2, s=3),
    *_each(LCN, (4,), (0, 1), 3, s=3),
)
_CNN_3 = (
    *_each(CNN, (4, 6), (0, 1, 2, 4), 2, s=3),
    *_each(CNN, (4,), (0, 1, 2), 3, s=3),
)
_FCN = (*_each(FCN, (6, 8), (0, 1, 2), 2), *_each(FCN, (4, 6, 8), (0, 1, 2), 3))
_IMAGE = model(10, 2)
"""Length 36, 10 channels: the model of the figures with standard architectures."""


def _on_image(nets: Iterable[str]) -> tuple[Setup, ...]:
    return tuple(setup(net, _IMAGE) for net in nets)


_ALL_NETS = _on_image((LCN, CNN, *STANDARD))
_FEW_NETS = _on_image((LCN, CNN, VGG11, RESNET18))
_P = (870, 1_600, 2_900, 5_000, 7_400, 12_000, 20_000, 39_230)
_FEW_P = (2_000, 4_000, 7_400, 12_000)


_SHARED_RATE = 0.03
"""Learning rate of the CNNs of the sharing experiment, shared or not. At the published 0.1 a CNN whose two layers sum
the places of a sub-patch dies: all its units fall silent (v = 6, s0 = 2, P = 1,036)."""


def _shared(net: str, v: int, s0s: Iterable[int], layers: Iterable[tuple[int, ...]]) -> tuple[Setup, ...]:
    rate = _SHARED_RATE if net == CNN else None
    return tuple(
        setup(net, model(v, s0), rate=rate, shared_layers=shared)
        for shared in layers
        for s0 in s0s
        if s0 > 0 or not shared  # without blanks all are one network
    )


_SHARING = (
    *_shared(LCN, 6, (0, 1, 2), ((), (1,), (1, 2))),
    *_shared(CNN, 6, (0, 1, 2), ((), (1,), (2,), (1, 2))),
)
_SHARING_LARGE = (
    *_shared(LCN, 8, (0, 1, 2, 4), ((), (1,), (1, 2))),
    *_shared(CNN, 8, (0, 1, 2, 4), ((), (1,), (2,), (1, 2))),
)
_LARGE_BATCHES = (126, 252)
"""Points a batch, or a few less: the published CNNs of L = 2 with blanks are of an older pipeline, with 128 or 256."""
_BATCHES = tuple(
    setup(CNN, model(v, s0), batch=size)
    for v, blanks in ((3, (1, 2, 4, 6)), (4, (1, 2, 4, 6)), (6, (1, 2, 4)), (10, (1,)))
    for s0 in blanks
    for size in (4, *(points // v for points in _LARGE_BATCHES))
)

_OVERLAPPING: tuple[tuple[str, Params], ...] = (
    (LCN, model(4, 0)), (LCN, model(6, 0)), (CNN, model(4, 0)), (FCN, model(6, 0)), (LCN, model(4, 1)),
    (FCN, model(6, 1)),
)  # fmt: skip
_PUBLISHED = tuple(setup(net, params).published() for net, params in _OVERLAPPING)
"""Where P_max is small, a test set that overlaps the training set makes the most of a difference."""
_PROBED = (setup(LCN, model(6, 1), probe=True), setup(CNN, model(6, 1), probe=True))
_RULES = tuple(
    setup(net, replace(model(6, 1), **change))
    for net in (CNN, LCN)
    for change in ({"m": 2}, {"m": 3}, {"m": 4}, {"n_c": 2}, {"n_c": 3}, {"n_c": 4})
)
"""They part the exponents of m and n_c, which are equal in all of the paper's figures."""


def _with_s2_beside(settings: Sequence[Setup]) -> Panels:
    """The panels of the networks, and one in which the same model has s = 2 and s = 3."""
    three = [one for one in settings if (one.params.v, one.params.s0) == (4, 1)]
    two = [setup(one.net.family, model(4, 1, L=one.params.L, sparsity=one.params.sparsity)) for one in three]
    label = f"{three[0].net.row.label}, $v$ = 4, $s_0$ = 1"
    return {**by_network(settings), label: [*two, *three]}


def _by_shared_layers(settings: Sequence[Setup]) -> Panels:
    """A panel for each network and choice of layers."""
    panels = {}
    for (net, layers), own in by_sharing(settings).items():
        words = f"layer{'s' * (len(layers) > 1)} {' and '.join(map(str, layers))}" if layers else "nothing"
        panels[f"{FAMILIES[net].label}: {words} shared"] = own
    return panels


def _by_batch(settings: Sequence[Setup]) -> Panels:
    """A panel for each size of batch."""
    panels: dict[str, list[Setup]] = {}
    for one in settings:
        of_class = one.optimizer.batch_per_class
        size = next((size for size in _LARGE_BATCHES if size // one.params.v == of_class), None)
        words = f"{of_class} of each class" if size is None else f"{size}, or a few less"
        panels.setdefault(f"CNN, batch: {words}", []).append(one)
    return panels


_SENSITIVITIES = tuple(
    tuple(f"{letter}_{k}{level}" for k in (1, 2, 3)) for letter in "SD" for level in (1, 2)
)


def _law_without_constant(setup: Setup) -> float:
    """The scaling law without the factor s^(L/2) of Eq. 3, which the paper's rescaling leaves out."""
    law = predict(setup.net, setup.params)
    return law.scaling_law / setup.params.s**law.size_power


_OVER_LAW = Rescaled(
    (("error",),),
    over="both",
    scale=_law_without_constant,
    x_label=lambda one: rf"$P / [(s_0+1)^{predict(one.net, one.params).blank_symbol} n_c m^L]$",
)
_OVER_BLANKS = replace(_OVER_LAW, rows=(*_SENSITIVITIES, ("error", None, None)), over="rescaled")
"""The paper divides by (s0+1)^2 n_c alone, at one v; here by the whole law, as elsewhere."""
_COMMON = Curves(("error", *(f"{letter}_{k}1" for letter in "SD" for k in (1, 2, 3))))
_READ = Curves(
    ("error", "S_21", "D_21", "probe_22", "probe_rule_21", "probe_placement_21", "ari_11", "ari_21"),
    compared=False,
)

_TABLE = (
    PaperFigure(
        "1", Against(0, "the output"), "Test error against the sensitivity of the output, P = 7,400 and growing P",
        _ALL_NETS, _FEW_NETS, P=_P, stand_in_P=_FEW_P,
    ),
    PaperFigure(
        "2", Illustration("generative_model", model(4, 1)), "The model: rules, blanks, synonyms and diffeomorphisms"
    ),
    PaperFigure("3", Illustration("network_schemes", model(4, 1)), "The networks: CNN, LCN and FCN"),
    PaperFigure("4A", Curves(), "Test error of the LCN against P", _each(LCN, (10,), (2,), 2)),
    PaperFigure("4B", Complexity(), "P* of the LCN against its scaling law, s = 2", _LCN),
    PaperFigure("4C", Complexity(), "P* of the CNN against its scaling law, s = 2", _CNN),
    PaperFigure("5", Map(), "The scaling law of P* of the LCN over dimension and relevant fraction"),
    PaperFigure("6", Insensitivity(), "P* of the LCN against P*_S and P*_D, s = 2", _LCN),
    PaperFigure(
        "7", _OVER_LAW, "LCN, sparsity B",
        (*_each(LCN, (6,), (1, 2, 4), 2, sparsity="B"), *_each(LCN, (6,), (1, 2, 4), 3, sparsity="B")),
    ),
    PaperFigure(
        "8", _OVER_LAW, "CNN, sparsity B",
        (*_each(CNN, (10,), (1, 2, 4), 2, sparsity="B"), *_each(CNN, (10,), (1, 2, 4), 3, sparsity="B")),
        _each(CNN, (10,), (1, 2), 2, sparsity="B"),
    ),
    PaperFigure(
        "9", _COMMON, "Error, S and D of standard architectures against P", _on_image(STANDARD),
        _on_image((VGG11, RESNET18)),
        P=(100, 200, 400, *_P), stand_in_P=_FEW_P,
    ),
    PaperFigure(
        "10", Complexity(_with_s2_beside), "P* of the LCN against its scaling law, s = 3", _LCN_3
    ),
    PaperFigure("11", Insensitivity(), "P* of the LCN against P*_S and P*_D, s = 3", _LCN_3),
    PaperFigure(
        "12", _OVER_BLANKS, "S, D and error of the LCN", _each(LCN, (8,), (0, 1, 2, 4), 2),
    ),
    PaperFigure(
        "13", Complexity(), "P* of the CNN against its scaling law, s = 3", _CNN_3,
        _each(CNN, (4,), (0, 1), 2, s=3),
    ),
    PaperFigure("14", Insensitivity(), "P* of the CNN against P*_S and P*_D", (*_CNN, *_CNN_3)),
    PaperFigure(
        "15", _OVER_BLANKS, "S, D and error of the CNN", _each(CNN, (8,), (0, 1, 2, 4), 2),
    ),
    PaperFigure(
        "16", Insensitivity(), "P* of the FCN against P*_S and P*_D", _FCN,
        _each(FCN, (6,), (0, 1), 2),
    ),
    PaperFigure(
        "17", Against(-1, "an internal layer"), "Test error against the sensitivity of an internal layer",
        _ALL_NETS, _FEW_NETS, P=_P, stand_in_P=_FEW_P,
    ),
    PaperFigure(
        "sharing",
        Complexity(
            _by_shared_layers, x=lambda one: one.params.s0 + 1.0, x_label=lambda one: "$s_0 + 1$",
            every_replicate=True,
            slope=lambda one: None if sharing_of(one) else predict(one.net, one.params).blank_power,
        ),
        "P* with weights shared over places", _SHARING_LARGE, _SHARING,
    ),
    PaperFigure(
        "rules", Complexity(), "P* of CNN and LCN with fewer synonyms or classes", _RULES, _RULES
    ),
    PaperFigure(
        "probes", _READ, "What can be read from the layers, and what they forget", _PROBED, _PROBED
    ),
    PaperFigure(
        "published", Tabulated(), "The published protocol: repeats, overlap, best error", _PUBLISHED, _PUBLISHED,
        causes=True,
    ),
    PaperFigure(
        "batch",
        Complexity(_by_batch, slope=lambda one: None, relative=True),
        "P* against the batch", _BATCHES, _BATCHES,
        causes=True,
    ),
)  # fmt: skip

FIGURES: dict[str, PaperFigure] = {figure.name: figure for figure in _TABLE}
"""All figures by name, in the order of the paper; then those that are not in it."""


def figures_named(name: str) -> list[PaperFigure]:
    """Return the figures that a name means: ``"4"`` is 4A to 4C, ``"1C"`` a part of 1, ``"6D"`` of 6."""
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
