"""The examples run, small, and what they measure is sensible."""

import importlib.util

import pytest
import torch

from folders import ROOT
from srhm import Dataset, Grammar, Params, Stream
from srhm.measure.sensitivity import sensitivities
from srhm.measure.sensitivity import test_error as error_of
from srhm.nets import build
from srhm.torch import ModuleLayers, TorchDataset

EXAMPLES = ROOT / "examples"
SMALL = Params(n_c=3, v=3, m=3, s=2, s0=0, L=2)  # 81 data
HERE = {"seeds": 1, "start": 40, "P_test": 16, "within": 0.5, "progress": False}


@pytest.fixture(autouse=True)
def one_thread():
    """As workers compute: threads that wait for each other take many times longer on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cnn_is_the_built_in_one():
    """The same function of the same weights, to single precision: the parametrisation is the paper's."""
    params = Params(n_c=3, v=4, m=3, s=2, s0=1, L=2)
    net = example("torch_cnn").CNN(params, 5)
    ours = build("cnn", params, width=5, seed=2)
    with torch.no_grad():
        for layer, weight, bias in zip(ours.layers, net.weights, net.biases, strict=True):
            rows = torch.tensor(layer.weight.tolist()).reshape(params.patch, -1, 5)  # [place, channel, unit]
            weight.copy_(rows.permute(2, 1, 0))
            bias.copy_(torch.tensor(layer.bias.tolist()).T)
        net.readout.copy_(torch.tensor(ours.readout.tolist()))
    data = Dataset.draw(Stream(Grammar(params), 0), 20)
    x, _ = TorchDataset(data)[:]
    expected = torch.tensor(ours(data.encode()).tolist())
    torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-5)
    found = sensitivities(ModuleLayers(net, ["relus.0", "relus.1"]), data)  # by hooks, on all positions
    assert found.metrics() == pytest.approx(
        sensitivities(ours, data).metrics(), rel=1e-4
    )  # by distinct sub-trees


def test_torch_cnn(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = example("torch_cnn").main(
        SMALL, options={"width": 16, "max_epochs": 200}, thresholds={"error": 0.5, "S_21": 0.6}, **HERE
    )
    assert found.P_star is not None and 3 < found.P_star < 65
    assert "S_21 = 0.6: P*" in capsys.readouterr().out


def test_torch_plane(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = Params(n_c=3, v=3, m=2, s=4, s0=3, L=1, plane=True)  # 1536 pictures of 4 x 4
    changes = {"thresholds": {"error": 0.5}, "options": {"width": 8, "max_epochs": 10}, "P_test": 60}
    found = example("torch_plane").main(params, **HERE | changes)
    assert found.P_star is not None and 3 <= found.P_star < 300
    assert "layer 4, level 1: S " in capsys.readouterr().out


@pytest.mark.long
def test_torch_transformer(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"thresholds": {"error": 0.5}, "options": {"width": 16, "max_epochs": 60}}
    found, measured = example("torch_transformer").main(SMALL, **changes, **HERE)
    assert found.P_star is not None and 3 < found.P_star < 65
    assert measured.layers == ("encoder.layers.0", "encoder.layers.1", "output")
    assert "S of encoder.layers.1: level 1 " in capsys.readouterr().out


def test_sklearn(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("sklearn", reason="needs scikit-learn, which make test installs")
    module = example("sklearn_svc_forest")
    params = Params(n_c=4, v=4, m=2, s=2, s0=1, L=1)  # 32 data
    found = module.main(params, **HERE | {"start": 8, "P_test": 12, "thresholds": {"error": 0.5}})
    assert set(found) == {"svc", "forest"} and all(one.runs > 0 for one in found.values())
    assert found["svc"].P_star is not None and 4 <= found["svc"].P_star <= 20
    everything = Dataset.draw(Stream(Grammar(params), 0), params.P_max)
    assert error_of(module.svc(everything, 0), everything, encoding="onehot") == 0
    assert "output, S of each level:" in capsys.readouterr().out


def test_images(capsys, tmp_path, monkeypatch):
    """Every architecture trains on digits; a run that is kept is not computed again, and both measure the same."""
    pytest.importorskip("sklearn", reason="needs scikit-learn, which make test installs")
    module = example("images")
    monkeypatch.setattr(module, "INPUTS", 100)
    chosen = [(0, 60, name) for name in module.NETS]
    first = module.main(folder=tmp_path, chosen=chosen[:2], epochs=2)
    found = module.main(folder=tmp_path, chosen=chosen, epochs=2)
    assert found[:2] == first and [row["net"] for row in found] == list(module.NETS)
    assert len(capsys.readouterr().out.splitlines()) == 7 == len(list(tmp_path.glob("*.safetensors")))
    for row in found:
        assert 0 < row["error"] < 1 and row["R"][0] == pytest.approx(1, abs=1e-3)  # standardised pixels
        assert row["G"][-1] > row["G_error"][-1] > 0 and row["layers"][-1] == "output"
    again = module.main(folder=tmp_path / "again", chosen=chosen[:1], epochs=2)[0]
    assert {**again, "seconds": 0} == {**first[0], "seconds": 0}
