"""The training protocol: how the paper's networks were trained, and what we do where that is a trap.

Everything is an argument. `Protocol()` is our default, `Protocol.published()` the published code's; each
deviation between them is a field of its own (docs, networks.md and measurements.md).
"""

from dataclasses import dataclass, replace
from typing import Literal

from ..errors import ArgumentError, check_choice, check_instance, check_integer, check_number
from ..model.params import Params

Batches = Literal["reformed", "fixed"]
Report = Literal["final", "best"]


@dataclass(frozen=True)
class Protocol:
    """How one network is trained and measured.

    Raises
    ------
    ArgumentError
        If a field is out of range.
    """

    batch_per_class: int = 4
    """Points of each class in a batch: batch_per_class * n_c in all, fewer in the last batch of an epoch."""
    momentum: float = 0.9
    """Momentum of SGD (no Nesterov)."""
    learning_rate: float | None = None
    """Rate per width: the rate of SGD is learning_rate * h. From the published table unless given."""
    stop_loss: float | None = None
    """Training ends when the mean loss of an epoch is below this: 1e-3, for FCN, VGG, ResNet and the LCN with shared
    layers 1e-2, unless given."""
    stop_every: int = 1
    """The stop rule is applied at epochs that are multiples of this (published: 10)."""
    max_epochs: int | None = None
    """Training ends here at the latest: after 10,000 epochs, for the common networks 250, unless given."""
    look_every: int = 10
    """Epochs between looks at the test error, of which the best is recorded."""
    batches: Batches = "reformed"
    """"reformed": each class is permuted anew every epoch. "fixed": formed once, in random order."""
    report: Report = "final"
    """Test error and sensitivities of the final network, or of the best over the looks (published)."""
    repeats: bool = False
    """Training and test points drawn with repeats, within and across the sets (published)."""
    sensitivity_inputs: int | None = None
    """Test inputs for S and D: 1,000 (or the whole test set where it is smaller) unless given."""
    cumulative: bool = False
    """Sensitivities that re-draw all levels 1 to l instead of level l alone (published)."""

    def __post_init__(self) -> None:
        for name in ("batch_per_class", "stop_every", "look_every"):
            object.__setattr__(self, name, check_integer(name, getattr(self, name), least=1))
        for name, least in (("max_epochs", 1), ("sensitivity_inputs", 3)):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_integer(name, value, least=least))
        for name in ("learning_rate", "stop_loss"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_number(name, value, above=0.0))
        if not (isinstance(self.momentum, int | float) and 0 <= self.momentum < 1):
            raise ArgumentError("momentum", self.momentum, "is not in [0, 1)", "Use 0.9")
        check_choice("batches", self.batches, ("reformed", "fixed"), "is not known")
        check_choice("report", self.report, ("final", "best"), "is not known")
        for name in ("repeats", "cumulative"):
            if not isinstance(getattr(self, name), bool):
                raise ArgumentError(
                    name, getattr(self, name), "is neither true nor false", "Use True or False"
                )

    @classmethod
    def published(cls, params: Params) -> "Protocol":
        """Return the published code's protocol, all its deviations together (docs, networks.md)."""
        check_instance(Params, params=params)
        return cls(
            stop_every=10,
            batches="fixed",
            report="best",
            repeats=True,
            sensitivity_inputs=20 * params.n_c,
            cumulative=True,
        )

    def for_training(self) -> "Protocol":
        """Return the protocol without what is not about training: how points are drawn, how layers are measured.

        :func:`srhm.split` takes the first, ``repeats``; :func:`srhm.measure.sensitivity.sensitivities` the second,
        ``sensitivity_inputs`` and ``cumulative``.
        """
        return replace(self, repeats=False, sensitivity_inputs=None, cumulative=False)


