"""P* of whatever the user trains: a network of another library, an estimator, anything that predicts.

Replicate r gets the rules, the training points and the test points that replicate r of the built-in networks gets
(:class:`srhm.study.Study`), so that both are compared on the same data.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, SupportsFloat

from ..errors import ArgumentError, BackendError, SrhmError, check_instance, check_integer, name_fix
from ..measure.complexity import SampleComplexity, Search, combine
from ..measure.sensitivity import sensitivities, test_error
from ..model.dataset import split
from ..model.encoding import Encoding, check_encoding
from ..model.grammar import Grammar
from ..model.params import Params
from ..randomness import STREAM_VERSION
from ..study import Seeds
from ..study.setup import check_start, check_test_points, default_test_points, most_points
from .executors import Executor, Failure, Job, Resources, compute_on_one_thread, open_executor
from .functions import find, name_of, refuse_within_import
from .notes import Notes

Train = Callable[..., Any]
"""``train(dataset, seed) -> network``, what is trained: from a training set and a seed to any network that
:func:`srhm.measure.layers.predictor_of` takes."""

Watch = Callable[[int, int, dict[str, float]], None]
"""Called after every run with P, the number of the replicate and what was measured."""

_RETRIES = 2
"""How often a run is tried again whose process was killed or lost."""


@dataclass(frozen=True)
class Measurement:
    """What is measured at every P: train on P points, and show the network the test set.

    Raises
    ------
    ArgumentError
        If a field is out of range.
    """

    params: Params
    """The parameters of the model."""
    quantities: tuple[str, ...] = ("error",)
    """``error``, ``S_21`` and the like; :meth:`srhm.measure.sensitivity.Sensitivities.metrics` names them."""
    P_test: int | None = None
    """Test points; min(10,000, P_max / 5) unless given."""
    encoding: Encoding = "whitened"
    """How the network takes its inputs."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments by name for the function that trains; JSON where they are sent or written down."""
    fix: tuple[str, ...] = ()
    """Roles whose seed all replicates share: some of grammar, samples, network."""
    replacement: bool = False
    """Draw every point independently, as the published code does."""

    def __post_init__(self) -> None:
        check_instance(Params, params=self.params)
        points = default_test_points(self.params) if self.P_test is None else self.P_test
        object.__setattr__(self, "P_test", check_integer("P_test", points, least=1))
        check_test_points(self.params, points, self.replacement, option="replacement")
        object.__setattr__(self, "quantities", tuple(self.quantities))
        object.__setattr__(self, "fix", tuple(self.fix))
        check_encoding(self.encoding)
        Seeds.replicate(0, self.fix)  # checks the roles
        for name in self.quantities:
            if name != "error" and not re.fullmatch(r"[SD]_[1-9]\d*[1-9]", name):
                raise ArgumentError(
                    "thresholds", name, "is not measured", "Use error, S_kl or D_kl, as in S_21"
                )
            if self.params.L < 9 and name != "error" and int(name[-1]) > self.params.L:
                problem = f"is of a level above L = {self.params.L}"
                raise ArgumentError("thresholds", name, problem, f"Use levels 1 to {self.params.L}")
            if name.startswith("D_") and self.params.s0 == 0:
                problem = "is of shifts, of which there are none at s0 = 0"
                raise ArgumentError("thresholds", name, problem, "Use error or S_kl")

    @property
    def largest(self) -> int:
        """The most training points that leave the test set unseen."""
        assert self.P_test is not None
        return most_points(self.params, self.P_test, self.replacement)

    def __call__(self, train: Train, P: int, replicate: int) -> dict[str, float]:
        """Train on the P points of a replicate and return what is measured, by name.

        Raises
        ------
        ArgumentError
            If the network has no layer or level of a quantity asked for.
        """
        assert self.P_test is not None
        seeds = Seeds.replicate(replicate, self.fix)
        sets = split(
            Grammar(self.params, seeds.grammar), P, self.P_test, seeds.samples, replacement=self.replacement
        )
        network = train(sets.train, seeds.network, **self.options)
        found = {"error": test_error(network, sets.test, encoding=self.encoding)}
        if set(self.quantities) - {"error"}:
            found |= sensitivities(network, sets.test, seed=seeds.samples, encoding=self.encoding).metrics()
        for name in self.quantities:
            if name not in found:
                fix = name_fix(name, sorted(key for key in found if not key.endswith("_error")))
                raise ArgumentError("thresholds", name, "is not measured of this network", fix)
        return {name: found[name] for name in ("error", *self.quantities)}

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON data.

        Raises
        ------
        ArgumentError
            If the options are no JSON.
        """
        try:
            json.dumps(dict(self.options))
        except (TypeError, ValueError) as error:
            problem = f"cannot be written down, or sent to workers ({error})"
            raise ArgumentError(
                "options", self.options, problem, "Give numbers, texts and lists of them"
            ) from None
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Measurement":
        """Rebuild a measurement from :meth:`to_dict`."""
        return cls(**{**content, "params": Params.from_dict(content["params"])})


def pstar(
    train: Train | str,
    params: Params,
    *,
    start: SupportsFloat,
    seeds: int = 3,
    thresholds: Mapping[str, SupportsFloat] | None = None,
    within: SupportsFloat = 0.10,
    largest: int | None = None,
    P_test: int | None = None,
    encoding: Encoding = "whitened",
    options: Mapping[str, Any] | None = None,
    fix: Sequence[str] = (),
    replacement: bool = False,
    on: str = "local",
    workers: int | None = None,
    gpu: float = 0.0,
    limit: float | None = None,
    results: str | Path | None = None,
    watch: Watch | None = None,
) -> dict[str, SampleComplexity]:
    """Measure P* of what the user trains, one search for each replicate.

    Parameters
    ----------
    train
        ``train(dataset, seed)`` trains on a :class:`srhm.Dataset` and returns the network: a function of dense
        inputs [sample, position, channel] to outputs or classes, a PyTorch module, a scikit-learn estimator, ...
        (:func:`srhm.measure.layers.predictor_of`). The seed is the replicate's, from 0 on. Other processes import it by
        name: then it must be a function of a module, or of the script that is running (which then needs
        ``if __name__ == "__main__":`` about what it does), or its name ``"module:function"``.
    params
        The parameters of the model.
    start
        First P to try.
    seeds
        Number of replicates, each with rules and data of its own.
    thresholds
        Threshold of each quantity; error 10% unless given. ``S_21`` is the sensitivity of the second layer to
        synonyms of level 1, and so on.
    within
        Relative distance of the neighbours between which P* is interpolated.
    largest
        The most training points; all but the test set unless given.
    P_test, encoding, options, fix, replacement
        See :class:`Measurement`.
    on, workers
        Where runs are computed, and how many at a time; see :func:`srhm.runner.executors.open_executor`. At most one
        run of each replicate is under way. Unless told otherwise they are computed in this process; elsewhere as
        many at a time as there are replicates.
    gpu
        The part of a GPU that a run asks a Ray cluster for.
    limit
        Seconds after which a run of other processes counts as hung.
    results
        A file that results are written to as they come, and looked up in before: the same call then goes on where
        it was cut. Whether the function is still the same is not known to it; give a changed one another file.
    watch
        Called after every run.

    Returns
    -------
    dict
        P* and its interval for every quantity. The status is ``"diverged"`` where the runs that would decide gave
        outputs that are not numbers.

    Raises
    ------
    ArgumentError
        If an argument is out of range, or other processes could not find the function.
    SrhmError
        If a run failed in another process (here its own error goes through), or a script that workers import for a
        function of it calls this.
    BackendError
        If the function computes with JAX, which has no backend.

    Examples
    --------
    A learner that knows its training points by heart, and nothing else:

    >>> def train(dataset, seed):
    ...     known = {x.tobytes(): y for x, y in zip(dataset.encode(), dataset.labels)}
    ...     return lambda x: [known.get(one.tobytes(), 0) for one in x]
    >>> params = Params(n_c=2, v=3, m=2, s=2, s0=1, L=1)
    >>> pstar(train, params, start=8, seeds=2, P_test=4)["error"].status
    'above'
    """
    refuse_within_import()
    if not (callable(train) or isinstance(train, str)):
        fix = "Give a function of a data set and a seed, or its name, 'module:function'"
        raise ArgumentError("train", train, "cannot be called", fix)
    limits = {"error": 0.10} if thresholds is None else dict(thresholds)
    measure = Measurement(
        params, tuple(limits), P_test, encoding, dict(options or {}), tuple(fix), replacement
    )
    count = check_integer("seeds", seeds, least=1, most=1000)
    workers = (1 if on == "local" else count) if workers is None else workers
    workers = min(check_integer("workers", workers, least=1, most=100_000), count)
    least, most = params.n_c, measure.largest
    most = most if largest is None else check_integer("largest", largest, least=least, most=most)
    check_start(start, params, most)
    bounds: dict[str, Any] = {"smallest": params.n_c, "largest": most, "within": within}
    searches = [Search(start, thresholds=limits, **bounds) for _ in range(count)]
    tell = _teller(searches, _notes(results, train, measure), watch)
    if on == "local" and workers == 1:
        function = find(train) if isinstance(train, str) else train
        for replicate, search in enumerate(searches):
            while (P := search.ask()) is not None:
                tell(P, replicate, measure(function, P, replicate))
    else:
        path = [str(Path(folder).absolute()) for folder in sys.path]  # Ray's workers have another
        job = {"train": name_of(train, "train"), "measurement": measure.to_dict(), "path": path}
        executor = open_executor(on, workers, work=work)
        _search_elsewhere(searches, executor, job, Resources(gpu=gpu), limit, tell)
    return {name: combine(search.crossing(name) for search in searches) for name in limits}


def work(content: str) -> str:
    """Do one run in a worker: JSON in, what was measured out, as JSON."""
    job = json.loads(content)
    sys.path += [folder for folder in job["path"] if folder not in sys.path]
    compute_on_one_thread()  # before the user's libraries start theirs
    train = find(job["train"])
    if "torch" in sys.modules:  # it may have been imported before, with the script that is running
        sys.modules["torch"].set_num_threads(1)
    return json.dumps(Measurement.from_dict(job["measurement"])(train, job["P"], job["replicate"]))


def _notes(results: str | Path | None, train: Train | str, measure: Measurement) -> Notes | None:
    if results is None:
        return None
    named: Any = train if hasattr(train, "__qualname__") else type(train)  # of an object, its class
    name = train if isinstance(train, str) else f"{named.__module__}:{named.__qualname__}"
    return Notes(results, {"train": name, "measurement": measure.to_dict(), "stream": STREAM_VERSION})


def _teller(searches: Sequence[Search], notes: Notes | None, watch: Watch | None) -> Watch:
    """Tell the searches what is known; return what takes the result of a run."""
    for P, replicate, found in [] if notes is None else notes.results():
        if replicate < len(searches):
            searches[replicate].tell(P, found)

    def tell(P: int, replicate: int, found: dict[str, float]) -> None:
        searches[replicate].tell(P, found)
        if notes is not None:
            notes.add(P, replicate, found)
        if watch is not None:
            watch(P, replicate, found)

    return tell


def _search_elsewhere(
    searches: Sequence[Search],
    executor: Executor,
    job: dict[str, Any],
    resources: Resources,
    limit: float | None,
    tell: Watch,
) -> None:
    """Work through all searches, one run of each at a time."""
    under_way: dict[int, tuple[int, int]] = {}  # number of the job: replicate, P
    attempts: dict[tuple[int, int], int] = {}
    number, interrupted = 0, True
    try:
        while True:
            busy = {replicate for replicate, _ in under_way.values()}
            for replicate, search in enumerate(searches):
                if replicate in busy or len(under_way) >= executor.slots or (P := search.ask()) is None:
                    continue
                number += 1
                under_way[number] = replicate, P
                attempts[replicate, P] = attempts.get((replicate, P), 0) + 1
                content = json.dumps(job | {"P": P, "replicate": replicate})
                executor.start(Job(number, content, resources, limit))
            if not under_way:
                break
            for outcome in executor.wait():
                replicate, P = under_way.pop(outcome.number)
                if outcome.result is not None:
                    tell(P, replicate, json.loads(outcome.result))
                elif outcome.failure is not None:
                    _bear(outcome.failure, P, replicate, attempts[replicate, P])
        interrupted = False
    finally:
        executor.close(interrupted=interrupted)


def _bear(failure: Failure, P: int, replicate: int, attempts: int) -> None:
    """Have a run tried again whose process was lost, a few times; an error of the user's function ends it all."""
    if failure.kind == "backend":
        raise BackendError(failure.reason)
    if failure.kind == "error" or attempts > _RETRIES:
        raise SrhmError(f"training on P = {P} points, replicate {replicate}, failed: {failure.reason}")
