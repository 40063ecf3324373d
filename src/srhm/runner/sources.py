"""Where a driver's runs come from: single runs, and searches that ask for one run after another."""

from abc import ABC, abstractmethod

from ..study import Run, RunSpec
from ..study.failure import Failure


class RunSource(ABC):
    """Something that asks for runs, one after another, until it needs no more."""

    @abstractmethod
    def ask(self) -> RunSpec | None:
        """Return the run that is needed next, or None if no more is."""

    def ask_ahead(self) -> list[RunSpec]:
        """Return runs that may be asked for later, likeliest first, to be computed where slots are idle."""
        return []

    @abstractmethod
    def tell(self, run: Run, *, computed: bool) -> None:
        """Take the run asked for, computed now or found in the store."""

    @abstractmethod
    def give_up(self, spec: RunSpec, failure: Failure) -> None:
        """Learn that the run asked for has failed; the source asks for no more."""

    def skip(self) -> bool:
        """Mark the run asked for as finished without reading it from the store; False if its result is needed."""
        return False


class Single(RunSource):
    """One run, whose row in the store is all that is wanted."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec: RunSpec | None = spec

    def ask(self) -> RunSpec | None:
        """Return the run until it is finished."""
        return self._spec

    def tell(self, run: Run, *, computed: bool) -> None:
        """Mark the run as finished."""
        self._spec = None

    def give_up(self, spec: RunSpec, failure: Failure) -> None:
        """Ask for it no more."""
        self._spec = None

    def skip(self) -> bool:
        """Mark the run as finished."""
        self._spec = None
        return True
