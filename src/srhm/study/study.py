"""A study: the replicates of one setup, which runs they need next, and P* read off those that are finished."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..errors import ArgumentError, check_choice, check_instance, check_integer
from ..measure.complexity import Search
from ..measure.crossings import Crossing, SampleComplexity, combine, nearest_grid
from ..theory.predictions import Prediction
from ..training.task import task_text
from .expected import expected_P
from .failure import Failure
from .runs import Run
from .setup import ROLES, RunSpec, Seeds, Setup, check_start

SearchRule = Literal["bisection", "nearest_grid"]

_GRID_STEP, _GRID_POINTS = 1.47, 15
"""The published grids: 15 points, steps of 1.3 to 1.7 about the prediction."""

_CLOSED, _NEAR = 0.10, 1.0
"""How close the neighbours of a crossing are: as the search for P* closes them, or else within a factor 2."""


@dataclass(eq=False)
class Study:
    """One setup, its replicates, and what follows from their runs.

    A search asks for runs (:meth:`ask`) and is given them (:meth:`tell`); runs that nobody asked for count as well.

    Raises
    ------
    ArgumentError
        If a field is out of range, or the first P has no default and is left out.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.nets import NetSpec
    >>> study = Study(Setup(Params(v=6, s0=1, L=2), NetSpec("cnn", width=64)), replicates=2)
    >>> study.ask(0), study.complexity().status
    (1728, 'open')
    """

    setup: Setup
    """What is run."""
    replicates: int = 3
    """Number of replicates, each with rules, samples, network and order of its own."""
    fix: tuple[str, ...] | None = ()
    """Roles whose seed all replicates share: some of grammar, samples, network, order. None: `seeds` says all."""
    thresholds: Mapping[str, float] = field(default_factory=lambda: {"error": 0.10})
    """Threshold of each quantity whose crossing is searched, such as error, S_21, D_21."""
    start: float | None = None
    """First P to try. Default: the predicted P* times a typical ratio; without a prediction there is none. A search
    in a store with five settings or more starts by a fit through them (:func:`srhm.runner.searches.choose_starts`)."""
    rule: SearchRule = "bisection"
    """How P* is found: by bisection and interpolation, or at the nearest point of a published grid."""
    within: float = _CLOSED
    """Relative distance of the neighbours between which bisection interpolates."""
    largest: int | None = None
    """The most training points that are tried. Default: as many as leave the test set unseen."""
    seeds: Sequence[Seeds] = ()
    """The seeds of each replicate. Default: the replicates 0, 1, ... with the fixed roles at 0."""
    computed: int = 0
    """Runs computed now; the others were in the store."""

    def __post_init__(self) -> None:
        check_instance(Setup, setup=self.setup)
        if self.seeds:
            self.replicates = len(self.seeds)
        else:
            count = check_integer("seeds", self.replicates, minimum=1, maximum=1000)
            self.seeds = tuple(Seeds.replicate(number, self.fix or ()) for number in range(count))
        self._largest = most = self.setup.largest
        if self.largest is not None:
            self._largest = check_integer(
                "largest", self.largest, minimum=self.setup.params.n_c, maximum=most
            )
        check_choice("search", self.rule, ("bisection", "nearest_grid"), "is not a rule")
        self._numbers = {seeds: number for number, seeds in enumerate(self.seeds)}
        self.runs: list[list[Run]] = [[] for _ in self.seeds]
        """The finished runs of every replicate, in the order they came."""
        self.failures: dict[int, tuple[RunSpec, Failure]] = {}
        """Replicates whose search was given up, with the run that failed and why."""
        self._searches: list[Search] = []

    def __repr__(self) -> str:
        found = ", ".join(repr(self.complexity(name)) for name in self.thresholds)
        return f"Study({self.setup.net.family} on {self.setup.params}: {found})"

    # --- what is asked ---

    def ask(self, replicate: int) -> int | None:
        """Return the P that a replicate needs next, or None if it is done, unstable or was given up."""
        if replicate in self.failures:
            return None
        if self.rule == "bisection":
            return None if self.unstable(replicate) else self.searches[replicate].ask()
        done = {run.spec.P for run in self.runs[replicate]}
        return next((P for P in self.grid() if P not in done), None)

    def ask_ahead(self, replicate: int) -> list[int]:
        """Return the P that a replicate may need after the one that it needs next, likeliest first."""
        if replicate in self.failures or self.unstable(replicate):
            return []
        if self.rule == "bisection":
            return self.searches[replicate].ask_ahead()
        done = {run.spec.P for run in self.runs[replicate]}
        return [P for P in self.grid() if P not in done][1:]

    def tell(self, replicate: int, run: Run) -> None:
        """Take a finished run."""
        self.runs[replicate].append(run)
        if self._searches and run.status != "unstable":
            self._searches[replicate].tell(run.spec.P, _metrics(run, self.thresholds))

    def unstable(self, replicate: int) -> bool:
        """Return whether a search ends because the run at the P that it needs was unstable.

        Of such a run it is not known on which side of P* it is. One that is stuck at chance has not learned.
        """
        if self.rule != "bisection":
            return False
        P = self.searches[replicate].ask()
        return any(run.status == "unstable" and run.spec.P == P for run in self.runs[replicate])

    def take(self, runs: Iterable[Run]) -> "Study":
        """Take the runs of its replicates among some of its setup, in order of P; return the study."""
        for run in sorted(runs, key=lambda run: run.spec.P):
            if (number := self._numbers.get(run.spec.seeds)) is not None:
                self.tell(number, run)
        return self

    def at(self, P: int, replicate: int) -> RunSpec:
        """Return the run of one replicate at P."""
        return self.setup.at(P, self.seeds[replicate])

    @property
    def searches(self) -> list[Search]:
        """The search of each replicate, with its runs."""
        if not self._searches:
            self._searches = [self.search(self.thresholds, runs, self.within) for runs in self.runs]
        return self._searches

    def search(
        self, thresholds: Mapping[str, float], runs: Iterable[Run] = (), within: float = _CLOSED
    ) -> Search:
        """Return a search for the crossings of some thresholds that has some runs.

        Raises
        ------
        ArgumentError
            If the first P is outside the bounds, or has no default.
        """
        least, most = self.setup.params.n_c, self._largest
        start = min(max(self._predicted(), least), most) if self.start is None else self.start
        check_start(start, self.setup.params, most)
        found = Search(start, thresholds=thresholds, smallest=least, largest=most, within=within)
        return _told(found, runs)

    def start_near(self, P: float) -> None:
        """Begin the search at P, or as near as its bounds allow."""
        self.start = min(P, self._largest)

    @property
    def key(self) -> str:
        """By what its first P is kept in a store: its setup, and the quantity that is searched first."""
        name, threshold = next(iter(self.thresholds.items()))
        return f"{self.setup.digest} {name}={threshold:g}"

    def began(self, runs: Iterable[Run]) -> bool:
        """Return whether a run of a replicate is among some, at the first P that it has now."""
        first = self.search(self.thresholds).start
        return any(
            first == run.spec.P and run.spec.seeds in self._numbers and run.spec.setup == self.setup
            for run in runs
        )

    def check(self) -> "Study":
        """Return the study if its search can begin.

        Raises
        ------
        ArgumentError
            As :meth:`search`.
        """
        self.search(self.thresholds, (), self.within)
        return self

    def _predicted(self) -> float:
        prediction = self.prediction
        if prediction is None:
            problem = f"has no default: there is no prediction of P* for {self.setup.net.family}"
            raise ArgumentError("start", None, problem, "Give the first P to try")
        return prediction.P_star

    def grid(self) -> list[int]:
        """Return the published kind of grid: 15 points with log-spaced steps about the start."""
        search, largest = self.search(self.thresholds), self._largest
        points = (search.start * _GRID_STEP**k for k in range(-(_GRID_POINTS // 2), _GRID_POINTS // 2 + 1))
        return sorted({round(min(max(P, search.smallest), largest)) for P in points})

    @property
    def finished(self) -> bool:
        """Whether no replicate needs another run."""
        return all(self.ask(replicate) is None for replicate in range(self.replicates))

    # --- what follows ---

    @property
    def prediction(self) -> Prediction | None:
        """The predicted P*; None if there is no prediction."""
        return self.setup.prediction

    @property
    def expected(self) -> float:
        """Where P* is expected: as published or predicted, else in the middle of the runs."""
        try:
            return expected_P(self.setup)
        except ArgumentError:  # neither published nor predicted
            logs = [math.log(run.spec.P) for _, run in self.all_runs]
            return math.exp(sum(logs) / len(logs))

    def crossings(self, quantity: str = "error") -> list[Crossing]:
        """Return the crossing of every replicate."""
        if self.rule == "bisection":
            found = [search.crossing(quantity) for search in self.searches]
            return [
                replace(one, status="unstable") if one.status == "open" and self.unstable(number) else one
                for number, one in enumerate(found)
            ]
        threshold = self.thresholds[quantity]
        about = 0.1 if quantity == "error" else 0.5
        return [
            Crossing(quantity, threshold, "open", None, None, None, len(runs))
            if self.ask(replicate) is not None or replicate in self.failures
            else nearest_grid(
                [(run.spec.P, _metrics(run, [quantity])) for run in runs],
                quantity, threshold, (threshold - about, threshold + about),
            )
            for replicate, runs in enumerate(self.runs)
        ]  # fmt: skip

    def complexity(self, quantity: str | None = None) -> SampleComplexity:
        """Return P* of a quantity that is searched, by default of the first, over the replicates, with its interval."""
        return combine(self.crossings(next(iter(self.thresholds)) if quantity is None else quantity))

    def read(self, quantity: str = "error", *, begun: bool = False) -> SampleComplexity | None:
        """Return where a quantity falls to the threshold of its family, read off all runs, or None if it is not known.

        Parameters
        ----------
        quantity
            ``"error"``, ``"S_21"`` and the like; or ``"S"`` or ``"D"`` of level 1 at the layer of the threshold.
        begun
            Leave out replicates without a run. Default: then it is not known.
        """
        metric = self.setup.threshold(quantity)
        if metric is None or not any(self.runs):
            return None
        name, limit = metric
        least, most = self.setup.params.n_c, self.setup.largest
        start = min(max(self.expected, least), most)
        replicates = [runs for runs in self.runs if runs or not begun]
        for within in (_CLOSED, _NEAR):
            bounds: dict[str, Any] = {"smallest": least, "largest": most, "within": within}
            searches = (Search(start, thresholds={name: limit}, **bounds) for _ in replicates)
            told = map(_told, searches, replicates)
            found = combine([search.crossing(name) for search in told])
            if found.status != "open":
                return found
        return None

    def curve(self, quantity: str = "error") -> list[list[tuple[int, float | None]]]:
        """Return for every replicate (P, value) of a metric, in order of P; None where it was not measured."""
        ordered = (sorted(runs, key=lambda run: run.spec.P) for runs in self.runs)
        return [[(run.spec.P, run.metrics.get(quantity)) for run in runs] for runs in ordered]

    @property
    def all_runs(self) -> list[tuple[int, Run]]:
        """The runs of all replicates, each with the number of its own."""
        return [(number, run) for number, runs in enumerate(self.runs) for run in runs]

    @property
    def unconverged(self) -> int:
        """Number of runs that came to their last epoch before their loss fell below the threshold."""
        return sum(run.status == "epochs" for _, run in self.all_runs)

    @property
    def seconds(self) -> float:
        """Wall time of all runs, one after another."""
        return sum(sum(run.seconds.values()) - run.seconds.get("compile", 0.0) for _, run in self.all_runs)


def _told(search: Search, runs: Iterable[Run]) -> Search:
    """Give a search the runs of a replicate, but for unstable ones, and return it."""
    for run in runs:
        if run.status != "unstable":
            search.tell(run.spec.P, _metrics(run, search.thresholds))
    return search


def _metrics(run: Run, names: Iterable[str]) -> dict[str, Any]:
    """Its metrics by name; None, as of one that diverged, if it was unstable."""
    return {name: None if run.status == "unstable" else run.metrics.get(name) for name in names}


def studies_of(runs: Iterable[Run]) -> list[Study]:
    """Return what runs are about, in the order in which the setups come.

    Runs that differ in P and seeds alone belong together, if their seeds are those of replicates with the same
    shared roles. Replicate 0, whose seeds are all 0, is one of every such set.
    """
    by_setup: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_setup[run.spec.setup.digest].append(run)
    return [study for of_setup in by_setup.values() for study in _studies_of_setup(of_setup)]


def _studies_of_setup(runs: list[Run]) -> list[Study]:
    by_seeds: dict[Seeds, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.spec.P, run.spec.hash)):
        by_seeds[run.spec.seeds].append(run)
    sets: dict[tuple[str, ...] | None, list[Seeds]] = defaultdict(list)
    zero = by_seeds.get(Seeds())
    for seeds in by_seeds:
        if seeds != Seeds():
            sets[_shared(seeds)].append(seeds)
    if zero and not any(fix is not None for fix in sets):
        sets[()] = []
    found = []
    for fix, own in sets.items():
        seeds = sorted([Seeds(), *own] if zero and fix is not None else own, key=_in_order)
        study = Study(runs[0].spec.setup, fix=fix, seeds=seeds)
        found.append(study.take(run for one in seeds for run in by_seeds[one]))
    return found


def _shared(seeds: Seeds) -> tuple[str, ...] | None:
    """Return the roles that are fixed in a replicate with these seeds; None if no replicate has them."""
    fix = tuple(role for role in ROLES if getattr(seeds, role) == 0)
    return fix if len(set(_in_order(seeds)) - {0}) == 1 else None


def _in_order(seeds: Seeds) -> tuple[int, ...]:
    return tuple(getattr(seeds, role) for role in ROLES)


def chosen_thresholds(
    setup: Setup, quantities: str, thresholds: Mapping[str, float] | str | None = None
) -> dict[str, float]:
    """Return the thresholds of the quantities whose P* is searched.

    Those given, also as a text ``error=0.1,S_21=0.4``; else of ``"error"``, or of ``"all"`` that the family has.
    """
    check_choice("quantities", quantities, ("error", "all"), "is not known")
    if thresholds is not None:
        if quantities != "error":
            raise ArgumentError("quantities", quantities, "is given next to thresholds", "Give one of them")
        if not isinstance(thresholds, Mapping | str) or not all(isinstance(name, str) for name in thresholds):
            problem = "is not a threshold for each quantity"
            raise ArgumentError(
                "thresholds", thresholds, problem, "Write {'error': 0.1}, in a file 'error=0.1'"
            )
        limits = _of_text(thresholds) if isinstance(thresholds, str) else dict(thresholds)
        check_quantities(setup, limits)
        return limits
    if setup.task.predicts_symbols:
        problem = f"have no default for the task {task_text(setup.task)}"
        raise ArgumentError("thresholds", None, problem, "Give one in nats, as in excess=0.1")
    limits = dict(setup.thresholds)
    if quantities == "all" and len(limits) == 1:
        problem = f"needs thresholds of S and D, of which {setup.net.family} has none"
        raise ArgumentError("quantities", quantities, problem, "Use error")
    return limits if quantities == "all" else {"error": limits["error"]}


def _of_text(text: str) -> dict[str, float]:
    found = re.findall(r"(\w+)\s*=\s*([-+.\deE]+)", text)
    if not found or re.sub(r"\w+\s*=\s*[-+.\deE]+|[,\s]", "", text):
        raise ArgumentError("threshold", text, "is not a list of thresholds", "Write error=0.1,S_21=0.4")
    try:
        return {name: float(value) for name, value in found}
    except ValueError:
        raise ArgumentError("threshold", text, "has what is not a number", "Write error=0.1") from None


def check_quantities(setup: Setup, thresholds: Mapping[str, float]) -> None:
    """Raise an :class:`~srhm.ArgumentError` if a threshold is of what is not measured."""
    params = setup.params
    for name in thresholds:
        found = re.fullmatch(r"error|loss|excess|([SD])_[1-9]\d*([1-9])", name)
        if found is None or (name in ("loss", "excess") and not setup.task.predicts_symbols):
            fix = "Use error, S_kl or D_kl, as in S_21; loss or excess if the task predicts symbols"
            raise ArgumentError("thresholds", name, "is not measured", fix)
        letter, level = found.groups()
        if letter and int(level) > params.L:
            problem = f"is of a level above L = {params.L}"
            raise ArgumentError("thresholds", name, problem, f"Use levels 1 to {params.L}")
        if letter == "D" and params.s0 == 0:
            problem = "is of shifts, of which there are none at s0 = 0"
            raise ArgumentError("thresholds", name, problem, "Use error or S_kl")
