"""The numbers of the paper for comparison with ours, as printed or read off its figures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from ..errors import check_instance
from ..model.params import Params

Quantity = Literal["P_star", "P_star_S", "P_star_D"]


@dataclass(frozen=True)
class Published:
    """One published P*, in training points, or that of S or D."""

    P_star: int
    """The grid point whose error (or S, or D) is nearest to the threshold, one seed."""
    low: int | None
    """The neighbour below on the published grid; the crossing lies between both. None where it is not known."""
    high: int | None
    """The neighbour above, likewise."""
    figure: str
    """The figure of the paper."""
    note: str
    """What is known about its origin."""
    valid: bool = True
    """False for a value that was left over from another setting (docs, measurements.md)."""


class PublishedCrossing(NamedTuple):
    """Where a published learning curve crosses the threshold, interpolated in ln P."""

    figure: str
    net: str
    params: Params
    P_star: int
    factor: float
    """It is known to this factor, the step of its grid."""


@dataclass(frozen=True)
class Series:
    """A published curve."""

    figure: str
    """The figure of the paper."""
    net: str
    """What was trained."""
    params: Params
    """The model."""
    quantity: str
    """``"test_error"``, ``"S_kl"`` or ``"D_kl"``."""
    layer: str | None
    """Layer k of S and D as the source names it, such as ``"2"``, ``"output"`` or ``"depth 0.8"``."""
    level: int | None
    """Level l of S and D."""
    points: tuple[tuple[int, float], ...]
    """(P, value) in order of P; P in training points."""

    @property
    def metric(self) -> str:
        """Its quantity as runs name it, such as ``"error"`` or ``"S_21"``."""
        if self.quantity == "test_error":
            return "error"
        layer = str(self.layer)
        k = self.params.L + 1 if layer in ("out", "output") else _DEPTHS.get(layer, layer.lstrip("k"))
        return f"{self.quantity[0]}_{k}{self.level}"


_DEPTHS = {"depth 0.2": 1, "depth 0.5": 2, "depth 0.8": 3}
"""Which recorded node of a standard architecture a share of its depth is."""


class Measured(NamedTuple):
    """A published network: its test error on P training points, and S and D of a layer."""

    net: str
    P: int
    error: float
    S: float | None
    D: float | None


@cache
def entries() -> tuple[Mapping[str, Any], ...]:
    """Return the whole table; a row has the names of a model, and a value or points."""
    text = files("srhm.reference").joinpath("published.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


def _is_of(entry: Mapping[str, Any], net: str, params: Params) -> bool:
    """Return whether an entry is of a model; in all of them n_c = v, and m is the most there can be."""
    same = all(entry[name] == getattr(params, name) for name in ("L", "s", "s0", "v", "sparsity"))
    return same and entry["arch"] == net and params.n_c == params.v and params.m == params.v ** (params.s - 1)


def published(net: str, params: Params, quantity: Quantity = "P_star") -> Published | None:
    """Return the published P* of a network on a model, or that of S or D, or None if the paper has none.

    Examples
    --------
    >>> published("lcn", Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)).P_star
    3054
    """
    check_instance(Params, params=params)
    for entry in entries():
        if entry["quantity"] == quantity and _is_of(entry, net, params):
            low, high = entry.get("bracket") or (None, None)
            note, valid = entry.get("note", ""), entry.get("valid", True)
            return Published(entry["value"], low, high, entry["figure"], note, valid)
    return None


def published_crossings() -> list[PublishedCrossing]:
    """Return the crossings of 10% that were read off the published curves of test error.

    Examples
    --------
    >>> len(published_crossings()), {crossing.net for crossing in published_crossings()} >= {"cnn", "lcn", "fcn"}
    (36, True)
    """
    return [
        PublishedCrossing(
            entry["figure"].removesuffix(" (derived)"),
            entry["arch"],
            _params(entry),
            entry["value"],
            entry["factor"],
        )
        for entry in entries()
        if entry["quantity"] == "P_star_interp"
    ]


@cache
def _all_series() -> tuple[Series, ...]:
    return tuple(
        Series(
            entry["figure"],
            entry["arch"],
            _params(entry),
            entry["quantity"],
            None if entry.get("k") is None else str(entry["k"]),
            entry.get("ell"),
            tuple((P, value) for P, value in entry["points"]),
        )
        for entry in entries()
        if "points" in entry
    )


def published_series(figure: str, quantity: str | None = None) -> list[Series]:
    """Return the curves of a figure, such as ``"12"``, or those of one quantity.

    Examples
    --------
    >>> {series.net for series in published_series("9", "test_error")} == {
    ...     "vgg11", "resnet18", "resnet34", "efficientnetb0"}
    True
    """
    return [one for one in _all_series() if one.figure == figure and quantity in (None, one.quantity)]


def published_curve(net: str, params: Params, metric: str) -> list[tuple[int, float]]:
    """Return the points (P, value) of a network on a model, of ``"error"``, ``"S_kl"`` or ``"D_kl"``.

    Where several sources have a P, those in the paper's figures count before those that its code has besides.
    """
    points: dict[int, float] = {}
    for series in sorted(_all_series(), key=lambda one: not one.figure[0].isdigit()):
        if (series.net, series.params, series.metric) == (net, params, metric):
            points = {**dict(series.points), **points}
    return sorted(points.items())


def published_networks(figure: str) -> list[Measured]:
    """Return the networks of a figure whose panels draw the error against S and D, such as ``"1"``."""
    found: dict[tuple[str, Params, int], dict[str, float]] = {}
    for series in sorted(_all_series(), key=lambda one: one.figure):
        if series.figure.rstrip("ABCDEF") == figure and series.level is not None:
            for P, value in series.points:
                found.setdefault((series.net, series.params, P), {})[series.quantity[0]] = value
    measured = []
    for (net, params, P), values in found.items():
        error = dict(published_curve(net, params, "error")).get(P)
        if error is not None:
            measured.append(Measured(net, P, error, values.get("S"), values.get("D")))
    return measured


def _params(entry: Mapping[str, Any]) -> Params:
    v, s = entry["v"], entry["s"]
    return Params(v, v, v ** (s - 1), s, entry["s0"], entry["L"], entry["sparsity"])
