"""A choice among classes as text: its name, and its options in brackets, as in latent(3, rate=0.2)."""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from ..errors import ArgumentError, check_choice


def choice_of(
    argument: str,
    content: str | Mapping[str, Any],
    kinds: Mapping[str, type],
    example: str,
    readers: Mapping[str, Callable[[str], Any]] | None = None,
) -> Any:
    """Return an instance of one of several dataclasses.

    Parameters
    ----------
    argument
        What is chosen, for errors.
    content
        A text, or the name (as ``"name"``) and the options of the class.
    kinds
        The classes by name.
    example
        A text that is right, for errors.
    readers
        For options that are such choices themselves, what reads their texts. Default: there are none.

    Raises
    ------
    ArgumentError
        If the class or one of its options is unknown, or a needed option is missing.
    """
    options = _read(argument, content, kinds, example) if isinstance(content, str) else dict(content)
    name = options.pop("name", "")
    check_choice(argument, name, kinds, f"is not a {argument}")
    known = {one.name: one for one in fields(kinds[name])}
    for option in options.keys() - known.keys():
        problem = f"is not an option of the {argument} {name}"
        raise ArgumentError(option, options[option], problem, "Leave it out")
    for option, one in known.items():
        if option not in options and one.default is MISSING and one.default_factory is MISSING:
            raise ArgumentError(argument, content, f"has no {option}", f"Write it as in {example}")
    for option, reader in (readers or {}).items():
        if isinstance(options.get(option), str):
            options[option] = reader(options[option])
    return kinds[name](**options)


def _read(argument: str, text: str, kinds: Mapping[str, type], example: str) -> dict[str, Any]:
    """The name and the options of a text."""
    found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text)
    if found is None:
        fix = f"Write its name, and options in brackets, as in {example}"
        raise ArgumentError(argument, text, f"is not a {argument}", fix)
    name, inside = found[1], found[2]
    check_choice(argument, name, kinds, f"is not a {argument}")
    names, options = [one.name for one in fields(kinds[name])], {"name": name}
    parts = re.split(r",(?![^(]*\))", inside or "")  # at commas, but not those in inner brackets
    for number, part in enumerate(filter(None, map(str.strip, parts))):
        key, value = re.fullmatch(r"(?:(\w+)\s*=)?(.*)", part).groups()  # pyright: ignore[reportOptionalMemberAccess]
        if not key and number >= len(names):
            raise ArgumentError(argument, text, "has too many options", f"Use {', '.join(names) or 'none'}")
        key = key or names[number]
        if key in options:
            raise ArgumentError(argument, text, f"gives {key} twice", "Give it once")
        options[key] = _value(value.strip())
    return options


def _value(text: str) -> Any:
    """A number, or true or false, or a word."""
    literal = {"true": "True", "false": "False"}.get(text, text)
    try:
        return ast.literal_eval(literal)
    except (ValueError, SyntaxError):
        return text
