"""The options of a setup, by their names on the command line and in files of runs; made from its dataclasses."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..errors import ArgumentError
from ..model.encoding import Dense
from ..model.holdout import HoldOut, hold_out_text
from ..model.params import Params
from ..model.weights import WEIGHTS
from ..nets import FAMILIES, Family, NetSpec
from ..training import Classification, Optimizer, Stopping, Task
from ..training.task import task_text
from .custom import CustomNet
from .measuring import Measuring
from .setup import Setup


@dataclass(frozen=True)
class Option:
    """One option: where its value goes, what it may be, and what it means."""

    name: str
    """Its name in files and, with dashes, on the command line."""
    part: str
    """The part of a setup that has it: net, options (of the family), optimizer, stopping, measuring or setup."""
    field: str
    """The name of the field there."""
    kind: Any
    """The type of its value; layers are text, one digit each, and names are text with commas."""
    help: str
    """What it means."""
    families: tuple[str, ...] = ()
    """The families that have it, if only some do."""


_NAMES = {
    ("optimizer", "rate"): "learning_rate",
    ("stopping", "loss"): "stop_loss",
    ("stopping", "every"): "stop_every",
    ("stopping", "excess"): "stop_excess",
}
"""Options that have a longer name than their field."""

DEFAULT_FAMILY = next(iter(FAMILIES))
"""The family of a setup whose options name none: the first."""

_PARTS = {"optimizer": Optimizer, "stopping": Stopping, "measuring": Measuring}
_LAYERS, _QUANTITIES = tuple[int, ...], tuple[str, ...]


def option_table() -> dict[str, Option]:
    """Return all options by name: those of every setup, and those of the families that are registered."""
    return _table_of(tuple(FAMILIES.values()))


@cache
def _table_of(families: tuple[Family, ...]) -> dict[str, Option]:
    names = tuple(one.name for one in families)
    labels = ", ".join(names)
    table = [
        Option("net", "net", "family", Literal[names], f"The network: {labels}."),  # pyright: ignore[reportInvalidTypeForm]
        Option("width", "net", "width", int, "Channels of a hidden layer. Default: 512 (fcn at L=3: 256); 64 for a "
               "standard architecture, whose channels are its standard ones times width/64."),
        Option("encoding", "net", "encoding", Dense, "The encoding of the inputs."),
        *_family_options(families),
        *(option for part, kind in _PARTS.items() for option in _fields_of(part, kind)),
        Option("replacement", "setup", "replacement", bool, field_docs(Setup)["replacement"]),
        *(Option(name, "setup", name, str, field_docs(Setup)[name]) for name in WEIGHTS),
        *(Option(name, "setup", name, str, field_docs(Setup)[name]) for name in ("hold_out", "task")),
    ]  # fmt: skip
    return {option.name: option for option in table}


def _family_options(rows: tuple[Family, ...]) -> Iterator[Option]:
    """Yield each option of a family once, with the families that have it."""
    kinds: dict[str, tuple[Any, str, list[str]]] = {}
    for row in rows:
        hints, docs = get_type_hints(row.options), field_docs(row.options)
        for one in fields(row.options):
            kinds.setdefault(one.name, (hints[one.name], docs.get(one.name, ""), []))[2].append(row.name)
    for name, (kind, text, families) in kinds.items():
        words = text if len(families) == len(rows) else f"{text} Of {', '.join(families)}."
        yield Option(name, "options", name, str if kind == _LAYERS else kind, words, tuple(families))


def _fields_of(part: str, kind: type) -> Iterator[Option]:
    hints, docs = get_type_hints(kind), field_docs(kind)
    for one in fields(kind):
        name = _NAMES.get((part, one.name), one.name)
        value = str if hints[one.name] == _QUANTITIES else _without_none(hints[one.name])
        yield Option(name, part, one.name, value, docs[one.name])


def _without_none(kind: Any) -> Any:
    inner = [one for one in get_args(kind) if one is not type(None)]
    return inner[0] if get_origin(kind) is not Literal and len(inner) == 1 else kind


@cache
def field_docs(kind: type) -> dict[str, str]:
    """Return the docstrings below the fields of a dataclass, in one line each."""
    docs: dict[str, str] = {}
    for one in reversed(kind.__mro__[:-1]):
        try:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        except (OSError, TypeError):  # it has no source file
            continue
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, text in pairwise(body):
            match field, text:
                case ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str() as words)):
                    docs[ast.unparse(field.target)] = " ".join(words.split())
    return docs


def setup_of(params: Params, options: Mapping[str, Any], *, published: bool = False) -> Setup:
    """Return the setup with some options, by the names of :func:`option_table`; None means the default.

    The defaults may be those of the published code (:meth:`~srhm.study.setup.Setup.published`). A value of the wrong
    type, out of range, or that the network lacks, is an :class:`~srhm.ArgumentError`.
    """
    table = option_table()
    parts: dict[str, dict[str, Any]] = {"net": {"family": DEFAULT_FAMILY}, "options": {}, "setup": {}}
    parts |= {name: {} for name in _PARTS}
    for name, value in options.items():
        if value is not None:
            option = table[name]
            parts[option.part][option.field] = _checked(option, value)
    if "method" in parts["optimizer"]:
        parts["optimizer"].setdefault("rate", None)  # the default one may be of another method
    try:
        net = NetSpec(**parts["net"], options=parts["options"]).on(params)
    except ArgumentError as error:
        if error.argument in table and _is_layers(table[error.argument]):
            raise _in_digits(error) from error
        raise
    # Defaults depend on the task, on what is held out, and on whether training ends by its excess.
    own: dict[str, Any] = ({"replacement": True} if published else {}) | parts["setup"]
    base = Setup(params, net, stopping=Stopping(excess=parts["stopping"].get("excess")), **own)
    base = base.published() if published else base
    changes: dict[str, Any] = {
        name: replace(getattr(base, name), **parts[name]) for name in _PARTS if parts[name]
    }
    return replace(base, **changes, **parts["setup"])


def _in_digits(error: ArgumentError) -> ArgumentError:
    """Return an error about layers with digits in place of tuples."""
    texts = (
        re.sub(r"\(([\d, ]+)\)", lambda found: re.sub(r"\D", "", found[1]), text)
        for text in (error.problem, error.fix)
    )
    return ArgumentError(error.argument, _shown(error.value), *texts)


def _checked(option: Option, value: Any) -> Any:
    """Return the value of an option in the form of its field, which checks it."""
    return layers_from(option.name, value) if _is_layers(option) else value


def _is_layers(option: Option) -> bool:
    return option.part == "options" and option.kind is str


def layers_from(name: str, digits: str | int | tuple[int, ...]) -> tuple[int, ...]:
    """Return layers from a text, one digit each from 1 to 9 in order, or from a tuple; else it is an ArgumentError."""
    text = "".join(map(str, digits)) if isinstance(digits, tuple) else str(digits)
    if list(text) != sorted(set(text) & set("123456789")):
        problem = "is not a list of layers, in order"
        raise ArgumentError(name, digits, problem, "Use digits, such as 1, or 12 for the first two")
    return tuple(int(digit) for digit in text)


def all_options(setup: Setup) -> dict[str, Any]:
    """Return the value of every option of a setup, by name; None for those that its family lacks."""
    return {option.name: _shown(_value(setup, option)) for option in option_table().values()}


def _value(setup: Setup, option: Option) -> Any:
    if isinstance(setup.net, CustomNet) and not used_by_custom(option) and option.name != "net":
        return None
    part = {"setup": setup, "options": setup.net.options}.get(option.part)
    return getattr(getattr(setup, option.part) if part is None else part, option.field, None)


def used_by_custom(option: Option) -> bool:
    """Return whether an option is of use where a function of the user's trains: for its inputs, or what is measured."""
    return option.name in ("encoding", "replacement", "hold_out", *WEIGHTS) or (
        option.part == "measuring" and option.name != "record"
    )


