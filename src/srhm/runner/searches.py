"""Searches for P* as chains of runs, and their computation by a driver."""

from collections.abc import Callable, Iterable, Sequence

from ..errors import SrhmError
from ..store import Store
from ..study.failure import Failure
from ..study.questions import Answer, Question
from ..study.runs import Run, RunSpec
from .chains import Chain, Single
from .driver import Policy, drive
from .executors import Executor

Watcher = Callable[[list[Answer], int], None]
"""Called after every run with all answers so far and the number of runs under way."""


class Replicate(Chain):
    """The search of one replicate of a question."""

    def __init__(self, answer: Answer, number: int) -> None:
        self._answer, self._number = answer, number

    def ask(self) -> RunSpec | None:
        """Return the run at the P that the search needs next."""
        P = self._answer.ask(self._number)
        return None if P is None else self._answer.question.at(P, self._number)

    def tell(self, run: Run, *, computed: bool) -> None:
        """Take a finished run."""
        self._answer.tell(self._number, run)
        self._answer.computed += computed

    def give_up(self, spec: RunSpec, failure: Failure) -> None:
        """End the search."""
        self._answer.failures[self._number] = spec, failure


def replicates(answer: Answer) -> list[Chain]:
    """Return the searches of all replicates of a question."""
    return [Replicate(answer, number) for number in range(answer.question.replicates)]


def all_chains(specs: Iterable[RunSpec], answers: Iterable[Answer]) -> list[Chain]:
    """Return the searches of all replicates of some questions, then single runs."""
    searches = [chain for one in answers for chain in replicates(one)]
    return [*searches, *(Single(spec) for spec in specs)]


def answer(
    questions: Sequence[Question],
    store: Store,
    executor: Executor,
    *,
    watch: Watcher | None = None,
    policy: Policy | None = None,
    title: str = "",
) -> list[Answer]:
    """Answer questions with the runs in the store, computing those that are missing; see :func:`~.driver.drive`.

    Parameters
    ----------
    questions
        What is asked. Where workers are short, the first replicate of every question comes first, then the others,
        question by question.
    store
        Where finished runs are looked up and written.
    executor
        Who computes; it is closed at the end.
    watch
        Called after every run, and about once a second.
    policy
        What to do when runs fail; runs that failed before are tried again unless it says otherwise.
    title
        Tells this call from others that use the store.

    Returns
    -------
    list[Answer]
        The answers; a replicate whose run failed is in :attr:`Answer.failures`.

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted; every run that was finished is in the store.
    ArgumentError
        Before the first run, if the store cannot be written.
    """
    answers = [Answer.none_yet(question) for question in questions]
    # So the programs of a question are compiled once, by one worker, and the other replicates find them on disk.
    searches = [replicates(one) for one in answers]
    chains = [chain for one in searches for chain in one[:1]] + [
        chain for one in searches for chain in one[1:]
    ]
    shown = None if watch is None else lambda progress: watch(answers, progress.running)
    drive(chains, store, executor, policy=policy or Policy(again=True), watch=shown, title=title)
    return answers


def raise_failures(answers: Sequence[Answer]) -> None:
    """Raise an :class:`~srhm.SrhmError` that tells which runs failed and why, if any did."""
    failures = [failed for one in answers for failed in one.failures.values()]
    if failures:
        spec, failure = failures[0]
        others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise SrhmError(
            f"the run {spec.net}, P = {spec.P}, seed {spec.seeds.samples} on {spec.params} failed{others}: "
            f"{failure.reason}. Finished runs are kept; the same command goes on from there"
        )
