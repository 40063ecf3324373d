"""What a store knows of a setting: its runs by replicate, and P*, P*_S and P*_D read off them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...complexity import SampleComplexity, Search, combine
from ...params import Params
from ..paper import Setting, thresholds
from ..paper.tiers import Tier
from ..questions import Answer, Question
from ..runs import Run, RunSpec, Seeds, largest_P
from ..store import Store

_CLOSED, _NEAR = 0.10, 1.0
"""How close the neighbours of a crossing are: as the search for P* closes them, or else within a factor 2."""


class Shelf:
    """The runs of a store, by everything but P and seeds."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs: dict[str, list[Run]] = defaultdict(list)
        self.count = 0
        for run in runs:
            self._runs[kind_of(run.spec)].append(run)
            self.count += 1

    @classmethod
    def of(cls, store: Store) -> "Shelf":
        """Read a store, which need not exist."""
        return cls(store.runs()) if store.exists() else cls(())

    def replicates(self, spec: RunSpec, count: int) -> list[list[Run]]:
        """Return the runs of each replicate of a specification, at any P, in order of P."""
        found: list[list[Run]] = [[] for _ in range(count)]
        numbers = {Seeds.replicate(number): number for number in range(count)}
        for run in self._runs.get(kind_of(spec), ()):
            if run.spec.seeds in numbers:
                found[numbers[run.spec.seeds]].append(run)
        return [sorted(runs, key=lambda run: run.spec.P) for runs in found]

    def by_model(self) -> dict[Params, list[Run]]:
        """Return the runs of each model, whatever was trained."""
        found: dict[Params, list[Run]] = defaultdict(list)
        for runs in self._runs.values():
            found[runs[0].spec.params] += runs
        return found

    def answer(self, question: Question) -> Answer:
        """Return the answer to a question as far as the runs here give it; they need not have been asked for."""
        found = Answer.none_yet(question)
        for number, runs in enumerate(self.replicates(question.spec, question.replicates)):
            for run in runs:
                found.tell(number, run)
        return found


def kind_of(spec: RunSpec) -> str:
    """Return the hash of what is run, up to P and seeds."""
    return spec.at(spec.params.n_c, Seeds()).hash


@dataclass(frozen=True)
class Measured:
    """The runs of one setting at one tier."""

    setting: Setting
    """The network and the model."""
    spec: RunSpec
    """The runs, up to P and seeds."""
    runs: list[list[Run]]
    """Those of every replicate, in order of P."""

    @classmethod
    def on(cls, shelf: Shelf, setting: Setting, tier: Tier) -> "Measured":
        """Collect the runs of a setting."""
        spec = tier.spec(setting)
        return cls(setting, spec, shelf.replicates(spec, tier.seeds))

    @property
    def all_runs(self) -> list[tuple[int, Run]]:
        """The runs of all replicates, each with the number of its own."""
        return [(number, run) for number, runs in enumerate(self.runs) for run in runs]

    @property
    def seconds(self) -> float:
        """Wall time of all runs, one after another."""
        return sum(sum(run.seconds.values()) - run.seconds.get("compile", 0.0) for _, run in self.all_runs)

    def complexity(self, quantity: str = "error") -> SampleComplexity | None:
        """Return where a quantity falls to the paper's threshold; None while the runs do not tell.

        Parameters
        ----------
        quantity
            ``"error"``, or ``"S"`` or ``"D"`` of level 1 at the layer of the paper's threshold.
        """
        limits = thresholds(self.setting.net, self.setting.params)
        name = next((one for one in limits if one == quantity or one.startswith(f"{quantity}_")), None)
        if name is None or not any(self.runs):
            return None
        return read_off(self.spec, self.runs, name, limits[name], self.setting.expected)


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
