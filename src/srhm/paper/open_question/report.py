"""The tables and the figure of the experiment."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures.style import (
    DOUBLE_COLUMN,
    MUTED,
    log_axis,
    look_of,
    panel_grid,
    panel_letters,
    save,
    styled,
)
from ...files import write_atomically
from ...measure.exponent import Exponent
from ..cost import shown
from ..drawings import estimate_of
from ..estimate import search_seconds
from ..tables import in_words, table
from .arms import Arm
from .measuring import ArmResult, half_width

_GROUPS = {
    "depth": "Depth and patch size",
    "matched": "Depth at one v, s and rate",
    "controls": "Controlled runs, CNN, L = 2, v = 6",
    "rate": "Learning rate, CNN, L = 2, v = 4",
    "width": "Width, CNN, L = 2, v = 6",
    "batch": "Batch, CNN, L = 2, v = 6",
    "flow": "Towards gradient flow, CNN, L = 2, v = 4, width 64",
}

_REFERENCES = {"controls": "nothing changed", "width": "width 256", "batch": "batch of 24 points"}
"""What the first arm is in a group that changes one thing of it."""


def cost(arm: Arm) -> float:
    """Return the seconds that an arm takes on one core, about."""
    return sum(search_seconds(setting, arm.seeds) for setting in arm.settings)


def page(results: Sequence[ArmResult]) -> str:
    """Return the measurements in Markdown: for every arm P* at each s0, and the exponent of s0+1."""
    parts = []
    for group, heading in _GROUPS.items():
        own = [one for one in results if one.arm.group == group]
        if not own:
            continue
        s0s = sorted({s0 for one in own for s0 in one.P_star})
        heads = [
            "network",
            *(f"P*, s0 = {s0}" for s0 in s0s),
            "exponent, s0 > 0",
            "±",
            "with s0 = 0",
            "± (with s0 = 0)",
        ]
        parts += [f"## {heading}", table(heads, [_row(one, s0s) for one in own])]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _row(result: ArmResult, s0s: Sequence[int]) -> list[str]:
    cells = []
    for s0 in s0s:
        found = result.P_star.get(s0)
        if found is None:
            cells.append("not run, about " + shown(cost(result.arm)) if s0 in result.P_star else "")
        else:
            value, interval = in_words(found)
            cells.append(f"{value} ({interval})" if interval else value)
    slopes = [_slope(result.exponent), _half(result.exponent)]
    whole = result.exponent_with_zero if 0 in result.P_star else None
    slopes += [_slope(whole), _half(whole)]
    return [result.arm.what, *cells, *slopes]


def _slope(found: Exponent | None) -> str:
    return "" if found is None else f"{found.slope:.2f}"


def _half(found: Exponent | None) -> str:
    half = half_width(found)
    return "" if half is None else f"{half:.2f}"


@styled
def draw_open_question(results: Sequence[ArmResult]) -> Figure:
    """Draw P* over s0+1, a panel for each group and a line for each arm, with the exponents in the legends."""
    groups = [name for name in _GROUPS if any(one.arm.group == name for one in results)]
    figure, panels = panel_grid(len(groups), 2, DOUBLE_COLUMN, 2.9, 0.3)
    for panel, group in zip(panels, groups, strict=True):
        own = [one for one in results if one.arm.group == group]
        for place, result in enumerate(own):
            _draw_arm(panel, result, *look_of(place).values())
        plain = [one for one in results if one.arm.name == "L2" and group in _REFERENCES]
        for result in plain:
            _draw_arm(panel, result, MUTED, "x", f"L = 2 of a, {_REFERENCES[group]}")
        panel.set(xscale="log", yscale="log", xlabel="$s_0 + 1$", ylabel="training points $P$*")
        found = [(s0 + 1, P) for one in (*own, *plain) for s0, P in one.P_star.items() if P is not None]
        last = max(x for x, _ in found)
        if known := [(x, P.P_star) for x, P in found if P.P_star is not None]:
            _draw_square(panel, last, known)
        panel.set_xticks(range(1, last + 1), [str(number) for number in range(1, last + 1)])
        panel.minorticks_off()
        panel.set_xlim(0.9, 1.1 * last)
        log_axis(panel.yaxis, *panel.get_ylim())
        panel.set_title(_GROUPS[group])
        panel.legend(
            loc="upper left", bbox_to_anchor=(0, -0.2), fontsize=6.3, handlelength=1.6, labelspacing=0.25,
            borderaxespad=0,
        )  # fmt: skip
    panel_letters(panels)
    return figure


def _draw_arm(panel: Axes, result: ArmResult, colour: str, marker: str, name: str | None = None) -> None:
    """Draw P* of one arm with its intervals; open marks at s0 = 0, which no exponent counts."""
    points = [(s0 + 1, estimate_of(found)) for s0, found in sorted(result.P_star.items())]
    known = [(x, float(one.value), one.interval) for x, one in points if one.value is not None]
    slope = "" if result.half_width is None else f": {_slope(result.exponent)} ± {result.half_width:.2f}"
    panel.plot([x for x, *_ in known], [y for _, y, _ in known], "-", color=colour, linewidth=1.1, zorder=2)
    for x, y, interval in known:
        ends = [y if end is None else float(end) for end in interval or (None, None)]
        panel.plot([x, x], ends, color=colour, linewidth=1.0, zorder=2)
        panel.plot(
            x, y, marker, color=colour, markersize=4.5, zorder=3, gid=f"P_star/{result.arm.name}/{x - 1}",
            markerfacecolor=colour if x > 1 else "white",
        )  # fmt: skip
    panel.plot(
        [], [], "-", marker=marker, color=colour, markersize=4, label=(name or result.arm.what) + slope
    )


def _draw_square(panel: Axes, last: int, known: Sequence[tuple[int, float]]) -> None:
    """Draw (s0+1)^2 of Eq. 4 under all points."""
    least = 0.8 * min(P / x**2 for x, P in known)
    panel.plot(
        [1, last], [least, least * last**2], ":", color=MUTED, linewidth=1.0, zorder=1, label="slope 2"
    )


def write_open_question(results: Sequence[ArmResult], folder: Path) -> list[Path]:
    """Write exponents.md and the figure of the arms that have runs; return the files."""
    path = folder / "exponents.md"
    write_atomically(path, page(results).encode())
    known = [one for one in results if any(found and found.P_star for found in one.P_star.values())]
    return [path, *(save(draw_open_question(known), folder / "exponents") if known else [])]
