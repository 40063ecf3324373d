"""Run specifications, the store, the executors and the studies of the laboratory."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import srhm
from fake_runs import PARAMS, SPEC, fake_run, small
from setups import run_spec, setup
from srhm.cli.results import run_text
from srhm.nets import FAMILIES
from srhm.randomness import STREAM_VERSION
from srhm.reference.published import published
from srhm.runner.driver import drive
from srhm.runner.execution import execute
from srhm.runner.executors import InProcess, environment, open_executor
from srhm.runner.searches import raise_failures, search
from srhm.runner.sources import Single
from srhm.runner.work import RunJob, finished
from srhm.store import Store
from srhm.study import RunSpec, Seeds, Study
from srhm.study.setup import default_test_points


def test_the_hash_is_the_identity_of_all_that_matters() -> None:
    same = RunSpec.from_dict(json.loads(json.dumps(SPEC.to_dict())))
    assert same.hash == SPEC.hash and same.to_dict() == SPEC.to_dict()
    others = [
        replace(SPEC, P=201),
        small("lcn"),
        small(width=9),
        small(P_test=101),
        replace(SPEC, seeds=Seeds(order=1)),
        replace(SPEC, seeds=Seeds(grammar=1)),
        small(momentum=0.8),
        small(batches="fixed"),
        small(encoding="onehot"),
        small(bias="shared"),
        small(init="hom"),
        small(record=True),
        small(shared_layers="1"),
        small(frozen_layers="1"),
        small(frozen_layers="13"),
        small(probe=True),
        replace(SPEC, setup=replace(SPEC.setup, params=replace(PARAMS, sparsity="B"))),
    ]
    assert len({SPEC.hash, *(other.hash for other in others)}) == len(others) + 1


def test_options_that_came_later_leave_the_identity_of_runs_without_them() -> None:
    """This hash is that of a run in the form of setups; a store holds it."""
    params, seeds = srhm.Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), Seeds.replicate(2)
    spec = run_spec(params, "lcn", 1000, width=256, seeds=seeds)
    assert spec.hash == "b29769bda7439c58a8c7a8297a19e5bc9e1e4b7d24e22e206bb9c1d3df5b42fb"
    shared = run_spec(params, "lcn", 1000, width=256, seeds=seeds, shared_layers="12")
    assert shared.setup.stopping.loss == 1e-2
    assert RunSpec.from_dict(json.loads(json.dumps(shared.to_dict()))) == shared
    assert setup(params, "cnn", shared_layers="12").stopping.loss == 1e-3
    frozen = run_spec(params, "lcn", 1000, width=256, seeds=seeds, frozen_layers="23")
    assert RunSpec.from_dict(json.loads(json.dumps(frozen.to_dict()))) == frozen
    assert frozen.shape != spec.shape, "they are different programs"


def test_a_default_and_its_value_are_one_run() -> None:
    explicit = small(learning_rate=SPEC.setup.optimizer.rate, sensitivity_inputs=1000)
    assert explicit.hash == SPEC.hash
    points = default_test_points(PARAMS)
    assert run_spec(PARAMS, "cnn", 200).hash == run_spec(PARAMS, "cnn", 200, width=512, P_test=points).hash


@pytest.mark.skipif(STREAM_VERSION != 1, reason="the identity holds the version of the streams")
def test_runs_without_probes_are_what_they_would_be_if_there_were_none() -> None:
    """The hash is that of a run in the form of setups, which names no field that has its default."""
    assert SPEC.hash == "2dffbcca9dc89cb32e9c2fdf8ade7d055988aa55a9f4f975573e2ee05475cbcb"
    content = SPEC.to_dict()
    plain, measured = content["measuring"], content["measuring"] | {"probe": False}
    assert "probe" not in plain and RunSpec.from_dict(content | {"measuring": measured}) == SPEC
    probed = small(probe=True)
    assert probed.to_dict() == content | {"measuring": plain | {"probe": True}}
    assert RunSpec.from_dict(probed.to_dict()) == probed and probed.at(300).setup.measuring.probe


def test_probes_are_added_to_the_row_and_change_nothing_else() -> None:
    plain, probed = execute(SPEC), execute(small(probe=True))
    kinds = {"probe": 3, "probe_rule": 2, "probe_placement": 2, "ari": 2}
    added = {
        f"{kind}_{k}{level + 1}" for kind, most in kinds.items() for k in (1, 2, 3) for level in range(most)
    }
    added |= {f"{name}_error" for name in added} | {f"probe_chance_{level}" for level in (1, 2, 3)}
    assert added == probed.metrics.keys() - plain.metrics.keys()
    assert {name: probed.metrics[name] for name in plain.metrics} == plain.metrics
    assert set(probed.seconds) - set(plain.seconds) == {"probes"}
    assert all(0 <= probed.metrics[name] <= 1 for name in added if name.startswith("probe"))
    text = run_text(probed)
    assert "probe_rule_kl" in text and "ari_kl" in text and "probe" not in run_text(plain)


def test_replicates_draw_all_roles_anew_but_those_that_are_fixed() -> None:
    assert Seeds.replicate(3) == Seeds(3, 3, 3, 3)
    assert Seeds.replicate(3, ["grammar", "order"]) == Seeds(0, 3, 3, 0)
    with pytest.raises(srhm.ArgumentError, match="fix = 'colour'"):
        Seeds.replicate(1, ["colour"])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"net": "rnn"}, "net = 'rnn'"),
        ({"P": 2}, "P = 2 is below 3"),
        ({"P": PARAMS.P_max}, "exceed the P_max"),
        ({"width": 0}, "width = 0"),
        ({"P_test": 2}, "P_test = 2"),
        ({"P_test": 3, "probe": True}, "P_test = 3 is too small to fit and test probes"),
        ({"probe": "yes"}, "probe = 'yes' is neither true nor false"),
        ({"encoding": "integer"}, "encoding = 'integer'"),
        ({"encoding": "other"}, "encoding = 'other'"),
        ({"P_test": PARAMS.P_max - 2}, f"P_test = .* Use P_test <= {PARAMS.P_max - 3}, or replacement"),
        ({"P_test": PARAMS.P_max - 100}, "P = 200 and .* Use P <= 100, a smaller P_test, or replacement"),
    ],
)
def test_a_run_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(srhm.ArgumentError, match=said):
        small(**change)


def test_replacement_lifts_the_limit_of_distinct_data() -> None:
    assert 10 * PARAMS.P_max == small(P=10 * PARAMS.P_max, replacement=True).P


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("content", [{}, {"params": {"v": 1}}, SPEC.to_dict() | {"more": 1}])
def test_a_broken_specification_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(srhm.ArgumentError, match="content"):
        RunSpec.from_dict(content)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="takes a place where nobody can write")
def test_a_store_that_cannot_be_written_is_refused_before_the_first_run() -> None:
    oracle = Oracle([300.0])
    with pytest.raises(srhm.ArgumentError, match="cannot be written"):
        search([Study(SPEC.setup, 1)], Store("/proc/x/y.sqlite"), InProcess(oracle))
    assert oracle.computed == []


def test_a_run_is_the_same_in_this_process_and_in_a_worker(tmp_path: Path) -> None:
    found = []
    for workers in (1, 2):
        store = Store(tmp_path / f"{workers}.sqlite")
        specs = [replace(SPEC, seeds=Seeds.replicate(number)) for number in range(3)]
        drive([Single(spec) for spec in specs], store, open_executor(workers=workers))
        found.append({run.spec: run.metrics for run in store.runs()})
    assert len(found[0]) == 3 and found[0] == found[1]


def test_executing_a_specification_twice_gives_the_same_bits() -> None:
    first, second = execute(SPEC), execute(SPEC)
    assert first.metrics == second.metrics
    assert {"error", "S_11", "S_32", "D_11", "D_32", "train_loss", "best_test_error"} <= set(first.metrics)
    assert first.versions["srhm"] == srhm.__version__


class Oracle:
    """Stands in for training: the error falls through 10% at a known P, which differs between seeds."""

    def __init__(self, P_star: list[float]) -> None:
        self.P_star, self.computed, self.asked = P_star, [], []

    def __call__(self, content: str) -> str:
        run = RunJob.from_dict(json.loads(content)).spec
        self.computed.append((run.seeds.samples, run.P))
        self.asked.append((run.setup.width, run.seeds.samples))
        error = 0.2 / (1 + (run.P / self.P_star[run.seeds.samples]) ** 3)
        return finished(fake_run(run, error=error, S_21=min(1.0, 2 * error), D_21=None))


def test_studies_find_a_known_P_star_and_use_the_store(tmp_path: Path) -> None:
    oracle = Oracle([300.0, 330.0, 270.0])
    store = Store(tmp_path / "runs.sqlite")
    (first,) = search([Study(SPEC.setup, 3)], store, InProcess(oracle))
    found = first.complexity()
    assert found.P_star == pytest.approx((300 * 330 * 270) ** (1 / 3), rel=0.02)
    assert found.interval is not None and found.interval[0] < 300 < found.interval[1]
    assert len(oracle.computed) == len(set(oracle.computed)) == first.computed == len(store)
    count = len(oracle.computed)
    (again,) = search([Study(SPEC.setup, 3)], store, InProcess(oracle))
    assert again.computed == 0 and len(oracle.computed) == count and again.complexity() == found
    (fewer,) = search([Study(SPEC.setup, 2)], store, InProcess(oracle))
    assert fewer.computed == 0  # the replicates of a smaller study are those of the larger one


def test_the_first_replicate_of_every_study_comes_first(tmp_path: Path) -> None:
    """Both studies at seed 0, then each at seed 1, with one worker; the studies differ in width."""
    oracle, first = Oracle([300.0, 330.0]), Study(SPEC.setup, 2)
    second = Study(small(width=16).setup, 2)
    search([first, second], Store(tmp_path / "runs.sqlite"), InProcess(oracle))
    order = list(dict.fromkeys((width, seed) for width, seed in oracle.asked))
    assert order == [
        (8, 0),
        (16, 0),
        (8, 1),
        (16, 1),
    ]


def test_the_published_rule_takes_a_grid_point(tmp_path: Path) -> None:
    oracle = Oracle([300.0])
    study = Study(SPEC.setup, 1, rule="nearest_grid", start=100)
    (found,) = search([study], Store(tmp_path / "runs.sqlite"), InProcess(oracle))
    assert found.complexity().P_star in study.grid() and len(found.runs[0]) == len(study.grid())
    assert 300 / 1.47 < found.complexity().P_star < 300 * 1.47


def test_an_unfinished_grid_gives_no_P_star(tmp_path: Path) -> None:
    def work(content: str) -> str:
        spec = RunJob.from_dict(json.loads(content)).spec
        if spec.seeds.samples == 1 and spec.P > 50:
            raise RuntimeError("the machine caught fire")
        return Oracle([300.0] * 2)(content)

    study = Study(SPEC.setup, 2, rule="nearest_grid", start=100)
    (found,) = search([study], Store(tmp_path / "runs.sqlite"), InProcess(work))
    assert [one.status for one in found.crossings()] == ["bracketed", "open"]
    assert found.complexity().P_star is None and found.complexity().status == "open"


@pytest.mark.parametrize("status", ["stuck", "unstable"])
def test_of_runs_that_cannot_learn_only_those_at_chance_bound_the_bracket(
    tmp_path: Path, status: str
) -> None:
    """Below P = 200 every run of replicate 1 ends so; the P* of all is 300."""

    def work(content: str) -> str:
        run = RunJob.from_dict(json.loads(content)).spec
        if run.P > 200 or run.seeds.samples == 0:
            return Oracle([300.0] * 2)(content)
        return finished(replace(fake_run(run, error=2 / 3), status=status))

    store = Store(tmp_path / "runs.sqlite")
    (found,) = search([Study(SPEC.setup, 2, start=100)], store, InProcess(work))
    sides = [one.status for one in found.crossings()]
    assert found.finished and found.ask_ahead(1) == []
    if status == "stuck":
        assert sides == ["bracketed"] * 2 and found.complexity().P_star == pytest.approx(300, rel=0.05)
        return
    assert sides == ["bracketed", "unstable"] and found.complexity().status == "unstable"
    assert found.complexity().P_star is None and "1 of 2 seeds" in found.complexity().interval_kind
    assert found.read() is None and [run.status for run in found.runs[1]] == ["unstable"]
    (again,) = search([Study(SPEC.setup, 2, start=290)], store, InProcess(work))
    assert again.complexity().P_star == pytest.approx(300, rel=0.05), (
        "a run that is not needed decides nothing"
    )
    assert again.read() is not None


def test_a_replicate_whose_run_failed_is_told(tmp_path: Path) -> None:
    """The others are finished."""

    def work(content: str) -> str:
        if RunJob.from_dict(json.loads(content)).spec.seeds.samples == 1:
            raise RuntimeError("the machine caught fire")
        return Oracle([300.0] * 3)(content)

    store = Store(tmp_path / "runs.sqlite")
    (found,) = search([Study(SPEC.setup, 3)], store, InProcess(work))
    assert list(found.failures) == [1] and not found.runs[1]
    assert [one.status for one in found.crossings()] == ["bracketed", "open", "bracketed"]
    with pytest.raises(
        srhm.SrhmError, match=r"the run cnn, P = .*, seed 1 on .* failed: RuntimeError: the mach"
    ):
        raise_failures([found])
    (again,) = search([Study(SPEC.setup, 3)], store, InProcess(Oracle([300.0] * 3)))
    assert not again.failures and again.complexity().P_star == pytest.approx(300, rel=0.05)
    raise_failures([again])


COMPILES = """
import jax, sys
from jax import monitoring
from srhm.runner.executors import keep_compiled_programs

