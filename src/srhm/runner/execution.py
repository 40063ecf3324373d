"""The execution of runs: draw the data and the network, train, measure."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from .. import __version__
from ..errors import ArgumentError, check_instance, check_instances
from ..measure.clustering import clusters
from ..measure.layers import layers_of, record_activations
from ..measure.probing import probes
from ..measure.sensitivity import sensitivities, test_error
from ..model.dataset import Dataset
from ..model.encoding import encode
from ..model.splitting import Split, split
from ..nets.patch_layer import works_on_patches
from ..nets.weights import save_weights
from ..randomness import STREAM_VERSION
from ..study import Run, RunSpec
from ..training import train_ensemble
from ..training.checkpoint import Checkpoint
from ..training.evaluation import TestSet, recorded_floors
from ..training.job import TrainingJob
from ..training.run import ProgressCallback, Result, SingleRun
from .room import check_room


def execute(
    spec: RunSpec,
    *,
    checkpoint: str | Path | None = None,
    weights: str | Path | None = None,
    budget: float | None = None,
    progress: ProgressCallback | None = None,
) -> Run:
    """Draw the data and the network, train, measure.

    An interrupted run resumes from the file `checkpoint`, which the caller deletes once the run is kept. The weights
    of the trained network, and those on the way if the run records them, go to the folder `weights`; without one they
    are not kept. After `budget` seconds of training the run stops with the status ``"stopped"``. `progress` is called
    about twice a second.
    """
    check_instance(RunSpec, spec=spec)
    ready = _prepare(spec, weights)
    result = SingleRun(ready.job, Checkpoint.of(checkpoint)).go(budget, progress)
    return _measure(spec, ready, result, "alone", weights)


def execute_ensemble(
    specs: Sequence[RunSpec],
    *,
    checkpoints: Sequence[str | Path | None] | None = None,
    weights: Sequence[str | Path | None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Run]:
    """Execute several runs of one shape in one compiled program; each run's result is that of :func:`execute`.

    Results agree with single runs up to the order of floating-point sums; how a run was executed is recorded in its
    versions and is not part of its identity. Checkpoints and folders for weights are as for :func:`execute`, one for
    each run; `progress` is called with the number of runs that are still training. Runs that differ in
    :attr:`RunSpec.shape <srhm.study.setup.RunSpec.shape>` are an ArgumentError.
    """
    check_instances(RunSpec, specs=specs)
    folders = [None] * len(specs) if weights is None else weights
    ready = [_prepare(spec, folder) for spec, folder in zip(specs, folders, strict=True)]
    results = train_ensemble([one.job for one in ready], checkpoints=checkpoints, progress=progress)
    how = f"with {len(specs) - 1} others"
    return [
        _measure(spec, one, result, how, folder)
        for spec, one, result, folder in zip(specs, ready, results, folders, strict=True)
    ]


def execute_custom(spec: RunSpec, train: Callable[..., Any]) -> Run:
    """Draw the data of a run, have a function of the user's train on them, and measure what it returns.

    The run is ``"trained"``, or ``"diverged"`` if outputs are not numbers. S and D are measured of a network that
    gives scores; of one that gives class numbers the error is all there is. What is not a network is an ArgumentError;
    whatever the function raises goes through.
    """
    check_instance(RunSpec, spec=spec)
    check_room(spec)
    setup, times = spec.setup, [time.perf_counter()]
    sets = draw_sets(spec)
    times.append(time.perf_counter())
    net = train(sets.train, spec.seeds.network, **spec.net.chosen)
    times.append(time.perf_counter())
    error = test_error(net, sets.test, encoding=setup.net.encoding)
    metrics: dict[str, Any] = {"error": error, "repeat_bound": sets.repeat_bound}
    diverged = bool(np.isnan(error))
    if not diverged:
        metrics |= _in_distribution(
            spec, sets, lambda some: test_error(net, some, encoding=setup.net.encoding)
        )
    if not diverged and _gives_scores(net, spec, sets.test):
        metrics |= _sensitivities(spec, net, sets.test)
    times.append(time.perf_counter())
    seconds: dict[str, float] = {
        part: end - begin
        for part, (begin, end) in zip(("data", "train", "sensitivities"), pairwise(times), strict=True)
    }
    if setup.measuring.probe and not diverged:
        metrics |= _probes(spec, net, sets.test)
        seconds["probes"] = time.perf_counter() - times[-1]
    clean = {name: _number(value) for name, value in metrics.items()}
    status = "diverged" if diverged else "trained"
    return Run(spec, status, clean, [], seconds, _versions() | {"executed": "alone"}, platform.machine())


def _gives_scores(net: Any, spec: RunSpec, test_set: Dataset) -> bool:
    """Return whether a network shows layers, not class numbers alone."""
    part = next(iter(test_set.batches(3)))
    x = encode(spec.params, part.features, part.positions, spec.net.encoding)
    try:
        record_activations(layers_of(net), x, spec.params)
    except ArgumentError:
        return False
    return True


def draw_sets(spec: RunSpec) -> Split:
    """Draw the training and the test points of a run."""
    check_instance(RunSpec, spec=spec)
    setup, seeds = spec.setup, spec.seeds
    grammar = setup.grammar(seeds.grammar)
    return split(
        grammar, spec.P, setup.P_test, seeds.samples, replacement=setup.replacement, hold_out=setup.hold_out
    )


class _Ready(NamedTuple):
    """A run before training: its job, its data, and the seconds that these took."""

    job: TrainingJob
    sets: Split
    seconds: float


def _prepare(spec: RunSpec, weights: str | Path | None) -> _Ready:
    """Draw the data and the network of a run."""
    check_room(spec)
    if spec.setup.measuring.records_weights and weights is None:
        problem = "is missing: the run records weights on its way"
        fix = "Name a folder, or take weights out of record"
        raise ArgumentError("weights", None, problem, fix)
    setup, params, seeds = spec.setup, spec.params, spec.seeds
    began = time.perf_counter()
    sets = draw_sets(spec)
    seconds = time.perf_counter() - began
    job = TrainingJob(
        setup.network(seeds.network),
        sets.train,
        sets.test,
        setup.optimizer,
        setup.stopping,
        seeds.order,
        setup.net.encoding,
        _Recorder.of(spec, sets.test, weights),
        setup.net.design(params, setup.interface),
        setup.task,
    )
    return _Ready(job, sets, seconds)


@dataclass(frozen=True)
class _Recorder:
    """What is recorded of a network on its way besides its error: the same as of a trained one, if it is asked for."""

    quantities: tuple[str, ...]
    spec: RunSpec = field(repr=False)
    test_set: Dataset = field(repr=False)
    weights: str | Path | None = field(repr=False)

    @classmethod
    def of(cls, spec: RunSpec, test_set: Dataset, weights: str | Path | None) -> "_Recorder | bool":
        """Return what a run is to record: nothing, the error alone, or more."""
        asked = spec.setup.measuring.record
        if set(asked) - {"error"}:
            return cls(asked, spec, test_set, weights)
        return bool(asked) or spec.setup.task.predicts_symbols  # losses by position are always kept

    def __call__(self, net: Any) -> dict[str, Any]:
        metrics: dict[str, Any] = {}
        if {"S", "D"} & set(self.quantities):
            found = _sensitivities(self.spec, net, self.test_set)
            metrics = {name: value for name, value in found.items() if name[0] in self.quantities}
        if "probes" in self.quantities:
            metrics |= _probes(self.spec, net, self.test_set)
        if "weights" in self.quantities and self.weights is not None:
            metrics["weights"] = save_weights(self.weights, net)
        return metrics


def _sensitivities(spec: RunSpec, net: Any, test_set: Dataset) -> dict[str, Any]:
    """Return S and D of all layers by name, and their errors."""
    measuring = spec.setup.measuring
    return sensitivities(
        net,
        test_set,
        inputs=min(measuring.sensitivity_inputs, spec.setup.P_test),
        seed=spec.seeds.samples,
        cumulative=measuring.cumulative,
        encoding=spec.net.encoding,
    ).metrics()


def _probes(spec: RunSpec, net: Any, test_set: Dataset) -> dict[str, Any]:
    """Return what probes and clusters find in all layers, by name."""
    measured = [measure(net, test_set, encoding=spec.net.encoding) for measure in (probes, clusters)]
    return measured[0].metrics() | measured[1].metrics()


def _in_distribution(spec: RunSpec, sets: Split, error: Callable[[Dataset], float]) -> dict[str, Any]:
    """Return the test error on samples without what is held out, by name, if something is and there are some left."""
    if spec.setup.hold_out is None or sets.in_distribution is None:
        return {}
    return {"in_distribution_error": error(sets.in_distribution)}


def _measure(spec: RunSpec, ready: _Ready, result: Result, how: str, weights: str | Path | None) -> Run:
    """Measure the layers of a trained network, unless it diverged or was stopped, and keep its weights."""
    began, test_set = time.perf_counter(), ready.job.test_set
    names = ("best_test_error", "best_epoch", "train_loss", "epochs", "steps")
    metrics: dict[str, Any] = {"error": result.test_error} | {name: getattr(result, name) for name in names}
    metrics["repeat_bound"] = ready.sets.repeat_bound
    if result.scores is not None:
        metrics |= {"loss": result.scores.loss, "excess": result.scores.excess}
    measures = result.status not in ("diverged", "stopped")
    if measures:
        metrics |= _sensitivities(spec, result.net, test_set)
        test = partial(
            TestSet, encoding=ready.job.encoding, shared=works_on_patches(result.net), task=spec.setup.task
        )
        metrics |= _in_distribution(spec, ready.sets, lambda some: test(some).error(result.net))
    seconds = {
        "data": ready.seconds,
        "train": result.seconds,
        "compile": result.compile_seconds,
        "sensitivities": time.perf_counter() - began,
    }
    if spec.setup.measuring.probe and measures:
        began = time.perf_counter()
        metrics |= _probes(spec, result.net, test_set)
        seconds["probes"] = time.perf_counter() - began
    clean = {name: _number(value) for name, value in metrics.items()}
    versions = _versions() | {"executed": how}
    record = [
        {name: value if isinstance(value, str) else _number(value) for name, value in point.items()}
        for point in result.record
    ]
    if record and result.scores is not None:
        record[-1] |= {name: _number(value) for name, value in recorded_floors(result.scores).items()}
    ended = result.status != "stopped"
    kept = save_weights(weights, result.net) if weights is not None and ended else None
    return Run(spec, result.status, clean, record, seconds, versions, _device(), kept)


def _number(value: Any) -> Any:
    """Return None for a number that JSON and statistics cannot hold, also in a list."""
    if isinstance(value, list):
        return [_number(entry) for entry in value]
    return value if np.isfinite(value) else None


def _versions() -> dict[str, str]:
    return {
        "srhm": __version__,
        "streams": str(STREAM_VERSION),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _device() -> str:
    device = jax.devices()[0]
    return f"{device.platform}: {device.device_kind}, {platform.machine()}"
