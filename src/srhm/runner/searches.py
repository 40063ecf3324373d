"""Searches for P* as sources of runs, and their computation by the driver."""

import re
from collections.abc import Callable, Iterable, Sequence

from ..errors import ArgumentError, SrhmError, name_fix
from ..store import Store
from ..study import Run, RunSpec, Study
from ..study.describe import setup_name
from ..study.failure import Failure
from ..study.grid import shard
from ..study.starts import Starts
from .driver import OnProgress, Policy, drive
from .executors import Executor
from .functions import Importable
from .sources import RunSource, Single

OnStudies = Callable[[list[Study], int], None]
"""Called after every run with all studies so far and the number of runs under way."""


class Replicate(RunSource):
    """The search of one replicate of a study."""

    def __init__(self, study: Study, number: int) -> None:
        self._study, self._number = study, number

    def ask(self) -> RunSpec | None:
        """Return the run at the P that the search needs next."""
        P = self._study.ask(self._number)
        return None if P is None else self._study.at(P, self._number)

    def ask_ahead(self) -> list[RunSpec]:
        """Return the runs that the search may need after the next one."""
        return [self._study.at(P, self._number) for P in self._study.ask_ahead(self._number)]

    def tell(self, run: Run, *, computed: bool) -> None:
        """Take a finished run."""
        missing = [quantity for quantity in self._study.thresholds if quantity not in run.metrics]
        if missing and run.status != "diverged":
            known = [metric for metric in run.metrics if re.fullmatch(r"[SD]_\d+", metric)]
            scores = "Have it return one score for each class, [sample, class]"
            fix = name_fix(missing[0], ["error", *known]) if known else scores
            raise ArgumentError("thresholds", missing[0], "is not measured of this network", fix)
        self._study.tell(self._number, run)
        self._study.computed += computed

    def give_up(self, spec: RunSpec, failure: Failure) -> None:
        """End the search."""
        self._study.failures[self._number] = spec, failure


def replicates(study: Study) -> list[RunSource]:
    """Return the searches of all replicates of a study."""
    return [Replicate(study, number) for number in range(study.replicates)]


def all_sources(specs: Iterable[RunSpec], studies: Iterable[Study]) -> list[RunSource]:
    """Return the searches of all replicates of some studies, then single runs."""
    searches = [source for one in studies for source in replicates(one)]
    return [*searches, *(Single(spec) for spec in specs)]


def search(
    studies: Sequence[Study],
    store: Store,
    executor: Executor,
    *,
    watch: OnStudies | None = None,
    policy: Policy | None = None,
    title: str = "",
    part: tuple[int, int] | None = None,
    train: Importable | None = None,
) -> list[Study]:
    """Complete studies with the runs in the store, computing those that are missing; see :func:`~.driver.drive`.

    Parameters
    ----------
    studies
        What is searched. Where workers are short, the first replicate of every study comes first, then the others,
        study by study.
    store
        Where finished runs are looked up and written.
    executor
        Who computes; it is closed at the end.
    watch
        Called after every run, and about once a second.
    policy
        What to do when runs fail; runs that failed before are tried again unless it says otherwise.
    title
        Distinguishes this call from others that use the store.
    part
        (i, n) computes the i-th of n parts of the replicates alone, for tasks with stores of their own.
    train
        Where workers find the function of the user's whose runs these are.

    Returns
    -------
    list[Study]
        The studies; a replicate whose run failed is in its ``failures``.

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted; every run that was finished is in the store.
    ArgumentError
        Before the first run, if a search has no first P, or the store cannot be written. After it, if the network has
        no layer of a threshold.
    """
    studies = [study.check() for study in studies]
    choose_starts(studies, store)
    # So the programs of a study are compiled once, by one worker, and the other replicates find them on disk.
    searches = [replicates(one) for one in studies]
    sources = [source for one in searches for source in one[:1]] + [
        source for one in searches for source in one[1:]
    ]
    sources = sources if part is None else shard(sources, *part)
    shown = None if watch is None else lambda progress: watch(studies, progress.running)
    policy = policy or Policy(again=True)
    drive(sources, store, executor, policy=policy, watch=shown, title=title, train=train)
    return studies


def choose_starts(studies: Sequence[Study], store: Store, *, keep: bool = True) -> None:
    """Give studies without a first P the one that the store keeps for them, else one by a fit through its runs.

    A search that has begun at the prediction keeps it. What was fitted is kept in the store, unless it is for a
    plan (`keep` is false): the same command asks for the same P then, although more has been measured since.
    """
    waiting = [study for study in studies if study.start is None and study.rule == "bisection"]
    if not waiting or not store.exists():
        return
    kept, new = store.starts(), {}
    fits: dict[str, Starts] = {}
    for study in waiting:
        if study.key in kept or study.prediction is None:
            continue
        family = study.setup.net.family
        if family not in fits:
            fits[family] = Starts(store.runs(net=family))
        if (P := fits[family].start(study)) is not None:
            new[study.key] = P
    if keep:
        store.keep_starts(new)
    for study in waiting:
        if (P := (new | kept).get(study.key)) is not None:
            study.start_near(P)


def run_single(
    spec: RunSpec,
    store: Store,
    executor: Executor,
    *,
    policy: Policy,
    watch: OnProgress | None = None,
    title: str,
) -> Run:
    """Return a run from the store, computed first if it is not there; see :func:`~.driver.drive`.

    If it failed, an SrhmError says why.
    """
    drive([Single(spec)], store, executor, policy=policy, watch=watch, title=title)
    found = store.get(spec)
    if found is None:
        reasons = [one.reason for one in store.failures() if one.spec.hash == spec.hash]
        raise SrhmError(f"the run of {setup_name(spec.setup)}, P = {spec.P}, failed: {' '.join(reasons)}")
    return found


def raise_failures(studies: Sequence[Study], cause: Exception | None = None) -> None:
    """Raise an :class:`~srhm.SrhmError` that says which runs failed and why, if any did, from its cause if known."""
    failures = [failed for one in studies for failed in one.failures.values()]
    if failures:
        spec, failure = failures[0]
        others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise SrhmError(
            f"the run {spec.net.family}, P = {spec.P}, seed {spec.seeds.samples} on {spec.params} failed{others}: "
            f"{failure.reason}. Finished runs are kept; the same command resumes"
        ) from cause
