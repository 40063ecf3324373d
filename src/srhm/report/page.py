"""One self-contained HTML page of text, figures and tables, that may grow while runs come in."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from ..errors import ArgumentError, check_instance, check_integer
from ..figures.style import render
from ..files import write_atomically

Cell = str | float | int | None
"""An entry of a table; None is shown as a dash."""

_PIXELS = 120  # CSS pixels for an inch of a figure, so that 8 points of a figure are about the size of text


@dataclass(frozen=True)
class Table:
    """A table with a caption, a cell for each column in every row; columns of numbers are aligned to the right."""

    columns: Sequence[str]
    """Names of the columns."""
    rows: Sequence[Sequence[Cell]]
    """The entries, row by row; the first entry names its row."""
    caption: str
    """What the table shows, in a phrase."""

    @classmethod
    def of(cls, records: Sequence[Mapping[str, Cell]], caption: str) -> "Table":
        """Return the table of some records, one at least, whose keys are the columns."""
        return cls(list(records[0]), [list(record.values()) for record in records], caption)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                problem = f"has {len(row)} entries for {len(self.columns)} columns"
                raise ArgumentError("rows", row, problem, "Give one entry for each column")

    @property
    def numeric(self) -> list[bool]:
        """For each column whether it holds numbers only, one at least."""
        return [
            any(_is_number(row[place]) for row in self.rows)
            and all(row[place] is None or _is_number(row[place]) for row in self.rows)
            for place in range(len(self.columns))
        ]

    @property
    def shown(self) -> list[list[str]]:
        """The entries as text."""
        return [[_shown(entry) for entry in row] for row in self.rows]


@dataclass(frozen=True)
class Section:
    """A part of a page: a heading, text, and a figure, described in words, or a table or both."""

    title: str
    """Its heading."""
    text: str = ""
    """Plain text; an empty line begins a new paragraph."""
    figure: Figure | None = None
    """A figure, put into the page as a picture."""
    table: Table | None = None
    """A table."""
    alt: str = ""
    """What the figure shows, for those who do not see it."""

    def __post_init__(self) -> None:
        if self.figure is not None and not self.alt.strip():
            raise ArgumentError("alt", self.alt, "does not describe the figure", "Say in words what it shows")

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of the text."""
        return [part.strip() for part in self.text.split("\n\n") if part.strip()]

    @cached_property
    def png(self) -> bytes:
        """The figure as a picture. It is drawn once, so that a part may be on many versions of a page."""
        return b"" if self.figure is None else render(self.figure, "png", transparent=True)

    @property
    def image(self) -> str:
        """The figure as a data address."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode() if self.png else ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the figure on the page, in CSS pixels."""
        if self.figure is None:
            return 0, 0
        width, height = self.figure.get_size_inches()
        return round(width * _PIXELS), round(height * _PIXELS)


@dataclass(frozen=True)
class Page:
    """A page."""

    title: str
    """Its title."""
    lead: str
    """What it is about, in a sentence or two."""
    status: str
    """How far it is, such as ``"12 runs finished, 3 running"`` or ``"complete"``."""
    sections: Sequence[Section] = ()
    """Its parts, in order."""
    refresh: int | None = None
    """Seconds after which a browser loads the page again, while it grows; None: never."""

    def __post_init__(self) -> None:
        if self.refresh is not None:
            check_integer("refresh", self.refresh, minimum=1)


def write_page(path: str | Path, page: Page) -> None:
    """Write a page as one HTML file that needs nothing else, whole or not at all.

    Everything is inside: the style, and the figures as pictures. The page forbids itself any connection, so that it may
    be opened from a disk or sent by mail. It is light or dark as the reader's system is. Texts are escaped.
    """
    check_instance(Page, page=page)
    write_atomically(path, rendered("page.html.jinja", {}, page=page).encode("utf-8", errors="replace"))


def rendered(name: str, filters: Mapping[str, Any], **values: Any) -> str:
    """Return a template of this room with values, all of which are escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= filters
    return environment.from_string(part(name)).render(**values)


def part(name: str) -> str:
    """Return a file of this room."""
    return files("srhm.report").joinpath(name).read_text(encoding="utf-8")


def _is_number(entry: Cell) -> bool:
    return isinstance(entry, int | float) and not isinstance(entry, bool)


def _shown(entry: Cell) -> str:
    """Write an entry: whole numbers in full, others to three digits, nothing as a dash."""
    if entry is None or entry != entry:
        return "–"
    if isinstance(entry, bool | str):
        return str(entry)
    if isinstance(entry, int) or (abs(entry) >= 100 and abs(entry) < 1e12):
        return f"{entry:,.0f}"
    return f"{entry:.3g}"
