"""The commands of the paper: what they print and write, and what they refuse before they begin."""

import json
from pathlib import Path
from typing import Any

import pytest

from commands import run
from paper_oracle import runs_of, work
from srhm.paper.figures import FIGURES
from srhm.paper.settings import model, setup
from srhm.store import Store


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_figure_is_drawn_from_a_store(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Store("runs.sqlite").put_many(runs_of(setup("lcn", model(4, 1))))
    status, out, err = run(capsys, "figure", "4B", "--store", "runs.sqlite", "--out", "drawn")
    assert status == 0 and err == "" and out.split() == [
        "wrote", "drawn/figure_4B.pdf", "wrote", "drawn/figure_4B.png"
    ]  # fmt: skip
    assert {path.name for path in (here / "drawn").iterdir()} == {"figure_4B.pdf", "figure_4B.png"}
    status, out, _ = run(capsys, "figure", "6C")  # the paper's values alone
    assert status == 0 and not (here / "srhm-runs").exists()


def test_the_plan_tells_runs_and_time_and_computes_nothing(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    status, out, _ = run(capsys, "reproduce", "--tier", "laptop", "--plan")
    lines = out.splitlines()
    assert status == 0 and lines[0].startswith("figure") and lines[-1].startswith("all")
    assert [line.split()[0] for line in lines[1:-1]] == list(FIGURES)
    status, out, _ = run(capsys, "reproduce", "4B", "5", "--plan", "--json")
    plan: list[dict[str, Any]] = json.loads(out)
    assert [one["figure"] for one in plan] == ["4B", "5", "all"] and plan[0]["runs"] > 100
    assert list(here.iterdir()) == []


@pytest.mark.long
def test_a_reproduction_computes_draws_and_compares(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an oracle in place of training; again, and nothing is left to compute."""
    monkeypatch.setattr("srhm.runner.executors.execute_job", work)
    command = ["reproduce", "batch", "5", "--workers", "1", "--store", "runs.sqlite", "--json"]
    status, out, _ = run(capsys, *command)
    content = json.loads(out.splitlines()[-1])
    assert status == 0 and content["computed"] > 12 and content["failed"] == 0
    names = {path.name for path in (here / "figures").iterdir()}
    assert names == {f"figure_{n}.{k}" for n in ("batch", "5") for k in ("pdf", "png")} | {"tables.md"}
    assert json.loads(run(capsys, *command)[1].splitlines()[-1])["computed"] == 0


@pytest.mark.long
def test_shards_are_merged_and_drawn(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srhm.runner.executors.execute_job", work)
    for number in (1, 2):
        part = ["--shard", f"{number}/2", "--store", f"{number}.sqlite", "--workers", "1"]
        status, out, _ = run(capsys, "reproduce", "batch", *part)
        assert status == 0 and "wrote" not in out
    assert run(capsys, "merge", "all.sqlite", "1.sqlite", "2.sqlite")[0] == 0
    assert (
        len(
            [
                run
                for run in Store("all.sqlite").runs()
                if run.spec.params == FIGURES["batch"].settings[0].params
            ]
        )
        > 6
    )
    assert run(capsys, "figure", "batch", "--store", "all.sqlite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["figure", "18"], "is not a figure. Use one of 1, 2, 3"),
        (["figure", "rules"], "srhm reproduce rules computes it"),
        (["figure", "4B", "--out", "file"], "is a file. Name a folder"),
        (["reproduce", "4B", "--shard", "3"], "is not of the form i/n"),
        (["reproduce", "4B", "--gpu-memory", "80"], "is for clusters"),
        (["reproduce", "4B", "--on", "moon"], "moon"),
        (["reproduce", "4B", "x"], "is not a figure"),
        (["reproduce", "prob"], "Did you mean 'probes'?"),
        (["figure", "4B", "--store", "none.sqlite"], "store = 'none.sqlite' does not exist"),
        (["open-question", "depht"], "Did you mean 'depth'? Use one of all, depth, matched, controls"),
        (
            ["open-question", "depth", "--draw", "--store", "none.sqlite"],
            "store = 'none.sqlite' does not exist",
        ),
        (["open-question", "depth", "--on", "moon"], "on = 'moon' is not an executor"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], here: Path, arguments: list[str], said: str
) -> None:
    (here / "file").touch()
    status, _, err = run(capsys, *arguments)
    assert status in (1, 2) and said in err and "Traceback" not in err
    assert [path.name for path in here.iterdir()] == ["file"]


def test_the_papers_values_alone_are_called_so(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    status, out, err = run(capsys, "figure", "batch")
    assert status == 0 and "wrote" in out
    assert "srhm-runs/paper.sqlite holds no finished run: the paper's values are drawn alone" in err
    Store("others.sqlite").put_many(runs_of(setup("fcn", model(6, 1))))
    said = "others.sqlite holds no finished run of these settings at the tier laptop: the paper's values"
    assert said in run(capsys, "figure", "4B", "--store", "others.sqlite")[2]
    assert not run(capsys, "figure", "2")[2]  # a drawing of the model, which no run is for
