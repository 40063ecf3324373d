"""The commands for many runs: the same rows on every executor, by shards and merge, and after any interruption."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from commands import ended, rows, run, started
from srhm.cli import main
from srhm.store import Store

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning:ray"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
]

GRID = """
title = "small"

[[runs]]
net = ["cnn", "lcn"]
v = 3
width = 8
P = 60
P_test = 100
seeds = 2
max_epochs = 6

[[pstar]]
net = "cnn"
v = 3
width = 8
P_test = 100
seeds = 1
max_epochs = 6
search = "nearest_grid"
start = 60
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "GRID.toml").write_text(GRID)
    return tmp_path


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of all runs of the file, computed one by one in this process."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "GRID.toml").write_text(GRID)
    main(["grid", str(folder / "GRID.toml"), "--store", str(folder / "one.sqlite"), "--workers", "1"])
    return folder / "one.sqlite"


@pytest.fixture
def copied(alone: Path, here: Path) -> str:
    """A copy of that store."""
    shutil.copy(alone, here / "runs.sqlite")
    return "runs.sqlite"


@pytest.mark.long  # in a worker: runner/test_lab.py
@pytest.mark.parametrize("on", ["local", "ray"])
def test_the_same_rows_on_every_executor(alone: Path, on: str) -> None:
    # In a process of its own: Ray keeps the token that it read first for the life of a process.
    process = started(
        *("grid", "GRID.toml", "--workers", "2", "--on", on, "--store", "runs.sqlite"),
        RAY_AUTH_TOKEN=secrets.token_hex(32),
    )
    out, err = ended(process)
    assert process.returncode == 0 and "0 failed" in out and "5 of 5 done" in err, err
    assert rows("runs.sqlite") == rows(alone)


@pytest.mark.long
def test_the_same_rows_by_shards(capsys: pytest.CaptureFixture[str], here: Path, alone: Path) -> None:
    for number in (1, 2, 3):
        status, out, _ = run(
            capsys, "grid", "GRID.toml", "--shard", f"{number}/3", "--workers", "1", "--json"
        )
        assert status == 0 and json.loads(out)["total"] == (2, 2, 1)[number - 1]
    shards = sorted(str(path) for path in (here / "srhm-runs").iterdir())
    assert [Path(path).name for path in shards] == [f"GRID-shard-{n}-of-3.sqlite" for n in (1, 2, 3)]
    expected = rows(alone)
    status, out, _ = run(capsys, "merge", "all.sqlite", *shards)
    assert status == 0 and out.startswith(f"{len(expected)} runs added, ") and len(expected) > 4 + 5
    assert rows("all.sqlite") == expected
    status, out, _ = run(capsys, "merge", "all.sqlite", *shards, "--json")
    assert json.loads(out)["added"] == 0
    merged, whole = (
        json.loads(run(capsys, "grid", "GRID.toml", "--store", str(store), "--json")[1])
        for store in ("all.sqlite", alone)
    )
    assert merged["computed"] == whole["computed"] == whole["failed"] == 0
    assert whole["total"] == whole["done"] == 5
    assert len(whole["pstar"]) == 1 and whole["pstar"][0]["params"]["v"] == 3
    assert merged["pstar"][0]["P_star"] == whole["pstar"][0]["P_star"]


