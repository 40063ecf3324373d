"""The specification of a network, before it is drawn: its family, width, encoding and options."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, get_args

import jax

from ..backend import backend_name
from ..errors import ArgumentError, check_choice, check_instance, check_integer, name_fix
from ..model.encoding import Dense, Encoding, check_encoding
from ..model.params import Params
from ..randomness import role_key
from ..theory.predictions import Prediction
from .cost import Cost
from .design import Design
from .family import FAMILIES, Family, Rate, family_of
from .interface import KINDS, Interface


@dataclass(frozen=True)
class NetSpec:
    """A network before it is drawn: the only source of its defaults, in Python and on the command line.

    Raises
    ------
    ArgumentError
        If the family or one of the options is unknown.

    Examples
    --------
    >>> spec = NetSpec("cnn", width=64, options={"bias": "shared"})
    >>> params = Params(v=6, s0=1, L=2)
    >>> spec.rate(params), NetSpec("lcn").on(params).width
    (Rate(value=0.1, extended=False), 512)
    """

    family: str
    """Name of the family, such as ``"cnn"``; :data:`srhm.nets.FAMILIES` has all of them."""
    width: int | None = None
    """Channels h of a hidden layer. Default: that of the family on the model."""
    encoding: Encoding = "whitened"
    """The encoding of the inputs, which determines the number of input channels."""
    options: Any = field(default_factory=dict)
    """The options of the family: its dataclass, or a mapping of those that are set."""

    def __post_init__(self) -> None:
        row = self.row
        if self.width is not None:
            object.__setattr__(self, "width", check_integer("width", self.width, minimum=1))
        check_encoding(self.encoding)
        if self.encoding == "integer":
            raise ArgumentError("encoding", self.encoding, "has no channels", name_fix("", get_args(Dense)))
        if isinstance(self.options, Mapping):
            object.__setattr__(self, "options", row.make_options(**self.options))
        if type(self.options) is not row.options:
            problem = f"are not those of {self.family}"
            raise ArgumentError("options", self.options, problem, f"Give a {row.options.__name__}")

    @property
    def row(self) -> Family:
        """The row of its family."""
        return family_of(self.family)

    def on(self, params: Params, interface: Interface | None = None) -> "NetSpec":
        """Return the same with the width filled in for a model, after a check.

        Parameters
        ----------
        params
            The parameters of the model.
        interface
            What enters the network and what leaves it. Default: that of classification.

        Raises
        ------
        ArgumentError
            If the network cannot be built for the model, or does not predict what the interface asks for.
        """
        check_instance(Params, params=params)
        if interface is not None:
            _check_served(self.row, interface)
        width = self.row.width(_of_defaults(params)) if self.width is None else self.width
        self.row.check(params, width, self.options)
        return replace(self, width=width)

    def build(
        self, params: Params, seed: int = 0, dtype: Any = "float32", *, interface: Interface | None = None
    ) -> Any:
        """Draw the network for the inputs of a model.

        Parameters
        ----------
        params
            The parameters of the model.
        seed
            Any integer from 0 to 2^64 - 1.
        dtype
            Dtype of the weights: ``"float32"``, or ``"float64"`` if ``jax_enable_x64`` is set.
        interface
            What enters the network and what leaves it. Default: that of classification.

        Raises
        ------
        ArgumentError
            If the network cannot be built for the model or does not predict what the interface asks for, or an argument
            is out of range.
        """
        double: bool = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
        types = ("float32", "float64")[: 1 + double]
        name = getattr(dtype, "__name__", str(dtype))
        if name not in types:
            fix = "Use 'float32', or 'float64' with jax_enable_x64"
            raise ArgumentError("dtype", dtype, "is not a dtype of weights", fix)
        design, key = self.design(params, interface), role_key(seed, "network")
        backend_name()  # refuses where there is none
        try:
            drawn = self.row.draw(params, design.spec.width, key, design.interface, self.options, dtype)
        except ArgumentError as error:
            if error.argument != "shape":  # of weights that memory does not hold
                raise
            raise ArgumentError("width", design.spec.width, error.problem, error.fix) from None
        return replace(drawn, design=design) if hasattr(drawn, "design") else drawn

    def design(self, params: Params, interface: Interface | None = None) -> Design:
        """Return what :meth:`build` builds a network for; arguments and errors are those of :meth:`on`."""
        interface = interface or Interface.of_classes(params, self.encoding)
        return Design(self.on(params, interface), params, interface)

    def rate(self, params: Params) -> Rate:
        """Return the default learning rate per width on a model."""
        check_instance(Params, params=params)
        rate = self.row.rate(_of_defaults(params))
        return rate if params.uniform else rate._replace(extended=True)

    def thresholds(self, params: Params) -> dict[str, float]:
        """Return the threshold that defines P* for each quantity, such as ``{"error": 0.1, "S_21": 0.3}``."""
        return dict(self.row.thresholds(_of_defaults(params)))

    @property
    def stop_loss(self) -> float:
        """Default training loss at which training ends."""
        return self.row.stop_loss(self.options)

    @property
    def max_epochs(self) -> int:
        """Default maximum number of epochs."""
        return self.row.max_epochs

    def predict(self, params: Params) -> Prediction | None:
        """Return the predicted P* on a model; None without a prediction, for example if levels differ."""
        check_instance(Params, params=params)
        return self.row.predict(params) if self.row.predict is not None and params.uniform else None

    def cost(self, params: Params, interface: Interface | None = None) -> Cost:
        """Return its cost on a model; arguments and errors are those of :meth:`on`."""
        return _cost_of(self.design(params, interface))

    @property
    def chosen(self) -> dict[str, Any]:
        """The options that differ from their defaults, by name."""
        default = self.row.options()
        names = [one.name for one in fields(default)]
        return {
            name: value for name in names if (value := getattr(self.options, name)) != getattr(default, name)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data, with only those options that differ from their defaults."""
        encoding = {} if self.encoding == "whitened" else {"encoding": self.encoding}
        options = {
            name: list(value) if isinstance(value, tuple) else value for name, value in self.chosen.items()
        }
        return {"family": self.family, "width": self.width} | encoding | options

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "NetSpec":
        """Rebuild it from :meth:`to_dict`."""
        own = {name: content[name] for name in ("family", "width", "encoding") if name in content}
        options = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        return cls(**own, options={name: value for name, value in options.items() if name not in own})


