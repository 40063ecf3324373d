"""The options of a setup on the command line: made from its dataclasses and from the options of all families."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Annotated, Any, Literal

import tyro

from ..model.params import Params
from ..study import Setup
from ..study.options import DEFAULT_FAMILY, Option, option_table, setup_of


def _entry(option: Option) -> tuple[str, Any, Any]:
    kind = bool if option.kind is bool else option.kind | None
    default: Any = False if option.kind is bool else None
    if option.name == "net":
        kind, default = option.kind, DEFAULT_FAMILY
    hint = "" if default is None else None
    return (
        option.name,
        Annotated[kind, tyro.conf.arg(help=option.help, help_behavior_hint=hint)],
        field(default=default),
    )


_OPTIONS = make_dataclass("_OPTIONS", [_entry(option) for option in option_table().values()], frozen=True)


@dataclass(frozen=True)
class Network(_OPTIONS):  # pyright: ignore[reportGeneralTypeIssues, reportUntypedBaseClass]
    """The network, its training, and what is measured."""

    protocol: Literal["default", "published"] = "default"
    """published turns on all that the published code does differently: replacement, fixed batches, the stop rule every
    10 epochs, the best error and weights, cumulative sensitivities, and in pstar P* at the nearest point of a grid
    (--search). The other options change it further."""

    def given(self) -> Mapping[str, Any]:
        """Return the options that were given, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "protocol"}
        return {name: value for name, value in values.items() if value is not None and value is not False}

    def setup(self, params: Params) -> Setup:
        """Return the checked setup on a model."""
        return setup_of(params, self.given(), published=self.protocol == "published")
