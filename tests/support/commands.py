"""The command line as tests call it: in this process, or in one of its own that they kill."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from srhm.cli import main
from srhm.store import Store

SMALL = [
    *("--v", "3", "--s0", "1", "--width", "10", "--P-test", "100", "--stop-loss", "0.02"),
    *("--max-epochs", "400"),
]
"""A run, or a search, of a moment."""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Call the command line in this process: exit status, standard output, standard error."""
    status = 0
    try:
        main(list(arguments))
    except SystemExit as end:
        status = 0 if end.code is None else int(end.code)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def command(*arguments: str) -> list[str]:
    """Return the command line of a process of its own; one that hangs tells its threads at SIGABRT."""
    return [sys.executable, "-X", "faulthandler", "-m", "srhm.cli", *arguments]


def started(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a command in a session of its own, as a terminal does."""
    return subprocess.Popen(
        command(*arguments),
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a process has written; one that hangs has its threads told in the error."""
    try:
        return process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)
        raise AssertionError(process.communicate()) from None


def wait_for_rows(process: subprocess.Popen[str], store: Path, wanted: int) -> None:
    """Wait until a process that goes on has written so many runs."""
    deadline = time.monotonic() + 300
    while _count(store) < wanted:
        assert time.monotonic() < deadline and process.poll() is None, f"fewer than {wanted} runs"
        time.sleep(0.02)


def _count(store: Path) -> int:
    """Return how many runs there are, at less cost than a Store, whose process may have the core."""
    if not store.exists():
        return 0
    try:
        with closing(sqlite3.connect(store)) as connection:
            return connection.execute("select count(*) from runs").fetchone()[0]
    except sqlite3.OperationalError:  # the table is not there yet
        return 0


def wait_for_workers(group: int) -> None:
    """The workers of a killed driver end by themselves."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("workers outlive their killed driver")


def wait_for_a_child(driver: int) -> None:
    """Wait until a process has children that run Python as workers do."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        listed = ["ps", "-ww", "-o", "args=", "--ppid", str(driver)]
        if "spawn_main" in subprocess.run(listed, capture_output=True, text=True).stdout:
            return
        time.sleep(0.02)
    raise AssertionError("no worker was started")


def rows(store: str | Path) -> dict[str, Any]:
    """Return status and metrics of the runs of a store, by their hashes."""
    return {run.spec.hash: (run.status, run.metrics) for run in Store(store).runs()}
