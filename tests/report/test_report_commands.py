"""The commands that a report shows repeat what they stand beside: they are given to the command line and compared."""

import shlex
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from setups import run_spec, setup
from srhm import Params
from srhm.cli import main
from srhm.errors import ArgumentError
from srhm.paper.settings import model
from srhm.report.commands import pstar_command, python_command, run_command
from srhm.store import Store
from srhm.study import RunSpec, Seeds

PARAMS = model(4, 1)
SPEC = run_spec(PARAMS, "lcn", 4, width=8)


class Seen(BaseException):
    """What a command was about to compute."""


@pytest.fixture(scope="module")
def asked():
    """Return a function that gives a command line to `srhm`, and returns what it was about to compute."""

    def stop(seen: Any, *_: Any, **__: Any) -> None:
        raise Seen(seen[0] if isinstance(seen, list) else seen)

    def what(command: str) -> Any:
        program, *words = shlex.split(command)
        assert program == "srhm"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("srhm.cli.measure.run_single", stop)
            patch.setattr("srhm.cli.measure.search", stop)
            patch.setattr("srhm.cli.measure.open_executor", lambda *_: None)
            patch.setattr("srhm.cli.measure.Store", NoStore)
            with pytest.raises(Seen) as seen:
                main(words)
        return seen.value.args[0]

    return what


class NoStore:
    """A store without a file."""

    def __init__(self, place: str) -> None:
        assert place == "srhm-runs/runs.sqlite"

    def get(self, spec: RunSpec) -> None:
        return None


def some(**options: st.SearchStrategy) -> st.SearchStrategy[dict[str, Any]]:
    """Return any choice of options with values."""
    return st.fixed_dictionaries({}, optional=options)


NUMBERS = st.fixed_dictionaries(
    {
        "v": st.sampled_from([3, 4, 6]),
        "s": st.integers(2, 3),
        "s0": st.integers(0, 2),
        "L": st.integers(1, 2),
        "sparsity": st.sampled_from("AB"),
    }
)
TRAINING = some(
    batch_per_class=st.integers(1, 9),
    momentum=st.sampled_from([0.0, 0.5]),
    learning_rate=st.floats(1e-6, 10.0),
    stop_loss=st.sampled_from([0.01, 0.02, 1e-5]),
    stop_every=st.integers(1, 10),
    max_epochs=st.sampled_from([5, 250, 10000]),
    batches=st.sampled_from(["reshuffled", "fixed"]),
    select=st.sampled_from(["last", "best"]),
    eval_every=st.sampled_from([7, 10]),
    replacement=st.booleans(),
    sensitivity_inputs=st.sampled_from([5, 1000]),
    cumulative=st.booleans(),
)
OPTIONS = some(
    encoding=st.sampled_from(["whitened", "onehot", "onehot_blank"]),
    record=st.booleans(),
    probe=st.booleans(),
    width=st.sampled_from([8, 512]),
    P_test=st.sampled_from([17, 40]),
)
NETS = st.one_of(
    st.fixed_dictionaries(
        {"net": st.just("cnn")},
        optional={"bias": st.sampled_from(["shared", "none"]), "shared_layers": st.just("1")},
    ),
    st.fixed_dictionaries(
        {"net": st.sampled_from(["lcn", "fcn"])},
        optional={"init": st.just("hom"), "frozen_layers": st.sampled_from(["1", "12"])},
    ),
    st.fixed_dictionaries({"net": st.just("resnet18")}, optional={"variant": st.just("published")}),
)


@settings(max_examples=25)
@given(
    numbers=NUMBERS,
    more=some(n_c=st.just(2), m=st.sampled_from([1, 2])),
    published=st.booleans(),
    training=TRAINING,
    options=OPTIONS,
    net=NETS,
    P=st.integers(6, 30),
    seed=st.sampled_from([0, 3, 2**64 - 1]),
)
def test_the_command_of_a_run_is_that_run(asked, numbers, more, published, training, options, net, P, seed):
    v, s = numbers["v"], numbers["s"]
    try:
        params = Params(**{"n_c": v, "m": v ** (s - 1), **numbers, **more})
        seeds = Seeds.replicate(seed)
        spec = run_spec(params, P=P, seeds=seeds, published=published, **training, **options, **net)
    except ArgumentError:  # too few data, or an option that this network or model has not
        assume(False)
        raise
    command = run_command(spec)
    assert command is not None
    assert asked(command).hash == spec.hash, command


@pytest.mark.parametrize("fix", [(), ("grammar",), ("samples", "order")])
def test_the_command_of_a_search_asks_for_the_same_study(asked, fix):
    for options in ({}, {"published": True}, {"probe": True}, {"momentum": 0}, {"eval_every": 7}):
        wanted = setup(PARAMS, "lcn", width=8, **options)
        study = asked(pstar_command(wanted, 5, fix))
        assert study.setup == wanted
        assert (study.replicates, study.fix) == (5, fix)
    assert asked(pstar_command(setup(model(4, 2), "vgg11"), 2, start=700)).start == 700


def test_a_command_says_what_is_run_and_no_more():
    assert run_command(SPEC.at(90)) == "srhm run --net lcn --v 4 --s0 1 --L 2 --width 8 --P 90 --seed 0"
    published = run_command(run_spec(PARAMS, "lcn", 4, width=8, published=True))
    assert published is not None and "--protocol published --P" in published


def test_a_run_that_no_option_says_has_a_program(monkeypatch):
    spec = replace(SPEC, seeds=Seeds(1, 2, 3, 4))
    assert run_command(spec) is None
    python, flag, program = shlex.split(python_command(spec))
    assert (python, flag) == ("python", "-c")
    put: list[RunSpec] = []
    monkeypatch.setattr("srhm.runner.execution.execute", lambda spec: spec)
    monkeypatch.setattr(Store, "put", lambda self, run: put.append(run))
    exec(program, {})
    assert put == [spec]
