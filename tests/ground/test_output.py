"""Where what is printed or written cannot be: one line that says so, and whole files or none."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

import jobs
from fake_runs import SPEC
from srhm import files
from srhm.cli import main
from srhm.runner.work import RunJob
from srhm.store import Store
from srhm.study import Run


def status_of(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code


@pytest.mark.parametrize("command", ["--help", "theory --help", "theory", "sample --count 2"])
def test_a_full_standard_output_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert status_of(*command.split()) == 1
    assert capsys.readouterr().err == (
        "srhm: error: standard output cannot be written: No space left on device\n"
    )


@pytest.mark.parametrize("command", ["--help", "theory"])
def test_a_reader_that_has_gone_ends_a_command_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        assert status_of(command) == 128 + signal.SIGPIPE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("command", "file", "consequence"),
    [
        ("sample --out data.npz", "data.npz", "Nothing was written."),
        ("sample --count 5000 --encoding whitened --out data.npz", "data.npz", "Nothing was written."),
        ("report page.html", "page.html", "Nothing was written."),
        ("export runs.csv", "runs.csv", "Nothing was written."),
        ("export runs.parquet", "runs.parquet", "Nothing was written."),
        ("export runs.jsonl.xz", "runs.jsonl.xz", "Nothing was written."),
        ("figure 1", "figures/figure_1.pdf", "Figures that were written are whole."),
        (
            "export-data data --P 10 --P-test 10",
            "data/manifest.json",
            "Finished shards are kept; the same command resumes.",
        ),
    ],
)
def test_a_full_disk_is_an_error_that_names_the_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    file: str,
    consequence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("srhm-runs/runs.sqlite")
    store.put(Run.from_dict(json.loads(jobs.execute_fake(json.dumps(RunJob(SPEC).to_dict())))))

    def opened(part: Path) -> BinaryIO:
        part.parent.mkdir(exist_ok=True)
        part.touch()
        return Path("/dev/full").open("wb")

    monkeypatch.setattr(files, "_opened", opened)
    assert status_of(*command.split()) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"srhm: error: {file}: No space left on device. {consequence}\n")
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "srhm-runs"]
    assert left == []


def test_a_command_without_standard_output_does_its_work(tmp_path: Path) -> None:
    closed = f"{sys.executable} -m srhm.cli theory >&- 2>err"
    assert subprocess.run(["sh", "-c", closed], cwd=tmp_path).returncode == 0
    assert (tmp_path / "err").read_text() == ""
