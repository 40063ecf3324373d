"""Any network as a map to its layers: PyTorch modules against the same sums in NumPy, estimators, functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn

from srhm import ArgumentError, Grammar, Params, split
from srhm.measure.clustering import clusters
from srhm.measure.layers import layers_of, predictor_of, record_activations
from srhm.measure.probing import probes
from srhm.measure.sensitivity import sensitivities
from srhm.measure.sensitivity import test_error as error_of
from srhm.nets import build
from srhm.torch import ModuleLayers, TorchDataset

PARAMS = Params(n_c=3, v=4, m=3, s=2, s0=1, L=2)
TEST = split(Grammar(PARAMS, seed=0), 10, 200, seed=0).test


def convolutional(dtype=torch.float32):
    """A CNN with everything that a forward pass in the wrong mode, or a hook without a copy, would spoil."""
    one = nn.Conv1d(4, 6, 4, 4)
    net = nn.Sequential(one, nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten())
    net.append(nn.Linear(24, 3))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for array in [*net.parameters(), net[1].running_mean]:
            array.copy_(torch.randn(array.shape, generator=generator))
        net[1].running_var.copy_(torch.rand(6, generator=generator) + 0.5)
    return net.to(dtype)


def by_hand(net, x):
    """The layers of that CNN, in NumPy and in double precision."""
    p = {name: value.detach().double().numpy() for name, value in net.state_dict().items()}
    patches = x.astype(np.float64).reshape(len(x), 4, 4, 4)  # [sample, patch, place, channel]
    z = np.einsum("nqjc,acj->naq", patches, p["0.weight"]) + p["0.bias"][:, None]
    scale = p["1.weight"] / np.sqrt(p["1.running_var"] + net[1].eps)
    normal = (z - p["1.running_mean"][:, None]) * scale[:, None] + p["1.bias"][:, None]
    active = np.maximum(normal, 0)
    return z, normal, active, active.reshape(len(x), -1) @ p["5.weight"].T + p["5.bias"]


def test_layers_of_a_module_are_those_computed_by_hand():
    """In evaluation mode, before what is done in place later; the last part returns the output itself."""
    net, x = convolutional(), TEST.encode()[:7]
    found = ModuleLayers(net)(x)
    z, normal, active, output = by_hand(net, x)
    assert list(found) == ["0", "1", "2", "3", "4", "5", "output"]
    for name, expected in (("0", z), ("1", normal), ("2", active), ("3", active), ("5", output)):
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found["output"], found["5"])
    np.testing.assert_array_equal(found["4"], found["3"].reshape(7, -1))
    np.testing.assert_array_equal(ModuleLayers(net).output(x), found["output"])


def test_a_module_is_left_as_it_was():
    """Modes of every part, hooks, gradients and running statistics, also after an error."""
    net = convolutional()
    net.train()
    net[1].eval()  # as one who freezes the statistics does
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [part.training for part in net.modules()]
    ModuleLayers(net, ["2"])(TEST.encode()[:5])
    with pytest.raises(ArgumentError, match="see layout"):
        ModuleLayers(net, ["2"])(TEST.encode()[:5, :, :2])
    assert [part.training for part in net.modules()] == modes and modes[0] and not modes[2]
    assert not any(part._forward_hooks for part in net.modules())
    assert all(one.grad is None for one in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_module_computes_in_its_own_type(dtype):
    net, x = convolutional(dtype), TEST.encode()[:5]
    found = ModuleLayers(net, [])(x)["output"]
    assert found.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    tolerance = 1e-12 if dtype == torch.float64 else 0.2
    np.testing.assert_allclose(found, by_hand(net, x)[-1], rtol=tolerance, atol=tolerance)


class Twice(nn.Module):
    """A module of positions first or tokens that calls a part twice, and has one that returns a tuple."""

    def __init__(self, tokens=False):
        super().__init__()
        self.tokens = tokens
        self.embed = nn.Embedding(6, 4) if tokens else nn.Identity()
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)
        self.relu, self.unused = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        x = self.embed(x + 1 if self.tokens else x)
        x = x + self.attend(self.relu(x), x, x)[0]
        return self.relu(x).mean(1)[:, :3]


def test_parts_called_twice_and_parts_that_return_several():
    net = Twice()
    names = ["embed", "attend", "relu"]
    found = ModuleLayers(net, names, layout="positions_first")(TEST.encode()[:5])
    assert list(found) == ["embed", "relu", "attend", "relu:2", "output"]
    every = ModuleLayers(net, layout="positions_first")(TEST.encode()[:5])
    assert list(every) == [
        "embed",
        "relu",
        "relu:2",
        "output",
    ]  # attention has a part, which it does not call
    np.testing.assert_array_equal(found["embed"], TEST.encode()[:5])
    np.testing.assert_array_equal(found["relu:2"], np.maximum(found["embed"] + found["attend"], 0))


def test_tokens_go_to_a_module_as_integers():
    torch_like = Twice(tokens=True)
    x = TEST.encode("integer")[:5]
    found = ModuleLayers(torch_like, ["embed"])(x)
    expected = torch_like.embed.weight.detach().numpy()[x + 1]
    np.testing.assert_array_equal(found["embed"], expected)
    assert sensitivities(ModuleLayers(torch_like, ["embed"]), TEST, encoding="integer").S.shape == (2, 2)


@pytest.mark.parametrize("measure", [sensitivities, probes, error_of])
def test_an_encoding_that_a_module_does_not_take(measure):
    """The words of PyTorch come with what to do here."""
    tokens, dense = Twice(tokens=True), convolutional()
    with pytest.raises(ArgumentError) as caught:
        measure(tokens, TEST)
    message = str(caught.value)
    assert message.startswith("module = 'Twice' does not accept inputs (") and "torch.float32" in message
    assert "encoding='integer'" in message and isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(ArgumentError, match="use an encoding with channels"):
        measure(dense, TEST, encoding="integer")
    assert tokens.training and dense.training  # they are left as they were


def test_a_module_measures_as_the_same_function_of_jax():
    """Sensitivities of both, each in single precision and by its own library; layers by name and by number."""
    net = convolutional()
    p = {name: jnp.asarray(value.numpy()) for name, value in net.state_dict().items()}
    unit = {name: value[:, None] for name, value in p.items() if value.shape == (6,)}

    @jax.jit
    def function(x):
        patches = x.reshape(len(x), 4, 4, 4)  # [sample, patch, place, channel]
        z = jnp.einsum("nqjc,acj->naq", patches, p["0.weight"]) + unit["0.bias"][None]
        scale = unit["1.weight"] / jnp.sqrt(unit["1.running_var"] + net[1].eps)
        normal = (z - unit["1.running_mean"][None]) * scale[None] + unit["1.bias"][None]
        active = jax.nn.relu(normal)
        return [z, normal, active, active.reshape(len(x), -1) @ p["5.weight"].T + p["5.bias"][None]]

    layers = ModuleLayers(net, ["0", "1", "2"])
    found, expected = sensitivities(layers, TEST), sensitivities(function, TEST)
    assert found.layers == ("0", "1", "2", "output")
    for name, value in expected.metrics().items():
        assert found.metrics()[name] == pytest.approx(value, rel=1e-5), name
    assert error_of(net, TEST) == error_of(function, TEST)
    table = found.table()
    assert list(table) == list(found.layers)
    for k, name in enumerate(found.layers):
        assert list(table[name]) == [
            f"{which}_{kl}" for which in "SD" for kl in ("1", "1_error", "2", "2_error")
        ]
        for which in "SD":
            for level in (1, 2):
                assert table[name][f"{which}_{level}"] == found.metrics()[f"{which}_{k + 1}{level}"]
                assert (
                    table[name][f"{which}_{level}_error"] == found.metrics()[f"{which}_{k + 1}{level}_error"]
                )
    read, grouped = probes(layers, TEST), clusters(layers, TEST, contexts=2)
    assert read.table()["1"]["placement_2"] == read.metrics()["probe_placement_22"]
    assert read.table()["output"]["feature_3_error"] == read.metrics()["probe_43_error"]
    assert grouped.table()["2"]["ari_1"] == grouped.metrics()["ari_31"]


def test_a_part_called_output_is_not_what_the_module_returns():
    """Even if another part is called after it: the layers end with, and predictions are, what it returns."""

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.output, self.aside = nn.Linear(64, 3), nn.Linear(64, 3)
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for array in self.parameters():
                    array.copy_(torch.randn(array.shape, generator=generator))

        def forward(self, x):
            y = self.output(x.flatten(1))
            self.aside(x.flatten(1))
            return -y

    net, x = Named(), TEST.encode()[:6]
    found = ModuleLayers(net)(x)
    assert list(found) == ["output:1", "aside", "output"]
    np.testing.assert_array_equal(found["output"], -found["output:1"])
    assert list(ModuleLayers(net, ["output"])(x)) == ["output:1", "output"]
    assert (
        error_of(ModuleLayers(net), TEST) == error_of(net, TEST) != error_of(lambda x: -net_of(net, x), TEST)
    )


def net_of(net, x):
    return ModuleLayers(net).output(x)


def test_the_output_is_the_layer_of_that_name(refuses):
    """jax.jit sorts a mapping by its names: the last one need not be the output."""
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(64, 3)), jnp.float32)

    def function(x):
        output = x.reshape(len(x), -1) @ weights
        return {"relu": jax.nn.relu(-output), "output": output}

    x, compiled = TEST.encode()[:6], jax.jit(function)
    assert list(compiled(x)) == ["output", "relu"]
    assert (
        list(record_activations(compiled, x)) == list(record_activations(function, x)) == ["relu", "output"]
    )
    assert sensitivities(compiled, TEST).layers == ("relu", "output")
    right = np.mean(np.asarray(function(TEST.encode())["output"]).argmax(1) == TEST.labels)
    assert error_of(compiled, TEST) == error_of(function, TEST) == pytest.approx(1 - right)
    alone = predictor_of(lambda x: {"logits": function(x)["output"]})
    np.testing.assert_array_equal(alone(x), function(x)["output"])
    with refuses("predict", "['logits', 'relu']", "Call the output 'output'"):
        error_of(jax.jit(lambda x: {"relu": x, "logits": x}), TEST)


def test_measurements_take_a_module():
    """The same numbers as for the function that computes the same in NumPy; and batches do not matter."""
    net = convolutional()

    def function(x):
        z, normal, _, output = by_hand(net, x)
        return {"0": z, "1": normal, "output": output}

    layers = ModuleLayers(net, ["0", "1"])
    seen = []
    found = sensitivities(layers, TEST, batch=60, progress=lambda *count: seen.append(count))
    expected = sensitivities(function, TEST)
    assert found.layers == ("0", "1", "output")
    np.testing.assert_allclose(found.S, expected.S, rtol=1e-4)
    np.testing.assert_allclose(found.D, expected.D, rtol=1e-4)
    assert seen[-1] == (1200, 1200) and [a for a, _ in seen] == sorted({a for a, _ in seen})
    read = probes(layers, TEST, batch=60, progress=lambda *count: seen.append(count))
    np.testing.assert_allclose(read.feature.accuracy, probes(function, TEST).feature.accuracy, atol=0.02)
    assert seen[-1] == (200, 200)
    assert clusters(layers, TEST).layers == found.layers
    right = np.mean(by_hand(net, TEST.encode())[-1].argmax(1) == TEST.labels)
    assert error_of(net, TEST) == error_of(layers, TEST) == pytest.approx(1 - right)
    assert sensitivities(net, TEST, inputs=20).layers == ("0", "1", "2", "3", "4", "5", "output")


class Estimator:
    """What scikit-learn's classifiers look like: not callable, flat inputs, and classes that need not be all."""

    def __init__(self, method):
        weights = np.random.default_rng(3).normal(size=(64, 3))
        self.shapes = []

        def decide(x):
            self.shapes.append(x.shape)
            return x @ weights

        setattr(self, method, decide)
        self.predict = lambda x: np.array([2, 0, 1])[decide(x).argmax(1)]

    def fit(self, x, y):
        raise AssertionError("it is fitted already")


