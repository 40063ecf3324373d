"""The colours of a report's figures, on light and on dark ground: apart under every colour blindness."""

from ..figures.style import LINE_COLOURS, LINES_ON_DARK
from ..nets import FAMILIES


def palettes() -> dict[str, dict]:
    """Return for ``"light"`` and ``"dark"`` the colours of lines and of networks."""
    shown = {"light": {one: one for one in LINE_COLOURS}, "dark": LINES_ON_DARK}
    return {
        ground: {
            "lines": [colours[one] for one in LINE_COLOURS],
            "nets": {one.name: colours.get(one.colour, one.colour) for one in FAMILIES.values()},
        }
        for ground, colours in shown.items()
    }
