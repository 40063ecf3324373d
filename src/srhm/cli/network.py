"""The options of a setup on the command line: made from its dataclasses and from the options of all families."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from functools import cache
from typing import Annotated, Any, Literal

import tyro

from ..model.params import Params
from ..study import Setup
from ..study.options import DEFAULT_FAMILY, Option, option_table, setup_of


@dataclass(frozen=True)
class NetworkChoice:
    """The network, its training, and what is measured."""

    protocol: Literal["default", "published"] = "default"
    """published turns on all that the published code does differently: replacement, fixed batches, the stop rule every
    10 epochs, the best error and weights, cumulative sensitivities, and in pstar P* at the nearest point of a grid
    (--search). The other options change it further: --no-replacement, say, draws without replacement."""

    def given(self) -> Mapping[str, Any]:
        """Return the options that were given, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "protocol"}
        return {name: value for name, value in values.items() if value is not None}

    def setup(self, params: Params) -> Setup:
        """Return the checked setup on a model."""
        return setup_of(params, self.given(), published=self.protocol == "published")


def default_network() -> NetworkChoice:
    """Return what is run where no option is given."""
    return _with_options()()


def _with_options() -> type[NetworkChoice]:
    """Return the class with the options of all families that are registered now."""
    return _made(tuple(option_table().values()))


@cache
def _made(options: tuple[Option, ...]) -> type[NetworkChoice]:
    made = make_dataclass(
        NetworkChoice.__name__, [_entry(option) for option in options], bases=(NetworkChoice,), frozen=True
    )
    made.__doc__ = NetworkChoice.__doc__
    return made


def _entry(option: Option) -> tuple[str, Any, Any]:
    if option.name == "net":
        kind, default, hint = option.kind, DEFAULT_FAMILY, None
    else:
        kind, default, hint = option.kind | None, None, ""
    kind = tyro.conf.DisallowNone[kind] if option.kind is bool else kind  # a pair of flags, --x and --no-x
    return (
        option.name,
        Annotated[kind, tyro.conf.arg(help=option.help, help_behavior_hint=hint)],
        field(default=default),
    )


NetworkOptions = Annotated[NetworkChoice, tyro.conf.arg(name="", constructor_factory=_with_options)]
