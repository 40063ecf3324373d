"""The runs of a store by what was run, up to P and seeds."""

from collections import defaultdict
from collections.abc import Iterable

from ..model.params import Params
from ..study import Run, Study, studies_of
from .store import Store


class RunIndex:
    """The runs of a store, by their setup."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs: dict[str, list[Run]] = defaultdict(list)
        self.count = 0
        for run in runs:
            self._runs[run.spec.setup.digest].append(run)
            self.count += 1

    @classmethod
    def of(cls, store: Store) -> "RunIndex":
        """Read a store, which need not exist."""
        return cls(store.runs()) if store.exists() else cls(())

    def fill(self, study: Study) -> Study:
        """Give a study the runs of its replicates, at any P and whether it asked for them or not, and return it."""
        return study.take(self._runs.get(study.setup.digest, ()))

    def studies(self) -> list[Study]:
        """Return what all runs are about, as :func:`~srhm.study.studies_of` does."""
        return studies_of(run for runs in self._runs.values() for run in runs)

    def by_model(self) -> dict[Params, list[Run]]:
        """Return the runs of each model, whatever was trained."""
        found: dict[Params, list[Run]] = defaultdict(list)
        for runs in self._runs.values():
            found[runs[0].spec.params] += runs
        return found
