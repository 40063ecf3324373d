"""The front door: a run, or P*, of a built-in network or of one's own training, in one call (extra ``lab``).

Finished runs are kept in a store, so the same call again computes nothing, and one that was interrupted resumes.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from .errors import ArgumentError, SrhmError, check_choice, check_instance, check_integer, name_fix
from .measure.complexity import SampleComplexity
from .model.dataset import Dataset
from .model.params import Params
from .nets import FAMILIES, NetSpec
from .nets.weights import load_weights
from .runner.driver import Policy
from .runner.execution import draw_sets
from .runner.executors import (
    Executor,
    compute_on_one_thread,
    default_workers,
    keep_compiled_programs,
    open_executor,
)
from .runner.functions import Importable, TrainFunction, custom_net, refuse_within_import
from .runner.room import check_room
from .runner.searches import raise_failures, run_single, search
from .runner.work import CustomWork, execute_job
from .store import Store
from .study import Measuring, Run, Seeds, Setup, Study
from .study.custom import CustomNet
from .study.describe import setup_name
from .study.grid import parsed_shard
from .study.options import DEFAULT_FAMILY, option_table, setup_of, used_by_custom
from .study.study import chosen_thresholds
from .training.evaluation import Predictions, TestSet
from .training.generation import generate

__all__ = ["pstar", "run"]

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
        """``converged``, ``epochs`` (the last one came first), ``diverged``; of a function of your own ``trained``."""
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
        layers = list(takewhile(lambda k: f"S_{k}1" in metrics, count(1)))
        values = [[_number(metrics.get(f"{letter}_{k}{level}")) for level in range(1, L + 1)] for k in layers]
        return np.array(values, float).reshape(len(layers), L)

    def network(self, step: int | None = None) -> Any:
        """Return the trained network, an Equinox module: a map from dense inputs to outputs.

        Parameters
        ----------
        step
            The network after this step, one of ``self.run.record`` of a run that records weights. Default: the one
            that the run reports.

        Raises
        ------
        ArgumentError
            If no weights were recorded at the step.
        SrhmError
            If a function of your own trained it: of that only what was measured is kept.
        """
        spec = self.run.spec
        if step is not None:
            kept = {point["step"]: point["weights"] for point in self.run.record if point.get("weights")}
            if step not in kept:
                fix = f"Use one of {list(kept)}" if kept else 'Run it with record="weights"'
                raise ArgumentError("step", step, "is not a step whose weights were recorded", fix)
            template = spec.setup.network(spec.seeds.network)
            return load_weights(self.store.weights_folder, kept[step], template)
        if self.run.weights is None:
            held = "" if spec.setup.hold_out is None else f", hold_out=srhm.{spec.setup.hold_out}"
            seeds, rules = spec.seeds, f"found.run.spec.setup.grammar({spec.seeds.grammar})"
            raise SrhmError(
                f"the network that {spec.net.family} trained is not kept. Train it again: your function with "
                f"srhm.split({rules}, {spec.P}, {spec.setup.P_test}, {seeds.samples}, "
                f"replacement={spec.setup.replacement}{held}).train and the seed {seeds.network} is what was run"
            )
        template = spec.setup.network(spec.seeds.network)
        return load_weights(self.store.weights_folder, self.run.weights, template)

    def predictions(self, dataset: Dataset | None = None, step: int | None = None) -> Predictions:
        """Return what the trained network predicts of every sample, for a task that predicts symbols.

        ``found.run.spec.setup.task.exact(grammar, found.predictions().symbols)`` are the exact probabilities of these.

        Parameters
        ----------
        dataset
            Samples of the same model. Default: the test points of the run.
        step
            As for :meth:`network`.

        Raises
        ------
        ArgumentError
            If the samples are of another model, or no weights were recorded at the step.
        SrhmError
            If the task is classification (``task="latent(L + 1)"``, with the number, has a loss and a floor of the
            class), or a function of your own trained the network.
        """
        spec = self.run.spec
        if not spec.setup.task.predicts_symbols:
            fix = f'task="latent({spec.params.L + 1})" predicts the class likewise'
            raise SrhmError(f"a run of classification has no predictions of symbols; {fix}")
        if dataset is None:
            dataset = draw_sets(spec).test
        check_instance(Dataset, dataset=dataset)
        if dataset.params != spec.params:
            raise ArgumentError("dataset", dataset.params, "are not those of the run", f"Use {spec.params}")
        return TestSet(dataset, spec.net.encoding, task=spec.setup.task).predictions(self.network(step))

    def generate(
        self, count: int, seed: int = 0, step: int | None = None
    ) -> Integer[np.ndarray, "sample position"]:
        """Return samples of the trained network, -1 for a blank; see :func:`~srhm.training.generation.generate`.

        Parameters
        ----------
        count
            Number of samples.
        seed
            Of all draws.
        step
            As for :meth:`network`.

        Raises
        ------
        ArgumentError
            If the task is neither ``denoise`` nor ``next``, or no weights were recorded at the step.
        SrhmError
            If a function of your own trained the network.
        """
        setup = self.run.spec.setup
        return generate(self.network(step), setup.task, setup.params, setup.net.encoding, count, seed)

    def plot(self) -> Any:
        """Draw the loss at each position over its exact floor, and its excess through training.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        SrhmError
            If the task has no losses by position, as classification.
        """
        from .figures import symbol_losses

        spec = self.run.spec
        if not spec.setup.task.predicts_symbols:
            raise SrhmError("a single run of classification has no figure; srhm.pstar(...).plot() draws many")
        return symbol_losses({f"{setup_name(spec.setup)}, P = {spec.P:,}": self.run.record})

    def __repr__(self) -> str:
        spec = self.run.spec
        return f"FinishedRun({setup_name(spec.setup)}, P={spec.P}: error {self.error:.4f}, {self.status})"


@dataclass(frozen=True)
class FinishedSearch:
    """P*, with the runs that it was read off."""

    study: Study
    """The setup, its replicates and their runs."""

    def complexity(self, quantity: str | None = None) -> SampleComplexity:
        """Return P* of a quantity over the replicates, with its interval, kind and status; of the first by default."""
        return self.study.complexity(next(iter(self.study.thresholds)) if quantity is None else quantity)

    @property
    def P_star(self) -> float | None:
        """Training points at which the test error falls to its threshold; None if the runs do not show it."""
        return self.complexity().P_star

    @property
    def interval(self) -> tuple[float | None, float | None] | None:
        """Its 90% interval over the replicates; of one replicate its bracket."""
        return self.complexity().interval

    @property
    def runs(self) -> list[Run]:
        """All runs, by replicate."""
        return [run for _, run in self.study.all_runs]

    def plot(self, quantities: Sequence[str] | None = None) -> Any:
        """Draw quantities against P, all runs and the median, with P* where it was searched.

        Parameters
        ----------
        quantities
            Metrics of the runs, a panel for each, such as ``["error", "S_21"]``. Default: those that were searched.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.
        """
        from .figures import Curve, learning_curves

        study, setup = self.study, self.study.setup
        names = list(study.thresholds if quantities is None else quantities)
        searched = {name: study.complexity(name) for name in names if name in study.thresholds}
        found = {name: one for name, one in searched.items() if one.P_star is not None}
        curve = Curve(
            setup_name(setup),
            [run.spec.P for _, run in study.all_runs],
            {name: [run.metrics.get(name) for _, run in study.all_runs] for name in names},
            P_star={name: one.P_star for name, one in found.items()},
            P_star_interval={name: one.interval for name, one in found.items()},
            seeds=[number for number, _ in study.all_runs],
        )
        limits = {**setup.net.row.thresholds(setup.params), **study.thresholds}
        chance, L = None if setup.class_weights else 1 - 1 / setup.params.n_c, setup.params.L
        return learning_curves([curve], limits, chance=chance, quantities=names, L=L)

    def __repr__(self) -> str:
        return f"FinishedSearch({setup_name(self.study.setup)}: {self.complexity()!r})"


@dataclass(frozen=True)
class _Asked:
    """What the front door is asked to run: a setup, and the function of the user's if one trains."""

    setup: Setup
    train: TrainFunction | None = None
    work: CustomWork | None = field(init=False)
    """Its work in this process."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "work", None if self.train is None else CustomWork(self.train))

    def check(self, store: Store) -> Store:
        """Return the store if the function of the user's is still the one whose runs it has."""
        if isinstance(self.setup.net, CustomNet):
            store.check_source(self.setup.net)
        return store

    def executor(self, on: str, workers: int) -> tuple[Executor, Importable | None]:
        """Return who computes, and where other processes find the function."""
        if self.train is None or (on == "local" and workers == 1):
            return open_executor(on, workers, work=self.work), None
        train = Importable.of(self.train, "net")
        compute_on_one_thread()
        return open_executor(on, workers, work=execute_job), train