def _of_defaults(params: Params) -> Params:
    """Return the model that determines the defaults: if levels differ, v and s of the input and the largest s0."""
    if params.uniform:
        return params
    lowest = next(level for level in params.levels if level.s > 1)  # a filtered grammar has a level of s = 1
    s0 = max(level.s0 for level in params.levels)
    return Params(v=lowest.v, s=lowest.s, s0=s0, L=params.L, sparsity=params.sparsity)


def _check_served(row: Family, interface: Interface) -> None:
    """Refuse an interface that a family does not serve, and name those that do."""
    check_instance(Interface, interface=interface)
    if interface.kind not in row.kinds:
        *others, last = [KINDS[kind] for kind in row.kinds]
        served = f"{', '.join(others)} and {last}" if others else last
        families = [one.name for one in FAMILIES.values() if interface.kind in one.kinds]
        fix = f"Use {' or '.join(families)}" if families else "Choose another task"
        problem = f"cannot be predicted by {row.name}, which predicts {served}"
        raise ArgumentError("task", KINDS[interface.kind], problem, fix)


@lru_cache(1024)
def _cost_of(design: Design) -> Cost:
    return design.spec.row.cost(design)


def build(
    net: "str | NetSpec", params: Params, width: int | None = None, seed: int = 0, *,
    encoding: Encoding = "whitened", dtype: Any = "float32", **options: Any,
) -> Any:  # fmt: skip
    """Draw a network for the inputs of a model.

    All weights of the CNN, the LCN and the FCN are drawn from N(0, 1). The standard architectures are initialised as
    in PyTorch: all weights and biases uniform in +-(fan-in)^(-1/2).

    Parameters
    ----------
    net
        The name of a family, or a :class:`NetSpec`, which contains width, encoding and options.
    params
        The parameters of the model. They determine depth, patches and classes; for a standard architecture the length
        of the inputs and the classes.
    width
        Channels h of a hidden layer. Default: the published width. A standard architecture has its standard numbers of
        channels at width 64, else these times width/64, multiples of 8 for ``"efficientnetb0"``.
    seed
        Any integer from 0 to 2^64 - 1.
    encoding
        The encoding of the inputs, which determines the number of input channels.
    dtype
        Dtype of the weights: ``"float32"``, or ``"float64"`` if ``jax_enable_x64`` is set.
    **options
        The options of the family, such as ``bias="shared"`` for the CNN (docs, networks.md).

    Raises
    ------
    ArgumentError
        If an argument is not one of these, or the network cannot be built for the model.

    Examples
    --------
    >>> params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> net = build("cnn", params, width=8)
    >>> [layer.weight.shape for layer in net.layers], net.readout.shape
    ([(16, 8), (32, 8)], (8, 4))
    """
    return netspec(net, width=width, encoding=encoding, **options).build(params, seed, dtype)


def netspec(
    net: "str | NetSpec", *, width: int | None = None, encoding: Encoding = "whitened", **options: Any
) -> NetSpec:
    """Return a specification from the name of a family and its options; a NetSpec is returned unchanged.

    Raises
    ------
    ArgumentError
        If the family or an option is unknown, or options are given together with a NetSpec.
    """
    if isinstance(net, NetSpec):
        others = dict(options)
        if width is not None:
            others["width"] = width
        if encoding != "whitened":
            others["encoding"] = encoding
        for name, value in others.items():
            raise ArgumentError(
                name, value, "is given together with a NetSpec, which has its own", "Put it into the NetSpec"
            )
        return net
    check_choice("net", net, FAMILIES, "is not a network")
    return NetSpec(net, width, encoding, options)


def predict(net: "str | NetSpec", params: Params) -> Prediction:
    """Return the prediction of P* for a network on a model.

    Raises
    ------
    ArgumentError
        If the network is unknown, or has no prediction.

    Examples
    --------
    >>> round(predict("lcn", Params(v=6, s0=1, L=2)).P_star)
    2938
    """
    found = netspec(net).predict(params)
    if found is None and not params.uniform:
        fix = "Use a model with one v, m, s and s0 for all levels"
        raise ArgumentError(
            "params", params, "has levels that differ, and the predictions are of equal ones", fix
        )
    if found is None:
        predicted = [one.name for one in FAMILIES.values() if one.predict is not None]
        raise ArgumentError("net", net, "has no prediction", f"Use {' or '.join(map(repr, predicted))}")
    return found
