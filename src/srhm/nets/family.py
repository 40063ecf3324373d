"""Families of networks: one row for each holds all that the rest of the library needs to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

from ..errors import ArgumentError, check_choice, name_fix
from ..model.params import Params
from ..theory.predictions import Prediction
from .cost import Cost, TracedCost
from .interface import Kind


class Rate(NamedTuple):
    """A learning rate per width, and whether it was extended to a model outside the published table."""

    value: float
    extended: bool = False


@dataclass(frozen=True)
class NoOptions:
    """The options of a family that has none."""


@dataclass(frozen=True)
class Family:
    """One family of networks: how it is drawn, its defaults, and how it is displayed.

    A new family is a module with a function that draws it and a row passed to :func:`register`. Python, the command
    line, files of runs and figures then support it.
    """

    name: str
    """Its name in Python and on the command line, such as ``"cnn"``."""
    draw: Callable[..., Any]
    """``draw(params, width, key, interface, options, dtype)`` returns a network: an Equinox module from dense inputs
    [sample, position, channel] to outputs [sample, class_], or to those of another interface that it serves. The
    :class:`~srhm.nets.Interface` has the numbers of channels, positions and scores. If the network has a method
    ``activations`` that returns its layers by name, ``"output"`` last, its hidden layers are measured too."""
    rate: Callable[[Params], Rate]
    """Default learning rate per width on a model."""
    width: Callable[[Params], int] = lambda params: 512
    """Default width on a model: the channels h of a hidden layer."""
    kinds: tuple[Kind, ...] = ("class",)
    """What it predicts; see :attr:`srhm.nets.Interface.kind`."""
    options: type = NoOptions
    """A frozen dataclass of its options besides width and encoding, each with a default and a docstring."""
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    """Default method of descent, of which `rate` is the default rate; that of Adam is not multiplied by the width."""
    stop_loss: Callable[[Any], float] = lambda options: 1e-3
    """Default training loss at which training ends, given the options."""
    max_epochs: int = 10_000
    """Default number of epochs after which training ends."""
    check: Callable[[Params, int, Any], None] = lambda params, width, options: None
    """``check(params, width, options)`` raises an ArgumentError if the network cannot be built for the model."""
    predict: Callable[[Params], Prediction] | None = None
    """The prediction of P*, or None."""
    saving: Callable[[Params, Any], float] = lambda params, options: 1
    """The factor by which the options divide the expected P*."""
    thresholds: Callable[[Params], Mapping[str, float]] = lambda params: {"error": 0.10}
    """The threshold that defines P* for each quantity, such as ``{"error": 0.1, "S_21": 0.3}``."""
    like: str | None = None
    """A family whose published P* is an estimate for this one, if its own was not published."""
    learning_time: float | None = None
    """The constant in the number of steps of a run (docs, scale.md); None: a run takes about 30 epochs."""
    cost: type[Cost] = TracedCost
    """Counts weights, operations and memory; default: from the program of the network."""
    layers: tuple[str, ...] = ()
    """Names of the recorded layers; default: their numbers."""
    last_layer: int | None = None
    """The number of the recorded layer that counts as the output in sensitivities; default: L + 1, the logits."""
    label: str = ""
    """Its name in legends and tables; default: `name` in capitals."""
    title: str = ""
    """Its title in panels; default: the label."""
    colour: str = "#000000"
    """Its colour in figures."""
    marker: str = "h"
    """Its marker in figures, a Matplotlib marker."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name.upper())
        object.__setattr__(self, "title", self.title or self.label)

    def make_options(self, **chosen: Any) -> Any:
        """Return the options of the family with some of them set.

        Raises
        ------
        ArgumentError
            If an option is unknown, or its value is refused.
        """
        known = option_names(self)
        for name, value in chosen.items():
            others = [one.name for one in FAMILIES.values() if name in option_names(one)]
            if name not in known and others:
                fix = f"Leave it out, or use {' or '.join(others)}"
                raise ArgumentError(name, value, f"is not an option of {self.name}", fix)
            if name not in known:
                raise ArgumentError(
                    name, value, "is not an option of a network", name_fix(name, known or ["width"])
                )
        return self.options(**chosen)


def option_names(family: Family) -> list[str]:
    """Return the names of the options of a family."""
    return [one.name for one in fields(family.options)]


FAMILIES: dict[str, Family] = {}
"""All families by name, in the order in which they were registered."""


def register(family: Family) -> Family:
    """Add a family.

    Raises
    ------
    ArgumentError
        If another family has its name.
    """
    if FAMILIES.setdefault(family.name, family) is not family:
        raise ArgumentError("name", family.name, "is the name of another family", "Choose another name")
    return family


def family_of(name: str) -> Family:
    """Return the family of a name, or raise an :class:`~srhm.ArgumentError` with the nearest."""
    check_choice("net", name, FAMILIES, "is not a network")
    return FAMILIES[name]


def tabulated_rate(table: Mapping[int, float], s0: int, *, extended: bool = False) -> Rate:
    """Return the rate from a table {largest s0 for which it holds: rate}; beyond the largest s0, the last rate."""
    limits = [limit for limit in sorted(table) if limit >= s0] or [max(table)]
    return Rate(table[limits[0]], extended)


def layer_thresholds(params: Params, layer: int, *, S: float, D: float) -> dict[str, float]:
    """Return the thresholds of the error, 10%, and of S and D of level 1 at a layer; without D if s0 = 0."""
    layer = min(layer, params.L + 1)
    return {"error": 0.10, f"S_{layer}1": S} | ({f"D_{layer}1": D} if params.has_blanks else {})
