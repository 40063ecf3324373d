"""Pictures: the layout of Conv2d, and networks and measurements that are those of the same function on the line."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from filled_nets import filled
from srhm import ArgumentError, Dataset, Grammar, Params, Stream
from srhm.measure import sensitivities, test_error
from srhm.model.plane import in_tree_order
from srhm.nets.active import Leaves
from srhm.nets.network import outputs

torch = pytest.importorskip("torch", reason="needs PyTorch, which make test installs")

from srhm.torch import SymbolDataset, TorchDataset, to_torch  # noqa: E402

PLANE = Params(v=4, m=4, s=4, s0=3, L=2, plane=True)
LINE = replace(PLANE, plane=False)
SMALL = Params(v=3, m=2, s=4, s0=(3, 0), L=2, plane=True)


def data_of(params, count=40):
    return Dataset.draw(Stream(Grammar(params, seed=1), 1, "replacement"), count)


def two_dimensional():
    """A CNN in two dimensions that is none of ours: its windows overlap and cross the borders of patches."""
    net = torch.nn.Sequential(
        torch.nn.Conv2d(4, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 5, 3, stride=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(45, 4),
    )  # fmt: skip
    random = np.random.default_rng(0)
    with torch.no_grad():
        for one in net.parameters():
            one.copy_(torch.tensor(random.normal(size=one.shape) * 0.3))
    return net


def test_samples_are_what_two_dimensional_convolutions_take():
    plane, line = data_of(PLANE), data_of(LINE)
    first, second = TorchDataset(plane), TorchDataset(line)
    (x, y), (row, label) = first[3], second[3]
    assert x.shape == (4, 16, 16) and y == label
    assert torch.equal(x, row[:, PLANE.raster().tolist()])
    assert torch.equal(x, torch.from_numpy(plane.encode()[3]).movedim(-1, 0))
    assert torch.equal(second[:][0][:, :, PLANE.raster()], first[:][0])  # an index as the documentation says
    x, _ = TorchDataset(plane, layout="positions_first")[:5]
    assert x.shape == (5, 16, 16, 4)
    symbols, _ = TorchDataset(plane, encoding="integer")[:5]
    assert symbols.shape == (5, 16, 16) and np.array_equal(symbols, plane.encode("integer")[:5])
    assert two_dimensional()(first[:][0]).shape == (40, 4)


def test_sensitivities_in_the_plane_are_those_of_the_same_function_on_the_line():
    module = two_dimensional()

    def on_the_line(x):
        pictures = torch.from_numpy(x[:, PLANE.raster()]).movedim(-1, 1)
        with torch.no_grad():
            hidden = module[:5](pictures)
            return {"hidden": hidden.numpy(), "output": module[5:](hidden).numpy()}

    plane = sensitivities(module, data_of(PLANE), inputs=40)
    line = sensitivities(on_the_line, data_of(LINE), inputs=40)
    for name in ("S", "D", "S_error", "D_error"):
        found, expected = getattr(plane, name), getattr(line, name)
        assert found.shape == (8, 2) and (found > 0).all()
        assert np.allclose(found[[4, 7]], expected, rtol=1e-6, atol=0)
    assert test_error(module, data_of(PLANE)) == test_error(on_the_line, data_of(LINE))


def test_modules_of_symbols_get_pictures_of_integers():
    seen = []

    class Tokens(torch.nn.Module):
        def forward(self, x):
            seen.append((tuple(x.shape), x.dtype))
            return torch.nn.functional.one_hot((x + 1).sum(dim=(1, 2)) % 4, 4).float()

    sensitivities(Tokens(), data_of(PLANE), inputs=5, encoding="integer")
    assert set(seen) == {((5, 16, 16), torch.int64)}


def test_the_matched_cnn_is_a_cnn_of_squares():
    """Kernel and stride are the side of a patch; its weights are those of the CNN on the line, laid out in squares."""
    h, x = 6, data_of(PLANE).encode()
    net = filled("cnn", PLANE, h, bias="none")
    pictures = torch.from_numpy(x).movedim(-1, 1)
    with torch.no_grad():
        for layer, channels in zip(net.layers, (4, h), strict=True):
            weight = (
                layer.to_torch().weight.detach().numpy().reshape(16, channels, h)
            )  # [place, channel, unit]
            square = weight[PLANE.raster(2)].transpose(3, 2, 0, 1)  # a patch is the picture of level L
            pictures = torch.nn.functional.conv2d(pictures, torch.tensor(square) / channels**0.5, stride=4)
            pictures = torch.relu(pictures)
        output = (pictures.mean(dim=(2, 3)) @ torch.tensor(np.array(net.readout)) / h).numpy()
    assert np.allclose(net(x), output, rtol=1e-5, atol=1e-5 * np.abs(output).max())
    line = filled("cnn", LINE, h, bias="none")
    assert np.array_equal(net(x), line(data_of(LINE).encode()))


@pytest.mark.parametrize("name", ["cnn", "fcn", pytest.param("transformer", marks=pytest.mark.long)])
def test_networks_of_the_line_take_pictures(name):
    options = {"layers": 1, "heads": 2} if name == "transformer" else {}
    line = replace(SMALL, plane=False)
    net, other = filled(name, SMALL, 4, **options), filled(name, line, 4, **options)
    data = data_of(SMALL, 12)
    x = data.encode()
    assert x.shape == (12, 8, 8, 3)
    expected = np.asarray(other(data_of(line, 12).encode()))
    assert np.array_equal(net(x), expected) and np.array_equal(net(in_tree_order(SMALL, x, more=1)), expected)
    module = to_torch(net)
    for pictures in (TorchDataset(data)[:][0], torch.from_numpy(data_of(line, 12).encode()).movedim(-1, 1)):
        assert np.allclose(module(pictures).detach(), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    with pytest.raises(ArgumentError, match="plane = True"):
        test_error(net, data_of(line, 12))
    if name == "fcn":
        both = [
            sensitivities(one, data_of(model, 12), inputs=12) for one, model in ((net, SMALL), (other, line))
        ]
        assert np.array_equal(both[0].S, both[1].S) and np.array_equal(both[0].D, both[1].D)


def test_a_network_of_the_users_is_trained_on_pictures():
    class Own(eqx.Module):
        weight: jnp.ndarray

        def __call__(self, x):
            return x.sum(axis=3)[:, :4, 0] * self.weight[None]

    data = data_of(SMALL, 5)
    found = outputs(
        Own(jnp.ones(4)), Leaves(SMALL, "whitened", jnp.asarray(data.features), jnp.asarray(data.positions))
    )
    assert np.allclose(found, data.encode().sum(axis=3)[:, :4, 0])


def test_symbols_of_sequences_are_in_tree_order():
    plane, line = (SymbolDataset.next_symbols(data_of(model, 5)) for model in (PLANE, LINE))
    assert all(map(torch.equal, plane[:], line[:]))
    tokens = plane.tokens_of(data_of(PLANE, 5).encode("integer"))
    assert torch.equal(tokens, line.tokens_of(data_of(LINE, 5).encode("integer")))
