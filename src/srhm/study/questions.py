"""P* of our networks: which runs each question needs, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..errors import ArgumentError, check_choice, check_instance, check_integer
from ..measure.complexity import Crossing, SampleComplexity, Search, combine, nearest_grid
from ..nets import COMMON
from ..theory import Prediction, predict
from .failure import Failure
from .runs import Run, RunSpec, Seeds, check_start, largest_P

SearchRule = Literal["bisection", "nearest_grid"]

_GRID_STEP, _GRID_POINTS = (
    1.47,
    15,
)  # the published grids: 15 points, steps of 1.3 to 1.7 about the scaling law


_CLOSED, _NEAR = 0.10, 1.0
"""How close the neighbours of a crossing are: as the search for P* closes them, or else within a factor 2."""


@dataclass(frozen=True)
class Question:
    """A question: what is P* of this network on this model.

    Raises
    ------
    ArgumentError
        If a field is out of range.
    """

    spec: RunSpec
    """The runs, up to their P and seeds."""
    replicates: int = 3
    """Number of replicates, each with rules, samples, network and order of its own."""
    fix: tuple[str, ...] = ()
    """Roles whose seed all replicates share: some of grammar, samples, network, order."""
    thresholds: Mapping[str, float] = field(default_factory=lambda: {"error": 0.10})
    """Threshold of each quantity whose crossing is searched, such as error, S_21, D_21."""
    start: float | None = None
    """First P to try. Default: the predicted P*; a common network has none, and needs one."""
    rule: SearchRule = "bisection"
    """How P* is found: by bisection and interpolation, or at the nearest point of a published grid."""
    within: float = 0.10
    """Relative distance of the neighbours between which bisection interpolates."""

    def __post_init__(self) -> None:
        check_instance(RunSpec, spec=self.spec)
        check_integer("seeds", self.replicates, least=1, most=1000)
        Seeds.replicate(0, self.fix)
        check_choice("search", self.rule, ("bisection", "nearest_grid"), "is not a rule")
        self.search()  # checks the thresholds and the start

    @property
    def prediction(self) -> Prediction | None:
        """The paper's prediction of P*; there is none for the common networks."""
        return None if self.spec.net in COMMON else predict(self.spec.net, self.spec.params)

    @property
    def largest(self) -> int:
        """Largest P that leaves the test set unseen."""
        assert self.spec.P_test is not None
        return largest_P(self.spec.params, self.spec.protocol, self.spec.P_test)

    def search(self) -> Search:
        """Return the search of one replicate, before any run."""
        smallest, largest = self.spec.params.n_c, self.largest
        if self.start is not None:
            check_start(self.start, self.spec.params, largest)
        start = min(max(self._predicted(), smallest), largest) if self.start is None else self.start
        bounds = {"smallest": smallest, "largest": largest, "within": self.within}
        return Search(start, thresholds=self.thresholds, **bounds)

    def _predicted(self) -> float:
        """Where P* is expected."""
        prediction = self.prediction
        if prediction is None:
            problem = f"has no default: the paper predicts no P* of {self.spec.net}"
            raise ArgumentError("start", None, problem, "Give the first P to try")
        return prediction.P_star

    def grid(self) -> list[int]:
        """Return the published kind of grid: 15 points with log-spaced steps about the start."""
        search = self.search()
        points = (search.start * _GRID_STEP**k for k in range(-(_GRID_POINTS // 2), _GRID_POINTS // 2 + 1))
        return sorted({round(min(max(P, search.smallest), self.largest)) for P in points})

    def at(self, P: int, replicate: int) -> RunSpec:
        """Return the run of one replicate at P."""
        return self.spec.at(P, Seeds.replicate(replicate, self.fix))


@dataclass
class Answer:
    """The runs of a question so far, and what follows from them."""

    question: Question
    """What was asked."""
    runs: list[list[Run]]
    """The finished runs of every replicate, in the order they came."""
    computed: int = 0
    """Runs computed now; the others were in the store."""
    failures: dict[int, tuple[RunSpec, Failure]] = field(default_factory=dict)
    """Replicates whose search was given up, with the run that failed and why."""
    _searches: list[Search] = field(default_factory=list)

    def __repr__(self) -> str:
        found = ", ".join(repr(self.complexity(name)) for name in self.question.thresholds)
        return f"Answer({self.question.spec.net} on {self.question.spec.params}: {found})"

    @classmethod
    def none_yet(cls, question: Question) -> "Answer":
        """Return the answer before any run."""
        check_instance(Question, question=question)
        count = question.replicates
        return cls(question, [[] for _ in range(count)], _searches=[question.search() for _ in range(count)])

    def ask(self, replicate: int) -> int | None:
        """Return the P that a replicate needs next, or None if it is done or was given up."""
        if replicate in self.failures:
            return None
        if self.question.rule == "bisection":
            return self._searches[replicate].ask()
        done = {run.spec.P for run in self.runs[replicate]}
        return next((P for P in self.question.grid() if P not in done), None)

    def tell(self, replicate: int, run: Run) -> None:
        """Take a finished run."""
        self.runs[replicate].append(run)
        metrics = {name: run.metrics.get(name) for name in self.question.thresholds}
        self._searches[replicate].tell(run.spec.P, metrics)

    def crossings(self, quantity: str = "error") -> list[Crossing]:
        """Return the crossing of every replicate."""
        if self.question.rule == "bisection":
            return [search.crossing(quantity) for search in self._searches]
        threshold = self.question.thresholds[quantity]
        tolerance = (
            (threshold - 0.1, threshold + 0.1) if quantity == "error" else (threshold - 0.5, threshold + 0.5)
        )
        return [
            Crossing(quantity, threshold, "open", None, None, None, len(runs))
            if self.ask(replicate) is not None or replicate in self.failures
            else nearest_grid(
                [(run.spec.P, {quantity: run.metrics.get(quantity)}) for run in runs],
                quantity,
                threshold,
                tolerance,
            )
            for replicate, runs in enumerate(self.runs)
        ]

    def complexity(self, quantity: str = "error") -> SampleComplexity:
        """Return P* over the replicates, with its interval."""
        return combine(self.crossings(quantity))

    @property
    def unconverged(self) -> int:
        """Number of runs that came to their last epoch before their loss fell below the threshold."""
        return sum(run.status == "epochs" for replicate in self.runs for run in replicate)

    @property
    def finished(self) -> bool:
        """Whether no replicate needs another run."""
        return all(self.ask(replicate) is None for replicate in range(self.question.replicates))


def read_off(
    spec: RunSpec, replicates: Sequence[Sequence[Run]], quantity: str, threshold: float, expected: float
) -> SampleComplexity | None:
    """Return where a quantity falls to a threshold, read off the runs of replicates; None while they do not tell.

    Parameters
    ----------
    spec
        The runs, up to P and seeds.
    replicates
        Those of every replicate.
    quantity
        Name of a metric, such as ``"error"`` or ``"S_21"``.
    threshold
        Its value that defines P*.
    expected
        Where P* is expected, in training points.
    """
    check_instance(RunSpec, spec=spec)
    assert spec.P_test is not None  # filled in by RunSpec
    least, most = spec.params.n_c, largest_P(spec.params, spec.protocol, spec.P_test)
    start = min(max(expected, least), most)
    for within in (_CLOSED, _NEAR):
        crossings = []
        for runs in replicates:
            search = Search(
                start, thresholds={quantity: threshold}, smallest=least, largest=most, within=within
            )
            for run in runs:
                search.tell(run.spec.P, {quantity: run.metrics.get(quantity)})
            crossings.append(search.crossing(quantity))
        found = combine(crossings)
        if found.status != "open":
            return found
    return None
