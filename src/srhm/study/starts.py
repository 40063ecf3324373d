"""Where a search starts: ln P* of the settings that were measured, regressed on the prediction and the setting."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .custom import CustomNet
from .runs import Run
from .setup import Setup
from .study import Study, studies_of

LEAST = 5
"""Fewer settings with a P* give no fit."""
_NOISE = 0.1
"""Standard deviation of ln P* of a setting: seeds differ by about that much."""


class Starts:
    """The first P of searches, by a fit through the settings among some runs."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs: dict[Any, list[Run]] = defaultdict(list)
        for run in runs:
            self._runs[_kind(run.spec.setup)].append(run)
        self._known: dict[Any, list[tuple[Setup, float]]] = {}

    def start(self, study: Study) -> int | None:
        """Return the first P of a search; None where none can be fitted, or it has begun at the one that it has now.

        It is fitted through settings that differ from it in the model, the width and the rate alone.
        """
        kind, quantity = _kind(study.setup), next(iter(study.thresholds.items()))
        if study.prediction is None or study.began(self._runs.get(kind, ())):
            return None
        if (kind, quantity) not in self._known:
            self._known[kind, quantity] = measured(self._runs.get(kind, ()), *quantity)
        known = [one for one in self._known[kind, quantity] if one[0].digest != study.setup.digest]
        return fitted_start(study.setup, known)


def measured(runs: Iterable[Run], name: str, threshold: float) -> list[tuple[Setup, float]]:
    """Return the settings among some runs, each with ln P* of a quantity, the mean over replicates that have one."""
    found = []
    for one in studies_of(run for run in runs if name in run.metrics):
        setup = one.setup
        if setup.prediction is None:
            continue
        searched = Study(setup, fix=one.fix, seeds=one.seeds, thresholds={name: threshold})
        searched.take(run for _, run in one.all_runs)
        logs = [math.log(crossing.P_star) for crossing in searched.crossings(name) if crossing.P_star]
        if logs:
            found.append((setup, float(np.mean(logs))))
    return sorted(found, key=lambda one: one[0].digest)


def fitted_start(setup: Setup, known: Sequence[tuple[Setup, float]]) -> int | None:
    """Return P* as expected from the settings that were measured, or None: it has no prediction, or they are too few.

    Gaussian-process regression of ln P* - ln P_predicted (a constant, and a squared-exponential kernel of variance 1)
    on ln m, ln(s0+1), ln v, ln n_c, L, s, the sparsity, ln rate and ln width. Far from all of them it is the
    prediction times their mean ratio. They are known with their ln P*, as :func:`measured` returns them.
    """
    if setup.prediction is None or len(known) < LEAST:
        return None
    places = np.array([_place(one) for one, _ in known])
    ratios = np.array([log - _predicted(one) for one, log in known])
    mean, here = ratios.mean(), _place(setup)
    kernel = _kernel(places[:, None], places[None]) + _NOISE**2 * np.eye(len(known))
    ratio = mean + _kernel(places, here) @ np.linalg.solve(kernel, ratios - mean)
    return min(max(round(math.exp(_predicted(setup) + ratio)), setup.params.n_c), setup.largest)


def _kind(setup: Setup) -> Any:
    """Return what settings of one fit have in common: all but the model, the width, the rate and the measurements."""
    net, optimizer = setup.net, setup.optimizer
    if isinstance(net, CustomNet) or not setup.classifies:
        return setup.digest
    return net.family, net.encoding, net.options, replace(optimizer, rate=None), setup.replacement


def _predicted(setup: Setup) -> float:
    assert setup.prediction is not None
    return math.log(setup.prediction.P_star)


def _place(setup: Setup) -> np.ndarray:
    """Return the coordinates of a setting, in units of the length over which ln P* / P_predicted changes by about 1."""
    params, rate = setup.params, setup.optimizer.rate
    assert rate is not None  # filled in
    logs = [math.log(one) for one in (params.m, params.s0 + 1, params.v, params.n_c, rate, setup.width)]
    units = [1.0, 1.0, 0.5, 0.5, 0.4, 0.3]
    rest = [0.7 * params.L, 0.7 * params.s, float(params.sparsity == "B")]
    return np.array([*(unit * log for unit, log in zip(units, logs, strict=True)), *rest])


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.exp(-((one - other) ** 2).sum(-1) / 2)
