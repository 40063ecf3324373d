"""Setups of models whose levels or weights differ: files of runs, commands, stores and tables."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srhm
from fake_runs import fake_run
from grid_files import as_grid
from setups import run_spec, setup
from srhm import ArgumentError, Grammar, Params, Zipf
from srhm.explore.state import PageState, read
from srhm.model.options import Model
from srhm.nets import NetSpec, predict
from srhm.store import Store
from srhm.study import RunSpec, Setup, Study
from srhm.study.describe import command_options, setup_name
from srhm.study.grid import read_grid

PARAMS = Params(n_c=3, v=(4, 3), m=(2, 3), s=2, s0=(1, 0))
RUN = run_spec(PARAMS, "cnn", 50, width=8, P_test=20)


def test_numbers_by_level_are_written_as_text() -> None:
    model = Model.of(PARAMS)
    assert model == Model(v="4,3", n_c=3, m="2,3", s=2, s0="1,0", L=2) and model.params() == PARAMS
    assert Model(v="6", s0=" 3 , 0").params() == Params(v=6, s0=(3, 0))
    for value in ("", "2;0", "2,", "two", "2,0.5"):
        with pytest.raises(ArgumentError, match=r"Write it as 2, or as 2,0"):
            Model(s0=value).params()


def test_a_list_stands_for_several_settings(tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    file.write_text('[[runs]]\nv = 4\ns0 = ["1,0", "0,1", 1]\nL = 2\nwidth = 8\nP = 50\n')
    assert [spec.params.s0 for spec in read_grid(file).runs] == [(1, 0), (0, 1), 1]
    file.write_text("[[runs]]\nv = 4\ns0 = [[1, 0], [0, 1]]\nL = 2\nP = 50\n")
    with pytest.raises(ArgumentError, match=r'as a text, s0 = "2,0"'):
        read_grid(file)
    file.write_text(as_grid([RUN], "one"))
    assert [spec.hash for spec in read_grid(file).runs] == [RUN.hash]


def test_a_run_keeps_them(tmp_path: Path) -> None:
    assert RunSpec.from_dict(json.loads(json.dumps(RUN.to_dict()))) == RUN
    store, other = Store(tmp_path / "runs.sqlite"), run_spec(Params(v=4, s0=1, L=2), "cnn", 50, width=8)
    store.put_many([fake_run(RUN), fake_run(other)])
    assert store.get(RUN).spec == RUN
    for s0 in ("1,0", (1, 0)):
        assert [run.spec for run in store.runs(s0=s0)] == [RUN]
    assert [run.spec for run in store.runs(s0=1)] == [other]
    frame = store.to_pandas()
    assert set(frame.s0) == {"1,0", "1"} and set(frame.n_c) == {3, 4}


def test_they_are_named_and_asked_for_by_command() -> None:
    assert setup_name(RUN.setup) == "CNN v=4,3 m=2,3 n_c=3 L=2 s=2 s0=1,0"
    options = command_options(RUN.setup)
    assert {key: options[key] for key in ("v", "s0", "m")} == {"v": "4,3", "s0": "1,0", "m": "2,3"}
    uniform = command_options(setup(Params(v=6, s0=(3, 0)), width=8))
    assert "m" not in uniform and uniform["s0"] == "3,0"


def test_there_is_no_prediction_but_there_are_defaults() -> None:
    spec = NetSpec("cnn")
    assert spec.predict(PARAMS) is None and spec.rate(PARAMS).extended
    assert spec.rate(Params(v=6, s0=(2, 0))).value == spec.rate(Params(v=6, s0=2, L=2)).value
    with pytest.raises(ArgumentError, match="has levels that differ"):
        predict("cnn", PARAMS)
    with pytest.raises(ArgumentError, match="Give the first P to try"):
        Study(RUN.setup, 2).check()
    assert Study(RUN.setup, 2, start=50).check().ask(0) == 50


def test_the_page_of_a_model_takes_them() -> None:
    state = PageState(Model(v="6", s0="3,0"))
    assert read({"v": ["6"], "s0": ["3,0"]}).state == PageState(Model(v=6, s0="3,0"))
    assert state.params == Params(v=6, s0=(3, 0)) and "s0=3%2C0" in state.query()
    assert read({"s0": ["3,0,1"]}).problems["s0"].startswith("s0 = (3, 0, 1) has 3 numbers, and L = 2")
    assert asdict(Model.of(state.params))["s0"] == "3,0"


def test_setups_have_weights(tmp_path: Path) -> None:
    params = Params(v=4, s0=1, L=2)
    plain = setup(params, width=8, P_test=20)
    weighted = setup(params, width=8, P_test=20, rule_weights="2:Zipf(1.0)", placement_weights="1:4,2,1,1")
    assert weighted.rule_weights == "2:zipf(1)" and weighted.replacement and weighted.digest != plain.digest
    assert weighted == replace(plain, rule_weights={2: Zipf(1)}, placement_weights={1: [4, 2, 1, 1]})
    grammar = weighted.grammar(3)
    assert grammar == Grammar(params, 3, rule_weights={2: Zipf(1)}, placement_weights={1: [4, 2, 1, 1]})
    assert plain.grammar(3) == Grammar(params, 3) and "weights" not in json.dumps(plain.to_dict())
    assert Setup.from_dict(json.loads(json.dumps(weighted.to_dict()))) == weighted
    file = tmp_path / "grid.toml"
    file.write_text(as_grid([weighted.at(50)], "one"))
    assert [spec.hash for spec in read_grid(file).runs] == [weighted.at(50).hash]
    assert setup_name(weighted).endswith("rules 2:zipf(1) placements 1:4,2,1,1")
    skewed = replace(weighted, class_weights=[3, 1, 2, 2])
    assert skewed.class_weights == "3,1,2,2" and skewed.digest != weighted.digest
    assert skewed.at(9).shape != weighted.at(9).shape
    assert skewed.grammar(3).class_probability.tolist() == [3 / 8, 1 / 8, 1 / 4, 1 / 4]
    assert setup_name(skewed).endswith("classes 3,1,2,2")
    assert Study(plain).prediction is not None and Study(skewed, start=100).prediction is None
    with pytest.raises(ArgumentError, match="Give the first P to try"):
        Study(skewed).check()
    file.write_text(as_grid([skewed.at(50)], "one"))
    assert [spec.hash for spec in read_grid(file).runs] == [skewed.at(50).hash]
    drawn = replace(plain, rule_weights="lognormal(0.5)")
    first, second = (drawn.grammar(seed).rule_weights[0].tolist() for seed in (1, 2))
    assert first != second


def test_the_front_door_takes_weights(tmp_path: Path) -> None:
    """Of a built-in network and of a function of one's own, which gets the data drawn by them."""
    params, seen = Params(v=4, s0=1, L=1), []

    def train(dataset: Any, seed: int) -> Any:
        seen.append(dataset)
        return lambda x: np.zeros(len(x), int)

    weights: dict[str, Any] = {
        "rule_weights": (3, 1, 2, 2),
        "placement_weights": Zipf(1),
        "class_weights": [2, 1, 1, 1],
    }
    options: dict[str, Any] = {"P": 16, "P_test": 8, "store": tmp_path / "runs.sqlite", "progress": False}
    own = srhm.run(params, train, name="zeros", **weights, **options)
    built_in = srhm.run(params, "cnn", width=4, max_epochs=2, **weights, **options)
    grammar = Grammar(params, 0, **weights)
    assert seen[0].stream.grammar == grammar
    for found in (own, built_in):
        setup = found.run.spec.setup
        assert setup.rule_weights == "3,1,2,2" and setup.class_weights == "2,1,1,1"
        assert setup.grammar(0) == grammar


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("zipf", "Write zipf(1), lognormal(0.5) or numbers such as 3,1"),
        ("2:", "Write zipf(1), lognormal(0.5) or numbers such as 3,1"),
        ("1:zipf(1) 1:zipf(2)", "Write zipf(1), lognormal(0.5) or numbers such as 3,1"),
        ("3:zipf(1)", "Use levels 1 to 2"),
        ("3,1", "Give Zipf(a), LogNormal(sigma), or numbers [parent, m] or [m]"),
        ("lognormal(0)", "Give sigma as a finite number > 0"),
        (np.ones((4, 4)), "Give a law, or one row for all parents"),
    ],
)
def test_weights_of_setups_that_do_not_fit(text: Any, fix: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(fix)):
        setup(Params(v=4, s0=1, L=2), width=8, rule_weights=text)
