"""Named instances: frozen, published, their test set never seen in training."""

import hashlib
import json
import re
import struct
from dataclasses import FrozenInstanceError, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

import srhm
from folders import ROOT
from setups import run_spec
from srhm.model import catalogue
from srhm.model.catalogue import DIGESTED, TRAINING_SEEDS
from srhm.nets import predict
from srhm.study.setup import default_test_points

NAMES = srhm.instances()
SMALL = "srhm-L2-v4-s01-A"

RULES = {
    "srhm-L2-v4-s01-A": "7c52cdc7",
    "srhm-L2-v6-s01-A": "beccc5db",
    "srhm-L2-v10-s02-A": "fd7f5d36",
    "srhm-L2-v10-s02-B": "fd7f5d36",
    "srhm-L2-v6-s3-s01-A": "c83fef5b",
    "srhm-L3-v4-s01-A": "60be9542",
    "srhm-L3-v6-s01-A": "3eda049b",
    "srhm-L3-v10-s02-A": "f7ea8aff",
}
"""What was published, once more, so that a change of the package's data alone is noticed."""


def packed(numbers) -> bytes:
    """Little-endian 32-bit integers, without NumPy's help."""
    flat = [int(number) for number in np.asarray(numbers).ravel()]
    return struct.pack(f"<{len(flat)}i", *flat)


def digest(arrays) -> str:
    return hashlib.sha256(b"".join(map(packed, arrays))).hexdigest()


def points(data) -> set[bytes]:
    """The inputs of a set; as many as there are points if none comes twice."""
    return {row.tobytes() for row in data.encode("integer")}


def test_the_list_is_the_published_one():
    assert tuple(RULES) == NAMES
    for name, beginning in RULES.items():
        assert beginning and srhm.load(name).digests["rules"].startswith(beginning)


@pytest.mark.parametrize("name", NAMES)
def test_digests_are_as_published(name):
    """Computed here from the rules and streams themselves, by another code than the package's."""
    task = srhm.load(name, check=True)
    grammar = srhm.Grammar(task.params, task.seed)
    sets = srhm.split(grammar, DIGESTED, default_test_points(task.params), task.seed)
    found = {"rules": digest(grammar.rules)}
    for part, data in (("train", sets.train), ("test", sets.test)):
        tree = srhm.expand(grammar, data.derivation())
        found[part] = digest([tree.features[0], tree.positions[0], tree.label])
    assert found == task.digests


@pytest.mark.parametrize("part", ["rules", "train", "test"])
def test_other_data_are_noticed(monkeypatch, part):
    task = srhm.load(SMALL)
    other = replace(task, digests=dict(task.digests) | {part: "0" * 64})
    monkeypatch.setitem(catalogue._known(), SMALL, other)
    assert srhm.load(SMALL) is other
    with pytest.raises(srhm.SrhmError, match=f"{SMALL}: the digest of '{part}' is {task.digests[part]}"):
        srhm.load(SMALL, check=True)


def test_another_seed_gives_other_digests():
    task = srhm.load(SMALL)
    found = replace(task, seed=1).computed_digests()
    assert all(found[part] != task.digests[part] for part in task.digests)


def test_instances_of_other_streams_are_refused(monkeypatch):
    monkeypatch.setattr(catalogue, "STREAM_VERSION", 2)
    with pytest.raises(srhm.SrhmError, match=r"version 1 of the random streams, and this srhm has version 2"):
        srhm.load(SMALL)


@pytest.mark.parametrize("name", NAMES)
def test_names_say_the_model(name):
    task = srhm.load(name)
    assert task.name == name
    L, v, s, s0, sparsity = re.fullmatch(r"srhm-L(\d+)-v(\d+)-(?:s([1-9]\d*)-)?s0(\d+)-([AB])", name).groups()
    s = int(s or 2)
    v = int(v)
    assert task.params == srhm.Params(v, v, v ** (s - 1), s, int(s0), int(L), sparsity)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_of_an_instance(name):
    task = srhm.load(name)
    assert set(task.predicted) == {"cnn", "lcn", "fcn"}
    for net, value in task.predicted.items():
        assert value == pytest.approx(predict(net, task.params).P_star, abs=0.05)
    assert task.P_test == default_test_points(task.params)
    assert list(task.sizes) == sorted(set(task.sizes)) and task.sizes[-1] <= task.max_disjoint_P * 4
    run_spec(task.params, "cnn", task.sizes[-1])  # can be run
    assert task.description.endswith(".") and len(task.description) < 120
    for fact in ("Tomasini", "Wyart", "2024", "235:48369-48389", name, task.digests["rules"]):
        assert fact in task.citation
    with pytest.raises(FrozenInstanceError):
        task.seed = 1


def test_training_and_test_sets_are_all_data():
    """Of the smallest instance: each of the P_max data is in exactly one of the two, and none in both."""
    task = srhm.load(SMALL)
    train, test = points(task.train(task.pool)), points(task.test())
    assert (len(train), len(test)) == (task.pool, task.P_test)
    assert train.isdisjoint(test) and len(train | test) == task.params.P_max == 16384


