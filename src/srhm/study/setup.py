"""A setup, that is, everything of a run except its number of training points and its seeds; and a run, with them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

from ..errors import ArgumentError, check_choice, check_instance, check_integer, check_number, in_short
from ..measure.probing import MIN_INPUTS
from ..model.grammar import Grammar
from ..model.holdout import HoldOut, class_counts, hold_out_of, hold_out_text
from ..model.params import Params
from ..model.stream import PERMUTATION_LIMIT
from ..model.weights import WEIGHTS, weights_of_text, weights_text
from ..nets import Interface, NetSpec
from ..randomness import STREAM_VERSION
from ..theory.predictions import Prediction
from ..training import Classification, Optimizer, Stopping, Task
from ..training.job import chosen_optimizer
from ..training.task import task_from, task_text
from .custom import CustomNet
from .measuring import QUANTITIES, Measuring, check_flag

Role = Literal["grammar", "samples", "network", "order"]
ROLES: tuple[Role, ...] = ("grammar", "samples", "network", "order")


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
            check_integer(f"seeds.{role}", getattr(self, role), minimum=0, maximum=2**64 - 1)

    @classmethod
    def replicate(cls, number: int, fix: Sequence[str] = ()) -> "Seeds":
        """Return the seeds of a replicate: its number in every role, 0 in the roles in `fix`.

        Raises
        ------
        ArgumentError
            If `fix` contains anything but grammar, samples, network and order.
        """
        for role in fix:
            check_choice("fix", role, ROLES, "is not a role of a seed")
        return cls(**{role: 0 if role in fix else number for role in ROLES})


@dataclass(frozen=True)
class Setup:
    """Model, network, training and measurements: everything of a run except P and seeds.

    Defaults are filled in from the network's family and the model, so that equal setups compare equal.

    Raises
    ------
    ArgumentError
        If a field is out of range, the network cannot be built for the model, or no points are left for training.

    Examples
    --------
    >>> setup = Setup(Params(v=6, s0=1, L=2), NetSpec("cnn", width=64))
    >>> setup.optimizer.rate, setup.stopping.loss, setup.measuring.P_test, setup.largest
    (0.1, 0.001, 10000, 72944)
    """

    params: Params
    """The parameters of the model."""
    net: NetSpec
    """The network; or a function of the user's that trains (:class:`~srhm.study.custom.CustomNet`), which knows itself
    how: then optimizer, stopping, task and record are left out."""
    optimizer: Optimizer = field(default_factory=Optimizer)
    """How the weights are trained."""
    stopping: Stopping = field(default_factory=Stopping)
    """When training ends."""
    measuring: Measuring = field(default_factory=Measuring)
    """What is measured."""
    replacement: bool = False
    """Draw training and test points with replacement, within and across the sets (published)."""
    task: Task = field(default_factory=Classification)
    """What the network is trained to predict: classification, next, masked, denoise or latent, with options in
    brackets, as in classification(uniform(0.2)) or classification(masking(0.3)) for noisy inputs, next(last),
    next(first=False), masked(0.15), latent(3), latent(2, rate=0.5)."""
    rule_weights: str = ""
    """Weights of the rules, the same for all parents but for lognormal: zipf(1), lognormal(0.5) or numbers such as 3,1,
    for all levels, or by level as in 2:zipf(1). Default: all alike. Points are then drawn with replacement."""
    placement_weights: str = ""
    """Weights of the placements, as those of rules."""
    class_weights: str = ""
    """Weights of the classes, as those of rules, without levels. Default: all alike, and balanced."""
    hold_out: HoldOut | None = None
    """What no training point has and every test point does: placements(1), pairs(2, 0.5) or tuples(1, 0.5, seed=3), by
    level, share (0.2) and seed (that of the rules). The error on points without it is measured too. Default:
    nothing."""

    def __post_init__(self) -> None:
        check_instance(Params, params=self.params)
        check_instance(NetSpec, net=self.net)
        check_instance(Optimizer, optimizer=self.optimizer)
        check_instance(Stopping, stopping=self.stopping)
        check_instance(Measuring, measuring=self.measuring)
        check_flag("replacement", self.replacement)
        object.__setattr__(self, "task", task_from(self.task))
        for name in WEIGHTS:
            object.__setattr__(self, name, weights_text(name, self.params, getattr(self, name)))
        if self.weighted:
            object.__setattr__(self, "replacement", True)
        if self.hold_out is not None:
            object.__setattr__(self, "hold_out", hold_out_of(self.hold_out))
        if self.hold_out is not None:
            self._check_hold_out(self.hold_out)
        custom = isinstance(self.net, CustomNet)
        params, net = self.params, self.net.on(self.params, None if custom else self.interface)
        optimizer, stopping, measuring = self.optimizer, self.stopping, self.measuring
        if isinstance(net, CustomNet):
            self._refuse_what_is_not_used()
        else:
            optimizer = chosen_optimizer(net.design(params, self.interface), optimizer)
            if stopping.loss is None:
                stopping = replace(stopping, loss=net.stop_loss)
            if stopping.max_epochs is None:
                stopping = replace(stopping, max_epochs=net.max_epochs)
            stopping = stopping.filled_in(self.task)
        if measuring.P_test is None:
            measuring = replace(measuring, P_test=max(3, default_test_points(params, self.hold_out)))
        filled = {"net": net, "optimizer": optimizer, "stopping": stopping, "measuring": measuring}
        for name, value in filled.items():
            object.__setattr__(self, name, value)
        if "D" in measuring.record and not params.has_blanks:
            problem = "cannot be recorded if s0 = 0: there are no diffeomorphisms"
            raise ArgumentError("record", "D", problem, "Leave it out, or use s0 >= 1")
        if (measuring.probe or "probes" in measuring.record) and self.P_test < MIN_INPUTS:
            fix = f"Use P_test >= {MIN_INPUTS}, or no probes"
            raise ArgumentError("P_test", self.P_test, "is too small to fit and test probes", fix)
        self._check_test_points()

    def _check_hold_out(self, hold_out: HoldOut) -> None:
        """Refuse what the model lacks, and tasks other than classification."""
        class_counts(self.params, hold_out)
        if self.task != Classification():
            problem = (
                f"is for classification: the exact floor of {task_text(self.task)} is that of all samples"
            )
            raise ArgumentError("hold_out", hold_out_text(hold_out), problem, "Leave it out")

    def _check_test_points(self) -> None:
        """Refuse test points that are not there, or leave fewer than n_c for training."""
        params, P_test = self.params, self.P_test
        if self.replacement or params.P_max > PERMUTATION_LIMIT:
            return
        most, n_c, P_max = params.P_max - params.n_c, params.n_c, in_short(params.P_max)
        problem = f"leaves fewer than n_c = {n_c} of the P_max = {P_max} distinct samples for training"
        if self.hold_out is not None:
            most = n_c * class_counts(params, self.hold_out)[1]
            problem = f"is too large: {most} samples have what {hold_out_text(self.hold_out)} holds out"
        if most < P_test:
            enough = f"Use P_test <= {most}, or replacement"
            fix = enough if most >= 3 else "Use replacement, or a larger model"
            raise ArgumentError("P_test", P_test, problem, fix)

    def _refuse_what_is_not_used(self) -> None:
        """Refuse what a function of the user's does not look at."""
        for name, value, usual in (
            ("optimizer", self.optimizer, Optimizer()),
            ("stopping", self.stopping, Stopping()),
            ("task", self.task, Classification()),
            ("record", self.measuring.record, ()),
        ):
            if value != usual:
                problem = "is not used by a function of your own, which trains as it does"
                raise ArgumentError(
                    name, value, problem, "Leave it out, or pass it to the function, in options"
                )

    @property
    def interface(self) -> Interface:
        """What enters the network, and what leaves it."""
        return self.task.interface(self.params, self.net.encoding)

    def network(self, seed: int) -> Any:
        """Draw the network, untrained, with a seed."""
        return self.net.build(self.params, seed, interface=self.interface)

    @property
    def classifies(self) -> bool:
        """Whether it is the paper's task: clean inputs, rules, placements and classes alike, and nothing held out."""
        return self.task == Classification() and not (self.weighted or self.hold_out)

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The thresholds of the error, S and D that are usual for the family; empty if the task predicts symbols."""
        return {} if self.task.predicts_symbols else self.net.row.thresholds(self.params)

    def threshold(self, quantity: str) -> tuple[str, float] | None:
        """Return the metric of a quantity and its threshold in :attr:`thresholds`, or None if there is none.

        The quantity is a metric, such as ``"error"`` or ``"S_21"``; or ``"S"`` or ``"D"``, at whatever layer is usual.
        """
        metrics = self.thresholds.items()
        return next((one for one in metrics if quantity in (one[0], one[0].split("_")[0])), None)

    @property
    def prediction(self) -> Prediction | None:
        """The predicted P*; None without a prediction, for example of another task than classification."""
        return self.net.predict(self.params) if self.classifies else None

    @property
    def P_test(self) -> int:
        """Number of test points."""
        assert self.measuring.P_test is not None  # filled in
        return self.measuring.P_test

    @property
    def width(self) -> int:
        """Channels of a hidden layer; 0 if a function of the user's trains, which has them in its options."""
        return self.net.width or 0

    @property
    def batch(self) -> int:
        """Number of points of a batch."""
        return self.optimizer.batch_per_class * self.params.n_c

    @property
    def weighted(self) -> bool:
        """Whether rules, placements or classes have uneven weights; nothing is then published or predicted."""
        return any(getattr(self, name) for name in WEIGHTS)

    @property
    def largest(self) -> int:
        """Maximum number of training points without test points among them; 2^30 with replacement."""
        params = self.params
        if self.replacement or params.P_max > PERMUTATION_LIMIT:
            return 2**30
        if self.hold_out is not None:
            return min(2**30, params.n_c * class_counts(params, self.hold_out)[0])
        return min(2**30, params.P_max - self.P_test)

    @property
    def rate_extended(self) -> bool:
        """Whether the learning rate was extended from the published table to a model outside it."""
        if isinstance(self.net, CustomNet):
            return False
        rate = self.net.rate(self.params)
        return rate.extended and rate.value == self.optimizer.rate

    def grammar(self, seed: int) -> Grammar:
        """Return the rules of a seed, with their weights."""
        weights = {name: weights_of_text(name, getattr(self, name)) for name in WEIGHTS}
        return Grammar(self.params, seed, **weights)

    def at(self, P: int, seeds: Seeds | int = 0) -> "RunSpec":
        """Return a run of the setup.

        Parameters
        ----------
        P
            Number of training points.
        seeds
            The seeds of all roles, or the number of a replicate.
        """
        return RunSpec(self, P, seeds if isinstance(seeds, Seeds) else Seeds.replicate(seeds))

    def published(self) -> "Setup":
        """Return the same setup with all differences of the published code (docs, networks.md).

        Points drawn with replacement, fixed batches, the stop rule every 10 epochs, the best error and weights, and
        cumulative sensitivities of 20 inputs of each class.
        """
        return replace(
            self,
            optimizer=replace(self.optimizer, batches="fixed"),
            stopping=replace(self.stopping, every=10, select="best"),
            measuring=replace(self.measuring, sensitivity_inputs=20 * self.params.n_c, cumulative=True),
            replacement=True,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data: what is filled in, and what differs from its default.

        So a field that is added later does not change the identity of a setup.
        """
        content: dict[str, Any] = {"params": self.params.to_dict(), "net": self.net.to_dict()}
        for name in ("optimizer", "stopping", "measuring"):
            part = getattr(self, name)
            default = type(part)()
            content[name] = {
                one.name: _as_json(value)
                for one in fields(part)
                if (value := getattr(part, one.name)) != getattr(default, one.name)
            }
        # What is filled in where nothing is named: so it was before there were others.
        for part, name, usual in (
            ("optimizer", "method", "sgd"), ("stopping", "select", "best" if self.task.predicts_symbols else "last"),
        ):  # fmt: skip
            if content[part].get(name) == usual:
                del content[part][name]
        content |= {name: value for name in ("replacement", *WEIGHTS) if (value := getattr(self, name))}
        content |= {} if self.hold_out is None else {"hold_out": hold_out_text(self.hold_out)}
        return content | ({} if self.task == Classification() else {"task": self.task.to_dict()})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Setup":
        """Rebuild it from :meth:`to_dict`, with checks.

        Raises
        ------
        ArgumentError
            If a field is missing, unknown or out of range.
        """
        try:
            parts: dict[str, Any] = dict(content)
            parts["params"] = Params.from_dict(parts["params"])
            parts["net"] = (CustomNet if "custom" in parts["net"] else NetSpec).from_dict(parts["net"])
            for name, kind in _PARTS.items():
                parts[name] = kind(**parts.get(name, {}))
            if parts["optimizer"].method is None and not isinstance(parts["net"], CustomNet):
                parts["optimizer"] = replace(parts["optimizer"], method="sgd")
            return cls(**parts)
        except (TypeError, KeyError) as error:
            fix = "Give Setup.to_dict()"
            raise ArgumentError("content", content, f"is not a setup: {error}", fix) from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the setup, by which its runs are found."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


def _as_json(value: Any) -> Any:
    if value == QUANTITIES[:1]:  # the error alone
        return True
    return list(value) if isinstance(value, tuple) else value


_PARTS = {"optimizer": Optimizer, "stopping": Stopping, "measuring": Measuring}


def check_start(start: Any, params: Params, largest: int) -> None:
    """Raise an :class:`~srhm.ArgumentError` if the first P of a search is out of range."""
    if not params.n_c <= check_number("start", start, above=0.0) <= largest:
        problem = f"is not between n_c = {params.n_c} and {largest}, the most training points"
        raise ArgumentError("start", start, problem, "Start between them")


def default_test_points(params: Params, hold_out: HoldOut | None = None) -> int:
    """Return the default size of a test set: min(10,000, P_max / 5), or all samples with what is held out if fewer."""
    usual = max(1, min(10_000, params.P_max // 5))
    return usual if hold_out is None else min(usual, params.n_c * class_counts(params, hold_out)[1])


@dataclass(frozen=True)
class RunSpec:
    """Everything that determines the result of one run; see :meth:`Setup.at`.

    Raises
    ------
    ArgumentError
        If P is out of range, or P + P_test exceeds P_max without replacement.
    """

    setup: Setup
    """Model, network, training and measurements."""
    P: int
    """Number of training points, at least n_c."""
    seeds: Seeds = field(default_factory=Seeds)
    """The seeds of rules, samples, network and order."""

    def __post_init__(self) -> None:
        check_instance(Setup, setup=self.setup)
        check_instance(Seeds, seeds=self.seeds)
        params, largest = self.setup.params, self.setup.largest
        object.__setattr__(self, "P", check_integer("P", self.P, minimum=params.n_c, maximum=2**30))
        if largest < self.P and self.setup.hold_out is not None:
            problem = (
                f"is too large: {largest} samples lack what {hold_out_text(self.setup.hold_out)} holds out"
            )
            raise ArgumentError("P", self.P, problem, f"Use P <= {largest}, or replacement")
        if largest < self.P:
            problem = f"and P_test = {self.setup.P_test} exceed the P_max = {params.P_max} distinct samples"
            fix = f"Use P <= {largest}, a smaller P_test, or replacement"
            raise ArgumentError("P", self.P, problem, fix)

    @property
    def params(self) -> Params:
        """The parameters of the model."""
        return self.setup.params

    @property
    def net(self) -> NetSpec:
        """The network."""
        return self.setup.net

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as JSON data; see :meth:`Setup.to_dict`."""
        return self.setup.to_dict() | {"P": self.P, "seeds": asdict(self.seeds)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "RunSpec":
        """Rebuild a specification from :meth:`to_dict`, checking it.

        Raises
        ------
        ArgumentError
            If a field is missing, unknown or out of range.
        """
        try:
            rest = dict(content)
            P, seeds = rest.pop("P"), Seeds(**rest.pop("seeds"))
        except (TypeError, KeyError, ValueError) as error:
            fix = "Give RunSpec.to_dict()"
            raise ArgumentError("content", content, f"is not a run: {error}", fix) from error
        return cls(Setup.from_dict(rest), P, seeds)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the specification and the stream version: the identity of the run."""
        return identity(self.to_dict(), STREAM_VERSION)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What runs must have in common to be executed together: everything except P, seeds and rates."""
        setup, optimizer = self.setup, self.setup.optimizer
        scheduled = (optimizer.schedule, optimizer.warmup) != ("constant", 0)
        own = optimizer.batch_per_class, optimizer.method, scheduled, setup.task, bool(setup.class_weights)
        return self.params, self.net, *own

    def at(self, P: int, seeds: Seeds | None = None) -> "RunSpec":
        """Return the same run with another number of training points, and other seeds. Default: the same seeds."""
        return replace(self, P=P, seeds=self.seeds if seeds is None else seeds)


def identity(content: Mapping[str, Any], stream_version: int) -> str:
    """Return the SHA-256 of a specification as JSON data together with the version of its streams."""
    whole = {"spec": content, "stream_version": stream_version}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
