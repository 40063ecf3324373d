"""The mark of a setting, the same in every figure: ours is filled, the paper's open; v, s0, L and s show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..errors import check_number
from ..model.params import Params
from ..nets import FAMILIES
from .style import BLACK, LINE_COLOURS, MUTED, TITLE_SIZE, Number, panel_letters

KeyRow = tuple[Artist | tuple[Line2D, ...], str]
"""A row of a key: what is drawn, and the words next to it."""


def net_title(label: str) -> str:
    """Return the title of a panel that holds one network."""
    return next((one.title for one in FAMILIES.values() if one.label == label), label)


def look_of_nets() -> dict[str, tuple[str, str]]:
    """Return the colour and the marker of each family, by its label."""
    return {one.label: (one.colour, one.marker) for one in FAMILIES.values()}


_COLOUR_OF_V: dict[int, str] = dict(zip((4, 6, 8, 10, 12, 7, 5, 9, 3), LINE_COLOURS, strict=True))
_SHAPE_OF_S0 = {0: "o", 1: "s", 2: "^", 3: "v", 4: "D", 5: "p", 6: "h"}
_SIZE = 5.5
_PAPERS_SIZE = 3.5  # points: how much larger than ours the paper's open marker is, so that both are seen
_ARROW = 15  # points
_ROW = 0.158  # inches, of a key
_PALE = 0.3  # how much of its colour a pale marker has


@dataclass(frozen=True)
class Estimate:
    """A measured number on a logarithmic axis: known, with or without an interval, or bounded from below.

    Raises
    ------
    ArgumentError
        If a number is not positive.
    """

    value: Number | None = None
    """The number; None while it is unknown."""
    interval: tuple[Number | None, Number | None] | None = None
    """Its low and high end; an end that nothing bounds is None."""
    lower_bound: Number | None = None
    """It is known to lie above this; drawn, with an arrow, where `value` is None."""

    def __post_init__(self) -> None:
        check_positive({"value": self.value, "interval": self.interval, "lower_bound": self.lower_bound})

    @property
    def place(self) -> float | None:
        """The position of the mark: the value, or else the lower bound."""
        found = self.lower_bound if self.value is None else self.value
        return None if found is None else float(found)

    @property
    def bounded(self) -> bool:
        """Whether a lower bound is all that is known."""
        return self.value is None and self.lower_bound is not None

    @property
    def ends(self) -> tuple[float, float] | None:
        """The interval, an open end of which stops at the value."""
        if self.value is None or self.interval is None:
            return None
        low, high = (float(self.value if end is None else end) for end in self.interval)
        return low, high

    @property
    def reach(self) -> list[float]:
        """All that its axis has to hold."""
        return ([] if self.place is None else [self.place]) + list(self.ends or ())


def check_positive(numbers: dict[str, Any]) -> None:
    """Refuse what no logarithmic axis holds; None is passed over, a pair is checked end by end."""
    for name, number in numbers.items():
        if isinstance(number, tuple):
            check_positive({f"{name}[{place}]": end for place, end in enumerate(number)})
        elif number is not None:
            check_number(name, number, above=0.0)


@dataclass(frozen=True)
class Marks:
    """The marks of all models of a figure: v is the colour, s0 the shape, L and s are the rim."""

    models: Sequence[Params]
    """Every model that is drawn, as often as it is."""
    with_paper: bool = True
    """Whether marks of the paper are drawn."""
    rim_shows_s: bool = True
    """False where each s has a panel of its own."""

    @cached_property
    def kinds(self) -> list[tuple[int, int]]:
        """The (L, s) that rims distinguish."""
        return sorted(set(map(self._kind, self.models)))

    def _kind(self, params: Params) -> tuple[int, int]:
        return params.L, params.s if self.rim_shows_s else 0

    def ours(self, params: Params, *, pale: bool = False) -> dict[str, Any]:
        """Return colour, shape and rim of our marker of a model."""
        look = {"color": colour_of_v(params.v), "marker": shape_of_s0(params.s0)}
        look |= _rim(self.kinds.index(self._kind(params)))
        return _faded(look) if pale else look

    def paper(self, params: Params) -> dict[str, Any]:
        """Return the paper's marker of a model."""
        kind = self.kinds.index(self._kind(params))
        return hollow(self.ours(params), _SIZE + _PAPERS_SIZE, kind)

    def shapes(self, **look: Any) -> tuple[Line2D, ...]:
        """Return grey markers of the first shapes that occur, for what is said of all settings."""
        first = sorted({params.s0 for params in self.models})[:3]
        return tuple(
            plain_mark(**{**look, "marker": shape}) for shape in dict.fromkeys(map(shape_of_s0, first))
        )

    def ours_rows(self, pale: Sequence[bool], pale_name: str) -> list[KeyRow]:
        """Return whose values are drawn full and pale, given which of them are, for a key."""
        faded = self.shapes(**_faded({"color": MUTED, **_rim(0)}))
        rows: dict[bool, KeyRow] = {False: (self.shapes(), "ours"), True: (faded, pale_name)}
        return [rows[one] for one in sorted(set(pale))]

    def hollow_shapes(self) -> tuple[Line2D, ...]:
        """Return the same for the paper's."""
        return self.shapes(**hollow({"color": MUTED}, 6.5))

    def key(self) -> list[KeyRow]:
        """Return what shape, colour and rim mean, each shown without the others."""
        rows: list[KeyRow] = [GAP]
        for s0 in sorted({params.s0 for params in self.models}):
            word = "blank" if s0 == 1 else "blanks"
            rows.append((plain_mark(marker=shape_of_s0(s0)), f"$s_0$ = {s0} {word}"))
        rows.append(GAP)
        for v in sorted({params.v for params in self.models}):
            rows.append((Patch(facecolor=colour_of_v(v)), f"$v$ = {v} features"))
        if len(self.kinds) > 1:
            rows.append(GAP)
            several = len({s for _, s in self.kinds}) > 1
            for place, (L, s) in enumerate(self.kinds):
                words = f"$L$ = {L} level{'s' * (L > 1)}" + (f", $s$ = {s}" if several else "")
                marks = self.shapes(**_rim(place))
                if self.with_paper:
                    marks = (*marks[:2], plain_mark(**hollow({"color": MUTED}, 7.0, place)))
                rows.append((marks, words))
        return rows


