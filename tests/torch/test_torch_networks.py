"""Our networks as PyTorch modules: the same outputs, layers and gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from filled_nets import filled
from srhm import Grammar, Params, encode, split
from srhm.measure import sensitivities
from srhm.nets import build

torch = pytest.importorskip("torch", reason="compares with PyTorch, which make test installs")
from srhm.torch import TorchDataset, to_torch  # noqa: E402

A = Params(n_c=3, v=4, m=3, s=2, s0=2, L=2)
B = Params(n_c=3, v=4, m=3, s=2, s0=1, L=2, sparsity="B")
CASES = [
    ("cnn", B, "onehot", {}),
    ("cnn", A, "whitened", {"shared_layers": (1, 2), "bias": "shared"}),
    ("cnn", A, "onehot", {"bias": "none", "frozen_layers": (1, 3)}),
    ("lcn", B, "whitened", {"frozen_layers": (2,)}),
    ("lcn", A, "whitened", {"shared_layers": (1, 2)}),
    ("fcn", A, "onehot", {}),
]
MORE_CASES = [
    ("cnn", A, "whitened", {}),
    ("cnn", A, "onehot_blank", {"shared_layers": (1,)}),
    ("lcn", A, "onehot", {}),
    ("fcn", B, "whitened", {}),
]


def data(params):
    return split(Grammar(params, 1), 30, 40, seed=2).test


def inputs(params, encoding):
    test = data(params)
    return encode(params, test.features, test.positions, encoding)


@pytest.mark.parametrize(
    ("name", "params", "encoding", "options"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.long) for case in MORE_CASES)],
)
def test_outputs_and_gradients_agree(name, params, encoding, options):
    net = filled(name, params, 64, encoding=encoding, **options)
    x = inputs(params, encoding)
    module = to_torch(net)

    @eqx.filter_jit
    def both(net):
        return net(x), eqx.filter_grad(lambda net: jnp.square(net(x)).sum())(net)

    ours, gradient = both(net)
    ours = np.asarray(ours)
    theirs = module(torch.from_numpy(x).transpose(1, 2))
    scale = np.abs(ours).max()
    assert scale > 0.01 and np.abs(theirs.detach().numpy() - ours).max() < 1e-6 * scale
    theirs.square().sum().backward()
    parts = [*gradient.layers, gradient.readout]
    for number, part in enumerate(parts, start=1):
        if number in net.frozen:
            module_part = [*module.layers, module][number - 1]
            frozen = module_part.parameters() if number <= params.L else [module.readout]
            assert not any(one.requires_grad for one in frozen)
            continue
        pairs = [(part, module.readout)]
        if number <= params.L:
            layer = module.layers[number - 1]
            pairs = [(part.weight, layer.weight), (part.bias, layer.bias)]
        for expected, found in pairs:
            if expected is None:
                assert found is None
            else:
                expected = np.asarray(expected).reshape(found.shape)
                assert np.abs(found.grad.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(("name", "params", "encoding", "options"), CASES[1:5:3])
def test_measurements_find_the_same_layers(name, params, encoding, options):
    net = filled(name, params, 16, encoding=encoding, **options)
    ours, theirs = (
        sensitivities(one, data(params), inputs=40, encoding=encoding) for one in (net, net.to_torch())
    )
    assert ours.S.shape == (3, 2) and theirs.layers == ("layers.0", "layers.1", "output")
    np.testing.assert_allclose(theirs.S, ours.S, rtol=1e-4)
    np.testing.assert_allclose(
        theirs.D, ours.D, rtol=1e-4, atol=1e-9
    )  # 0 where layers are shared over places


def test_the_layout_is_that_of_data_sets():
    net = build("cnn", A, 8)
    x, _ = TorchDataset(data(A))[:10]
    ours = torch.from_numpy(np.array(net(inputs(A, "whitened")[:10])))
    torch.testing.assert_close(net.to_torch()(x), ours, rtol=1e-5, atol=1e-6)
    by_position = net.to_torch(layout="positions_first")
    torch.testing.assert_close(by_position(x.transpose(1, 2)), ours, rtol=1e-5, atol=1e-6)


def test_double_precision_stays():
    with jax.enable_x64(True):
        net = filled("lcn", A, 8, dtype="float64")
        module, x = net.to_torch(), inputs(A, "whitened").astype(np.float64)
        ours = np.asarray(net(x))
    assert module.readout.dtype == torch.float64
    assert np.abs(module(torch.from_numpy(x).transpose(1, 2)).detach().numpy() - ours).max() < 1e-14


def test_what_has_no_such_form_is_refused(refuses):
    standard = filled("resnet18", A, 8)
    fix = "Use a cnn, an lcn, an fcn or a transformer, or measure your own PyTorch module (docs, any_network.md)"
    for call in (lambda: to_torch(standard), standard.to_torch):
        with refuses("net", "'ResNet'", fix):
            call()
    with refuses("net", "'Linear'", "Give one of srhm.nets.build, a cnn, an lcn, an fcn or a transformer"):
        to_torch(eqx.nn.Linear(2, 2, key=jax.random.key(0)))
    with refuses("layout", "'sideways'", "Use 'positions_first' or 'channels_first'"):
        to_torch(build("cnn", A, 8), layout="sideways")