def _shown(value: Any) -> Any:
    if isinstance(value, Task):
        return task_text(value)
    if isinstance(value, HoldOut):
        return hold_out_text(value)
    if not isinstance(value, tuple):
        return value
    return ("," if any(isinstance(one, str) for one in value) else "").join(map(str, value))


def options_of(setup: Setup, *, published: bool = False) -> dict[str, Any]:
    """Return the options of a setup by their names on the command line and in files.

    It has only what differs from the default, or from the published protocol, and the network and its width;
    of a function of the user's also its own arguments.
    """
    if isinstance(setup.net, CustomNet):
        base = Setup(setup.params, replace(setup.net, encoding="whitened"), hold_out=setup.hold_out)
        defaults = all_options(base) | {"hold_out": None}
        given = {name: value for name, value in all_options(setup).items() if value != defaults[name]}
        return {"net": setup.net.family} | given | setup.net.chosen
    special = {name: getattr(setup, name) for name in ("task", "hold_out", "replacement", *WEIGHTS)}
    stopping = Stopping(excess=setup.stopping.excess)
    base = Setup(setup.params, NetSpec(setup.net.family), stopping=stopping, **special)
    base = base.published() if published else base
    usual = {"task": task_text(Classification()), "hold_out": None, "stop_excess": None}
    usual |= {"replacement": published} | dict.fromkeys(WEIGHTS, "")
    defaults, always = all_options(base) | usual, ("net", "width")
    # The default loss at which training ends may depend on the options of the family.
    defaults["stop_loss"] = setup.net.stop_loss
    return {
        name: value for name, value in all_options(setup).items() if name in always or value != defaults[name]
    }
