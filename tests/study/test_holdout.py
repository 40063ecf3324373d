"""Runs that hold something out: what is trained on and tested, identities, sizes, commands, and the front door."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srhm
from commands import run as command
from enumeration import Enumeration
from grid_files import as_grid
from setups import setup
from srhm import ArgumentError, Params, Placements, RulePairs, Tuples, split
from srhm.measure import test_error as error_of
from srhm.nets import FAMILIES
from srhm.runner import execution
from srhm.store import Store
from srhm.study import RunSpec, Setup, Study
from srhm.study.describe import command_options, label, setup_name
from srhm.study.grid import read_grid
from srhm.training.run import SingleRun

PARAMS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
HELD_OUT = (Placements(1), Placements(2, 0.5, seed=1), RulePairs(2, 0.5), Tuples(1, 0.5))
TEXTS = ("placements(1)", "placements(2, 0.5, seed=1)", "pairs(2, 0.5)", "tuples(1, 0.5)")
OPTIONS: dict[str, Any] = {"width": 8, "P_test": 30, "max_epochs": 2}


def inputs(features: Any, positions: Any) -> list[tuple[int, ...]]:
    """Each sample by its leaves."""
    table = np.concatenate([np.asarray(features, int), np.asarray(positions, int)], axis=-1)
    return list(map(tuple, table.reshape(-1, table.shape[-1]).tolist()))


@pytest.mark.parametrize(("hold_out", "replacement"), list(product(HELD_OUT, (False, True))))
def test_what_training_sees_by_enumeration(hold_out: Any, replacement: bool) -> None:
    """The arrays on the device of the largest training set: all samples without what is held out, no other."""
    about = setup(PARAMS, hold_out=hold_out, replacement=replacement, **OPTIONS)
    P = replace(about, replacement=False).largest
    spec = about.at(P, 2)
    job = execution._prepare(spec, None).job
    single = SingleRun(job)
    seen = set(inputs(single.data.features, single.data.positions))
    oracle = Enumeration(about.grammar(2))
    held = hold_out.occurs(oracle.grammar, oracle.derivation)
    tree = srhm.expand(oracle.grammar, oracle.derivation)
    everything = inputs(tree.features[0], tree.positions[0])
    free = {one for one, has in zip(everything, held, strict=True) if not has}
    tested = set(inputs(job.test_set.features, job.test_set.positions))
    assert seen == free if not replacement else seen < free
    assert tested <= set(everything) - free and (replacement or len(tested) == 30)


@pytest.mark.parametrize("family", [one for one in FAMILIES if "class" in FAMILIES[one].kinds])
def test_all_families_train_on_the_same_points(family: str) -> None:
    """Their order and their test points are those of the split."""
    params = replace(PARAMS, s0=3)  # long enough for five max-pools
    spec = setup(params, family, hold_out="pairs(2, 0.5)", P_test=30).at(50, 1)
    sets = split(spec.setup.grammar(1), 50, 30, 1, hold_out=RulePairs(2, 0.5))
    job = execution._prepare(spec, None).job
    for ours, wanted in ((job.train_set, sets.train), (job.test_set, sets.test)):
        assert np.array_equal(ours.features, wanted.features) and np.array_equal(ours.labels, wanted.labels)
        assert np.array_equal(ours.positions, wanted.positions)


def test_the_identity_of_a_run() -> None:
    """Nothing held out leaves no trace; what is held out is in the JSON as text, from object or text."""
    plain = setup(PARAMS, **OPTIONS)
    assert "hold_out" not in plain.to_dict() and replace(plain, hold_out="").at(50).hash == plain.at(50).hash
    assert plain.at(50).hash == "73940fc5f91cf336feb432671397e8a3750449237f17dadffd75e8a8be231b35"
    for hold_out, text in zip(HELD_OUT, TEXTS, strict=True):
        held = setup(PARAMS, hold_out=text, **OPTIONS)
        assert held == setup(PARAMS, hold_out=hold_out, **OPTIONS) and held.hold_out == hold_out
        assert held.to_dict() == plain.to_dict() | {"hold_out": text}
        assert RunSpec.from_dict(json.loads(json.dumps(held.at(50).to_dict()))) == held.at(50)
    digests = {setup(PARAMS, hold_out=text, **OPTIONS).digest for text in ("", *TEXTS)}
    assert len(digests) == 5


def test_replicates_hold_out_their_own_part() -> None:
    """Without a seed of its own it follows that of the rules, and shared rules share it."""
    hold_out = Placements(1, 0.25)
    masks = {tuple(hold_out.mask(srhm.Grammar(PARAMS, seed)).tolist()) for seed in range(20)}
    assert len(masks) == 4
    fixed = Placements(1, 0.25, seed=3)
    assert len({tuple(fixed.mask(srhm.Grammar(PARAMS, seed)).tolist()) for seed in range(20)}) == 1
    rules = srhm.Grammar.from_rules(PARAMS, srhm.Grammar(PARAMS, 7).rules)
    assert np.array_equal(hold_out.mask(rules), hold_out.mask(srhm.Grammar(PARAMS, 0)))


def test_sizes() -> None:
    """The largest sets are all samples there are; more is refused with them; a default test set fits."""
    for hold_out in HELD_OUT:
        held = setup(PARAMS, hold_out=hold_out, width=8)
        most = PARAMS.P_max - held.largest
        assert held.P_test == min(PARAMS.P_max // 5, most)
        whole = replace(held, measuring=replace(held.measuring, P_test=most))
        sets = split(whole.grammar(0), held.largest, most, hold_out=hold_out)
        assert len({*inputs(sets.train.features, sets.train.positions)}) == held.largest
        assert sets.in_distribution is None
        for make, argument, largest in (
            (lambda held=held: held.at(held.largest + 1), "P", held.largest),
            (
                lambda most=most, hold_out=hold_out: setup(PARAMS, hold_out=hold_out, P_test=most + 1),
                "P_test",
                most,
            ),
        ):
            with pytest.raises(ArgumentError, match=f"Use {argument} <= {largest}, or replacement"):
                make()
        assert setup(PARAMS, hold_out=hold_out, replacement=True, width=8).largest == 2**30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hold_out": "shifts(1)"}, "hold_out = 'shifts' is not a hold_out. Use 'tuples', 'pairs' or 'placements'"),
        ({"hold_out": "placements"}, "hold_out = 'placements' has no level. Write it as in placements(1, 0.2)"),
        ({"hold_out": "placements 1"}, "Write its name, and options in brackets, as in placements(1, 0.2)"),
        ({"hold_out": "placements(1, 2, 3, 4)"}, "has too many options. Use level, fraction, seed"),
        ({"hold_out": "placements(1, share=0.2)"}, "share = 0.2 is not an option of the hold_out placements"),
        ({"hold_out": "placements(3)"}, "level = 3 is above 2. Use level <= 2"),
        ({"hold_out": "pairs(1)"}, "level = 1 is below 2. Use level >= 2"),
        ({"hold_out": "tuples(1, 1)"}, "fraction = 1"),
        ({"hold_out": "tuples(1, 0.5, -1)"}, "seed = -1"),
        ({"hold_out": "placements(1)", "task": "latent(2)"}, "hold_out = 'placements(1)' is for classification"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_held_out(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError) as error:
        setup(PARAMS, **options)
    assert said in str(error.value)
    with pytest.raises(ArgumentError, match="Give a str"):
        setup(PARAMS, hold_out=5)
    with pytest.raises(ArgumentError, match="Use a level with blanks, s0 > 0"):
        setup(Params(v=3, s0=0, L=2), hold_out="placements(1)")


def test_names_and_searches(tmp_path: Path) -> None:
    """Nothing is predicted or published of it; names, tables and files of runs have it."""
    held = setup(PARAMS, hold_out="placements(1)", **OPTIONS)
    assert not held.classifies and held.prediction is None
    with pytest.raises(ArgumentError, match="Give the first P to try"):
        Study(held, 2).check()
    assert setup_name(held).endswith(" without placements(1)")
    assert label(Study(held, 2, start=50)).count("placements(1)") == 1
    assert command_options(held)["hold_out"] == "placements(1)"
    usual = setup(PARAMS, hold_out="placements(1)", width=8)
    assert "P_test" not in command_options(usual)  # the default one
    file = tmp_path / "grid.toml"
    file.write_text(as_grid([held.at(50), usual.at(50)], "two"))
    assert [spec.hash for spec in read_grid(file).runs] == [held.at(50).hash, usual.at(50).hash]
    file.write_text('[[runs]]\nv = 3\nwidth = 8\nP = 50\nhold_out = ["", "placements(1)", "pairs(2, 0.5)"]\n')
    found = [spec.setup.hold_out for spec in read_grid(file).runs]
    assert found == [None, Placements(1), RulePairs(2, 0.5)]


def test_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run from the shell is that of the front door; both have the error on points without what is held out."""
    monkeypatch.chdir(tmp_path)
    params = replace(PARAMS, m=3)  # of other tests, so that its program is there
    model = ["--n-c", "3", "--v", "3", "--m", "3", "--s0", "1", "--L", "2"]
    options = ["--width", "8", "--P-test", "30", "--max-epochs", "2", "--P", "50", "--seed", "2"]
    status, out, _ = command(capsys, "run", *model, *options, "--hold-out", "placements(1)")
    assert status == 0
    found = srhm.run(params, "cnn", P=50, seed=2, hold_out=Placements(1), progress=False, **OPTIONS)
    (kept,) = Store("srhm-runs/runs.sqlite").runs()  # computed once
    assert kept == found.run and "without what is held out" in out
    sets = split(srhm.Grammar(params, 2), 50, 30, 2, hold_out=Placements(1))
    other = sets.in_distribution
    assert other is not None and len(other) == 30
    assert found.error == pytest.approx(error_of(found.network(), sets.test))
    assert kept.metrics["in_distribution_error"] == pytest.approx(error_of(found.network(), other))
    status, _, said = command(capsys, "run", *model, *options, "--hold-out", "placements(9)")
    assert status != 0 and "level = 9 is above 2. Use level <= 2" in said
    status, _, said = command(capsys, "pstar", *model, "--hold-out", "placements(1)")
    assert status != 0 and "Give the first P to try" in said  # nothing is predicted


def test_a_function_of_your_own(tmp_path: Path) -> None:
    """It gets the same training points, and both errors."""
    seen = []

    def train(dataset: Any, seed: int) -> Any:
        seen.append(dataset)
        return lambda x: np.zeros(len(x), int)

    found = srhm.run(
        PARAMS, train, name="zeros", P=50, P_test=30, hold_out="pairs(2, 0.5)", store=tmp_path / "a.sqlite",
        progress=False,
    )  # fmt: skip
    sets = split(srhm.Grammar(PARAMS), 50, 30, hold_out=RulePairs(2, 0.5))
    assert np.array_equal(seen[0].features, sets.train.features)
    metrics = found.run.metrics
    assert metrics["error"] == metrics["in_distribution_error"] == pytest.approx(2 / 3)
    assert Setup.from_dict(found.run.spec.setup.to_dict()) == found.run.spec.setup
    with pytest.raises(srhm.SrhmError, match=r"hold_out=srhm\.RulePairs"):
        found.network()
