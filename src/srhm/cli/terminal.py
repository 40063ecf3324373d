"""What a person sees while runs are computed: a live view on a terminal, quiet lines elsewhere.

Everything goes to standard error; standard output is for results.
"""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..runner.progress import Progress, duration
from ..study import Run, RunSpec, Study
from ..study.describe import setup_name
from .status import status_text

_LINE_SECONDS = 30.0
_WATCH_SECONDS = 2.0


_View = TypeVar("_View", bound="_LiveView")


class _LiveView:
    """A view that is drawn again and again on a terminal; elsewhere its text is a line every half minute."""

    def __init__(self, first: str, wait: float = 0.0) -> None:
        self._first, self._line_at = first, time.monotonic() + wait
        self._console = Console(stderr=True)
        self._live: Live | None = None

    def __enter__(self: _View) -> _View:
        if self._console.is_terminal:
            self._live = Live(Text(self._first), console=self._console, refresh_per_second=4)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def show(self, text: str, *, now: bool = False) -> None:
        """Show a text, elsewhere than on a terminal if it is time for a line, or now."""
        if self._live is not None:
            self._live.update(Text(text))
        elif now or time.monotonic() >= self._line_at:
            self._line_at = time.monotonic() + _LINE_SECONDS
            print(text, file=sys.stderr, flush=True)


class RunsView(_LiveView):
    """Shows the studies as they grow: a table on a terminal, one line for each finished run elsewhere."""

    def __init__(self) -> None:
        super().__init__("starting")
        self._shown: set[tuple[int, int, int]] = set()

    def __call__(self, studies: list[Study], under_way: int) -> None:
        """Show the studies so far."""
        if self._live is not None:
            self._live.update(self._table(studies, under_way))
            return
        for number, study in enumerate(studies):
            for replicate, runs in enumerate(study.runs):
                for run in runs:
                    if (number, replicate, run.spec.P) not in self._shown:
                        self._shown.add((number, replicate, run.spec.P))
                        print(_line(run, replicate), file=sys.stderr, flush=True)

    @staticmethod
    def _table(studies: list[Study], under_way: int) -> Table:
        table = Table(
            title=f"{sum(len(r) for a in studies for r in a.runs)} runs finished, {under_way} under way"
        )
        for heading in ("network", "runs", "last run", "P*"):
            table.add_column(heading)
        for study in studies:
            runs = [run for replicate in study.runs for run in replicate]
            found = study.complexity() if study.finished and runs else None
            P_star = (
                "..." if found is None else found.status if found.P_star is None else f"{found.P_star:,.0f}"
            )
            last = f"P = {runs[-1].spec.P:,}: error {_percent(runs[-1])}" if runs else ""
            table.add_row(setup_name(study.setup), str(len(runs)), last, P_star)
        return table


class TrainingView(_LiveView):
    """Shows one training run: epoch, loss and best test error so far."""

    def __init__(self, spec: RunSpec) -> None:
        self._title = f"{setup_name(spec.setup)}, P = {spec.P:,}"
        super().__init__(f"{self._title}: compiling", _LINE_SECONDS)

    def __call__(self, seen: dict[str, float]) -> None:
        """Show the state of the run."""
        text = f"{self._title}: epoch {seen['epoch']:,.0f}, loss {seen['train_loss']:.3g}"
        if seen["best_test_error"] <= 1:
            text += f", best test error {seen['best_test_error']:.4f}"
        self.show(text)


class DriverView(_LiveView):
    """Shows how far a driver has come: a live line on a terminal, a line every half minute elsewhere."""

    def __init__(self, title: str) -> None:
        super().__init__(f"{title}: starting")
        self._title = title
        self._before: int | None = None

    def __call__(self, progress: Progress) -> None:
        """Show the progress."""
        if self._before is None:
            self._before = progress.done  # found in the store, not done now
        text = f"{self._title}: {progress_text(progress, self._before)}"
        self.show(text, now=progress.done == progress.total)


def progress_text(progress: Progress, done_before: int = 0) -> str:
    """Return one line on how far a driver has come."""
    parts = [f"{progress.done:,} of {progress.total:,} done", f"{progress.running:,} running"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.computed:
        parts.append(f"{progress.rate:.3g} runs a second")
    left = progress.left(done_before)
    if left is not None and progress.done < progress.total:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def watch_status(look: Callable[[], dict[str, Any]]) -> None:
    """Show what `look` returns again and again, until no driver is at work."""
    console = Console(stderr=True)
    content = look()
    if not console.is_terminal:
        while _at_work(content):
            print(status_text(content), file=sys.stderr, flush=True)
            time.sleep(_LINE_SECONDS)
            content = look()
        return
    with Live(Text(status_text(content)), console=console, refresh_per_second=2) as live:
        while _at_work(content):
            time.sleep(_WATCH_SECONDS)
            content = look()
            live.update(Text(status_text(content)))


def _at_work(content: dict[str, Any]) -> bool:
    return any(driver["state"] == "running" for driver in content["drivers"])


def _line(run: Run, replicate: int) -> str:
    seconds = sum(run.seconds.get(part, 0.0) for part in ("train", "sensitivities", "probes"))
    ending = "" if run.status == "converged" else f" ({run.status})"
    what = f"{setup_name(run.spec.setup)}, seed {replicate}, P={run.spec.P}"
    return f"{what}: error {_percent(run)}, {seconds:.1f} s{ending}"


def _percent(run: Run) -> str:
    error = run.metrics["error"]
    return "none" if error is None else f"{100 * error:.1f}%"
