"""How the documentation is built: `make docs`."""

import importlib
import inspect
import io
import os
import re
import sys
import textwrap
from contextlib import redirect_stdout, suppress
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: threads of PyTorch wait for one another

import myst_nb.core.render
from sphinx.pycode import ModuleAnalyzer

import srhm

sys.path.insert(0, str(Path(__file__).parent))
import diffusion_numbers
import image_numbers
import open_question_numbers
import run_numbers
from benchmark_numbers import epochs, numbers
from check_api import homes, owner, page_of, public_names, records
from learned_numbers import learned

from srhm.cli import main
from srhm.cli.commands import COMMANDS

project = "srhm"
copyright = "2026, the srhm authors"
author = "the srhm authors"
version = release = srhm.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # formulas without a network
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "reproduction", "open-question/*.md", "theory/*.md"]
html_theme = "furo"
html_title = "srhm"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["page.css"]

myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Notebooks are kept without outputs, and executed whenever the documentation is built, once for all builders.
nb_execution_mode = "cache"
nb_execution_cache_path = str(Path(__file__).parent / "_build" / "notebooks")
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True


def whole_streams(outputs):
    """Join what a cell has written, as it was written: myst_nb puts a line break wherever it came in two pieces."""
    joined = {}
    for output in outputs or []:
        first = joined.setdefault(output.get("name", id(output)), output)
        if first is not output:
            first["text"] += output["text"]
    return list(joined.values())


myst_nb.core.render.coalesce_streams = whole_streams

# Signatures keep their annotations, shapes included: x: Float[Array, 'sample position channel'].
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_mock_imports = ["ray"]  # an extra that the documentation is built without
add_module_names = False
maximum_signature_line_length = 88
python_display_short_literal_types = True

napoleon_google_docstring = False
napoleon_use_param = False  # which would repeat what is said of several parameters
napoleon_use_rtype = False
napoleon_attr_annotations = False
default_role = "code"  # single backquotes in docstrings hold code

# Code in pages runs with the sphinx.ext.doctest builder; examples in docstrings run in the names of their own
# module, one docstring at a time, in check_api.py.
doctest_test_doctest_blocks = ""

# Every reference must lead somewhere, but for names of other libraries (no inventory of theirs is loaded: the
# build needs no network) and words of prose in the type of a return value or attribute ("tuple of arrays").
nitpicky = True
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(beartype|collections|concurrent|equinox|flask|jax|jaxlib|jaxtyping|matplotlib|numpy|optax)(\..*)?",
    ),
    (r"py:.*", r"(pandas|pathlib|rich|scipy|sqlalchemy|torch|types|typing)(\..*)?"),
    (r"py:class", r"Array|[a-z0-9 -]+|(dict|list|tuple)\[.*"),
]


def keep_attribute_docs(app, what, name, obj, options, lines):
    """Undo what napoleon does to "Patch length: the positions ...", which it reads as "type: description"."""
    if what in ("attribute", "data", "property"):
        if name in app.attribute_docs:
            lines[:] = app.attribute_docs.pop(name)
        elif not any(line.startswith("---") for line in lines):
            app.attribute_docs[name] = list(lines)


def spare_plain_text(app, what, name, obj, options, lines):
    """Escape the axis name class_ and the bars of |x| outside of quoted code: neither is meant as markup. Lead
    "docs, model.md" to that page.
    """
    pattern = re.compile(r"(``.*?``|`[^`]*`)|\bclass_\b|\|")
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...", "|", "+")):  # nor in examples and tables
            escaped = pattern.sub(lambda found: found[1] or found[0][:-1] + "\\" + found[0][-1], line)
            lines[number] = re.sub(r"docs, ([\w-]+)\.md", r":doc:`/\1`", escaped)


def skip_member(app, what, name, obj, skip, options):
    """Leave out classes of other libraries that a module imports, and what Python says of NamedTuple fields.

    Foreign classes would be left out later in any case, but Sphinx tries to format their signatures first, and fails
    for some (jax.Array on Python 3.12).
    """
    foreign = inspect.isclass(obj) and not obj.__module__.startswith("srhm")
    numbered = str(getattr(obj, "__doc__", "")).startswith("Alias for field number")
    module, kind = (app.env.temp_data.get(f"autodoc:{part}") for part in ("module", "class"))
    if numbered and module and (kind, name) in ModuleAnalyzer.for_module(module).find_attr_docs():
        return False
    return True if foreign or numbered else None


def show_constants(app, what, name, obj, options, signature, returned):
    """Show the value of a default that is a constant of its module, `store = 'runs.sqlite'`, in place of its name."""
    names = getattr(inspect.unwrap(obj), "__globals__", {}) if callable(obj) else {}

    def value(found):
        constant = names.get(found[1])
        return f" = {constant!r}" if isinstance(constant, str | int | float) else found[0]

    return (re.sub(r" ?= ?([A-Z_]{2,})\b", value, signature), returned) if signature else None


