"""What is recorded on the way of a run: what is measured of one that ended at that step, and nothing else changes."""

import json
from dataclasses import replace

import pytest

from setups import run_spec, setup
from srhm import Params
from srhm.nets.weights import load_weights, weights_file
from srhm.runner.driver import drive
from srhm.runner.execution import execute, execute_ensemble
from srhm.runner.executors import InProcess
from srhm.runner.sources import Single
from srhm.runner.work import RunJob, execute_job
from srhm.store import Store
from srhm.study import Measuring, Run, RunSpec, Setup, read_grid
from srhm.study.options import all_options, options_of
from srhm.study.runs import weights_on_the_way

PARAMS = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)
QUIET = {"width": 8, "P_test": 60, "stop_loss": 1e-9, "sensitivity_inputs": 40}
ALL = "error,S,D,probes,weights"


def spec(**options):
    """A run of a batch an epoch, so that a step is an epoch."""
    return run_spec(PARAMS, options.pop("net", "cnn"), 12, **(QUIET | {"max_epochs": 11} | options))


def weight_files(run):
    """The digests of the weights that are kept of a run, at its end and on the way."""
    return [one for one in dict.fromkeys([run.weights, *weights_on_the_way(run.record)]) if one]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return execute(spec(record=ALL), weights=folder), folder


def test_the_record_is_what_a_run_ended_there_measures(recorded):
    run, folder = recorded
    assert [point["step"] for point in run.record] == [1, 2, 3, 4, 6, 8, 11]
    for point in run.record[3::2]:
        there = execute(spec(max_epochs=point["step"], probe=True), weights=folder)
        assert (there.metrics["epochs"], there.metrics["error"]) == (point["epoch"], point["test_error"])
        assert there.metrics["train_loss"] == point["train_loss"]
        assert there.weights == point["weights"]
        measured = {name for name in there.metrics if name[:2] in ("S_", "D_", "pr", "ar")}
        assert {f"{letter}_31" for letter in ("S", "D", "probe", "ari")} < measured
        assert {name: point[name] for name in measured} == {name: there.metrics[name] for name in measured}
        assert set(point) == measured | {"step", "epoch", "train_loss", "test_error", "weights"}


def test_recording_changes_nothing_of_the_run(recorded, tmp_path):
    run, plain = recorded[0], execute(spec(), weights=tmp_path)
    assert (run.metrics, run.status, run.weights) == (plain.metrics, plain.status, plain.weights)
    assert plain.record == [] and run.record[-1]["weights"] == run.weights


def test_weights_on_the_way_are_files_next_to_the_last(recorded):
    run, folder = recorded
    assert len(weight_files(run)) == len(run.record) == 7
    assert sorted(path.stem for path in folder.iterdir() if path.stem in weight_files(run)) == sorted(
        weight_files(run)
    )
    template = run.spec.net.build(PARAMS, 9)
    first, last = (load_weights(folder, run.record[at]["weights"], template) for at in (0, -1))
    assert abs(first.readout - last.readout).max() > 1e-3


def test_an_interrupted_run_records_the_same(recorded, tmp_path):
    run, folder = recorded
    checkpoint, sittings = tmp_path / "run.npz", 0

    def interrupt(progress):
        raise KeyboardInterrupt

    while True:
        sittings += 1
        try:
            again = execute(run.spec, checkpoint=checkpoint, weights=folder, progress=interrupt)
            break
        except KeyboardInterrupt:
            assert checkpoint.exists()
    assert (
        sittings == 9
    )  # after each of seven records and the evaluation of epoch 10, and the one that measures
    assert (again.record, again.metrics, again.weights) == (run.record, run.metrics, run.weights)


def test_only_what_is_asked_for_is_recorded():
    run = execute(spec(record="D", max_epochs=3))
    names = {name for point in run.record for name in point}
    assert {name[0] for name in names - {"step", "epoch", "train_loss", "test_error"}} == {"D"}
    assert weight_files(run) == []


@pytest.mark.long
def test_members_of_an_ensemble_record_too(recorded, tmp_path):
    specs = [
        replace(recorded[0].spec, seeds=replace(recorded[0].spec.seeds, network=seed)) for seed in (0, 1)
    ]
    runs = execute_ensemble(specs, weights=[tmp_path, tmp_path])
    for point, alone in zip(runs[0].record, recorded[0].record, strict=True):
        assert point.keys() == alone.keys() and weights_file(tmp_path, point["weights"]).exists()
        assert point["S_31"] == pytest.approx(alone["S_31"], rel=1e-3)
    assert runs[1].record[0]["S_31"] != runs[0].record[0]["S_31"]


def test_it_passes_through_json_and_files_of_runs(recorded, tmp_path):
    run = recorded[0]
    content = json.loads(json.dumps(run.to_dict()))
    assert Run.from_dict(content) == run
    content["record"][0]["weights"] = "../elsewhere"
    with pytest.raises(ValueError, match="record"):
        Run.from_dict(content)
    job = RunJob(spec(record="weights", max_epochs=2), weights=str(tmp_path))
    done = Run.from_dict(json.loads(execute_job(json.dumps(job.to_dict()))))
    assert all(weights_file(tmp_path, point["weights"]).exists() for point in done.record)
    path = tmp_path / "runs.toml"
    path.write_text('[[runs]]\nP = 12\nrecord = [true, "S,D", "weights"]\n')
    found = [one.setup.measuring.record for one in read_grid(path).runs]
    assert found == [("error",), ("error", "S", "D"), ("error", "weights")]


def test_setups_keep_their_json():
    """Runs that record the error alone, and those that record nothing, are named as they were."""
    content = setup(PARAMS, record=True).to_dict()
    assert content["measuring"]["record"] is True
    assert setup(PARAMS, record="error") == setup(PARAMS, record=("error",)) == Setup.from_dict(content)
    assert "record" not in setup(PARAMS).to_dict()["measuring"]
    more = spec(record="S,weights")
    assert more.to_dict()["measuring"]["record"] == ["error", "S", "weights"]
    assert RunSpec.from_dict(json.loads(json.dumps(more.to_dict()))) == more
    assert options_of(more.setup)["record"] == all_options(more.setup)["record"] == "error,S,weights"
    assert setup(PARAMS, record=all_options(more.setup)["record"]).measuring.record == (
        "error",
        "S",
        "weights",
    )
    assert all_options(setup(PARAMS))["record"] == ""


def test_what_cannot_be_recorded_is_refused(refuses):
    with refuses("record", "'T'", "Use one of error, S, D, probes, weights"):
        Measuring(record=("S", "T"))
    with refuses("record", "3", "Use for example 'error,S,D'"):
        Measuring(record=3)
    with refuses("record", "'D'", "Leave it out, or use s0 >= 1"):
        setup(Params(v=3, s0=0, L=2), record="D")
    with refuses("P_test", "3", "Use P_test >= 4, or no probes"):
        setup(PARAMS, record="probes", P_test=3)
    fix = "Name a folder, or take weights out of record"
    with refuses("weights", "None", fix):
        execute(spec(record="weights"))


def test_weights_on_the_way_are_kept_without_a_word_and_go_with_a_merge(tmp_path):
    wanted, store = spec(record="weights", max_epochs=2), Store(tmp_path / "runs.sqlite")
    drive([Single(wanted)], store, InProcess(execute_job))
    run, target = store.get(wanted), Store(tmp_path / "elsewhere" / "all.sqlite")
    assert len(weight_files(run)) > 1
    target.merge([store])
    assert all(weights_file(target.weights_folder, one).exists() for one in weight_files(run))