def colour_of_v(v: int) -> str:
    """Return the colour of a number of features."""
    return _COLOUR_OF_V.get(v, LINE_COLOURS[v % len(LINE_COLOURS)])


def shape_of_s0(s0: int) -> str:
    """Return the shape of a number of blanks."""
    return _SHAPE_OF_S0.get(s0, "P")


def _rim(kind: int) -> dict[str, Any]:
    """Markers of the first (L, s) have a white rim; of the next ones, a black one, growing."""
    if kind == 0:
        return {"markersize": _SIZE, "markeredgecolor": "white", "markeredgewidth": 0.5}
    return {"markersize": _SIZE - 0.5 + kind, "markeredgecolor": BLACK, "markeredgewidth": 0.5 + 0.5 * kind}


def _faded(look: Mapping[str, Any]) -> dict[str, Any]:
    """Return a marker filled with less of its colour; a rim that was white has the colour."""
    red, green, blue = (1 - _PALE * (1 - one) for one in to_rgb(look["color"]))
    rim = look["color"] if look["markeredgecolor"] == "white" else look["markeredgecolor"]
    return {**look, "markerfacecolor": (red, green, blue), "markeredgecolor": rim}


def hollow(look: Mapping[str, Any], size: Number, kind: int = 0) -> dict[str, Any]:
    """Return the paper's marker next to ours: of the same shape and colour, but open; a heavier line is its rim."""
    return {
        **look, "markersize": size, "markerfacecolor": "none", "markeredgecolor": look["color"],
        "markeredgewidth": 1.1 + 0.8 * kind,
    }  # fmt: skip


def plain_mark(**look: Any) -> Line2D:
    """Return a grey marker for a key."""
    return Line2D([], [], **{"linestyle": "", "marker": "o", "color": MUTED, "markersize": _SIZE, **look})


GAP: KeyRow = (plain_mark(marker=""), " ")
"""An empty row."""


def draw_estimate(panel: Axes, x: Estimate, y: Estimate, look: dict[str, Any], gid: str) -> None:
    """Draw our marker with error bars, and with an arrow for each number of which only a bound is known.

    Nothing is drawn unless both have a place. The marker is called ``ours/GID``, the bars ``interval/GID``, the
    arrows ``above/GID`` (upwards) and ``beyond/GID`` (to the right).
    """
    if x.place is None or y.place is None:
        return
    for one, words, tip in ((y, "above", (0, _ARROW)), (x, "beyond", (_ARROW, 0))):
        if one.bounded:
            panel.annotate(
                "", xy=(x.place, y.place), xytext=tip, textcoords="offset points", zorder=3,
                gid=f"{words}/{gid}",
                arrowprops={
                    "arrowstyle": "<|-", "color": look["color"], "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0,
                },
            )  # fmt: skip
    bars = {}
    for axis, one in (("xerr", x), ("yerr", y)):
        if one.ends is not None and one.place is not None:
            bars[axis] = [[max(0.0, one.place - one.ends[0])], [max(0.0, one.ends[1] - one.place)]]
    if bars:
        panel.errorbar(
            [x.place], [y.place], fmt="none", zorder=4, ecolor=look["color"], elinewidth=1.3, capsize=2,
            capthick=1, gid=f"interval/{gid}", **bars,
        )  # fmt: skip
    panel.plot([x.place], [y.place], linestyle="", zorder=5, gid=f"ours/{gid}", **look)


def bar_row(words: str, bar: str = "|") -> KeyRow:
    """Return what error bars are, for a key."""
    return plain_mark(marker=bar, markersize=9, markeredgewidth=1.3), words


def arrow_row(words: str, arrow: str = r"$\uparrow$") -> KeyRow:
    """Return what an arrow means, for a key."""
    return plain_mark(marker=arrow, markersize=7), words


def finish(figure: Figure, panels: Sequence[Axes], rows: Sequence[KeyRow], title: str | None) -> Figure:
    """Letter the panels, put a key at their right, as high as which the figure is made, and a title above."""
    panel_letters(panels)
    figure.set_figheight(max(figure.get_figheight(), _ROW * len(rows) + 0.1))
    figure.legend(
        handles=[handle for handle, _ in rows],
        labels=[label for _, label in rows],
        loc="outside right upper",
        handlelength=3.6,
        handler_map={tuple: HandlerTuple(ndivide=None)},
    )
    if title is not None:
        figure.suptitle(title, fontsize=TITLE_SIZE, fontweight="bold")
    return figure