def test_training_sets_of_other_seeds():
    task = srhm.load(SMALL)
    assert task.max_disjoint_P % task.params.n_c == 0
    sets = [points(task.train(task.max_disjoint_P, seed)) for seed in range(TRAINING_SEEDS)]
    assert [len(one) for one in sets] == [task.max_disjoint_P] * TRAINING_SEEDS
    assert len(set().union(*sets, points(task.test()))) == TRAINING_SEEDS * task.max_disjoint_P + task.P_test
    for seed in (0, 3, 7):
        large, small = task.train(500, seed), task.train(30, seed)
        for field in ("features", "positions", "labels"):
            assert np.array_equal(getattr(large, field)[:30], getattr(small, field))
        assert np.array_equal(large.derivation().label, large.labels)
        assert set(np.bincount(large.labels)) == {125}


@pytest.mark.parametrize("name", NAMES)
def test_sets_are_those_of_runs(name):
    """A run with the seeds of an instance has its very sets, so that results of runs are results of it."""
    task = srhm.load(name)
    spec = run_spec(task.params, "cnn", task.sizes[0])
    grammar, P_test = srhm.Grammar(spec.params, spec.seeds.grammar), spec.setup.P_test
    sets = srhm.split(grammar, spec.P, P_test, spec.seeds.samples)
    for ours, theirs in ((task.train(spec.P), sets.train), (task.test(), sets.test)):
        assert np.array_equal(ours.features, theirs.features)
        assert np.array_equal(ours.positions, theirs.positions)
        assert np.array_equal(ours.labels, theirs.labels)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("srhm-L2-v6-s02-A", f"Did you mean 'srhm-L2-v6-s01-A'? Use one of {', '.join(NAMES)}"),
        ("SRHM-L2", f"Did you mean 'srhm-L2-v4-s01-A'? Use one of {', '.join(NAMES)}"),
        (None, f"Use one of {', '.join(NAMES)}"),
        (["srhm-L2-v6-s01-A"], f"Use one of {', '.join(NAMES)}"),
    ],
)
def test_unknown_names(refuses, name, fix):
    with refuses("name", repr(name), fix):
        srhm.load(name)


def test_bad_training_sets(refuses):
    task = srhm.load(SMALL)
    with refuses("seed", 8, "Use seed <= 7"):
        task.train(10, 8)
    with refuses("P", 0, "Use P >= 1"):
        task.train(0)
    with refuses("P", 13109, "Use P <= 13108, or a smaller seed"):
        task.train(13109)
    most = task.pool - 7 * task.max_disjoint_P
    with refuses("P", most + 1, f"Use P <= {most}, or a smaller seed"):
        task.train(most + 1, 7)
    assert len(task.train(most, 7)) == most


def results():
    """The module benchmarks/instances.py."""
    spec = spec_from_file_location("instances_benchmark", ROOT / "benchmarks" / "instances.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_committed_results():
    module = results()
    rows = json.loads(module.RESULTS.read_text("utf-8"))["rows"]
    assert module.TABLE.read_text("utf-8") == module.tables(rows)
    for row in rows:
        task = srhm.load(row["instance"])
        assert module.spec_of(task, row["net"], row["P"]).setup.width == row["width"]
        assert 0 <= row["error"] * task.P_test == pytest.approx(round(row["error"] * task.P_test))
    page = (ROOT / "docs" / "instances.md").read_text("utf-8")
    for name in NAMES:
        task = srhm.load(name)
        (line,) = re.findall(rf"^\| `{name}` \|.*$", page, re.MULTILINE)
        assert all(f"`{digest[:12]}`" in line for digest in task.digests.values())
        assert f"| {task.params.d} |" in line and f"| {task.P_test:,} |" in line


def test_the_crossing_of_results():
    crossing = results().crossing
    assert crossing({100: 0.5, 110: 0.05, 50: 0.8}) == ("109", "100 and 110")  # 100 (1.1)^(8/9)
    assert crossing({100: 0.5, 200: 0.05}) == ("", "100 and 200")
    assert crossing({100: 0.5, 200: 0.4}) == ("not found", "none of 2 runs")
    assert crossing({}) == ("not run", "")


def test_the_data_of_the_package_are_readable():
    """Other programs may read them: plain JSON, every digest a full SHA-256."""
    content = json.loads((Path(srhm.__file__).parent / "model" / "catalogue.json").read_text("utf-8"))
    assert [one["name"] for one in content] == list(NAMES)
    for one in content:
        assert set(one["digests"]) == {"rules", "train", "test"}
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in one["digests"].values())
    rules, samples = {}, set()
    for one in content:
        rules.setdefault(one["digests"]["rules"], []).append(one["name"])
        samples |= {one["digests"]["train"], one["digests"]["test"]}
    assert len(samples) == 2 * len(content), "two instances are the same"
    # The rules know nothing of blanks: these two differ in the placements alone.
    assert [names for names in rules.values() if len(names) > 1] == [
        ["srhm-L2-v10-s02-A", "srhm-L2-v10-s02-B"]
    ]
