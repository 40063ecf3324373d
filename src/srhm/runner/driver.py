"""The driver: hands runs to an executor, puts what comes back into the store, and lets nothing be lost.

What happens to a run is decided here and nowhere else. A run whose process was killed, whose node was lost, that
ran out of memory or took longer than its limit is tried again, from its checkpoint; one that raised an error, or
failed too often, is recorded as failed with its reason; and the rest is computed. One driver owns a store: it takes
it before its first run, and a second one is refused.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import get_args

from ..errors import BackendError, SrhmError, check_integer, check_number
from ..interrupts import check_interrupt, interrupts_noted
from ..store import Store
from ..store.ownership import Ownership
from ..store.problems import StoreBusy, StoreFull
from ..study import Run, RunSpec
from ..study.failure import Failure, FailureKind
from .executors import Executor, Job, Outcome
from .functions import Importable
from .progress import Progress
from .resources import resources
from .sources import RunSource
from .work import RunJob

_REASONS = 3
"""Number of failures whose reasons are shown."""
_LAST_SECONDS = 5.0
"""How long finished runs wait at most for a locked or full store when the driver has to end."""


@dataclass(frozen=True)
class Policy:
    """What the driver does when things go wrong.

    Raises
    ------
    ArgumentError
        If a number is out of range.
    """

    retries: int = 2
    """How often a run is retried after its process was killed or lost, or its memory or time ran out."""
    limit: float | None = None
    """Seconds after which a run counts as hung; the next try resumes from its checkpoint. Default: no limit."""
    again: bool = False
    """Retry runs that failed according to the store."""
    gpu_memory: int | None = None
    """Memory of a GPU in bytes, of which every run requests a part, for clusters. Default: runs use CPUs."""
    keep_weights: bool = False
    """Keep the trained weights next to the store; finished runs without them are computed again."""
    gpu: float | None = None
    """The part of a GPU that every run asks a cluster for. Default: an estimate, with `gpu_memory`."""
    patience: float = 120.0
    """Seconds that finished runs wait for a store that is locked or full before the driver gives up."""
    tick: float = 1.0
    """Seconds after which the progress is shown again, and a locked or full store is tried again."""

    def __post_init__(self) -> None:
        check_integer("retries", self.retries, minimum=0, maximum=1000)
        if self.limit is not None:
            check_number("limit", self.limit, above=0.0)
        if self.gpu_memory is not None:
            check_integer("gpu_memory", self.gpu_memory, minimum=1)
        if self.gpu is not None:
            check_number("gpu", self.gpu, above=0.0)
        for name in ("patience", "tick"):
            check_number(name, getattr(self, name), above=0.0)


OnProgress = Callable[[Progress], None]
"""Called when the progress has changed, and about once a second."""


def drive(
    sources: Sequence[RunSource],
    store: Store,
    executor: Executor,
    *,
    policy: Policy | None = None,
    watch: OnProgress | None = None,
    title: str = "",
    train: Importable | None = None,
) -> Progress:
    """Compute the runs of all sources, and return the final progress.

    Finished runs are in the store immediately. Whatever ends this call, an interrupt or a kill, the same call resumes:
    with the runs in the store, and with the checkpoints of running ones. Earlier sources come first if the executor,
    which is closed at the end, is short of slots. The title, such as the command, names the driver to others that use
    the store; `train` says where workers find the function of the user's whose runs these are.

    It raises KeyboardInterrupt if it is interrupted; SystemExit with status 143 if the process is asked to end by
    SIGTERM, as by `srhm cancel`; BackendError if JAX has no backend to compute on, and records no run as failed for
    that; Unavailable if the executor can start nothing; StoreInUse, before the first run, if another process computes
    the runs of the store; and SrhmError if the store stays locked or full for two minutes or, before the first run,
    cannot be written.
    """
    return _Driver(sources, store, executor, policy or Policy(), watch, title, train).run()


@dataclass(eq=False)
class _Task:
    """A run that some sources wait for; none do where it was begun ahead."""

    spec: RunSpec
    sources: list[RunSource]
    attempts: int = 0


@dataclass(eq=False)
class _Driver:
    sources: Sequence[RunSource]
    store: Store
    executor: Executor
    policy: Policy
    watch: OnProgress | None
    title: str
    train: Importable | None
    asking: deque[RunSource] = field(default_factory=deque)
    """Sources that may ask for a run."""
    waiting: dict[str, _Task] = field(default_factory=dict)
    """Runs that wait for a slot, by hash, in the order they were asked for."""
    under_way: dict[int, _Task] = field(default_factory=dict)
    """Runs at work, by the number of their job."""
    unsaved: list[Run] = field(default_factory=list)
    """Finished runs that the store has not taken yet."""
    unsaved_failures: list[tuple[_Task, Failure]] = field(default_factory=list)
    """The same of failed ones."""
    finished: set[str] = field(default_factory=set)
    """Hashes of the runs in the store."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """Hashes of the runs that have failed, and why."""
    ahead: dict[str, Run] = field(default_factory=dict)
    """Runs computed before a source asked for them; the store gets those that are asked for."""
    begun_ahead: set[str] = field(default_factory=set)
    """Hashes of all that were begun so, be they finished or not."""

    def __post_init__(self) -> None:
        self.asking.extend(self.sources)
        self.done = self.computed = self.failed = self.numbers = 0
        self.began = time.monotonic()
        self.shown = float("-inf")
        self.store_failed_at: float | None = None
        self.no_backend: str | None = None
        self.ownership: Ownership | None = None
        self.opened = ExitStack()
        self.reasons: deque[str] = deque(maxlen=_REASONS)

    @interrupts_noted()
    def run(self) -> Progress:
        """Work until no source asks any more."""
        try:
            self._look_up()
            while self._step():
                pass
        except BaseException:
            self._stop()
            raise
        self.executor.close()
        self._leave()
        self._show(at_once=True)
        return self._progress()

    def _step(self) -> bool:
        """Do one round; return whether there is more to do."""
        check_interrupt()
        self._ask()
        self._start()
        self._ask_ahead()
        self._show()
        if self.under_way:
            self._take(self.executor.wait(self.policy.tick))
        elif self.store_failed_at:
            time.sleep(self.policy.tick)
            self._save()
        needed = any(task.sources for task in (*self.waiting.values(), *self.under_way.values()))
        return bool(needed or self.unsaved or self.unsaved_failures or self.asking)

    # --- what is asked for ---

    def _look_up(self) -> None:
        """Learn which runs the store has, and which of them have failed."""
        self.finished = self.store.hashes(with_weights=self.policy.keep_weights)
        self.failures = self._known_failures()

    def _known_failures(self) -> dict[str, Failure]:
        if self.policy.again:
            return {}
        known = self.store.failures()
        return {failed.spec.hash: Failure(_kind(failed.kind), failed.reason) for failed in known}

    def _ask(self) -> None:
        """Have sources ask until there is work for all slots; those in the store are given to them at once."""
        while self.asking and len(self.waiting) < self.executor.slots - len(self.under_way):
            source = self.asking.popleft()
            spec = source.ask()
            if spec is None:
                self.done += 1
                continue
            key = spec.hash
            if key in self.finished:
                if not self._tell_stored(source, spec):
                    break
            elif key in self.failures:
                source.give_up(spec, self.failures[key])
                self.reasons.append(self.failures[key].reason)
                self.failed += 1
                self.done += 1
            elif key in self.ahead:
                run = self.ahead.pop(key)
                self.unsaved.append(run)
                self._save()
                self._tell_all(_Task(spec, [source]), run)
            elif (task := self._known(key)) is not None:
                task.sources.append(source)
            else:
                self.waiting[key] = _Task(spec, [source])

    def _tell_stored(self, source: RunSource, spec: RunSpec) -> bool:
        """Give a source the run in the store, and have it ask again; return whether the store could be read."""
        self.asking.appendleft(source)
        if source.skip():
            return True
        try:
            run = self.store.get(spec)
        except StoreBusy as error:
            self._tolerate(error)
            return False
        self.store_failed_at = None
        if run is None:  # deleted meanwhile by somebody else
            self.finished.discard(spec.hash)
        else:
            source.tell(run, computed=False)
        return True

    def _known(self, key: str) -> _Task | None:
        """A run that another source has asked for, and that is not finished."""
        under_way = (task for task in self.under_way.values() if task.spec.hash == key)
        return self.waiting.get(key) or next(under_way, None)

    def _ask_ahead(self) -> None:
        """Begin runs that sources may ask for later, where slots are idle: the first choice of each, then the second.

        What a source asks for does not depend on them.
        """
        idle = self.executor.ahead_slots - len(self.under_way) - len(self.waiting)
        if idle <= 0 or self.asking or self.policy.keep_weights:
            return
        pending = [source for task in self.under_way.values() for source in task.sources]
        by_choice = zip_longest(*(source.ask_ahead() for source in pending))
        for spec in (spec for choices in by_choice for spec in choices if spec is not None):
            if idle == 0:
                break
            key = spec.hash
            known = key in self.finished or key in self.failures or self._known(key) is not None
            if known or key in self.begun_ahead or spec.setup.measuring.records_weights:
                continue
            self.begun_ahead.add(key)
            self.waiting[key] = _Task(spec, [])
            idle -= 1
        self._start()

    # --- what is begun ---

    def _start(self) -> None:
        """Hand waiting runs to the executor until its slots are taken."""
        if not self.waiting or self.unsaved:
            return
        if self.ownership is None and not self._own():
            return
        while self.waiting and len(self.under_way) < self.executor.slots:
            key, task = next(iter(self.waiting.items()))
            keep = self.policy.keep_weights or task.spec.setup.measuring.records_weights
            job = RunJob(
                task.spec,
                str(self.store.checkpoint(task.spec).absolute()),
                str(self.store.weights_folder.absolute()) if keep else None,
                self.train,
            )
            self.numbers += 1
            task.attempts += 1
            needs = resources(task.spec, gpu_memory=self.policy.gpu_memory)
            needs = needs if self.policy.gpu is None else replace(needs, gpu=self.policy.gpu)
            self.executor.start(Job(self.numbers, json.dumps(job.to_dict()), needs, self.policy.limit))
            del self.waiting[key]
            self.under_way[self.numbers] = task

    def _own(self) -> bool:
        """Take the store; return whether nothing has changed in it since it was looked up."""
        self.store.check_writable()
        self.ownership = self.store.own(self.title, len(self.sources), self.done)
        self.opened.enter_context(self.store.kept_open())
        before = len(self.finished), len(self.failures)
        self._look_up()  # its last owner may have finished runs meanwhile
        if (len(self.finished), len(self.failures)) == before:
            return True
        for task in self.waiting.values():
            self.asking.extendleft(reversed(task.sources))
        self.waiting.clear()
        return False

    def _leave(self) -> None:
        """Give the store back."""
        for task in self.under_way.values():
            if not task.sources:  # it was begun ahead, and nobody asked for it
                self.store.checkpoint(task.spec).unlink(missing_ok=True)
        self.opened.close()
        self.store.tidy()
        if self.ownership is not None:
            self.ownership.end()
            self.ownership = None

    # --- what comes back ---

    def _take(self, outcomes: list[Outcome]) -> None:
        """Keep the runs that have come back, then give them to the sources."""
        runs: list[tuple[_Task, Run]] = []
        for outcome in outcomes:
            task = self.under_way.pop(outcome.number)
            result = outcome.failure if outcome.result is None else _read(outcome.result)
            if not task.sources:
                if isinstance(result, Run):
                    self.ahead[task.spec.hash] = result
            elif isinstance(result, Run):
                runs.append((task, result))
                self.unsaved.append(result)
            elif result is not None:
                self._failed(task, result)
        self._save()
        for task, run in runs:
            self._tell_all(task, run)
        if self.no_backend is not None:
            raise BackendError(self.no_backend)
        if outcomes:
            self._show(at_once=True)

    def _save(self) -> None:
        """Put what came back into the store; one that is locked or full is tried again for a while."""
        if not (self.unsaved or self.unsaved_failures):
            return
        try:
            if self.unsaved:
                self.store.put_many(self.unsaved)
                self.unsaved = []
            while self.unsaved_failures:
                task, failure = self.unsaved_failures[0]
                self.store.fail(task.spec, failure.kind, failure.reason, task.attempts)
                del self.unsaved_failures[0]
        except (StoreBusy, StoreFull) as error:
            self._tolerate(error)
        else:
            self.store_failed_at = None

    def _tolerate(self, error: SrhmError) -> None:
        """Retry while the store is locked or full, for a while."""
        now = time.monotonic()
        self.store_failed_at = self.store_failed_at or now
        if now - self.store_failed_at > self.policy.patience:
            raise error

    def _failed(self, task: _Task, failure: Failure) -> None:
        """Try a run again if that may help, else record that it failed."""
        may_help = self.computed > 0 or failure.kind != "backend"  # a backend that other workers have
        if may_help and failure.kind != "error" and task.attempts <= self.policy.retries:
            self.waiting[task.spec.hash] = task
            return
        if failure.kind == "backend":
            self.no_backend = failure.reason
            return
        self.unsaved_failures.append((task, failure))
        self.failures[task.spec.hash] = failure
        self._give_up(task, failure)

    def _give_up(self, task: _Task, failure: Failure) -> None:
        self.failed += 1
        self.reasons.append(failure.reason)
        self.done += len(task.sources)
        for source in task.sources:
            source.give_up(task.spec, failure)

    def _tell_all(self, task: _Task, run: Run) -> None:
        """Give the sources a run that was computed now."""
        self.computed += 1
        self.finished.add(task.spec.hash)
        for source in reversed(task.sources):
            source.tell(run, computed=True)
            self.asking.appendleft(source)  # a search continues before another begins

    # --- meanwhile ---

    def _show(self, *, at_once: bool = False) -> None:
        """Show the progress, unless it was shown a moment ago."""
        now = time.monotonic()
        if at_once or now - self.shown >= self.policy.tick:
            self.shown = now
            if self.ownership is not None:
                self.ownership.update(self.done, len(self.under_way))
            if self.watch is not None:
                self.watch(self._progress())

    def _progress(self) -> Progress:
        return Progress(
            total=len(self.sources),
            done=self.done,
            computed=self.computed,
            running=len(self.under_way),
            unused=len(self.ahead),
            failed=self.failed,
            seconds=time.monotonic() - self.began,
            reasons=tuple(self.reasons),
        )

    def _stop(self) -> None:
        """End early: keep what comes back, and give the store back."""
        outcomes: list[Outcome] = []
        try:
            outcomes = self.executor.close(interrupted=True)
        finally:
            try:
                with suppress(Exception):  # what went wrong first is what counts
                    self._take(outcomes)
                until = time.monotonic() + min(_LAST_SECONDS, self.policy.patience)
                while self.unsaved and time.monotonic() < until:
                    time.sleep(0.2)
                    with suppress(Exception):
                        self._save()
            finally:  # also when Ctrl-C is pressed again: a notebook goes on
                with suppress(Exception):
                    self._leave()


def _read(result: str) -> Run | Failure:
    """Read a run that came back; a node with another version of the package may send something else."""
    try:
        return Run.from_dict(json.loads(result))
    except ValueError as error:
        return Failure("error", f"the result cannot be read: {error}")


def _kind(name: str) -> FailureKind:
    """Return the kind of failure that a store names; one that is not known, of a newer version, is an error."""
    return next((kind for kind in get_args(FailureKind) if kind == name), "error")
