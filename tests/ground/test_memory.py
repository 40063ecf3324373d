"""What cannot be in main memory is refused before any of it is made, with its size."""

import re

import numpy as np
import pytest

import srhm
from setups import run_spec
from srhm import ArgumentError, Dataset, Grammar, Params, Stream, encode, memory, split
from srhm.cli import main
from srhm.inference import Masking
from srhm.nets import NetSpec
from srhm.runner.execution import execute
from srhm.theory import patches
from srhm.theory.population import slot_probability
from srhm.theory.visibility import dilution

PARAMS = Params(n_c=8, v=8, m=8, s=2, s0=1, L=3)
MANY = Params(v=10**6, m=1, s=2, s0=0, L=2)
DEEP = Params(n_c=6, v=6, m=6, s=2, s0=1, L=12)


@pytest.fixture(autouse=True)
def four_gigabytes(monkeypatch):
    monkeypatch.setattr(memory, "main_memory", lambda: 4 * 10**9)


@pytest.mark.parametrize(
    ("ask", "argument", "size"),
    [
        (lambda: split(Grammar(PARAMS), 2 * 10**9, 10, replacement=True), "P", "34.0 GB"),
        (lambda: split(Grammar(PARAMS), 10, 2 * 10**9, replacement=True), "P_test", "34.0 GB"),
        (lambda: Dataset.draw(Stream(Grammar(PARAMS), 0, "replacement"), 2 * 10**9), "count", "34.0 GB"),
        (lambda: Grammar(Params(46_000, 46_000, 46_000, 2, 0, 2)), "params", "101.6 GB"),
        (lambda: dilution(DEEP, "features"), "params", None),
        (lambda: slot_probability(DEEP), "params", "549.8 GB"),
        (lambda: patches(Grammar(DEEP)), "params", None),
        (lambda: execute(run_spec(PARAMS, "cnn", P=10**9)), "P", "17.0 GB"),
        (lambda: execute(run_spec(PARAMS, "cnn", P=100, width=10**9)), "width", "32.0 EB"),
        (lambda: execute(run_spec(PARAMS, "fcn", P=100, width=10**5)), "width", None),
        (lambda: execute(run_spec(PARAMS, "transformer", P=100, width=10**7)), "width", "1.2 PB"),
        (lambda: execute(run_spec(PARAMS, "vgg16", P=100, width=10**7)), "width", None),
        (lambda: NetSpec("lcn", 10**9).build(PARAMS), "width", "2.0 TB"),
        (lambda: Masking().evidence(MANY, np.zeros((1, 4), np.int32)), "params", "24.0 TB"),
    ],
)
def test_what_is_too_large_is_refused_with_its_size(ask, argument, size, monkeypatch):
    if argument == "params" and size is None:
        monkeypatch.setattr(memory, "main_memory", lambda: 10**6)
    with pytest.raises(
        ArgumentError, match=r" of [0-9.]+ [kMGTPE]B, more than the [0-9.]+ .B of memory"
    ) as found:
        ask()
    assert found.value.argument == argument
    assert size is None or f" of {size}, more than the 4.0 GB of memory here. " in str(found.value)


def test_dense_inputs_that_are_too_large_are_refused(monkeypatch):
    data = split(Grammar(PARAMS), 1000, 10).train
    assert data.encode("onehot").nbytes == 1000 * 64 * 8 * 4
    monkeypatch.setattr(memory, "main_memory", lambda: 2 * 10**6)
    with pytest.raises(
        ArgumentError, match=r"^features = '1000 samples' makes dense inputs of 2.3 MB, more than"
    ):
        data.encode("onehot")
    assert encode(PARAMS, data.features[:100], data.positions[:100], "onehot").shape == (100, 64, 8)


def test_main_memory_is_known(monkeypatch):
    monkeypatch.undo()
    assert memory.main_memory() > 10**8


@pytest.mark.parametrize(("limit", "there"), [("1000000\n", 1_000_000), ("max\n", None), (None, None)])
def test_the_memory_of_a_container(monkeypatch, tmp_path, limit, there):
    monkeypatch.undo()
    whole = memory.main_memory()
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "memory.max",))
    memory.main_memory.cache_clear()
    found = memory.main_memory()
    memory.main_memory.cache_clear()
    assert found == there if there else found >= whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--L=10", "--v=16", "--m=8", "--s0=0", "--P=1000000000"],
            r"P = 1000000000 makes data sets of 3.1 TB",
        ),
        (["--width=1000000000"], r"width = 1000000000 makes a network of 16.0 EB"),
    ],
)
def test_train_refuses_in_one_line_and_leaves_nothing(options, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["run", *options])
    assert re.fullmatch(
        rf"srhm: error: {message}, more than .* of memory here\. Use a smaller \w+\.\n",
        capsys.readouterr().err,
    )
    assert not list(tmp_path.iterdir())


def test_one_label_of_many_classes_is_quick_to_order():
    """Neither their square nor a table of all of them: 10^5 classes would take 10^10 comparisons, 40 GB."""
    many = Params(n_c=10**5, v=10**5, m=1, s=2, s0=1, L=2)
    stream = Stream(Grammar(many), 0)
    data = Dataset.draw(stream, 10)
    assert len(set(data.labels.tolist())) == 10
    assert (srhm.parse(stream.grammar, data.encode("integer")).label == data.labels).all()
    assert (stream.at(np.arange(10, dtype=np.uint32)).label == data.labels).all()
