"""Many runs through the driver: each once, none lost. Ten thousand, and their time, in long/test_long.py."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import chaos_driver
from chaos import events
from fake_runs import SPEC
from srhm.runner.driver import drive
from srhm.runner.executors import Workers
from srhm.runner.sources import Single
from srhm.store import Store
from srhm.study import Seeds


@pytest.mark.long
@pytest.mark.usefixtures("unchecked")
def test_many_runs_are_executed_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, store = tmp_path / "log", Store(tmp_path / "runs.sqlite")
    monkeypatch.setenv(chaos_driver.LOG, str(log))
    specs = [replace(SPEC, seeds=Seeds(samples=number)) for number in range(100)]
    progress = drive([Single(spec) for spec in specs], store, Workers(2, chaos_driver.fake_logged))
    assert (progress.computed, progress.failed, progress.done) == (100, 0, 100)
    executions = Counter(event.run for event in events(log))
    assert set(executions.values()) == {1}
    assert executions.keys() == store.hashes() == {spec.hash for spec in specs}
    assert store.counts().running == 0