@pytest.mark.parametrize("method", ["decision_function", "predict_proba"])
def test_estimators_are_their_outputs(method):
    estimator = Estimator(method)
    x = TEST.encode()[:6]
    found = record_activations(layers_of(estimator), x)
    decide = getattr(estimator, method)
    np.testing.assert_array_equal(found["output"], decide(x.reshape(6, -1)))
    assert list(found) == ["output"] and set(estimator.shapes) == {(6, 64)}
    assert error_of(estimator, TEST) == np.mean(
        estimator.predict(TEST.encode().reshape(200, -1)) != TEST.labels
    )
    flat = sensitivities(lambda x: decide(np.asarray(x).reshape(len(x), -1)), TEST)
    assert sensitivities(estimator, TEST).metrics() == flat.metrics()


def test_the_decision_of_two_classes_is_a_score_for_each():
    """scikit-learn gives one number, positive for class 1; twice as many squares leave the sensitivity as it is."""
    data = split(Grammar(Params(n_c=2, v=4, m=4, s=2, s0=1, L=2), 0), 1, 50, 0).test
    estimator = Estimator("decision_function")
    decide = estimator.decision_function
    estimator.decision_function = lambda x: decide(x)[:, 0]
    found = record_activations(layers_of(estimator), data.encode(), data.params)["output"]
    alone = decide(data.encode().reshape(50, -1))[:, 0]
    np.testing.assert_array_equal(found, np.stack([-alone, alone], axis=1))
    column = sensitivities(lambda x: {"one": decide(x.reshape(len(x), -1))[:, 0]}, data)
    np.testing.assert_allclose(sensitivities(estimator, data).S, column.S, rtol=1e-6)


