"""What is told of many runs: in numbers, in a line, and again and again in another terminal."""

from typing import Any

import pytest

from srhm.cli import terminal
from srhm.cli.terminal import DriverView, progress_text, watch_status
from srhm.runner.progress import Progress, duration

HALF = Progress(total=100, done=60, computed=40, running=2, failed=3, seconds=80.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (3660, "1 h 1 min"),
     (47.9 * 3600, "47 h 54 min"), (50 * 3600, "2 d 2 h")],
)  # fmt: skip
def test_durations_are_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_rest_is_foretold_from_what_was_done_since_the_start() -> None:
    assert HALF.rate == 0.5
    assert HALF.left() == pytest.approx(80 * 40 / 60)
    assert HALF.left(done_before=20) == pytest.approx(80 * 40 / 40)  # the twenty in the store took no time
    assert HALF.left(done_before=60) is None
    assert Progress(10, 0, 0, 2, 0, 0, 0.0).rate == 0.0


def test_a_line_tells_what_there_is() -> None:
    assert progress_text(HALF, 20) == (
        "60 of 100 done, 2 running, 3 failed, 0.5 runs a second, 1 min 20 s left"
    )
    assert progress_text(Progress(10, 0, 0, 2, 0, 0, 1.0)) == "0 of 10 done, 2 running"


def test_without_a_terminal_lines_come_at_times_and_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with DriverView("grid") as view:
        for done in range(11):
            now[0] = 10.0 * done
            view(Progress(10, done, done, 1, 0, 0, now[0]))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"grid: {n} of 10 done" for n in (0, 3, 6, 9, 10)]


def status(running: bool, finished: int) -> dict[str, Any]:
    driver = {"title": "srhm grid GRID.toml", "host": "here", "pid": 7, "done": finished, "total": 9,
              "state": "running" if running else "done", "seen_seconds_ago": 1.0}  # fmt: skip
    return {"finished": finished, "running": int(running), "failed": 0, "runs_per_second": 0.5 * running,
            "seconds_left": 12.0 if running else None, "drivers": [driver]}  # fmt: skip


def test_the_watch_ends_with_the_last_driver(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [status(True, 3), status(True, 6), status(False, 9)]
    waited: list[float] = []
    monkeypatch.setattr(terminal.time, "sleep", waited.append)
    watch_status(lambda: looks.pop(0))
    err = capsys.readouterr().err
    assert looks == [] and len(waited) == 2
    assert "3 finished, 1 running, 0 failed; 0.5 runs a second, 12 s left" in err
    assert "srhm grid GRID.toml on here, process 7: running, 6 of 9" in err
