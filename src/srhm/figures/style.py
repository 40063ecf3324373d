"""The one style of all drawings: colours, sizes, axes, and files that are whole and the same every time.

Nothing global is touched: :func:`styled` wraps a drawing function in a private matplotlib configuration that
starts from matplotlib's own defaults, whatever the user's are.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, NullFormatter

from ..errors import check_choice
from ..files import user_path, write_atomically

Number = float | int
"""A real number; spelled out because run-time type checkers do not take an ``int`` for a ``float``."""

SINGLE_COLUMN, DOUBLE_COLUMN = 3.4, 7.0
"""Widths of figures, in inches."""

BLUE, ORANGE, GREEN, SKY, VERMILLION, YELLOW, PINK, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#56B4E9", "#D55E00", "#F0E442", "#CC79A7", "#000000",
)  # fmt: skip
BROWN, INDIGO = "#6B1F00", "#33107A"
INK, MUTED, FAINT, BLANK = "#222222", "#6B6B6B", "#B5B5B5", "#F1F1F1"

TITLE_SIZE = 9.5
"""Font size of a figure's title, in points, bold."""

FEATURE_COLOURS = (BLUE, ORANGE, GREEN, SKY, VERMILLION, YELLOW, PINK, BROWN, INDIGO, BLACK)
"""Fills: the palette of Okabe and Ito with two dark colours more, all apart under every colour blindness."""

LINE_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PINK, INDIGO, SKY, BROWN, BLACK)
"""Lines and markers on white: the same without its yellow."""

LINES_ON_DARK = dict(
    zip(
        LINE_COLOURS,
        ("#6F9BFF", "#FF7A3D", "#1FC79A", ORANGE, "#EBA6CF", YELLOW, "#9FDCFF", "#B98A72", "#FFFFFF"),
        strict=True,
    )
)
"""The colour in place of each of them on dark ground, where dark ones could not be seen."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h")

_STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib, so text is the same on every machine
        "mathtext.fontset": "dejavusans",
        "font.size": 8,
        "axes.titlesize": 8.5,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7.5,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "legend.columnspacing": 1.6,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.linewidth": 0.7,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "xtick.minor.width": 0.5,
        "ytick.minor.width": 0.5,
        "xtick.minor.size": 1.8,
        "ytick.minor.size": 1.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "lines.linewidth": 1.6,
        "lines.markersize": 4,
        "hatch.linewidth": 0.5,
        "pdf.fonttype": 42,  # text stays text: searchable, and accepted by journals
        "figure.dpi": 100,
        "savefig.facecolor": "white",
    }
)

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def styled(draw: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Make a function draw in the style of the package, and leave matplotlib's settings as they were."""

    @wraps(draw)
    def wrapped(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        with matplotlib.style.context(dict(_STYLE), after_reset=True):
            return draw(*args, **kwargs)

    return wrapped


@styled
def render(
    figure: Figure, kind: Literal["pdf", "png"], *, dpi: int = 200, transparent: bool = False
) -> bytes:
    """Draw a figure into the bytes of a file: the same bytes every time, without dates, with or without its ground."""
    check_choice("kind", kind, ("pdf", "png"), "is not a kind of file")
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi, transparent=transparent, metadata=metadata[kind])
    return buffer.getvalue()


class Drawing(Figure):
    """A figure that notebooks show, whatever is set there for those of `pyplot`."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the figure as PNG, and the width at which it is shown, in pixels."""
        return render(self, "png"), {"width": round(100 * self.get_figwidth())}


def save(figure: Figure, path_without_suffix: str | Path) -> list[Path]:
    """Write a figure as PDF and as PNG (200 dots per inch), each whole or not at all.

    Parameters
    ----------
    figure
        The figure.
    path_without_suffix
        Where to write; ``.pdf`` and ``.png`` are added, or take the place of either. Missing folders are made.

    Returns
    -------
    list of Path
        The PDF and the PNG.
    """
    stem = user_path(path_without_suffix)
    stem = stem.with_suffix("") if stem.suffix in (".pdf", ".png") else stem
    paths = []
    for kind in ("pdf", "png"):
        path = stem.with_name(f"{stem.name}.{kind}")
        write_atomically(path, render(figure, kind))
        paths.append(path)
    return paths


def look_of(number: int) -> dict[str, str]:
    """Return colour and shape of the curve of a number: nine distinct ones, then the same again."""
    return {"color": LINE_COLOURS[number % len(LINE_COLOURS)], "marker": MARKERS[number % len(MARKERS)]}