def run(
    params: Params,
    net: str | NetSpec | TrainFunction = DEFAULT_FAMILY,
    *,
    P: int,
    seed: int | Seeds = 0,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
    store: str | Path = STORE,
    progress: bool = True,
    **settings: Any,
) -> FinishedRun:
    """Train a network on P points of a model, and measure its test error and sensitivities.

    Parameters
    ----------
    params
        The parameters of the model.
    net
        The name of a family, such as ``"cnn"``, a :class:`~srhm.nets.NetSpec`, or a function of your own,
        ``train(dataset, seed) -> network``: it trains on a :class:`srhm.Dataset` of P points and returns any network
        that :func:`srhm.measure.layers_of` takes.
    P
        Training points, of all classes together.
    seed
        The replicate: seed of the rules, the data, the initial weights and the order; or the
        :class:`~srhm.study.Seeds` of each.
    name
        The name by which the runs of a function of your own are kept. Default: ``"module:function"``. It is found
        again by its name and a hash of its text, not of what it calls: give it another name when that changes.
    options
        Further arguments of a function of your own, by name: numbers, texts and lists of them.
    store
        The file in which the run is kept, with the weights of a built-in network next to it.
    progress
        Say on standard error how far the run has come.
    **settings
        Of a built-in network the options by the names of files of runs, such as ``width=64``, ``bias="shared"``,
        ``learning_rate=0.03``; of a function of your own ``encoding``, ``P_test``, ``replacement``, ``hold_out``,
        ``sensitivity_inputs``, ``cumulative`` and ``probe``.

    Raises
    ------
    ArgumentError
        If an argument is out of range or not used, or the store has runs of another function of this name.
    SrhmError
        If the run failed, with its reason.

    Examples
    --------
    >>> import tempfile
    >>> store = f"{tempfile.mkdtemp()}/runs.sqlite"
    >>> params = Params(n_c=2, v=3, m=2, s=2, s0=1, L=1)
    >>> found = run(params, "fcn", P=8, width=8, P_test=6, store=store, progress=False)
    >>> found.status, found.S.shape  # [layer, level]
    ('converged', (2, 1))
    """
    refuse_within_import()
    asked = _asked(params, net, name, options, settings)
    seed = seed if isinstance(seed, Seeds) else check_integer("seed", seed, minimum=0, maximum=2**64 - 1)
    spec = asked.setup.at(P, seed)
    kept = asked.check(Store(store))
    check_room(spec)
    executor, _ = asked.executor("local", 1)
    policy = Policy(again=True, keep_weights=asked.train is None)
    seen = _say(f"{setup_name(spec.setup)}, P = {spec.P:,}") if progress else None
    try:
        return FinishedRun(
            run_single(spec, kept, executor, policy=policy, watch=seen, title="srhm.run"), kept
        )
    except SrhmError as error:
        raise error from (asked.work.error if asked.work else None)