def write_names(app, docname, source):
    """Put the public names of a room into its page: a table with the first paragraph on each, then all about each."""
    if docname.startswith("api/"):
        room = "srhm" if docname == "api/srhm" else f"srhm.{docname.removeprefix('api/')}"
        rows, entries = [f".. py:module:: {room}", "", ".. list-table::", "   :widths: 25 75", ""], []
        for name in public_names(room):
            value, home = getattr(importlib.import_module(room), name), owner(room, name)
            kind = "function" if inspect.isroutine(value) else "class" if inspect.isclass(value) else "data"
            text = data_doc(name, value) if kind == "data" else inspect.getdoc(value) or ""
            summary = text.split("\n\n")[0].splitlines()
            spare_plain_text(app, kind, name, value, None, summary)
            rows += [f"   * - :py:obj:`{name} <{home}.{name}>`", "     - " + " ".join(summary)]
            if home == room and kind == "data":
                entries += [f".. py:data:: {name}", "", textwrap.indent(text, "   "), ""]
            elif home == room:
                entries += [f".. auto{kind}:: {room}.{name}", "   :members:" * (kind == "class")]
                entries += ["   :inherited-members:" * (name in WITH_INHERITED), ""]
        given = [one for one in records() if page_of(one) == room]
        entries += [".. rubric:: What these return", ""] * bool(given)
        for one in given:
            entries += [f".. autoclass:: {one.__module__}.{one.__qualname__}", "   :members:", ""]
        content = "\n".join([*rows, "", *entries])
        source[0] = source[0].replace("NAMES\n", f"```{{eval-rst}}\n{content}\n```\n")


WITH_INHERITED = ("Store",)
"""Classes made of parts: their methods are those of classes that are not public."""


def data_doc(name, value):
    """Return what is written below a constant or the name of a type, in whichever module it is defined."""
    for module in [one for one in sys.modules if one.split(".")[0] == "srhm"]:
        if vars(sys.modules[module]).get(name) is value:
            found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name))
            if found:
                return "\n".join(found).strip()
    raise ValueError(f"nothing says what {name} is: write a string below it")


def resolve_export(app, env, node, contnode):
    """Lead a reference to an exported name, srhm.Params, or to a member of it, srhm.Params.P_max, to where it is
    documented, srhm.model.params.Params. A bare name is one of the module that the text is in, or of srhm.
    """
    if node.get("refdomain") != "py":
        return None
    objects, parts = env.domains["py"].objects, node["reftarget"].split(".")
    if parts[0] == "srhm":
        length = max(n for n in range(1, len(parts) + 1) if ".".join(parts[:n]) in sys.modules)
        modules, parts = [".".join(parts[:length])], parts[length:]
    else:
        modules = [module for module in (node.get("py:module"), "srhm") if module in sys.modules]
    for module in modules if parts else ():
        for home in homes(module, parts[0]):
            full = ".".join((home, *parts[1:]))
            if full in objects:
                return env.domains["py"].resolve_xref(
                    env, node["refdoc"], app.builder, "obj", full, node, contnode
                )
        # A docstring or a signature may name what is not public; a page may not.
        known = {modules[0], *(name for name in sys.modules if name.split(".")[0] == "srhm")}
        if node["refdoc"].startswith("api/") and any(hasattr(sys.modules[name], parts[0]) for name in known):
            return contnode
    return None


def write_numbers(app, docname, source):
    """Put the numbers of benchmarks and runs into the pages that name them."""
    pages = run_numbers.PAGES | {
        "images": image_numbers.numbers,
        "diffusion": diffusion_numbers.numbers,
        "learned": learned,
        "open-question": open_question_numbers.numbers,
        "scale": epochs,
    }
    if docname in ("speed", "paper", "pytorch", *pages):
        found = numbers() | pages.get(docname, dict)()
        source[0] = re.sub(r"<<(\w+)>>", lambda name: found[name[1]], source[0])


HELP_COLUMNS = 84


def write_help(app, docname, source):
    """Put what the commands print with --help into the page of the command line."""
    if docname == "command_line":
        pages = [f"## srhm {name}\n\n```text\n{help_of(name)}```\n" for name in COMMANDS]
        source[0] = source[0].replace("HELP\n", help_of()).replace("COMMANDS\n", "\n".join(pages))


def help_of(*command):
    """Return what a command prints with --help, in lines of the width of a page."""
    os.environ["COLUMNS"] = str(HELP_COLUMNS)
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        main([*command, "--help"])
    del os.environ["COLUMNS"]
    lines = [line.rstrip() for line in printed.getvalue().rstrip().splitlines()]
    return "".join(
        textwrap.fill(line, HELP_COLUMNS, subsequent_indent=" " * 4 * line.startswith("usage")) + "\n"
        if len(line) > HELP_COLUMNS
        else f"{line}\n"
        for line in lines
    )


def setup(app):
    app.attribute_docs = {}
    app.connect("autodoc-process-docstring", keep_attribute_docs, priority=400)  # before napoleon, and
    app.connect("autodoc-process-docstring", keep_attribute_docs, priority=600)  # after it
    app.connect("autodoc-process-docstring", spare_plain_text, priority=700)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("autodoc-process-signature", show_constants)
    app.connect("source-read", write_help)
    app.connect("source-read", write_names)
    app.connect("source-read", write_numbers)
    app.connect("missing-reference", resolve_export)
