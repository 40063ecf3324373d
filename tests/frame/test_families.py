"""A family that is registered is served everywhere: training, searches, files of runs, commands, tables, figures."""

import json

import jax
import pytest
from matplotlib.artist import getp

from figure_checks import artists, legend_texts
from grid_files import as_grid
from setups import run_spec, setup
from srhm import Params
from srhm.cli import main
from srhm.figures import NetworkRun, error_against_sensitivity
from srhm.nets import FAMILIES, build, predict, register
from srhm.report.content import content_of
from srhm.runner.execution import execute
from srhm.runner.executors.in_process import InProcess
from srhm.runner.searches import search
from srhm.runner.work import execute_job
from srhm.store import Store
from srhm.study import RunSpec, Study, read_grid
from srhm.study.overview import summary
from srhm.study.study import chosen_thresholds
from toy_family import TOY, ToyOptions

PARAMS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)


@pytest.fixture(autouse=True)
def _registered():
    yield register(TOY)
    del FAMILIES["toy"]


def test_its_row_has_its_defaults_and_its_option():
    one = setup(PARAMS, "toy")
    assert (one.width, one.optimizer.rate, one.stopping.loss, one.stopping.max_epochs) == (24, 0.5, 1e-2, 200)
    leaky = run_spec(PARAMS, "toy", 60, slope=0.25)
    assert (
        leaky.net.build(PARAMS).options == build("toy", PARAMS, slope=0.25).options == ToyOptions(slope=0.25)
    )
    assert leaky.to_dict()["net"] == {"family": "toy", "width": 24, "slope": 0.25}
    assert RunSpec.from_dict(json.loads(json.dumps(leaky.to_dict()))) == leaky
    assert leaky.hash != run_spec(PARAMS, "toy", 60).hash == run_spec(PARAMS, "toy", 60, slope=0.0).hash
    sizes = [leaf.size for leaf in jax.tree.leaves(leaky.net.build(PARAMS))]
    assert leaky.net.cost(PARAMS).parameters == sum(sizes) == 16 * 3 * 24 + 24 * 3
    assert predict("toy", PARAMS).P_star == 150.0
    assert summary(PARAMS)["predictions"][-1]["net"] == "toy"


def test_what_is_wrong_with_its_option_is_said(refuses):
    with refuses("slope", 0.25, "Leave it out, or use toy"):
        setup(PARAMS, "cnn", slope=0.25)
    with refuses("bias", "'shared'", "Leave it out, or use cnn"):
        setup(PARAMS, "toy", bias="shared")
    with refuses("slope", -2.0, "Give slope as a finite number > -1"):
        setup(PARAMS, "toy", slope=-2.0)
    with refuses("name", "'cnn'", "Choose another name"):
        register(type(TOY)("cnn", TOY.draw, TOY.rate))


def test_it_is_trained_searched_tabulated_and_drawn(tmp_path):
    """One search from a file of runs: its option, its thresholds, its label, colour and marker."""
    path = tmp_path / "toy.toml"
    path.write_text(
        "[[runs]]\nv = 3\nm = 2\nnet = 'toy'\nslope = [0.0, 0.5]\nP = 60\n"
        "[[pstar]]\nv = 3\nm = 2\nnet = 'toy'\nslope = 0.5\nseeds = 1\nquantities = 'all'\n"
    )
    grid = read_grid(path)
    assert [spec.net.options.slope for spec in grid.runs] == [0.0, 0.5]
    path.write_text(as_grid(grid.runs, "again"))
    assert {spec.hash for spec in read_grid(path).runs} == {spec.hash for spec in grid.runs}

    (study,) = grid.studies
    assert study.setup == setup(PARAMS, "toy", slope=0.5)
    assert study.thresholds == chosen_thresholds(study.setup, "all") == TOY.thresholds(PARAMS)
    store = Store(tmp_path / "toy.sqlite")
    store.put(execute(grid.runs[1]))
    search([study], store, InProcess(execute_job))
    assert study.finished and not study.failures
    assert [study.complexity(name).status for name in study.thresholds] == ["bracketed"] * 2
    runs = list(store.runs())
    names = {f"{letter}_{k}{level}" for letter in "SD" for k in (1, 2) for level in (1, 2)}
    assert all(names <= set(run.metrics) for run in runs)

    (row,) = content_of(runs, "")["settings"]
    assert (row["name"], row["changes"]) == ("Toy net", "slope=0.5")
    assert set(row["P_star"]) == set(study.thresholds) and "--net toy" in row["command"]

    frame = store.to_pandas()
    assert set(frame["net"]) == {"toy"} and set(frame["slope"]) == {0.5} and frame["bias"].count() == 0

    figure = error_against_sensitivity(
        [NetworkRun(TOY.label, run.spec.P, run.metrics["error"] or 0, S=run.metrics["S_21"]) for run in runs]
    )
    assert "Toy net" in legend_texts(figure)
    marks = artists(figure, "ours/").values()
    assert {(getp(one, "color"), getp(one, "marker")) for one in marks} == {("#123456", "*")}


def test_a_study_of_it_starts_at_its_prediction():
    assert Study(setup(PARAMS, "toy")).ask(0) == 150


def status_of(*command: str) -> int:
    try:
        main(list(command))
    except SystemExit as ended:
        return ended.code
    return 0


def test_the_command_line_has_its_options(tmp_path, capsys):
    """Those of the families that are registered when it is used, not when it was first imported."""
    command = ("run", "--v", "3", "--m", "2", "--P", "60", "--store", str(tmp_path / "runs.sqlite"), "--json")
    own = ("--net", "toy", "--slope", "0.5", "--no-mean")
    del FAMILIES["toy"]
    assert status_of(*command, *own) == 2
    assert status_of("run", "--help") == 0
    assert "--no-mean" not in capsys.readouterr().out
    register(TOY)
    assert status_of("run", "--help") == 0
    assert "--mean, --no-mean" in capsys.readouterr().out
    assert status_of(*command, *own, "--max-epochs", "3") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["spec"] == run_spec(PARAMS, "toy", 60, slope=0.5, mean=False, max_epochs=3).to_dict()
    assert content["spec"]["net"]["mean"] is False
    assert (content["status"], content["epochs"]) == ("epochs", 3)
    assert {"11", "12", "21", "22"} <= set(content["S"])
    for flag, value in (("--mean", True), ("--no-mean", False)):
        assert status_of(*command, flag) == 2
        assert f"mean = {value} is not an option of cnn. Leave it out, or use toy." in capsys.readouterr().err