# (network, s = 2, L) -> {largest s0 it holds for: rate per width}; docs, networks.md.
_RATES: dict[tuple[str, bool, int], dict[int, float]] = {
    ("lcn", True, 2): {3: 0.01, 6: 0.003},
    ("lcn", True, 3): {3: 0.01, 6: 0.003},
    ("lcn", False, 2): {6: 0.003},
    ("lcn", False, 3): {6: 0.003},
    ("cnn", True, 2): {0: 0.01, 2: 0.1, 4: 0.03, 6: 0.01},
    ("cnn", True, 3): {2: 0.01, 4: 0.003, 6: 0.001},
    ("cnn", False, 2): {3: 0.01, 4: 0.003, 6: 0.0003},
    ("cnn", False, 3): {3: 0.01, 4: 0.003, 6: 0.0003},
    ("fcn", True, 2): {3: 0.01, 6: 0.003},
    ("fcn", True, 3): {3: 0.003, 6: 0.001},
}

_COMMON_RATE = 1e-4
"""Rate per width of the common networks, whose width is 64 (docs, networks.md)."""

_COMMON_STOP_LOSS = {"vgg11": 1e-2, "vgg16": 1e-2, "resnet18": 1e-2, "resnet34": 1e-2, "efficientnetb0": 1e-3}
_STOP_LOSS = {"cnn": 1e-3, "lcn": 1e-3, "fcn": 1e-2} | _COMMON_STOP_LOSS

MAX_EPOCHS, _COMMON_MAX_EPOCHS = 10_000, 250
"""Epochs after which training ends, unless given."""


@dataclass(frozen=True)
class Rate:
    """A learning rate per width, and whether it was extended to a model outside the published table."""

    value: float
    extended: bool


def published_rate(net: str, params: Params) -> Rate:
    """Return the published learning rate per width h of a network on a model (docs, networks.md).

    Outside the table: L = 1 is taken as L = 2, s0 as the next larger tabulated value and beyond 6 as 6, and
    the FCN with L > 3 as with L = 3, with s > 2 as with s = 2; such a rate is marked as extended. The common
    networks have one rate for every model.

    Raises
    ------
    ArgumentError
        If there is no such network.

    Examples
    --------
    >>> published_rate("cnn", Params(n_c=6, v=6, m=6, s=2, s0=1, L=2))
    Rate(value=0.1, extended=False)
    """
    check_instance(Params, params=params)
    check_choice("net", net, _STOP_LOSS, "has no published rate")
    if net in _COMMON_STOP_LOSS:
        return Rate(_COMMON_RATE, extended=False)
    if net == "cnn" and (params.v, params.s) == (4, 3) and params.s0 < 4:
        return Rate(0.003, extended=False)
    two_children = params.s == 2 or net == "fcn"
    column = _RATES[net, two_children, min(max(params.L, 2), 3)]
    s0 = min(params.s0, 6)
    value = column[min(limit for limit in column if limit >= s0)]
    extended = not _tabulated(net, params) or (net == "fcn" and params.s > 2)
    return Rate(value, extended)


def _tabulated(net: str, params: Params) -> bool:
    """The LCN's rates hold for every L and s0, the FCN's for L = 2, 3, the CNN's for some s0.

    With s = 2 the CNN's need L >= 2, with more children they hold for every L.
    """
    if net == "cnn" and params.s == 2:
        return params.L >= 2 and params.s0 in (0, 1, 2, 4, 6)
    if net == "cnn":
        return params.s0 in (0, 1, 2, 3, 4, 6)
    return net == "lcn" or params.L in (2, 3)


def stop_loss(net: str, protocol: Protocol, *, shared: bool = False) -> float:
    """Return the loss below which training ends: the protocol's, or the published one of the network.

    That of an LCN with layers shared over s0+1 (`shared`) is the FCN's.

    Raises
    ------
    ArgumentError
        If there is no such network.
    """
    check_instance(Protocol, protocol=protocol)
    check_choice("net", net, _STOP_LOSS, "has no published stop loss")
    published = _STOP_LOSS["fcn" if net == "lcn" and shared else net]
    return published if protocol.stop_loss is None else protocol.stop_loss


def max_epochs(net: str, protocol: Protocol) -> int:
    """Return the epochs after which training ends: the protocol's, or the published number of the network.

    Raises
    ------
    ArgumentError
        If there is no such network.
    """
    check_instance(Protocol, protocol=protocol)
    check_choice("net", net, _STOP_LOSS, "has no published epochs")
    usual = _COMMON_MAX_EPOCHS if net in _COMMON_STOP_LOSS else MAX_EPOCHS
    return usual if protocol.max_epochs is None else protocol.max_epochs