def test_a_classifier_that_only_predicts_is_one_of_its_classes():
    """As a vote of the majority: its sensitivity is that of the classes as 0 and 1."""
    estimator = Estimator("decide")
    estimator.classes_ = np.array([0, 1, 2])
    x = TEST.encode()[:6]
    found = record_activations(layers_of(estimator), x)["output"]
    np.testing.assert_array_equal(found.argmax(1), estimator.predict(x.reshape(6, -1)))
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile([0.0, 0.0, 1.0], (6, 1)))


def test_functions_of_jax_and_lists_of_layers():
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(4, 5)), jnp.float32)

    @jax.jit
    def function(x):
        hidden = jax.nn.relu(x @ weights)
        return [hidden, hidden.mean(1)]

    found = record_activations(layers_of(function), TEST.encode()[:6])
    assert {name: one.shape for name, one in found.items()} == {"layer_1": (6, 80), "output": (6, 5)}
    assert list(record_activations(lambda x: (x, x, x), np.ones((2, 3)))) == ["layer_1", "layer_2", "output"]
    np.testing.assert_array_equal(
        record_activations(lambda x: [[1.0], [2.0]], np.ones((2, 3)))["output"], [[1], [2]]
    )
    assert predictor_of(lambda x: [2, np.int64(1)])(np.ones((2, 3))) == [2, 1]
    np.testing.assert_array_equal(predictor_of(function)(TEST.encode()[:6]), function(TEST.encode()[:6])[1])


