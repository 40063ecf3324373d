"""What is drawn over P, in words: test error and sensitivities, with the lines of their thresholds and of chance."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from ..errors import ArgumentError, check_number, name_fix
from ..measure.crossings import check_threshold
from .style import MUTED, Number, plain_number

DASHED = {"color": MUTED, "linestyle": (0, (4, 2)), "linewidth": 0.8}
"""The line of a threshold."""
DOTTED = {"color": MUTED, "linestyle": (0, (1, 1.5)), "linewidth": 0.9}
"""The line of chance."""

_SENSITIVITY = re.compile(r"([SD])_(\d)(\d)")
_READING = re.compile(r"(probe|probe_rule|probe_placement|ari)_(\d)(\d)")
_READ = {
    "probe": ("Level-{l} features, {layer}", "share read right\nby a linear probe"),
    "probe_rule": ("Level-{l} synonyms, {layer}", "share read right\nby a linear probe"),
    "probe_placement": ("Level-{l} places, {layer}", "share read right\nby a linear probe"),
    "ari": ("Clusters of {layer}, level {l}", "adjusted Rand index"),
}


def check_quantities(
    argument: str,
    names: Iterable[str],
    thresholds: Mapping[str, Number],
    curves: Sequence[Any],
) -> None:
    """Refuse what would draw an empty panel or no line: unknown quantities, and values out of range.

    A quantity is known if it is the error, a sensitivity or what a probe reads, or if a curve has values of it.
    """
    held = {name for curve in curves for name in (*curve.values, *(curve.paper or {}))}
    at_P_star = [name for curve in curves for name in (curve.P_star or {})]
    for words, asked in ((argument, names), ("thresholds", thresholds), ("P_star", at_P_star)):
        for name in asked:
            ours = name == "error" or _SENSITIVITY.fullmatch(str(name)) or _READING.fullmatch(str(name))
            if not ours and name not in held:
                fix = name_fix(name, sorted(held | {"error"}))
                raise ArgumentError(words, name, "is not a quantity of the curves", fix)
    for name, value in thresholds.items():
        check_threshold(f"thresholds[{name!r}]", name, value)


def check_chance(chance: Number | Mapping[str, Number] | None) -> dict[str, float]:
    """Return what guessing gives, by quantity; a number is the test error of guessing."""
    if isinstance(chance, Mapping):
        return {
            name: check_number(f"chance[{name!r}]", one, above=0.0, below=1.0) for name, one in chance.items()
        }
    return {} if chance is None else {"error": check_number("chance", chance, above=0.0, below=1.0)}


def full_words(name: str, L: int | None, layers: Sequence[str] = ()) -> tuple[str, str]:
    """Return the title of a quantity's panel and the label of its axis, where there is room for both.

    `layers` are the names of the layers, where they have any; else they are numbered, and layer L + 1 is the output.
    """
    read = _READING.fullmatch(name)
    if read is not None:
        kind, layer, level = read.groups()
        title, axis = _READ[kind]
        return title.format(l=level, layer=_layer(layer, L, layers)), axis
    match = _SENSITIVITY.fullmatch(name)
    if match is None:
        return ("Test error", "share of wrong answers") if name == "error" else (name, name)
    kind, layer, level = match.groups()
    what, done = (
        ("synonyms", f"level-{level} synonyms exchanged")
        if kind == "S"
        else ("shifts", f"level-{level} features moved")
    )
    title = f"Sensitivity to {what}, ${kind}_{{{layer}{level}}}$"
    return title, f"change of {_layer(layer, L, layers)} with\n{done}"


def short_words(name: str, L: int | None, layers: Sequence[str] = ()) -> tuple[str, str]:
    """Return the same where panels are small, and share the labels of their axes: the title has the layer."""
    match = _SENSITIVITY.fullmatch(name)
    if match is None:
        return ("Test error", "share of\nwrong answers") if name == "error" else full_words(name, L, layers)
    kind, layer, level = match.groups()
    what = "synonyms" if kind == "S" else "shifts"
    symbol = f"${kind}_{{{layer}{level}}}$"
    return f"{symbol}: {_layer(layer, L, layers)}, level {level}", f"change by {what}"


def _layer(layer: str, L: int | None, layers: Sequence[str]) -> str:
    if layers:
        if int(layer) > len(layers):
            raise ArgumentError("layers", layers, f"does not name layer {layer}", "Name every recorded layer")
        return layers[int(layer) - 1]
    return "the output" if L is not None and int(layer) == L + 1 else f"layer {layer}"


def draw_threshold(panel: Axes, name: str, threshold: Number, *, written: bool = True) -> None:
    """Draw the threshold of a quantity across a panel, and write its value at the right edge."""
    panel.axhline(float(threshold), zorder=1, gid=f"threshold/{name}", **DASHED)
    if not written:
        return
    panel.annotate(
        f"{plain_number(100 * threshold)}%" if name == "error" else plain_number(threshold),
        xy=(1, float(threshold)), xycoords=("axes fraction", "data"), xytext=(2, 0),
        textcoords="offset points", va="center", fontsize=6.5, color=MUTED,
    )  # fmt: skip


def draw_chance(panel: Axes, chance: Number) -> None:
    """Draw what guessing gives across a panel, and name it."""
    panel.axhline(float(chance), zorder=1, gid="chance", **DOTTED)
    panel.annotate(
        "chance", xy=(1, float(chance)), xycoords=("axes fraction", "data"), xytext=(-1, 1.5),
        textcoords="offset points", ha="right", va="bottom", fontsize=6.5, color=MUTED,
    )  # fmt: skip
