"""The execution of runs: draw the data and the network, train, measure."""

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from .. import __version__
from ..errors import check_instance, check_instances
from ..measure.clustering import clusters
from ..measure.probing import probes
from ..measure.sensitivity import sensitivities
from ..model.dataset import split
from ..model.grammar import Grammar
from ..nets import build
from ..nets.weights import save_weights
from ..randomness import STREAM_VERSION
from ..study.runs import Run, RunSpec
from ..training import Progress, Result, Task, train, train_ensemble


def execute(
    spec: RunSpec,
    *,
    checkpoint: Path | None = None,
    weights: str | Path | None = None,
    budget: float | None = None,
    progress: Progress | None = None,
) -> Run:
    """Draw the data and the network, train, measure.

    Parameters
    ----------
    spec
        What to run.
    checkpoint
        File from which a run that was cut goes on; the caller deletes it once the run is kept.
    weights
        Folder for the weights of the trained network; they are not kept unless given.
    budget
        Seconds of training after which the run stops with the status ``"stopped"``.
    progress
        Called about twice a second during training.
    """
    check_instance(RunSpec, spec=spec)
    ready = _prepare(spec)
    task = ready.task
    result = train(
        task.net,
        task.train_set,
        task.test_set,
        rate=task.rate,
        stop_loss=task.stop_loss,
        protocol=task.protocol,
        order_seed=task.order_seed,
        encoding=task.encoding,
        record=task.record,
        budget=budget,
        checkpoint=checkpoint,
        progress=progress,
    )
    return _measure(spec, ready, result, "alone", weights)


def execute_together(
    specs: Sequence[RunSpec],
    *,
    checkpoints: Sequence[Path | None] | None = None,
    weights: Sequence[str | Path | None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Run]:
    """Execute several runs of one shape in one compiled program; each run's result is that of :func:`execute`.

    Results agree with single runs up to the order of floating-point sums; how a run was executed is recorded in
    its versions and is no part of its identity.

    Parameters
    ----------
    specs
        The runs; :attr:`RunSpec.shape <srhm.study.runs.RunSpec.shape>` is the same for all.
    checkpoints
        For each run, the file from which it goes on if it was cut.
    weights
        For each run, the folder for the weights of the trained network.
    progress
        Called about twice a second with the number of runs that are still training.

    Raises
    ------
    ArgumentError
        If the runs are of different shapes.
    """
    check_instances(RunSpec, specs=specs)
    ready = [_prepare(spec) for spec in specs]
    results = train_ensemble([one.task for one in ready], checkpoints=checkpoints, progress=progress)
    how = f"with {len(specs) - 1} others"
    folders = [None] * len(specs) if weights is None else weights
    return [
        _measure(spec, one, result, how, folder)
        for spec, one, result, folder in zip(specs, ready, results, folders, strict=True)
    ]


class _Ready(NamedTuple):
    """A run before training: its task, the bound on repeated data, and the seconds that the data took."""

    task: Task
    repeat_bound: float
    seconds: float


def _prepare(spec: RunSpec) -> _Ready:
    """Draw the data and the network of a run."""
    from .resources import check_room  # which imports executors, and these this module

    assert spec.width is not None and spec.P_test is not None  # filled in by RunSpec
    check_room(spec)
    began = time.perf_counter()
    grammar = Grammar(spec.params, spec.seeds.grammar)
    sets = split(grammar, spec.P, spec.P_test, spec.seeds.samples, repeats=spec.protocol.repeats)
    seconds = time.perf_counter() - began
    net = build(
        spec.net,
        spec.params,
        spec.width,
        spec.seeds.network,
        bias=spec.bias,
        shared_layers=spec.shared_layers,
        frozen_layers=spec.frozen_layers,
        init=spec.init,
        encoding=spec.encoding,
        variant=spec.variant,
    )
    task = Task(
        net,
        sets.train,
        sets.test,
        protocol=spec.protocol.for_training(),
        order_seed=spec.seeds.order,
        encoding=spec.encoding,
        record=spec.record,
    )
    return _Ready(task, sets.repeat_bound, seconds)


def _measure(spec: RunSpec, ready: _Ready, result: Result, how: str, weights: str | Path | None) -> Run:
    """Measure the layers of a trained network, unless it diverged or is to go on, and keep its weights."""
    began = time.perf_counter()
    assert spec.P_test is not None  # filled in by RunSpec
    metrics: dict[str, Any] = {
        "error": result.test_error,
        "best_test_error": result.best_test_error,
        "best_epoch": result.best_epoch,
        "train_loss": result.train_loss,
        "epochs": result.epochs,
        "steps": result.steps,
        "repeat_bound": ready.repeat_bound,
    }
    if result.status in ("converged", "epochs"):
        inputs = spec.protocol.sensitivity_inputs or 1000
        measured = sensitivities(
            result.net,
            ready.task.test_set,
            inputs=min(inputs, spec.P_test),
            seed=spec.seeds.samples,
            cumulative=spec.protocol.cumulative,
            encoding=spec.encoding,
        )
        metrics |= measured.metrics()
    seconds = {
        "data": ready.seconds,
        "train": result.seconds,
        "compile": result.compile_seconds,
        "sensitivities": time.perf_counter() - began,
    }
    if spec.probe and result.status in ("converged", "epochs"):
        began = time.perf_counter()
        for measure in (probes, clusters):
            metrics |= measure(result.net, ready.task.test_set, encoding=spec.encoding).metrics()
        seconds["probes"] = time.perf_counter() - began
    clean = {name: _number(value) for name, value in metrics.items()}
    versions = _versions() | {"executed": how}
    record = [{name: _number(value) for name, value in point.items()} for point in result.record]
    ended = result.status != "stopped"
    kept = save_weights(weights, result.net) if weights is not None and ended else None
    return Run(spec, result.status, clean, record, seconds, versions, _device(), kept)


def _number(value: float | int) -> float | int | None:
    """Return None for a number that JSON and statistics cannot hold."""
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
