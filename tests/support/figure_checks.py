"""What tests of figures ask: which artists are there, what they show, and whether all text can be read."""

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from srhm.figures.style import styled


def artists(figure: Figure, start: str) -> dict[str, object]:
    """All artists whose gid begins so, by gid."""
    found = figure.findobj(lambda artist: str(artist.get_gid() or "").startswith(start))
    return {artist.get_gid(): artist for artist in found}


def data(line) -> tuple[list[float], list[float]]:
    return list(line.get_xdata()), list(line.get_ydata())


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts() if text.get_text().strip()]


def texts_in_sight(figure: Figure) -> list[Text]:
    """All texts that are drawn: tick labels only where their tick lies within its axis."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = axis.get_view_interval()
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not axes.axison or not low <= tick.get_loc() <= high:
                    hidden |= {tick.label1, tick.label2}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in hidden
    ]


def check_layout(figure: Figure) -> None:
    """No text is cut off, and none lies on another."""
    canvas = FigureCanvasAgg(figure)
    styled(figure.draw_without_rendering)()
    renderer = canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts_in_sight(figure)]
    width, height = figure.bbox.size
    for text, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        assert apart, (one, other)


def legend_rows(legend):
    """The marks of each row of a legend."""
    boxes = [row for column in legend._legend_handle_box.get_children() for row in column.get_children()]
    return [row.get_children()[0].get_children() for row in boxes]
