"""What tyro would make of docstrings and choices, made readable: whole paragraphs, choices in order, near misses."""

import re
from dataclasses import fields, is_dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import docstring_parser
from tyro.conf import FlagCreatePairsOff, arg
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from ..errors import name_fix

CHOICES = ConstructorRegistry()
"""How options that take one of some words, or may be left out, are read."""


@CHOICES.primitive_rule
def _read_word(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Read one of some words, in the order of the source; a wrong one is answered with the nearest."""
    words = _words(info.type)
    if words is None:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="{" + ",".join(words) + "}",
        instance_from_str=lambda texts: _checked(texts[0], words),
        is_instance=lambda value: value in words,
        str_from_instance=lambda value: [value],
    )


@CHOICES.primitive_rule
def _read_words(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Read several of some words in the same way."""
    kinds = get_args(info.type)
    words = _words(kinds[0]) if get_origin(info.type) is tuple and kinds[1:] == (...,) else None
    if words is None:
        return None
    return PrimitiveConstructorSpec(
        nargs="*",
        metavar="{" + ",".join(words) + "}",
        instance_from_str=lambda texts: tuple(_checked(text, words) for text in texts),
        is_instance=lambda value: isinstance(value, tuple) and set(value) <= set(words),
        str_from_instance=lambda value: list(value),
    )


@CHOICES.primitive_rule
def _read_optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Read what may be left out as if it may not: its errors do not speak of None."""
    if not _is_union(info.type):
        return None
    kind, *others = (part for part in get_args(info.type) if part is not NoneType)
    if others:
        return None
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(kind, info.markers))
    if not isinstance(spec, PrimitiveConstructorSpec):
        return None
    return replace(
        spec,
        instance_from_str=lambda texts: None if texts == ["None"] else spec.instance_from_str(texts),
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: ["None"] if value is None else spec.str_from_instance(value),
    )


@CHOICES.primitive_rule
def _read_by_level(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Read one number, or a text with one for each level, which the model checks."""
    if not _is_union(info.type) or {*get_args(info.type)} - {NoneType} != {int, str}:
        return None
    optional = NoneType in get_args(info.type)

    def read(texts: list[str]) -> int | str | None:
        if optional and texts == ["None"]:
            return None
        return int(texts[0]) if re.fullmatch("[+-]?[0-9]{1,20}", texts[0]) else texts[0]

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT[,INT...]",
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, int | str | None),
        str_from_instance=lambda value: [str(value)],
    )


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _words(kind: Any) -> tuple[str, ...] | None:
    """Return the words of a literal, or of a union of literals; None for other types."""
    parts = get_args(kind) if _is_union(kind) else (kind,)
    if any(get_origin(part) is not Literal for part in parts):
        return None
    return tuple(word for part in parts for word in get_args(part))


def _checked(text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        raise ValueError(f"{text!r} is not a choice. {name_fix(text, words)}")
    return text


@cache
def join_lines(command: type) -> None:
    """Make one line of every paragraph of a description; tyro would keep breaks of the source in the midst of it."""
    paragraphs = (command.__doc__ or "").split("\n\n")
    command.__doc__ = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


@cache
def join_lines_of_options(command: type) -> None:
    """Do so with the descriptions of the options of a command, and of the groups of them that it has.

    What None means is said in the description of an option, which tyro need not call its default.
    """
    texts = {one.arg_name: one.description for one in docstring_parser.parse_from_object(command).params}
    for option in fields(command):
        if option.name not in command.__annotations__:  # of a class that it extends
            continue
        kind: Any = command.__annotations__[option.name]
        group = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if is_dataclass(group):
            join_lines_of_options(group)
        elif option.name in texts:
            text = " ".join((texts[option.name] or "").split())
            hint = "" if option.default is None else None
            kind = FlagCreatePairsOff[kind] if kind is bool else kind
            command.__annotations__[option.name] = Annotated[kind, arg(help=text, help_behavior_hint=hint)]
