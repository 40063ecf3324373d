"""A report as one HTML file that needs nothing else: data, style, scripts and the plotting library are inside."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import import_extra
from ..files import write_atomically
from ..study import Run
from .content import content_of
from .page import part, rendered
from .palette import palettes

_SCRIPTS = ("page.js", "table.js", "figures.js", "sensitivity.js", "details.js")
"""Our scripts, in the order in which they are read."""


def write_report(path: str | Path, runs: Iterable[Run], title: str = "Runs") -> int:
    """Write the page of some runs, whole or not at all, and return how many they are.

    Parameters
    ----------
    path
        The file, such as ``"report.html"``; missing folders are made.
    runs
        Finished runs, in any order: the same runs make the same bytes.
    title
        Title of the page.

    Raises
    ------
    MissingExtraError
        If Plotly is not installed (extra ``report``).
    """
    content = content_of(runs, title)
    write_atomically(path, report_html(content).encode("utf-8", errors="replace"))
    return len(content["runs"])


def report_html(content: Mapping[str, Any]) -> str:
    """Return the page of :func:`~srhm.report.content_of`; it needs Plotly (extra ``report``).

    The page forbids itself any connection, and any script but its own: whatever texts a store holds, they are shown as
    text.
    """
    scripts = [plotting_library(), "\n".join(map(part, _SCRIPTS))]
    return rendered(
        "report.html.jinja",
        {"quantity": _quantity, "sensitivity": _sensitivity},
        content=content,
        data=_data({**content, "palettes": palettes()}),
        scripts=scripts,
        policy=_policy(scripts),
        style=part("report.css"),
        nets=sorted({one["name"] for one in content["settings"]}),
    )


def plotting_library() -> str:
    """Return the source of plotly.js, as the package plotly brings it."""
    # A line end would be changed by whoever reads the page, and with it the digest.
    return import_extra("plotly.offline", "report").get_plotlyjs().replace("\r\n", "\n")


def _data(content: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script element that holds it, nor open a comment there."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: Sequence[str]) -> str:
    """Return what the page allows itself: its own scripts, styles, and the pictures that it makes."""
    sums = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    digests = " ".join(f"'sha256-{one}'" for one in sums)
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: blob:; "
        f"style-src 'unsafe-inline'; script-src {digests}"
    )


def _quantity(found: Mapping[str, Any] | None) -> str:
    """Write a P* of the table: a number, a bound, or a dash."""
    if found is None:
        return "–"
    if found["P_star"] is not None:
        return f"{found['P_star']:,.0f}"
    end = {"above": found["low"], "below": found["high"]}.get(found["status"])
    return f"{found['status']} {end:,.0f}" if end is not None else found["status"]


def _sensitivity(found: Mapping[str, Any], letter: str) -> Mapping[str, Any] | None:
    """Return P* of the S or the D among those of a setting."""
    return next((one for name, one in found.items() if name.startswith(f"{letter}_")), None)