def pstar(
    params: Params,
    net: str | NetSpec | TrainFunction = DEFAULT_FAMILY,
    *,
    seeds: int = 3,
    quantities: str = "error",
    thresholds: Mapping[str, float] | None = None,
    start: float | None = None,
    within: float = 0.10,
    largest: int | None = None,
    fix: Sequence[str] = (),
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
    on: str = "local",
    workers: int | None = None,
    shard: str | None = None,
    limit: float | None = None,
    gpu: float | None = None,
    store: str | Path = STORE,
    progress: bool = True,
    **settings: Any,
) -> FinishedSearch:
    """Measure P*, the training points at which the test error falls to 10%.

    For each seed, P is bracketed and bisected until the neighbours of the crossing are within 10%, and the error
    interpolated in ln P; P* is the geometric mean over seeds with a 90% t-interval.

    Parameters
    ----------
    params
        The parameters of the model.
    net
        The name of a family, a :class:`~srhm.nets.NetSpec`, or a function of your own that trains, as for :func:`run`.
        Replicate r of all of them has the same rules, training and test points.
    seeds
        Number of replicates, each with rules, data, weights and order of its own.
    quantities
        ``"error"``, or ``"all"``: also the P at which S and D fall to the thresholds of the family.
    thresholds
        Thresholds by quantity in place of that, such as ``{"error": 0.1, "S_21": 0.4}``: S_21 is the sensitivity of
        layer 2 to synonyms of level 1. A task that predicts symbols has no default: ``{"excess": 0.1}`` is the excess
        of the test loss over its exact floor, in nats.
    start
        First P to try. Default: the predicted P*; a function of your own has none.
    within
        Relative distance of the neighbours between which P* is interpolated.
    largest
        The most training points. Default: as many as leave the test set unseen.
    fix
        Roles that all replicates share: some of grammar, samples, network, order.
    name, options
        Of a function of your own, as for :func:`run`.
    on
        Where runs are computed: ``"local"``, ``"ray"`` or ``"ray://HOST:PORT"``; see :func:`srhm.runner.open_executor`.
    workers
        Runs at a time, of each replicate one. Default: as many as there are replicates or cores; of a function of your
        own one, in this process. Other processes have to import it: then it must be a function of a module, not of
        the script or notebook that is running.
    shard
        ``"i/n"``: the i-th of n parts of the replicates, for a task with a store of its own. Merge the stores with
        `srhm merge`, and call this again without it.
    limit
        Seconds after which a run of another process counts as hung, and is tried again.
    gpu
        The part of a GPU that every run asks a Ray cluster for.
    store
        The file in which the runs are kept.
    progress
        Print each finished run on standard error.
    **settings
        As for :func:`run`.

    Returns
    -------
    FinishedSearch
        P*, its interval and the runs.

    Raises
    ------
    ArgumentError
        If an argument is out of range or not used, the store has runs of another function of this name, or other
        processes could not find the function.
    SrhmError
        If a run failed, with its reason; in this process from the error of your function.

    Examples
    --------
    A learner that knows its training points by heart, and nothing else:

    >>> import tempfile
    >>> def train(dataset, seed):
    ...     known = {x.tobytes(): y for x, y in zip(dataset.encode(), dataset.labels)}
    ...     return lambda x: [known.get(one.tobytes(), 0) for one in x]
    >>> params = Params(n_c=2, v=3, m=2, s=2, s0=1, L=1)
    >>> store = f"{tempfile.mkdtemp()}/runs.sqlite"
    >>> found = pstar(params, train, name="by heart", start=8, seeds=2, P_test=4, store=store, progress=False)
    >>> found.complexity().status, len(found.runs)
    ('above', 4)
    """
    refuse_within_import()
    asked = _asked(params, net, name, options, settings)
    setup, own = asked.setup, asked.train is not None
    limits = chosen_thresholds(setup, quantities, thresholds)
    if own and "order" in fix:
        raise ArgumentError(
            "fix", "order", "is not a seed of a function of your own", "Use network, samples, grammar"
        )
    study = Study(setup, seeds, tuple(fix), limits, start, within=within, largest=largest).check()
    if workers is None:
        usual = 1 if own else default_workers()
        workers = min(seeds, usual) if on == "local" else seeds
    workers = min(check_integer("workers", workers, minimum=1, maximum=100_000), seeds if own else 100_000)
    if limit is not None and on == "local" and workers == 1:
        raise ArgumentError(
            "limit", limit, "cannot be kept in this process", "Use workers >= 2, or leave it out"
        )
    if gpu is not None and not on.startswith("ray"):
        raise ArgumentError("gpu", gpu, "is for Ray clusters", "Use on='ray', or leave it out")
    policy = Policy(again=True, limit=limit, gpu=gpu)
    part = None if shard is None else parsed_shard(shard)
    kept = asked.check(Store(store))
    executor, train = asked.executor(on, workers)
    seen: set[str] = set()

    def watch(studies: list[Study], running: int) -> None:
        for replicate, run in studies[0].all_runs:
            if progress and run.spec.hash not in seen:
                seen.add(run.spec.hash)
                error = _number(run.metrics["error"])
                text = f"{setup_name(setup)}: seed {replicate}, P = {run.spec.P:,}: error {error:.4f}"
                print(text, file=sys.stderr, flush=True)

    search([study], kept, executor, watch=watch, policy=policy, title="srhm.pstar", part=part, train=train)
    raise_failures([study], asked.work.error if asked.work else None)
    return FinishedSearch(study)


