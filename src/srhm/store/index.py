"""The runs of a store by what was run, up to P and seeds."""

from collections import defaultdict
from collections.abc import Iterable

from ..model.params import Params
from ..study.questions import Answer, Question
from ..study.runs import Run, RunSpec, Seeds, kind_of
from .store import Store


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
