"""The colours of a report's figures, on light and on dark ground: apart under every colour blindness."""

from ..figures.style import (
    BLACK,
    BLUE,
    BROWN,
    GREEN,
    INDIGO,
    LINE_COLOURS,
    ORANGE,
    PINK,
    SKY,
    VERMILLION,
    YELLOW,
)
from ..nets import FAMILIES

_ON_DARK = {
    BLUE: "#6F9BFF", VERMILLION: "#FF7A3D", GREEN: "#1FC79A", ORANGE: ORANGE, PINK: "#EBA6CF", INDIGO: YELLOW,
    SKY: "#9FDCFF", BROWN: "#B98A72", BLACK: "#FFFFFF",
}  # fmt: skip
"""The colour in place of each colour of a line on dark ground, where dark ones could not be seen."""


def palettes() -> dict[str, dict]:
    """Return for ``"light"`` and ``"dark"`` the colours of lines and of networks."""
    shown = {"light": dict(zip(LINE_COLOURS, LINE_COLOURS, strict=True)), "dark": _ON_DARK}
    return {
        ground: {
            "lines": [colours[one] for one in LINE_COLOURS],
            "nets": {one.name: colours.get(one.colour, one.colour) for one in FAMILIES.values()},
        }
        for ground, colours in shown.items()
    }
