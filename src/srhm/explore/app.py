"""The web application: one page, one drawing, and the server that shows them on this machine alone."""

import logging
import re
import socket
import threading
import webbrowser
from typing import Any

try:
    from flask import Flask, Response, abort, redirect, render_template, request
    from jinja2 import StrictUndefined
    from markupsafe import Markup, escape
    from waitress.server import create_server
except ImportError as error:
    from ..errors import MissingExtraError

    raise MissingExtraError((error.name or "flask").partition(".")[0], "explore") from error

from matplotlib.colors import to_hex

from ..errors import ArgumentError, check_integer
from ..figures.style import FEATURE_COLOURS, feature_colour, text_colour
from ..model.params import PER_LEVEL
from ..model.weights import WEIGHTS
from .content import content
from .drawing import is_drawn, tree_svg
from .state import FIELDS, PageState, ParsedForm, read

HOST = "127.0.0.1"
"""The page is served to this machine alone."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_LABELS = {
    "v": ("v", "features of a level"),
    "n_c": ("n_c", "classes; v if empty"),
    "m": ("m", "synonyms; the most if empty"),
    "s": ("s", "informative children"),
    "s0": ("s0", "blanks of each child"),
    "L": ("L", "levels"),
    "sparsity": ("Sparsity", "where children sit"),
    "plane": ("Inputs", "a picture needs squares s and s0 + 1"),
    "rule_weights": ("Rule weights", "zipf(1), 2:zipf(1), 3,1; equal if empty"),
    "placement_weights": ("Placement weights", "as those of rules"),
    "class_weights": ("Class weights", "zipf(1), lognormal(0.5), 3,1"),
    "seed": ("Seed", "of rules and data"),
    "sample": ("Sample", "number of the sample"),
}
_TEXTS = (*PER_LEVEL, *WEIGHTS)
"""Fields that hold more than one number."""

_MINIMUM = {"v": 2, "n_c": 2, "m": 1, "s": 2, "s0": 0, "L": 1, "seed": 0, "sample": 0}


def create_app() -> Flask:
    """Return the application (WSGI). It keeps nothing: what it shows follows from the address.

    ``/`` is the page, ``/tree.svg`` the drawing of a tree; both take the same query. Bad values
    are reported next to their fields, with status 200.
    """
    app = Flask(__name__, static_folder="static", template_folder=".")
    app.config["TRUSTED_HOSTS"] = [HOST, "localhost"]
    app.jinja_env.autoescape = True  # whatever the template's suffix
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["formula"] = formula
    app.after_request(_protect)
    app.get("/")(_page)
    app.get("/tree.svg")(_tree)
    app.get("/features.css")(_colours)
    return app


def formula(text: str) -> Markup:
    """Return text with its powers and indices set as such: s^(L/2) and n_c."""
    text = re.sub(
        r"\^\(([^)]*)\)|\^(-?\w+)", lambda found: f"<sup>{found[1] or found[2]}</sup>", str(escape(text))
    )
    text = re.sub(r"\b([A-Za-z])_(\w+)", r"\1<sub>\2</sub>", text)
    return Markup(re.sub(r"\bs0\b", "s<sub>0</sub>", text))


def _read() -> ParsedForm:
    return read({name: values for name, values in request.args.lists() if name not in ("marked", "dark")})


def _page() -> Any:
    found = _read()
    kind = request.args.get("next")
    if kind is not None and found.state is not None:
        try:
            return redirect("/?" + found.state.moved(kind).query(), 303)
        except ArgumentError as error:
            found = ParsedForm(found.texts, {"page": str(error)}, None)
    shown = {} if found.state is None else content(found.state)
    return render_template(
        "page.html.jinja",
        fields=[_field(name, found) for name in FIELDS],
        notices=[problem for name, problem in found.problems.items() if name not in FIELDS],
        state=found.state,
        colours=2 * len(FEATURE_COLOURS),
        **shown,
    )


def _field(name: str, found: ParsedForm) -> dict[str, Any]:
    text, (label, help_) = found.texts[name], _LABELS[name]
    implied = "" if found.state is None or name not in ("n_c", "m") else getattr(found.state.params, name)
    return {
        "name": name,
        "text": text,
        "label": label,
        "help": help_,
        "minimum": _MINIMUM.get(name),
        "implied": implied,
        # A number field would not show what is no number.
        "type": "number" if name not in _TEXTS and (text.lstrip("+-").isdigit() or text == "") else "text",
        "problem": found.problems.get(name, ""),
    }


def _tree() -> Response:
    state = _read().state
    if state is None or not is_drawn(state.params):
        abort(404)
    drawn = tree_svg(state, request.args.get("marked") == "1", request.args.get("dark") == "1")
    return Response(drawn, mimetype="image/svg+xml", headers={"Cache-Control": "max-age=3600"})


def _colours() -> Response:
    """Colours of features, as on the drawings."""
    rules = []
    for number in range(2 * len(FEATURE_COLOURS)):
        fill = feature_colour(number)
        rules.append(f".f{number} {{ background: {to_hex(fill)}; color: {text_colour(fill)}; }}")
    return Response("\n".join(rules), mimetype="text/css", headers={"Cache-Control": "max-age=3600"})


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def serve(state: PageState, *, port: int = 0, browser: bool = True) -> None:
    """Show the page, this state first, until it is interrupted (Ctrl-C); its address is printed.

    The port is one of 127.0.0.1, or 0 for a free one; one that is taken is an ArgumentError. `browser` opens the page
    in the user's browser.
    """
    port = check_integer("port", port, minimum=0, maximum=65535)
    # A browser asks for all parts of a page at once, more than there are threads: no reason for a warning.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with socket.socket() as listening:
        # A page that has just ended bars no new one.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            problem = f"cannot be used: {error.strerror}"
            raise ArgumentError("port", port, problem, "Name another, or 0 for a free one") from error
        address = f"http://{HOST}:{listening.getsockname()[1]}/?{state.query()}"
        server = create_server(create_app(), sockets=[listening], threads=8)
        print(f"Explore the model at {address}\nCtrl-C ends this.", flush=True)
        if browser:
            # A browser of the terminal does not return before it has seen the page.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server.run()  # returns when it is interrupted
    print("Ended.", flush=True)
