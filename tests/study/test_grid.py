"""Files of runs."""

from dataclasses import replace
from pathlib import Path

import pytest

import srhm
from folders import ROOT
from grid_files import as_grid
from setups import run_spec, setup
from srhm.paper.demo import searches
from srhm.runner.searches import all_sources
from srhm.runner.sources import Single
from srhm.study import Seeds
from srhm.study.grid import read_grid, shard

TEXT = """
title = "both nets"

[[runs]]
net = ["cnn", "lcn"]
v = 3
s0 = [0, 1]
L = 2
width = 8
P_test = 9
P = [20, 30]
seeds = 2
fix = "grammar"
max_epochs = 50

[[pstar]]
net = "cnn"
v = 4
s0 = [0, 1]
seeds = 3
quantities = "all"
protocol = "published"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "GRID.toml"
    path.write_text(text)
    return path


def test_lists_stand_for_all_combinations(tmp_path: Path) -> None:
    grid = read_grid(written(tmp_path, TEXT))
    assert grid.title == "both nets"
    assert len(grid.runs) == 16 and len({spec.hash for spec in grid.runs}) == 16
    params = srhm.Params(n_c=3, v=3, m=3, s=2, s0=0, L=2)
    first = run_spec(params, "cnn", 20, width=8, P_test=9, max_epochs=50)
    assert grid.runs[0] == first
    assert grid.runs[1] == replace(first, seeds=Seeds(0, 1, 1, 1))
    assert {(s.net.family, s.params.s0, s.P) for s in grid.runs} == {
        (net, s0, P) for net in ("cnn", "lcn") for s0 in (0, 1) for P in (20, 30)
    }
    assert [(one.setup.params.s0, one.replicates, one.rule) for one in grid.studies] == [
        (0, 3, "nearest_grid"), (1, 3, "nearest_grid")
    ]  # fmt: skip
    assert set(grid.studies[0].thresholds) == {"error", "S_21"}
    assert grid.studies[0].setup.replacement
    sources = all_sources(grid.runs, grid.studies)
    assert len(sources) == 22 and sum(isinstance(source, Single) for source in sources) == 16


def test_shards_are_all_of_it_and_alike(tmp_path: Path) -> None:
    grid = read_grid(written(tmp_path, TEXT))
    sources = all_sources(grid.runs, [])
    parts = [shard(sources, number, 5) for number in range(1, 6)]
    assert sorted(map(len, parts)) == [3, 3, 3, 3, 4]
    assert {id(source) for part in parts for source in part} == {id(source) for source in sources}
    for number, of in ((0, 5), (6, 5), (1, 0)):
        with pytest.raises(srhm.ArgumentError, match="shard"):
            shard(sources, number, of)


def test_a_file_written_from_runs_names_these_runs(tmp_path: Path) -> None:
    runs = list(read_grid(written(tmp_path, TEXT.replace('fix = "grammar"', ""))).runs)
    for options in (
        {"shared_layers": "12"},
        {"frozen_layers": "2"},
        {"record": True, "probe": True, "select": "best", "learning_rate": 0.01},
    ):
        runs.append(setup(runs[0].params, "cnn", width=8, P_test=20, **options).at(20))
    plane = srhm.Params(v=3, m=2, s=4, s0=(3, 0), L=2, plane=True)
    runs += [setup(one, "cnn", width=8, P_test=20).at(20) for one in (plane, replace(plane, plane=False))]
    assert runs[-1].hash != runs[-2].hash and "plane" not in runs[-1].to_dict()["params"]
    again = read_grid(written(tmp_path, as_grid(runs, 'it is "the same"')))
    assert again.title == 'it is "the same"'
    assert {spec.hash for spec in again.runs} == {spec.hash for spec in runs}
    with pytest.raises(srhm.ArgumentError, match="is not a replicate"):
        as_grid([replace(runs[0], seeds=Seeds(order=1))], "")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no runs"),
        ("[[runs]", "is not TOML"),
        ("[runs]\nP = 3", r"Write \[\[runs\]\]"),
        ("[[grid]]\nP = 3", "has the key 'grid'"),
        ("[[runs]]\nP = 50\n[[runs]]\nv = 3", r"\[\[runs\]\] number 2: P = None is missing"),
        (
            "[[runs]]\nP = 50\nwdith = 3",
            r"has the key 'wdith' in .* Did you mean 'width'\? Use one of v, n_c",
        ),
        ("[[runs]]\nP = 50\nlearning-rate = 0.1", r"Did you mean 'learning_rate'\?"),
        ("[[runs]]\nP = 50\nseed = 1", r"Did you mean 'seeds'\?"),
        ("[[pstar]]\nquantity = 'all'", r"Did you mean 'quantities'\?"),
        ("[[run]]\nP = 50", r"has the key 'run'. Did you mean 'runs'\?"),
        ("title = 5\n[[runs]]\nP = 50", "has the title 5, which is not a text"),
        ("[[runs]]\nP = 50\nlearning_rate = '0.1'", "learning_rate = '0.1' is not a finite number"),
        ("[[runs]]\nP = 50\nstop_loss = true", "stop_loss = True is not a finite number"),
        ("[[runs]]\nP = 50\nseeds = []", r"seeds = \[\] is an empty list"),
        ("[[runs]]\nP = 50\nfix = 1", "fix = 1 is not a list of roles"),
        (
            "[[runs]]\nP = 50\nencoding = 'integer'",
            "has no channels. Use 'whitened', 'onehot' or 'onehot_blank'",
        ),
        (
            "[[runs]]\nP = 50\nshared_layers = '21'",
            "shared_layers = '21' is not a list of layers",
        ),
        ("[[pstar]]\nstart = '100'", "start = '100' is not a finite number"),
        ("[[runs]]\nP = []", r"P = \[\] is an empty list"),
        ("[[runs]]\nP = 50\nv = 1", "v = 1 is below 2"),
        ("[[runs]]\nP = 50\nv = 'six'", "v = 'six' is not a number"),
        ("[[runs]]\nP = '50'", "P = '50' is not an integer"),
        ("[[runs]]\nP = 50\nnet = 'rnn'", "net = 'rnn' is not a network"),
        ("[[runs]]\nP = 50\nbias = 'maybe'", "bias = 'maybe'"),
        ("[[runs]]\nP = 50\ninit = 'zero'", "init = 'zero'"),
        ("[[runs]]\nP = 50\nprotocol = 'mine'", "protocol = 'mine'"),
        ("[[runs]]\nP = 50\nseeds = 0", "seeds = 0 is below 1"),
        ("[[runs]]\nP = 50\nseeds = [-1]", "seeds = -1 is below 0"),
        ("[[runs]]\nP = 50\nfix = ['colour']", "fix = 'colour'"),
        ("[[runs]]\nP = 50\nv = {a = 1}", r"v = \{'a': 1\} is a table"),
        ("[[runs]]\nP = 50\nreplacement = 'yes'", "replacement = 'yes'"),
        ("[[runs]]\nP = 50\nmomentum = 'big'", "momentum = 'big'"),
        ("[[runs]]\nP = 50\nrecord = 'no'", "record = 'no' is not recorded"),
        (f"[[runs]]\nP = {list(range(10, 1200))}\nseeds = 1000", "too many combinations"),
        ("[[pstar]]\nquantities = 'D'", "quantities = 'D' is not known"),
        ("[[pstar]]\nsearch = 'guess'", "search = 'guess'"),
        ("[[pstar]]\nstart = 'low'", "start = 'low'"),
        (
            f"[[runs]]\nP = {list(range(10, 1200))}\nmax_epochs = {list(range(1, 1000))}",
            "too many combinations",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_the_table_and_the_fix(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(srhm.ArgumentError, match=said) as caught:
        read_grid(written(tmp_path, text))
    assert str(caught.value).startswith("grid = ")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(srhm.ArgumentError, match="cannot be read: No such file"):
        read_grid(tmp_path / "none.toml")


def test_the_example_names_the_runs_of_the_demonstration() -> None:
    grid = read_grid(ROOT / "examples" / "demo.toml")
    assert grid.runs == ()
    named, done = (
        [(one.setup, one.seeds, one.thresholds, one.start, one.rule) for one in studies]
        for studies in (grid.studies, searches(256))
    )
    assert named == done