def test_our_networks_predict_by_their_output():
    net = build("fcn", PARAMS, width=4)
    x = TEST.encode()[:6]
    np.testing.assert_array_equal(predictor_of(net)(x), net(x))
    np.testing.assert_allclose(record_activations(layers_of(net), x)["output"], net(x), rtol=1e-5)


def test_a_module_sees_the_same_inputs_as_in_training():
    """Those of TorchDataset, in whose layout modules take them, by default and when asked."""
    seen = []
    net = nn.Identity()
    net.register_forward_pre_hook(lambda part, arguments: seen.append(arguments[0]))
    ModuleLayers(net)(TEST.encode()[:5])
    assert torch.equal(seen[0], TorchDataset(TEST)[:5][0])


def test_what_is_no_network(refuses):
    fix = "Give a function of inputs, a PyTorch module or a fitted estimator"
    with refuses("layers", "3", fix):
        layers_of(3)
    with refuses("layers", "'Estimator'", "Give a classifier, or a function of inputs"):
        sensitivities(Estimator("other"), TEST)
    with refuses("layers", "{}", "Return one array at least"):
        sensitivities(lambda x: {}, TEST)
    with refuses("module", "<function", "Give a torch.nn.Module"):
        ModuleLayers(lambda x: x)
    net = Twice()
    with refuses("names", "'conv'", "Use one of embed, attend, attend.out_proj, relu, unused"):
        ModuleLayers(net, ["conv"])
    with refuses("layout", "'NCL'", "Use 'positions_first' or 'channels_first'"):
        ModuleLayers(net, [], layout="NCL")
    with refuses("names", "'unused'", "Leave it out, or name a submodule that is called"):
        ModuleLayers(net, ["unused"], layout="positions_first")(TEST.encode()[:5])

    class Named(nn.Module):
        def forward(self, x):
            return {"logits": x}

    with refuses("names", "'output'", "Name submodules that return a tensor, or a tuple of tensors"):
        ModuleLayers(Named())(TEST.encode()[:5])
