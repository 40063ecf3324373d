"""Many kills, many runs and many rows, for minutes: `make test-long`. Their figures become a table of the docs."""

from pathlib import Path

import pytest

from chaos import chaos, check
from report import Report
from scale import measure
from torn_writes import survive

pytestmark = pytest.mark.long

RUNS, WORKER_KILLS, DRIVER_KILLS = 500, 30, 5


def test_many_kills_lose_nothing_and_change_nothing(tmp_path: Path, report: Report) -> None:
    calm = chaos(tmp_path, RUNS, 0, 0, seed=0)
    killed = chaos(tmp_path, RUNS, WORKER_KILLS, DRIVER_KILLS, seed=2)
    middle = sorted(sum(run.seconds.values()) - run.seconds.get("compile", 0.0) for run in calm.rows.values())
    extra = killed.executions.total() - RUNS
    unexplained = [run for run, times in killed.executions.items() if times > 1 + killed.explained[run]]
    same = sum(
        run.metrics == calm.rows[name].metrics for name, run in killed.rows.items() if name in calm.rows
    )
    given = (
        f"{RUNS} runs of {middle[RUNS // 2]:.2f} s, {WORKER_KILLS} workers and {DRIVER_KILLS} drivers killed"
    )
    whole = len(killed.rows) == RUNS and killed.failures == 0 and not killed.owned
    report.add(
        given + ": finished runs",
        f"{RUNS}, none failed",
        f"{len(killed.rows)}, {killed.failures} failed, in {killed.seconds:.0f} s",
        whole,
    )
    report.add(
        "the same: executions beyond one a run",
        f"≤ {WORKER_KILLS + 2 * DRIVER_KILLS}, each of a run that a kill met",
        f"{extra}",
        extra <= WORKER_KILLS + 2 * DRIVER_KILLS and not unexplained,
    )
    report.add("the same: rows equal to those without kills, to the bit", f"{RUNS}", f"{same}", same == RUNS)
    check(killed, calm)
    assert middle[RUNS // 2] >= 0.3, "the runs are too short for kills to meet them"


def test_what_was_put_survives_many_kills(tmp_path: Path, report: Report) -> None:
    written = survive(tmp_path, kills=200, seed=1)  # it checks the store after each
    report.add(
        "200 writers killed amid writing: what had been written", "all of it", f"all {written:,} writes", True
    )


def test_ten_thousand_runs(tmp_path: Path, report: Report) -> None:
    found = measure("empty", tmp_path, 10_000)
    report.add_time("10,000 empty runs, end to end", 120, found["seconds"])
    report.add_time("the same: time of an empty run, 2 workers", 0.005, found["per_run"])
    grown = found["late"] - found["early"]
    report.add(
        "the same: memory of the driver, from 1,000 runs to the end",
        "< 50 MB more",
        f"{grown:.0f} MB more, of {found['late']:.0f} MB",
        grown < 50,
    )


def test_runs_on_ray(tmp_path: Path, report: Report) -> None:
    found = measure("ray", tmp_path, 2000)
    report.add_time(
        "2,000 empty runs on a Ray of this machine, 2 at a time: time of one", 0.020, found["per_run"]
    )


def test_a_hundred_thousand_rows(tmp_path: Path, report: Report) -> None:
    found = measure("rows", tmp_path, 100_000)
    report.add_time("store of 100,000 rows: `srhm status`", 0.2, found["status"])
    report.add_time("store of 100,000 rows: the 400 of one figure", 1, found["query"])