def test_a_plan_computes_nothing(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    status, out, _ = run(capsys, "grid", "GRID.toml", "--plan", "--json")
    assert status == 0
    assert json.loads(out) == {
        "runs": 4, "searches": 1, "begun_or_finished": 0, "failed": 0, "store": "srhm-runs/runs.sqlite"
    }  # fmt: skip
    assert [path.name for path in here.iterdir()] == ["GRID.toml"]


def test_failures_are_told_and_tried_again_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from srhm.runner.work import execute_job

    def work(content: str) -> str:
        if json.loads(content)["spec"]["net"]["family"] == "lcn":
            raise RuntimeError("the machine caught fire")
        return execute_job(content)

    monkeypatch.setattr("srhm.runner.executors.execute_job", work)
    Path("GRID.toml").write_text(GRID.replace("seeds = 2", "seeds = 4"))
    command = ["grid", "GRID.toml", "--store", "runs.sqlite", "--workers", "1"]
    status, out, err = run(capsys, *command)
    assert status == 1 and "4 failed" in out and "RuntimeError: the machine caught fire" in out
    assert "4 failed" in err
    status, out, _ = run(capsys, "status", "runs.sqlite", "--json", "--failures")
    content = json.loads(out)
    assert status == 0 and (content["failed"], content["running"]) == (4, 0)
    assert {one["spec"]["net"]["family"] for one in content["failures"]} == {"lcn"}
    assert content["drivers"] == []
    status, out, _ = run(capsys, "status", "runs.sqlite")
    assert (
        "4 failed" in out and "failed (error, 1 tries): lcn, P = 60" in out and "--failures lists all" in out
    )
    monkeypatch.setattr("srhm.runner.executors.execute_job", execute_job)
    assert run(capsys, *command)[0] == 1  # known to have failed
    assert run(capsys, *command, "--again")[0] == 0
    assert json.loads(run(capsys, "status", "runs.sqlite", "--json")[1])["failed"] == 0


def test_what_would_be_ignored_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("GRID.toml").write_text(GRID)
    status, _, err = run(capsys, "grid", "GRID.toml", "--workers", "1", "--limit", "5", "--store", "l.sqlite")
    assert status == 2 and "limit = 5" in err and "Use workers >= 2" in err and not Path("l.sqlite").exists()
    status, _, err = run(capsys, "merge", "out.jsonl.xz", "a.sqlite")
    assert status == 2 and "is the name of an archive" in err and not Path("out.jsonl.xz").exists()


@pytest.mark.usefixtures("copied")
def test_tables_are_exported(capsys: pytest.CaptureFixture[str]) -> None:
    import pandas

    status, out, _ = run(capsys, "export", "runs.parquet", "--store", "runs.sqlite")
    table = pandas.read_parquet("runs.parquet")
    assert status == 0 and f"wrote {len(table)} runs" in out
    run(capsys, "export", "runs.csv", "--store", "runs.sqlite")
    assert set(pandas.read_csv("runs.csv")["hash"]) == set(table["hash"]) == set(rows("runs.sqlite"))
    assert {"net", "v", "P", "error", "S_21", "seed_network", "momentum"} <= set(table.columns)
    run(capsys, "export", "runs.jsonl.xz", "--store", "runs.sqlite")
    status, out, _ = run(capsys, "merge", "again.sqlite", "runs.jsonl.xz", "runs.sqlite", "--json")
    assert (status, json.loads(out)["added"], json.loads(out)["known"]) == (0, len(table), len(table))
    assert rows("again.sqlite") == rows("runs.sqlite")


def test_weights_are_kept_when_asked_for(capsys: pytest.CaptureFixture[str], here: Path, copied: str) -> None:
    from srhm.nets.weights import load_weights

    command = ["grid", "GRID.toml", "--store", copied, "--workers", "1", "--json"]
    computed = len(Store(copied))
    assert json.loads(run(capsys, *command)[1])["computed"] == 0
    assert not (here / "runs-weights").exists()
    assert json.loads(run(capsys, *command, "--keep-weights")[1])["computed"] == computed
    assert json.loads(run(capsys, *command, "--keep-weights")[1])["computed"] == 0
    store = Store(copied)
    one = next(store.runs(net="lcn"))
    assert one.weights is not None
    net = load_weights(store.weights_folder, one.weights, one.spec.net.build(one.spec.params, 0))
    assert net.readout.shape == (8, 3)


LONG = "[[runs]]\nv = 3\nwidth = 8\nP = [60, 70, 80, 90]\nP_test = 100\nstop_loss = 1e-12\nmax_epochs = 1000000\n"


def started_long(workers: str, **environment: str) -> subprocess.Popen[str]:
    """Start a command that has hours to compute."""
    Path("LONG.toml").write_text(LONG)
    return started("grid", "LONG.toml", "--store", "long.sqlite", "--workers", workers, **environment)


def wait_until_running(capsys: pytest.CaptureFixture[str], count: int) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    content: dict[str, Any] = {}
    while time.monotonic() < deadline:
        status, out, _ = run(capsys, "status", "long.sqlite", "--json")
        content = json.loads(out) if status == 0 else {}
        if content.get("running", 0) >= count:
            return content
        time.sleep(0.2)
    raise AssertionError(f"never {count} running: {content}")


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_cancelled_from_another_terminal(
    capsys: pytest.CaptureFixture[str], here: Path, workers: str
) -> None:
    process = started_long(workers, JAX_COMPILATION_CACHE_DIR=str(here / "compiled"))
    content = wait_until_running(capsys, int(workers))
    assert [one["state"] for one in content["drivers"]] == ["running"]
    assert content["drivers"][0]["pid"] == process.pid
    deadline = time.monotonic() + 120
    while not list((here / "compiled").glob("jit_advance_in_order-*")):  # kept once it is compiled
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    status, out, _ = run(capsys, "cancel", "long.sqlite")
    assert (status, out) == (0, "1 drivers were asked to stop, 1 have ended\n")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert "ended by SIGTERM" in err and "Traceback" not in err
    kept = list((here / "long-checkpoints").iterdir())
    assert 1 <= len(kept) <= int(workers)  # one that still compiled has nothing to keep
    content = json.loads(run(capsys, "status", "long.sqlite", "--json")[1])
    assert content["running"] == 0 and content["drivers"] == []


@pytest.mark.long
def test_a_killed_driver_leaves_its_runs_to_the_next(
    capsys: pytest.CaptureFixture[str], compiled_apart: dict[str, str]
) -> None:
    first = started_long("2", **compiled_apart)
    wait_until_running(capsys, 2)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    content = json.loads(run(capsys, "status", "long.sqlite", "--json")[1])
    assert content["running"] == 0 and content["drivers"][0]["state"] == "killed"
    second = started_long("2", **compiled_apart)
    wait_until_running(capsys, 2)  # at once: the dead own nothing
    os.killpg(second.pid, signal.SIGKILL)
    second.communicate()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grid", "none.toml", "--shard", "4/3"], "shard = 4 is above 3"),
        (["grid", "none.toml", "--on", "moon"], "on = 'moon' is not an executor"),
        (["grid", "none.toml", "--workers", "0"], "workers = 0 is below 1"),
        (["cancel", "--wait", "nan"], "wait = nan is not a number of seconds"),
        (["grid", "none.toml"], "grid = 'none.toml' cannot be read"),
        (["grid", "GRID.toml", "--shard", "4/3"], "shard = 4 is above 3"),
        (["grid", "GRID.toml", "--shard", "one"], "shard = 'one' is not of the form i/n"),
        (["grid", "GRID.toml", "--on", "moon"], "on = 'moon' is not an executor"),
        (["grid", "GRID.toml", "--limit", "0"], "limit = 0.0 is not a finite number > 0"),
        (["grid", "GRID.toml", "--retries", "-1"], "retries = -1 is below 0"),
        (["grid", "GRID.toml", "--store", "GRID.toml"], "is not a store of srhm runs"),
        (["grid", "GRID.toml", "--store", "mysql://x/y"], "store = 'mysql://...' is a URL"),
        (["grid", "GRID.toml", "--on", "ray://nowhere"], "nowhere"),
        (["grid", "GRID.toml", "--gpu-memory", "80"], "gpu_memory = 80.0 is for clusters"),
        (["status", "none.sqlite"], "store = 'none.sqlite' does not exist"),
        (["cancel", "none.sqlite"], "does not exist"),
        (["merge", "all.sqlite", "none.sqlite"], "does not exist"),
        (["merge", "all.sqlite"], "names no store"),
        (["export", "runs.txt"], "ends in neither .parquet nor .csv nor .jsonl.xz"),
        (["export", "runs.csv", "--store", "none.sqlite"], "does not exist"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], here: Path, arguments: list[str], said: str
) -> None:
    status, out, err = run(capsys, *arguments)
    assert status == 2 and out == "" and said in err and "Traceback" not in err
    assert [path.name for path in here.iterdir()] == ["GRID.toml"]
