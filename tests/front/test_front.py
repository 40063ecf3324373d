"""The front door: a run and P* in one call, kept, and the same as from the command line."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import srhm
from setups import setup
from srhm.nets import NetSpec
from srhm.runner.execution import execute
from srhm.store import Store
from srhm.store.ownership import StoreInUse
from srhm.study import Seeds
from srhm.study.options import setup_of

PARAMS = srhm.Params(v=3, s0=1, L=2)
OPTIONS = {"width": 8, "P_test": 60, "max_epochs": 5, "stop_loss": 0.2}


def test_a_run_is_that_of_its_setup_and_is_computed_once(tmp_path, capsys, monkeypatch):
    store = tmp_path / "runs.sqlite"
    found = srhm.run(PARAMS, "cnn", P=100, seed=3, store=store, **OPTIONS)
    expected = execute(setup(PARAMS, "cnn", **OPTIONS).at(100, 3))
    assert found.run.spec == expected.spec and found.run.metrics == expected.metrics
    assert found.error == expected.metrics["error"] and found.status == expected.status
    assert found.S.shape == found.D.shape == (3, 2) and found.S[1, 0] == expected.metrics["S_21"]
    assert found.D[2, 1] == expected.metrics["D_32"]
    assert "P = 100" in capsys.readouterr().err

    sets = srhm.split(srhm.Grammar(PARAMS, 3), 100, 60, 3)
    network = found.network()
    wrong = np.asarray(network(sets.test.encode("whitened"))).argmax(axis=1) != sets.test.labels
    assert wrong.mean() == found.error

    monkeypatch.setattr("srhm.runner.work.execute", None)  # nothing more is computed
    again = srhm.run(PARAMS, NetSpec("cnn", 8), P=100, seed=3, store=store, progress=False,
                     P_test=60, max_epochs=5, stop_loss=0.2)  # fmt: skip
    assert again.run == found.run and capsys.readouterr().err == ""


def test_a_run_of_the_published_protocol(tmp_path):
    params, options = srhm.Params(v=3, s0=0, L=2), {"width": 8, "max_epochs": 1}
    store = tmp_path / "runs.sqlite"
    found = srhm.run(params, "fcn", P=30, protocol="published", store=store, progress=False, **options)
    setup = setup_of(params, {"net": "fcn"} | options, published=True)
    assert found.run.spec == setup.at(30, Seeds.replicate(0)) and setup.replacement


@pytest.mark.long
def test_without_blanks_there_are_no_shifts(tmp_path):
    found = srhm.run(srhm.Params(v=3, s0=0, L=2), "lcn", P=12, store=tmp_path / "a.sqlite", progress=False,
                     width=4, max_epochs=2, P_test=8)  # fmt: skip
    assert np.isnan(found.D).all() and np.isfinite(found.S).all()


def test_pstar_of_a_built_in_network(tmp_path):
    options = {
        "seeds": 2,
        "workers": 1,
        "store": tmp_path / "runs.sqlite",
        "progress": False,
        "width": 16,
        "stop_loss": 0.05,
        "within": 0.3,
    }
    params = srhm.Params(v=3, s0=0, L=2)
    found = srhm.pstar(params, "lcn", **options)
    assert found.interval[0] < found.P_star < found.interval[1]
    assert len(found.runs) == found.complexity().runs == len(Store(options["store"]))
    assert isinstance(found.plot(), Figure) and "P* = " in repr(found)
    assert srhm.pstar(params, "lcn", **options).study.computed == 0
    both = srhm.pstar(params, "lcn", thresholds={"error": 0.1, "S_21": 0.9}, **options)
    assert len(both.plot().axes) == 2 and both.complexity("S_21").threshold == 0.9
    owned = Store(options["store"]).own("another call", 1, 0)
    with pytest.raises(StoreInUse, match="is in use by another call"):
        srhm.pstar(params, "lcn", **options | {"seeds": 3})
    owned.end()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"net": "cn"}, "net"),
        ({"widht": 8}, "widht"),
        ({"P": 1}, "P"),
        ({"seed": -1}, "seed"),
        ({"net": NetSpec("cnn", 8), "width": 9}, "width"),
        ({"net": "lcn", "bias": "shared"}, "bias"),
        ({"params": {"v": 3}}, "params"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(tmp_path, monkeypatch, arguments, argument):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(srhm.ArgumentError) as caught:
        srhm.run(**{"params": PARAMS, "P": 100, **arguments})
    assert caught.value.argument == argument and not list(tmp_path.iterdir())


def test_rooms_and_the_front_door_need_no_further_import_and_cost_nothing_before():
    code = (
        "import sys, srhm; light = not {'jax', 'sqlalchemy'} & set(sys.modules); "
        "print(light, srhm.nets.build.__name__, srhm.measure.sensitivities.__name__, srhm.run.__name__, "
        "'run' in dir(srhm))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "build", "sensitivities", "run", "True"]


def test_predictions_are_those_that_the_loss_was_taken_of(tmp_path):
    """Of the best network on the test points; exact ones of the same inputs have the floor as their loss."""
    options = {"P_test": 40, "layers": 1, "width": 16, "heads": 2, "max_steps": 40, "progress": False}
    params = srhm.Params(v=4, m=4, s0=0, L=2)
    found = srhm.run(params, "transformer", task="masked(0.5)", P=60, store=tmp_path / "r.sqlite", **options)
    made = found.predictions()
    assert made.symbols.shape == (40, 4) and made.log_probability.shape == (40, 4, 5)
    counted = made.targets >= 0
    assert counted.sum() == 80 and np.allclose(np.exp(made.log_probability).sum(axis=2), 1, atol=1e-5)

    def loss(log_probability):
        chosen = np.take_along_axis(log_probability, np.maximum(made.targets, 0)[:, :, None], axis=2)
        return -chosen[:, :, 0][counted].mean()

    setup, metrics = found.run.spec.setup, found.run.metrics
    assert loss(made.log_probability) == pytest.approx(metrics["loss"], rel=1e-5)
    exact = setup.task.exact(setup.grammar(0), made.symbols)
    with np.errstate(divide="ignore"):
        assert loss(np.log(exact)) == pytest.approx(metrics["loss"] - metrics["excess"], abs=1e-5)
    options |= {"record": "weights", "select": "last"}
    recorded = srhm.run(
        params, "transformer", task="masked(0.5)", P=60, store=tmp_path / "r.sqlite", **options
    )
    steps = [point["step"] for point in recorded.run.record]
    last = recorded.predictions(step=steps[-1]).log_probability
    assert (last == recorded.predictions().log_probability).all()
    assert (last != recorded.predictions(step=1).log_probability).any()
    with pytest.raises(srhm.ArgumentError, match=r"step = 999 .*Use one of \[1, "):
        recorded.network(step=999)
    with pytest.raises(srhm.ArgumentError, match='Run it with record="weights"'):
        found.predictions(step=1)
    other = srhm.split(srhm.Grammar(params, 0), P=2, P_test=7, seed=9).test
    assert len(found.predictions(other).targets) == 7
    wrong = srhm.split(srhm.Grammar(PARAMS, 0), P=2, P_test=7).test
    with pytest.raises(srhm.ArgumentError, match=r"dataset = .*are not those of the run"):
        found.predictions(wrong)


def test_a_run_of_classification_has_no_predictions_of_symbols(tmp_path):
    found = srhm.run(PARAMS, P=30, store=tmp_path / "r.sqlite", progress=False, **OPTIONS)
    with pytest.raises(srhm.SrhmError, match=r'task="latent\(3\)" predicts the class likewise'):
        found.predictions()