events = []
monitoring.register_event_listener(lambda event, **_: events.append(event))
keep_compiled_programs()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.jit(lambda x: jax.numpy.sin(x) @ x)(jax.numpy.eye(30))
print(sum(event.endswith("/cache_hits") for event in events) > 0)
"""


def compiles(tmp_path: Path, **changes: str | None) -> str:
    """Compile in a new process; return whether a program was taken from the cache, and what was complained of."""
    given = {"XDG_CACHE_HOME": str(tmp_path), "JAX_COMPILATION_CACHE_DIR": None} | changes
    environment = {name: value for name, value in (os.environ | given).items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", COMPILES], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip() + done.stderr


@pytest.mark.long
def test_compiled_programs_are_kept_and_used_again(tmp_path: Path) -> None:
    assert compiles(tmp_path) == "False"
    (folder,) = (tmp_path / "srhm" / "jax").iterdir()
    kept = sorted(folder.iterdir())
    assert len(kept) > 0
    assert compiles(tmp_path) == "True"
    assert sorted(folder.iterdir()) == kept


@pytest.mark.long
def test_no_compiled_programs_are_kept_where_the_user_says_so(tmp_path: Path) -> None:
    assert compiles(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false") == "False"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_compiled_programs_are_kept_where_the_user_says_so(tmp_path: Path) -> None:
    assert compiles(tmp_path, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine")) == "False"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert compiles(tmp_path, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine")) == "True"


@pytest.mark.long
def test_no_compiled_programs_are_kept_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert compiles(tmp_path, XDG_CACHE_HOME=str(tmp_path / "file")) == "False"


def test_other_processors_have_a_folder_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here = environment._fingerprint()
    assert environment._fingerprint() == here
    monkeypatch.setattr(environment, "_processor", lambda: ["flags : fpu avx512"])
    other = environment._fingerprint()
    monkeypatch.setattr(environment, "version", lambda name: "99")
    assert len({here, other, environment._fingerprint()}) == 3


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"replicates": 0}, "seeds = 0"),
        ({"fix": ("colour",)}, "fix = 'colour'"),
        ({"start": 1.0}, "start = 1"),
        ({"rule": "guess"}, "search = 'guess'"),
        ({"thresholds": {}}, "thresholds"),
    ],
)
def test_a_study_without_sense_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(srhm.ArgumentError, match=said):
        Study(SPEC.setup, **change).check()


def test_the_papers_numbers() -> None:
    found = published("lcn", srhm.Params(n_c=6, v=6, m=6, s=2, s0=1, L=2))
    assert found is not None and (found.P_star, found.low, found.high) == (3054, 2088, 4458)
    found = published("cnn", srhm.Params(n_c=6, v=6, m=6, s=2, s0=1, L=2))
    assert found is not None and found.P_star == 2767
    assert published("cnn", PARAMS) is None or published("cnn", PARAMS).figure
    assert published("cnn", srhm.Params(n_c=6, v=6, m=5, s=2, s0=1, L=2)) is None


def test_the_papers_thresholds() -> None:
    two, three = PARAMS, srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=3)
    wide = srhm.Params(n_c=4, v=4, m=16, s=3, s0=0, L=2)
    assert FAMILIES["lcn"].thresholds(two) == {"error": 0.10, "S_21": 0.30, "D_21": 0.10}
    assert FAMILIES["lcn"].thresholds(wide) == {"error": 0.10, "S_21": 0.50}
    assert FAMILIES["cnn"].thresholds(two) == {"error": 0.10, "S_21": 0.40, "D_21": 0.20}
    assert FAMILIES["cnn"].thresholds(wide) == {"error": 0.10, "S_21": 0.50}
    assert FAMILIES["cnn"].thresholds(three) == {"error": 0.10, "S_21": 0.20, "D_21": 0.20}
    assert FAMILIES["fcn"].thresholds(three) == {"error": 0.10, "S_41": 0.20, "D_41": 0.20}