def _asked(
    params: Params, net: Any, name: str | None, options: Mapping[str, Any] | None, settings: Mapping[str, Any]
) -> _Asked:
    """Return what is asked for, checked."""
    check_instance(Params, params=params)
    table = option_table()
    for option, value in settings.items():
        if option not in table:
            raise ArgumentError(option, value, "is not an option", name_fix(option, table))
    if callable(net):
        own = custom_net(net, name, settings.get("encoding", "whitened"), options)
        return _Asked(_custom_setup(params, own, settings), net)
    compute_on_one_thread()  # before JAX first computes
    keep_compiled_programs()
    for argument, value in {"name": name, "options": options}.items():
        if value is not None:
            problem = "is for a function of your own"
            raise ArgumentError(argument, value, problem, "Give the options of a network by their names")
    if isinstance(net, NetSpec):
        own = {"net": net.family, "width": net.width, "encoding": net.encoding} | net.chosen
        for option in own.keys() & settings.keys():
            problem = "is given together with a NetSpec, which has its own"
            raise ArgumentError(option, settings[option], problem, "Put it into the NetSpec")
    else:
        check_choice("net", net, FAMILIES, "is not a network")
        own = {"net": net}
    return _Asked(setup_of(params, {**own, **settings}))


def _custom_setup(params: Params, net: CustomNet, settings: Mapping[str, Any]) -> Setup:
    """Return the setup of a function of the user's."""
    table = option_table()
    for option, value in settings.items():
        if not used_by_custom(table[option]):
            problem = "is not used by a function of your own, which trains as it does"
            fix = "Leave it out, or pass it to the function: options={...}"
            raise ArgumentError(option, value, problem, fix)
    parts: dict[str, dict[str, Any]] = {"measuring": {}, "setup": {}, "net": {}}
    for option, value in settings.items():
        parts[table[option].part][option] = value
    return Setup(params, net, measuring=Measuring(**parts["measuring"]), **parts["setup"])


def _say(title: str) -> Callable[[Any], None]:
    said: list[str] = []

    def watch(progress: Any) -> None:
        text = f"{title}: {'finished' if progress.done else 'training'}"
        if said != [text]:
            said[:] = [text]
            print(text, file=sys.stderr, flush=True)

    return watch


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
