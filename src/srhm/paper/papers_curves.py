"""The paper's curves, as figures lay them beside ours."""

from ..figures import NetworkRun
from ..nets import FAMILIES
from ..reference.published import Series, entries, published_series
from ..study import Setup
from .figures import PaperFigure

_DEPTHS = {"depth 0.2": 1, "depth 0.5": 2, "depth 0.8": 3}
_ERRORS = ("9", "4A", "1C,1D,17A,17B")


def paper_curve(setting: Setup, quantity: str) -> list[tuple[int, float]]:
    """Return the points (P, value) of the paper for ``"error"``, ``"S_kl"`` or ``"D_kl"`` of a setting.

    Curves of its figures come first, then those that its code has beside them.
    """
    names = sorted(
        {entry["figure"] for entry in entries() if "points" in entry}, key=lambda name: not name[0].isdigit()
    )
    points: dict[int, float] = {}
    for name in names:
        for series in published_series(name):
            if (
                series.net == setting.net.family
                and series.params == setting.params
                and _key(series) == quantity
            ):
                points = {**dict(series.points), **points}
    return sorted(points.items())


def _key(series: Series) -> str | None:
    """Return a series' quantity as our runs name it."""
    if series.quantity == "test_error":
        return "error"
    layer, L = str(series.layer), series.params.L
    k = _DEPTHS.get(layer) or (L + 1 if layer in ("out", "output") else layer.lstrip("k"))
    return f"{series.quantity[0]}_{k}{series.level}"


def paper_runs(figure: PaperFigure) -> list[NetworkRun]:
    """Return the paper's points of Figure 1 or 17: errors paired with S and D of the same network and P."""
    errors: dict[tuple[str, int], float] = {}
    for name in _ERRORS:
        for series in published_series(name, "test_error"):
            errors = {**{(series.net, P): value for P, value in series.points}, **errors}
    found: dict[tuple[str, int], dict[str, float]] = {}
    for panel in "ABCDEF":
        for series in published_series(figure.name + panel):
            for P, value in series.points:
                found.setdefault((series.net, P), {})[series.quantity[0]] = value
    return [
        NetworkRun(FAMILIES[net].label, P, errors[net, P], values.get("S"), values.get("D"), "paper")
        for (net, P), values in found.items()
        if (net, P) in errors
    ]
