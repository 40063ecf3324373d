"""Where searches start: a fit through what was measured, kept with the store."""

import json
import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from fake_runs import fake_run
from setups import setup
from srhm import Params
from srhm.runner.executors import InProcess
from srhm.runner.searches import choose_starts, search
from srhm.runner.work import RunJob, finished
from srhm.store import Store
from srhm.study import Setup, Study
from srhm.study.starts import fitted_start, measured

MODELS = [Params(v=v, s0=s0, L=2) for v in (4, 5, 6, 7, 8) for s0 in (0, 1, 2)]


def setup_on(params: Params, **options) -> Setup:
    return setup(params, "cnn", width=64, **options)


def truth(one: Setup) -> float:
    """P* of a world whose CNNs grow otherwise than predicted: by a factor 3 over these models."""
    params = one.params
    return 0.6 * one.prediction.P_star * (params.m / 4) ** 0.7 * (params.s0 + 1) ** -0.6


def work(content: str) -> str:
    run = RunJob.from_dict(json.loads(content)).spec
    error = 0.8 / (1 + 7 * (run.P / truth(run.setup)) ** 4.5)
    return finished(fake_run(run, error=error))


def computed(store: Store, *models: Params) -> Store:
    search([Study(setup_on(one), 1) for one in models], store, InProcess(work))
    return store


def test_a_fit_is_nearer_than_the_prediction():
    known = [(setup_on(one), math.log(truth(setup_on(one)))) for one in MODELS]
    for number, (one, log) in enumerate(known):
        others = known[:number] + known[number + 1 :]
        start = fitted_start(one, others)
        assert start is not None
        edge = one.params.v in (4, 8) or one.params.s0 in (0, 2)
        assert abs(math.log(start) - log) < (0.25 if edge else 0.1)
    assert fitted_start(known[0][0], known[1:5]) is None  # four are too few
    far = setup_on(Params(v=6, s0=60, L=3))  # nothing near: the mean ratio
    ratio = sum(log - math.log(one.prediction.P_star) for one, log in known) / len(known)
    assert math.log(fitted_start(far, known) / far.prediction.P_star) == pytest.approx(ratio, abs=0.01)


def test_what_is_measured_is_read_off_runs_of_the_same_kind(tmp_path: Path):
    store = computed(Store(tmp_path / "runs.sqlite"), *MODELS[:2])
    found = measured(store.runs(), "error", 0.1)
    assert {one.params for one, _ in found} == set(MODELS[:2])
    assert all(abs(log - math.log(truth(one))) < 0.02 for one, log in found)
    assert measured(store.runs(), "S_21", 0.3) == []


def test_a_start_is_fixed_when_a_search_begins_and_kept(tmp_path: Path):
    store, new = Store(tmp_path / "runs.sqlite"), setup_on(MODELS[7])

    def started(**options) -> Study:
        study = Study(setup_on(MODELS[7], **options), 2)
        choose_starts([study], store)
        return study

    assert started().start is None and not store.exists()
    computed(store, *MODELS[:4])
    assert started().start is None  # too few
    computed(store, *MODELS[4:6])
    assert started(init="hom").start is None, "another kind of network"
    planned = Study(new, 2)
    choose_starts([planned], store, keep=False)
    assert store.starts() == {}
    first = started()
    assert first.start is not None and first.start == planned.start
    assert abs(math.log(first.start / truth(new))) < abs(math.log(new.prediction.P_star / truth(new)))
    computed(store, *MODELS[8:12])
    assert started().start == first.start == Study(new, 2, start=first.start).ask(0)
    (found,) = search([Study(new, 2)], store, InProcess(work))
    assert found.start == first.start and [runs[0].spec.P for runs in found.runs] == [first.start] * 2
    assert Study(new, thresholds={"error": 0.2}).key != found.key
    given = Study(new, 2, start=300)
    choose_starts([given], store)
    assert given.start == 300


def test_a_search_that_began_at_the_prediction_goes_on_with_it(tmp_path: Path):
    store = computed(Store(tmp_path / "runs.sqlite"), *MODELS[:6])
    begun, other = Study(setup_on(MODELS[7]), 2), Study(setup_on(MODELS[8]), 2)
    P = begun.ask(1)
    assert P is not None
    store.put(fake_run(begun.at(P, 1), error=0.3))
    store.put(fake_run(other.at(other.ask(0) + 1, 0), error=0.3))  # not a run of the search
    choose_starts([begun, other], store)
    assert begun.start is None and begun.ask(0) == P
    assert other.start is not None


def test_a_first_P_that_a_store_keeps_stays_in_the_bounds(tmp_path: Path):
    study = Study(setup_on(MODELS[0]), 1, largest=100)
    store = Store(tmp_path / "runs.sqlite")
    store.keep_starts({study.key: 150})
    choose_starts([study], store)
    assert study.ask(0) == 100


def test_a_store_from_before_there_were_starts_takes_them(tmp_path: Path):
    store = computed(Store(tmp_path / "runs.sqlite"), *MODELS[:6])
    with sqlite3.connect(store.path) as connection:
        connection.execute("DROP TABLE starts")
    connection.close()
    store = Store(store.path)
    assert store.starts() == {} and len(store) > 6
    store.keep_starts({"a": 100})
    store.keep_starts({"a": 200, "b": 300})
    assert store.starts() == {"a": 100, "b": 300}


def test_runs_that_differ_in_the_rate_or_the_width_tell_of_each_other(tmp_path: Path):
    """And those that are trained otherwise do not."""
    known = [(setup_on(one), math.log(truth(setup_on(one)))) for one in MODELS[:8]]
    wide = replace(known[4][0], net=replace(known[4][0].net, width=128))
    assert abs(math.log(fitted_start(wide, known)) - known[4][1]) < 0.15
    store = computed(Store(tmp_path / "runs.sqlite"), *MODELS[:6])
    for options, told in (({"learning_rate": 0.02}, True), ({"batch_per_class": 8}, False)):
        study = Study(setup_on(MODELS[7], **options))
        choose_starts([study], store)
        assert (study.start is not None) == told