def feature_colour(feature: int) -> str | tuple[float, float, float]:
    """Return the fill of a feature: ten distinct ones, then the same again, lighter on every other turn.

    From ten features on, the number written on the fill distinguishes them.
    """
    turn, place = divmod(feature, len(FEATURE_COLOURS))
    colour = FEATURE_COLOURS[place]
    return mix(colour, 0.55) if turn % 2 else colour


def text_colour(fill: Any) -> str:
    """Return black or white, whichever reads better on a fill (WCAG contrast)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(fill)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if luminance < 0.179 else BLACK


def mix(colour: Any, white: float) -> tuple[float, float, float]:
    """Return a colour mixed with white, `white` being the share of white from 0 to 1."""
    red, green, blue = (part + (1 - part) * white for part in to_rgb(colour))
    return red, green, blue


def plain_number(value: Number) -> str:
    """Write a number as a person would: ``0.05``, ``400``, ``1,700``, ``2.5 M``.

    Examples
    --------
    >>> [plain_number(value) for value in (0.05, 400, 1700.4, 25000, 2.5e6)]
    ['0.05', '400', '1,700', '25,000', '2.5 M']
    """
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} M" if abs(value) < 1e9 else f"{value:.2g}"
    if abs(value) >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def log_axis(axis: Axis, low: Number, high: Number, *, least_gap: float = 0.12) -> None:
    """Make an axis logarithmic over a positive range, with plain numbers at its ticks.

    A short range is labelled at 1, 2, 3, ... times powers of ten, a longer one at 1, 2, 5 or 1, 3, a long one at powers
    of ten: the finest of these whose labels are `least_gap` apart, as a share of the axis.
    """
    axes = axis.axes
    if axis is axes.xaxis:
        axes.set_xscale("log")
        axes.set_xlim(low, high)
    else:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
    extent = math.log10(high / low)
    for factors in (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1, 3)):
        if min(math.log10(b / a) for a, b in pairwise((*factors, 10))) >= least_gap * extent:
            locator = LogLocator(base=10, subs=[float(factor) for factor in factors], numticks=99)
            break
    else:
        locator = LogLocator(base=10.0 ** math.ceil(least_gap * extent), numticks=99)
    axis.set_major_locator(locator)
    plain = high < 1e6 and low >= 1e-3
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: plain_number(value)) if plain else LogFormatterSciNotation()
    )
    axis.set_minor_locator(LogLocator(base=10, subs=[float(sub) for sub in range(2, 10)], numticks=50))
    axis.set_minor_formatter(NullFormatter())


def log_range(
    values: Sequence[Number], *, margin: float = 0.06, least_ratio: float = 4.0
) -> tuple[float, float]:
    """Return a range for a logarithmic axis that holds all values, 1 to 10 if there are none.

    The margin is a share of the extent on each side; with the least high / low a single point does not fill the axis.
    """
    if not values:
        return 1.0, 10.0
    low, high = float(min(values)), float(max(values))
    widen = max(1.0, (least_ratio / (high / low)) ** 0.5)
    low, high = low / widen, high * widen
    edge = (high / low) ** margin
    return low / edge, high * edge


def panel_grid(
    count: int, columns: int, width: Number, height: Number, more: Number = 0.0
) -> tuple[Figure, list[Axes]]:
    """Make a figure of some width with panels, row by row; `more` is the height next to those of the rows (inches)."""
    rows = -(-count // columns)
    figure = Drawing(figsize=(width, more + height * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in panels[count:]:
        spare.remove()
    return figure, panels[:count]


def legend_above(
    figure: Figure, handles: Sequence[Line2D], title: str | None, *, length: Number = 2.2
) -> None:
    """Put one legend, if it has rows or a title, above all panels, in as many columns as there is room for."""
    if not handles and title is None:
        return
    longest = max((len(str(handle.get_label()).replace("$", "")) for handle in handles), default=1)
    columns = max(1, min(len(handles), int(72 * figure.get_figwidth() / (3.6 * longest + 28))))
    legend = figure.legend(
        handles=list(handles), loc="outside upper center", ncols=columns, title=title, handlelength=length
    )
    legend.get_title().set(fontsize=TITLE_SIZE, fontweight="bold")


def panel_letters(axes: Sequence[Axes]) -> None:
    """Put the letters a, b, c, ... at the upper left of panels, if there are two or more."""
    if len(axes) < 2:
        return
    for place, panel in enumerate(axes):
        look = {"fontsize": 10, "fontweight": "bold", "ha": "left", "va": "baseline"}
        at = {"xy": (0, 1), "xycoords": "axes fraction", "xytext": (-24, 6), "textcoords": "offset points"}
        panel.annotate(chr(ord("a") + place % 26), **at, **look)
