"""One run of the laboratory: its specification, its identity, and the row that it becomes."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

from ..errors import ArgumentError, check_choice, check_instance, check_integer, check_number, name_fix
from ..measure.probing import LEAST_INPUTS
from ..model.encoding import Dense, Encoding, check_encoding
from ..model.params import Params
from ..model.stream import PERMUTATION_LIMIT
from ..nets import Bias, Init, NetName, Variant, check_fit, check_options, default_width
from ..nets.weights import is_digest
from ..randomness import STREAM_VERSION
from ..training.protocol import Protocol, max_epochs, published_rate, stop_loss

Role = Literal["grammar", "samples", "network", "order"]
ROLES: tuple[Role, ...] = ("grammar", "samples", "network", "order")

_LATER = {"shared_layers": (), "variant": "usual", "probe": False, "frozen_layers": ()}
"""Fields of a run that were added after the first stored runs, and the values that those have."""


@dataclass(frozen=True)
class Seeds:
    """The seeds of a run, one for each role; equal numbers give independent streams in different roles."""

    grammar: int = 0
    """Seed of the rules."""
    samples: int = 0
    """Seed of the training and test data."""
    network: int = 0
    """Seed of the initial weights."""
    order: int = 0
    """Seed of the order of training points."""

    def __post_init__(self) -> None:
        for role in ROLES:
            check_integer(f"seeds.{role}", getattr(self, role), least=0, most=2**64 - 1)

    @classmethod
    def replicate(cls, number: int, fix: Sequence[str] = ()) -> "Seeds":
        """Return the seeds of a replicate: its number in every role, 0 in the roles that `fix` names.

        Raises
        ------
        ArgumentError
            If `fix` names something else than grammar, samples, network or order.
        """
        for role in fix:
            check_choice("fix", role, ROLES, "is not a role of a seed")
        return cls(**{role: 0 if role in fix else number for role in ROLES})


def default_test_points(params: Params) -> int:
    """Return the default size of a test set: min(10,000, P_max / 5) (docs, networks.md)."""
    check_instance(Params, params=params)
    return max(1, min(10_000, params.P_max // 5))


@dataclass(frozen=True, eq=False)
class RunSpec:
    """All that determines the result of one run.

    Raises
    ------
    ArgumentError
        If an argument is out of range, or P + P_test exceeds P_max where data may not repeat.
    """

    params: Params
    """The numbers of the model."""
    net: NetName
    """The network: cnn, lcn, fcn, or a common one, such as vgg11."""
    P: int
    """Training points, at least n_c."""
    width: int | None = None
    """Channels h of a hidden layer; the published width unless given."""
    P_test: int | None = None
    """Test points; min(10,000, P_max / 5) unless given."""
    seeds: Seeds = field(default_factory=Seeds)
    """The seeds of rules, samples, network and order."""
    protocol: Protocol = field(default_factory=Protocol)
    """How it is trained and measured."""
    encoding: Encoding = "whitened"
    """How inputs are written."""
    bias: Bias = "position"
    """Biases of the CNN."""
    init: Init = "normal"
    """Hidden weights at the start."""
    record: bool = False
    """Keep loss and test error at log-spaced steps."""
    shared_layers: tuple[int, ...] = ()
    """Layers whose weights are shared over the s0+1 places of a sub-patch."""
    variant: Variant = "usual"
    """A common network as it is usually defined, or as the published code ran it."""
    probe: bool = False
    """Measure linear probes and clusters of the layers too."""
    frozen_layers: tuple[int, ...] = ()
    """Layers that are not trained, L + 1 for the readout."""

    def __post_init__(self) -> None:
        check_instance(Params, params=self.params)
        check_instance(Seeds, seeds=self.seeds)
        check_instance(Protocol, protocol=self.protocol)
        for name in ("shared_layers", "frozen_layers"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        options = self.bias, self.init, self.shared_layers, self.variant, self.params, self.frozen_layers
        check_options(self.net, *options)
        for name in ("record", "probe"):
            if not isinstance(getattr(self, name), bool):
                raise ArgumentError(
                    name, getattr(self, name), "is neither true nor false", "Use True or False"
                )
        check_encoding(self.encoding)
        if self.encoding == "integer":
            raise ArgumentError("encoding", self.encoding, "has no channels", name_fix("", get_args(Dense)))
        params = self.params
        check_integer("P", self.P, least=params.n_c, most=2**30)
        width = default_width(self.net, params) if self.width is None else self.width
        P_test = default_test_points(params) if self.P_test is None else self.P_test
        object.__setattr__(self, "width", check_integer("width", width, least=1))
        check_fit(self.net, params, width, self.variant)
        object.__setattr__(self, "P_test", check_integer("P_test", P_test, least=3))
        if self.probe and P_test < LEAST_INPUTS:
            fix = f"Use P_test >= {LEAST_INPUTS}, or no probes"
            raise ArgumentError("P_test", P_test, "is too small to fit and judge probes", fix)
        largest = check_test_points(params, self.protocol, P_test)
        if largest < self.P:
            raise ArgumentError(
                "P",
                self.P,
                f"and P_test = {P_test} exceed the P_max = {params.P_max} distinct data",
                f"Use P <= {largest}, a smaller P_test, or repeats",
            )

    @property
    def rate(self) -> float:
        """The learning rate per width: the protocol's, or the published one."""
        given = self.protocol.learning_rate
        return published_rate(self.net, self.params).value if given is None else given

    @property
    def stop_loss(self) -> float:
        """The loss below which training ends: the protocol's, or the published one of the network."""
        return stop_loss(self.net, self.protocol, shared=bool(self.shared_layers))

    @property
    def max_epochs(self) -> int:
        """The epochs after which training ends: the protocol's, or the published number of the network."""
        return max_epochs(self.net, self.protocol)

    @property
    def rate_extended(self) -> bool:
        """Whether the learning rate was extended from the published table to a model outside it."""
        return self.protocol.learning_rate is None and published_rate(self.net, self.params).extended

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as JSON data, with every default that was left open filled in.

        A field that this class was given later stands there only if it differs from its default: the identities
        of runs made before it stay what they are.
        """
        content = asdict(self)
        for name, usual in _LATER.items():
            if content[name] == usual:
                del content[name]
        content["protocol"]["learning_rate"] = self.rate
        content["protocol"]["stop_loss"] = self.stop_loss
        content["protocol"]["max_epochs"] = self.max_epochs
        content["protocol"]["sensitivity_inputs"] = self.protocol.sensitivity_inputs or 1000
        for name in ("shared_layers", "frozen_layers"):
            if name in content:
                content[name] = list(content[name])
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "RunSpec":
        """Rebuild a specification from :meth:`to_dict`, checking it.

        Raises
        ------
        ArgumentError
            If a field is missing, unknown or out of range.
        """
        try:
            content = dict(content)
            content["params"] = Params.from_dict(content["params"])
            content["seeds"] = Seeds(**content["seeds"])
            content["protocol"] = Protocol(**content["protocol"])
            for name in ("shared_layers", "frozen_layers"):
                content[name] = tuple(content.get(name, ()))
            return cls(**content)
        except (TypeError, KeyError) as error:
            raise ArgumentError(
                "content", content, f"is not a run: {error}", "Give RunSpec.to_dict()"
            ) from error

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the specification and the stream version: the identity of the run."""
        return identity(self.to_dict(), STREAM_VERSION)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What runs must have in common to be executed together: all but P, seeds and rates."""
        batch = self.protocol.batch_per_class
        net = self.net, self.width, self.encoding, self.bias, self.init, self.shared_layers, self.variant
        return self.params, *net, self.frozen_layers, batch

    def __eq__(self, other: object) -> bool:
        """Compare what is run: a default that was left open equals its value."""
        return isinstance(other, RunSpec) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return int(self.hash[:15], 16)

    def at(self, P: int, seeds: Seeds | None = None) -> "RunSpec":
        """Return the same run with another number of training points, and other seeds if given."""
        return replace(self, P=P, seeds=self.seeds if seeds is None else seeds)


def identity(content: Mapping[str, Any], stream_version: int) -> str:
    """Return the SHA-256 of a specification as JSON data, and of the version of the streams it was run with."""
    whole = {"spec": content, "stream_version": stream_version}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def kind_of(spec: RunSpec) -> str:
    """Return the hash of what is run, up to P and seeds."""
    check_instance(RunSpec, spec=spec)
    return spec.at(spec.params.n_c, Seeds()).hash


def check_test_points(params: Params, protocol: Protocol, P_test: int) -> int:
    """Return the most training points that leave `P_test` unseen ones, or raise: they must be n_c or more."""
    largest = largest_P(params, protocol, P_test)
    if largest < params.n_c:
        most = params.P_max - params.n_c
        raise ArgumentError(
            "P_test",
            P_test,
            f"leaves fewer than n_c = {params.n_c} of the P_max = {params.P_max} distinct data for training",
            f"Use P_test <= {most}, or repeats" if most >= 3 else "Use repeats, or a larger model",
        )
    return largest


def check_start(start: Any, params: Params, largest: int) -> None:
    """Raise an :class:`~srhm.ArgumentError` if the first P of a search is not among those that can be tried."""
    if not params.n_c <= check_number("start", start, above=0.0) <= largest:
        problem = f"is not between n_c = {params.n_c} and {largest}, the most training points"
        raise ArgumentError("start", start, problem, "Start between them")


def largest_P(params: Params, protocol: Protocol, P_test: int) -> int:
    """Return the most training points that leave `P_test` unseen ones; 2^30 where data may repeat."""
    check_instance(Params, params=params)
    check_instance(Protocol, protocol=protocol)
    if protocol.repeats or params.P_max > PERMUTATION_LIMIT:
        return 2**30
    return min(2**30, params.P_max - P_test)


@dataclass(frozen=True)
class Run:
    """A finished run, as the store holds it."""

    spec: RunSpec
    """What was run."""
    status: str
    """``converged``, ``epochs``, or ``diverged``."""
    metrics: dict[str, float | int | None]
    """``error``, ``best_test_error``, ``train_loss``, ``epochs``, ``steps``, ``best_epoch`` and ``S_kl``, ``D_kl``
    with their errors; with probes also ``probe_kl``, ``probe_rule_kl``, ``probe_placement_kl`` and ``ari_kl``. None
    where there is no number."""
    record: list[dict[str, float | int | None]]
    """Loss and error at log-spaced steps, if asked for; None where there is no number."""
    seconds: dict[str, float]
    """Wall times: ``data``, ``train`` with ``compile`` in it, ``sensitivities``, and ``probes`` if asked for."""
    versions: dict[str, str]
    """Versions of srhm, jax, numpy, Python and the streams; and whether it was executed alone or with others."""
    device: str
    """The device that computed."""
    weights: str | None = None
    """SHA-256 of the file of the trained weights, if they are kept (:mod:`srhm.nets.weights`)."""

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON data: its fields, and the hash of its specification."""
        content = {"hash": self.spec.hash, "spec": self.spec.to_dict()}
        return content | {one.name: getattr(self, one.name) for one in fields(self)[1:]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Run":
        """Rebuild a run from :meth:`to_dict`, checking it.

        Raises
        ------
        ArgumentError
            If a field is missing, unknown or of another kind, or the hash is not that of the specification.
        """
        fix = "Give Run.to_dict()"
        if not isinstance(content, Mapping) or not isinstance(content.get("spec"), Mapping):
            raise ArgumentError("content", content, "is not a run", fix)
        names = {one.name for one in fields(cls)} | {"hash"}
        if odd := names.symmetric_difference(content) - {"hash", "weights"}:
            raise ArgumentError(
                "content", content, f"lacks, or has too many, {', '.join(sorted(map(str, odd)))}", fix
            )
        spec = RunSpec.from_dict(content["spec"])
        if content.get("hash", spec.hash) != spec.hash:
            raise ArgumentError(
                "hash",
                content["hash"],
                "is not that of the specification",
                "Run it with this version of srhm",
            )
        for name, is_right in _KINDS.items():
            if not is_right(content.get(name)):
                raise ArgumentError(name, content.get(name), "is not what a run holds", fix)
        checked: dict[str, Any] = {name: content.get(name) for name in _KINDS}
        return cls(spec, **checked)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _holds(value: Any, is_right: Callable[[Any], bool]) -> bool:
    """Return whether a value is a dictionary with names for keys and with such values."""
    return isinstance(value, dict) and all(
        isinstance(key, str) and is_right(one) for key, one in value.items()
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: value in ("converged", "epochs", "diverged", "stopped"),
    "metrics": lambda value: _holds(value, _is_number),
    "record": lambda value: isinstance(value, list) and all(_holds(one, _is_number) for one in value),
    "seconds": lambda value: _holds(value, lambda one: one is not None and _is_number(one)),
    "versions": lambda value: _holds(value, _is_text),
    "device": _is_text,
    "weights": lambda value: value is None or is_digest(value),
}
"""What each field of a run may be, in JSON data of unknown origin."""
