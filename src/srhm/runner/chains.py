"""Chains of runs: what a driver works through, a single run or those of a search."""

from abc import ABC, abstractmethod

from ..study import Run, RunSpec
from ..study.failure import Failure


class Chain(ABC):
    """Runs that follow one another, as those of a search; what the driver works through."""

    @abstractmethod
    def ask(self) -> RunSpec | None:
        """Return the run that is needed next, or None if no more is."""

    @abstractmethod
    def tell(self, run: Run, *, computed: bool) -> None:
        """Take the run asked for, computed now or found in the store."""

    @abstractmethod
    def give_up(self, spec: RunSpec, failure: Failure) -> None:
        """Learn that the run asked for has failed; the chain asks for no more."""

    def skip(self) -> bool:
        """Take note that the run asked for is in the store, without reading it, if the chain has no use for it."""
        return False


class Single(Chain):
    """One run, whose row in the store is all that is wanted."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec: RunSpec | None = spec

    def ask(self) -> RunSpec | None:
        """Return the run until it is finished."""
        return self._spec

    def tell(self, run: Run, *, computed: bool) -> None:
        """Take note."""
        self._spec = None

    def give_up(self, spec: RunSpec, failure: Failure) -> None:
        """Take note."""
        self._spec = None

    def skip(self) -> bool:
        """Take note."""
        self._spec = None
        return True
