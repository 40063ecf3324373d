"""The front door: a run, or P*, of a built-in network or of one's own training, in one call (extra ``lab``).

Finished runs are kept in a store, so the same call again computes nothing, and one that was interrupted resumes.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from .errors import ArgumentError, SrhmError, check_choice, check_instance, check_integer, name_fix
from .measure.complexity import SampleComplexity
from .model.params import Params
from .nets import FAMILIES, NetSpec
from .nets.weights import load_weights
from .runner.driver import Policy, drive
from .runner.executors import compute_on_one_thread, default_workers, keep_compiled_programs, open_executor
from .runner.own import pstar as pstar_of_function
from .runner.room import check_room
from .runner.searches import raise_failures, search
from .runner.sources import Single
from .store import Store
from .study import Run, Setup, Study
from .study.describe import name
from .study.options import DEFAULT_FAMILY, option_table, setup_of
from .study.study import chosen_thresholds

__all__ = ["FinishedRun", "FinishedSearch", "pstar", "run"]

STORE = "srhm-runs/runs.sqlite"
"""Where runs are kept by default; the command line has the same store."""


@dataclass(frozen=True)
class FinishedRun:
    """A run that is finished, and where its network is kept."""

    run: Run
    """The run, as the store has it: all metrics, times and versions."""
    store: Store
    """The store that it is in."""

    @property
    def error(self) -> float:
        """Test error: the fraction of test points on the wrong class; nan if the run diverged."""
        return _number(self.run.metrics["error"])

    @property
    def status(self) -> str:
        """``converged``, ``epochs`` (it came to its last epoch), or ``diverged``."""
        return self.run.status

    @property
    def S(self) -> Float[np.ndarray, "layer level"]:
        """Sensitivities to synonyms of every layer, the output last, to changes of every level."""
        return self._table("S")

    @property
    def D(self) -> Float[np.ndarray, "layer level"]:
        """Sensitivities to shifts of every layer, the output last, to changes of every level; nan where s0 = 0."""
        return self._table("D")

    def _table(self, letter: str) -> np.ndarray:
        metrics, L = self.run.metrics, self.run.spec.params.L
        layers = [k for k in range(1, 10) if f"S_{k}1" in metrics]
        values = [[_number(metrics.get(f"{letter}_{k}{level}")) for level in range(1, L + 1)] for k in layers]
        return np.array(values, float).reshape(len(layers), L)

    def network(self) -> Any:
        """Return the trained network, an Equinox module: a map from dense inputs to outputs."""
        spec = self.run.spec
        assert self.run.weights is not None  # the front door keeps them
        template = spec.net.build(spec.params, spec.seeds.network)
        return load_weights(self.store.weights_folder, self.run.weights, template)

    def __repr__(self) -> str:
        spec = self.run.spec
        return f"FinishedRun({name(spec.setup)}, P={spec.P}: error {self.error:.4f}, {self.status})"


@dataclass(frozen=True)
class FinishedSearch:
    """P* of a built-in network, with the runs that it was read off."""

    study: Study
    """The setup, its replicates and their runs."""

    def complexity(self, quantity: str = "error") -> SampleComplexity:
        """Return P* of a quantity over the replicates, with its interval, kind and status."""
        return self.study.complexity(quantity)

    @property
    def P_star(self) -> float | None:
        """Training points at which the test error falls to 10%; None if the runs do not tell."""
        return self.complexity().P_star

    @property
    def interval(self) -> tuple[float | None, float | None] | None:
        """Its 90% interval over the replicates; of one replicate its bracket."""
        return self.complexity().interval

    @property
    def runs(self) -> list[Run]:
        """All runs, by replicate."""
        return [run for _, run in self.study.all_runs]

    def plot(self) -> Any:
        """Draw the test error against P, each run and the median, with P* on its threshold: a Matplotlib figure."""
        from .figures import Curve, learning_curves

        study, found = self.study, self.complexity()
        curve = Curve(
            name(study.setup),
            [run.spec.P for _, run in study.all_runs],
            {"error": [run.metrics.get("error") for _, run in study.all_runs]},
            P_star=None if found.P_star is None else {"error": found.P_star},
            P_star_interval=None if found.P_star is None else {"error": found.interval},
            seeds=[number for number, _ in study.all_runs],
        )
        return learning_curves([curve], chance=1 - 1 / study.setup.params.n_c)

    def __repr__(self) -> str:
        return f"FinishedSearch({name(self.study.setup)}: {self.complexity()!r})"


def run(
    params: Params,
    net: str | NetSpec = DEFAULT_FAMILY,
    *,
    P: int,
    seed: int = 0,
    store: str | Path = STORE,
    progress: bool = True,
    **options: Any,
) -> FinishedRun:
    """Train a built-in network on P points of a model, and measure its test error and sensitivities.

    Parameters
    ----------
    params
        The parameters of the model.
    net
        The name of a family, such as ``"cnn"``, or a :class:`~srhm.nets.NetSpec`.
    P
        Training points, of all classes together.
    seed
        The replicate: seed of the rules, the data, the initial weights and the order.
    store
        The file in which the run is kept, with its weights next to it.
    progress
        Say on standard error how far the run has come.
    **options
        Options by the names of files of runs, such as ``width=64``, ``bias="shared"``, ``learning_rate=0.03``.

    Raises
    ------
    ArgumentError
        If an argument is out of range, or there is no such option.
    SrhmError
        If the run failed, with its reason.
    """
    spec = _setup(params, net, options).at(P, check_integer("seed", seed, least=0, most=2**64 - 1))
    kept = Store(store)
    check_room(spec)
    _quietly_compiled()
    seen = _say(f"{name(spec.setup)}, P = {spec.P:,}") if progress else None
    drive(
        [Single(spec)],
        kept,
        open_executor("local", 1),
        policy=Policy(again=True, keep_weights=True),
        watch=seen,
    )
    found = kept.get(spec)
    if found is None:
        reasons = [one.reason for one in kept.failures() if one.spec.hash == spec.hash]
        raise SrhmError(f"the run of {name(spec.setup)}, P = {spec.P}, failed: {' '.join(reasons)}")
    return FinishedRun(found, kept)


def pstar(
    params: Params,
    net: str | NetSpec | Callable[..., Any] = DEFAULT_FAMILY,
    *,
    seeds: int = 3,
    quantities: str = "error",
    start: float | None = None,
    fix: Sequence[str] = (),
    workers: int | None = None,
    store: str | Path = STORE,
    progress: bool = True,
    **options: Any,
) -> FinishedSearch | Mapping[str, SampleComplexity]:
    """Measure P*, the training points at which the test error falls to 10%.

    For each seed, P is bracketed and bisected until the neighbours of the crossing are within 10%, and the error
    interpolated in ln P; P* is the geometric mean over seeds with a 90% t-interval.

    Parameters
    ----------
    params
        The parameters of the model.
    net
        The name of a family, such as ``"cnn"``, a :class:`~srhm.nets.NetSpec`, or a function of one's own,
        ``train(dataset, seed) -> network`` (:func:`srhm.runner.own.pstar`, which takes further options).
    seeds
        Number of replicates, each with rules, data, weights and order of its own.
    quantities
        ``"error"``, or ``"all"``: also the P at which S and D fall to the thresholds of the family.
    start
        First P to try. Default: the predicted P*; a function of one's own has none.
    fix
        Roles that all replicates share: some of grammar, samples, network, order.
    workers
        Runs at a time. Default: as many as there are replicates or cores; a function of one's own one.
    store
        The file in which the runs of a built-in network are kept.
    progress
        Say on standard error how far the search has come.
    **options
        As for :func:`run`.

    Returns
    -------
    FinishedSearch
        P*, its interval and the runs; of a function of one's own a dictionary of P* by quantity.

    Raises
    ------
    ArgumentError
        If an argument is out of range, or there is no such option.
    SrhmError
        If a run failed, with its reason.
    """
    if callable(net):
        if start is None:
            problem = "has no default for a function of your own"
            raise ArgumentError("start", None, problem, "Give the first P to try, such as start=1000")
        return pstar_of_function(
            net, params, start=start, seeds=seeds, fix=fix, workers=workers or 1, **options
        )
    setup = _setup(params, net, options)
    study = Study(setup, seeds, tuple(fix), chosen_thresholds(setup, quantities), start).check()
    workers = min(seeds, default_workers()) if workers is None else check_integer("workers", workers, least=1)
    _quietly_compiled()
    last: list[int] = []

    def watch(studies: list[Study], running: int) -> None:
        count = len(studies[0].all_runs)
        if progress and last != [count]:
            last[:] = [count]
            print(f"{name(setup)}: {count} runs finished, {running} running", file=sys.stderr, flush=True)

    search([study], Store(store), open_executor("local", workers), watch=watch, title="srhm.pstar")
    raise_failures([study])
    return FinishedSearch(study)


def _setup(params: Params, net: str | NetSpec, options: Mapping[str, Any]) -> Setup:
    check_instance(Params, params=params)
    for option in options:
        if option not in option_table():
            raise ArgumentError(option, options[option], "is not an option", name_fix(option, option_table()))
    if isinstance(net, NetSpec):
        own = {"net": net.family, "width": net.width, "encoding": net.encoding} | net.chosen
        for option in own.keys() & options.keys():
            problem = "is given together with a NetSpec, which has its own"
            raise ArgumentError(option, options[option], problem, "Put it into the NetSpec")
        options = own | dict(options)
    else:
        check_choice("net", net, FAMILIES, "is not a network")
        options = {"net": net, **options}
    shown = {
        key: "".join(map(str, value)) if isinstance(value, tuple) else value for key, value in options.items()
    }
    return setup_of(params, shown)


def _say(title: str) -> Callable[[Any], None]:
    said: list[str] = []

    def watch(progress: Any) -> None:
        text = f"{title}: {'finished' if progress.done else 'training'}"
        if said != [text]:
            said[:] = [text]
            print(text, file=sys.stderr, flush=True)

    return watch


def _quietly_compiled() -> None:
    """Compute on one thread, as the command line does, and keep compiled programs."""
    compute_on_one_thread()
    keep_compiled_programs()


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
