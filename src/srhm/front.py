"""The front door: a run, or P*, of a built-in network or of one's own training, in one call (extra ``lab``).

Finished runs are kept in a store, so the same call again computes nothing, and one that was interrupted resumes.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ArgumentError, SrhmError, check_choice, check_instance, check_integer, name_fix
from .finished import FinishedRun, FinishedSearch, as_number
from .model.params import Params
from .nets import FAMILIES, NetSpec
from .runner.driver import Policy
from .runner.executors import (
    Executor,
    check_executor,
    compute_on_one_thread,
    default_workers,
    keep_compiled_programs,
    open_executor,
)
from .runner.functions import Importable, TrainFunction, check_trains, custom_net, refuse_within_import
from .runner.room import check_room
from .runner.searches import raise_failures, run_single
from .runner.searches import search as complete
from .runner.work import CustomWork, execute_job
from .store import Store
from .study import Measuring, Seeds, Setup, Study
from .study.custom import CustomNet
from .study.describe import setup_name
from .study.grid import parsed_shard
from .study.options import DEFAULT_FAMILY, option_table, setup_of, used_by_custom
from .study.setup import ROLES
from .study.study import chosen_thresholds

__all__ = ["pstar", "run"]

STORE = "srhm-runs/runs.sqlite"
"""Where runs are kept by default; the command line has the same store."""


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
        return open_executor(on, workers, work=execute_job), train


def run(
    params: Params,
    net: str | NetSpec | TrainFunction = DEFAULT_FAMILY,
    *,
    P: int,
    seed: int | Seeds = 0,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
    protocol: str = "default",
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
    protocol
        The defaults of training: those of srhm, or ``"published"``, those of the paper's code (docs, networks.md).
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
    asked = _asked(params, net, name, options, settings, protocol)
    seed = seed if isinstance(seed, Seeds) else check_integer("seed", seed, minimum=0, maximum=2**64 - 1)
    if asked.train is not None and isinstance(seed, Seeds) and seed.order:
        problem = "has an order, of which a function of your own is told nothing"
        raise ArgumentError("seed", seed, problem, "Leave out order")
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
    search: str | None = None,
    within: float = 0.10,
    largest: int | None = None,
    fix: Sequence[str] = (),
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
    protocol: str = "default",
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
        First P to try. Default: a fit through five or more settings of the network that the store has (docs,
        measurements.md), else the predicted P*; a function of your own has none.
    search
        ``"bisection"``, or ``"nearest_grid"``: the point nearest to the threshold among 15 on a grid, as the paper has
        it. Default: bisection; with the published protocol the grid.
    within
        Of a bisection: relative distance of the neighbours between which P* is interpolated.
    largest
        The most training points. Default: as many as leave the test set unseen.
    fix
        Roles that all replicates share: some of grammar, samples, network, order.
    name, options, protocol
        As for :func:`run`.
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
    fix = (fix,) if isinstance(fix, str) else fix
    if not isinstance(fix, Sequence):
        raise ArgumentError("fix", fix, "names no roles", f"Give some of {', '.join(ROLES)}, or ()")
    asked = _asked(params, net, name, options, settings, protocol)
    setup, own = asked.setup, asked.train is not None
    limits = chosen_thresholds(setup, quantities, thresholds)
    if own and "order" in fix:
        raise ArgumentError(
            "fix", "order", "is not a seed of a function of your own", "Use network, samples, grammar"
        )
    rule: Any = search or ("nearest_grid" if protocol == "published" else "bisection")
    if rule == "nearest_grid" and within != 0.10:
        raise ArgumentError("within", within, "is of a bisection", "Use search='bisection', or leave it out")
    study = Study(setup, seeds, tuple(fix), limits, start, rule, within, largest).check()
    if workers is None:
        usual = 1 if own else default_workers()
        workers = min(seeds, usual) if on == "local" else seeds
    check_executor(on, workers, limit=limit)
    workers = min(workers, max(seeds, 1 if limit is None else 2)) if own else workers
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
                error = as_number(run.metrics["error"])
                text = f"{setup_name(setup)}: seed {replicate}, P = {run.spec.P:,}: error {error:.4f}"
                print(text, file=sys.stderr, flush=True)

    complete([study], kept, executor, watch=watch, policy=policy, title="srhm.pstar", part=part, train=train)
    raise_failures([study], asked.work.error if asked.work else None)
    return FinishedSearch(study)


def _asked(
    params: Params,
    net: Any,
    name: str | None,
    options: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
    protocol: str,
) -> _Asked:
    """Return what is asked for, checked."""
    check_instance(Params, params=params)
    table = option_table()
    for option, value in settings.items():
        if option not in table:
            raise ArgumentError(option, value, "is not an option", name_fix(option, table))
    check_choice("protocol", protocol, ("default", "published"), "is not known")
    if callable(net):
        if protocol != "default":
            problem = "is of the networks of srhm, and a function of your own trains as it does"
            raise ArgumentError("protocol", protocol, problem, "Leave it out")
        check_trains(net, options)
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
    return _Asked(setup_of(params, {**own, **settings}, published=protocol == "published"))


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
