"""Probes of exact posteriors: layers that hold them, layers that do not, and a trained network."""

import numpy as np
import pytest

from srhm import ArgumentError, Grammar, Params, split
from srhm.inference import prefix_posterior
from srhm.measure import posterior_probes
from srhm.nets import Interface, NetSpec

PARAMS = Params(v=3, m=3, s=2, s0=1, L=2)


@pytest.fixture(scope="module")
def data():
    return split(Grammar(PARAMS, 0), P=2, P_test=400).test


def test_a_layer_that_holds_the_posterior_is_read_and_noise_is_not(data):
    """Positions have seen 4, 8, 16 symbols; one layer is a linear image of the posteriors, the other noise."""
    seen = (4, 8, 16)
    found = prefix_posterior(data.stream.grammar, data.encode("integer"), seen)
    above = np.stack([found.symbols[1][:, k, (n - 1) // 4] for k, n in enumerate(seen)], axis=1)
    both = np.concatenate([found.label, above], axis=2)
    rng = np.random.default_rng(0)
    layers = {"holds": both @ rng.normal(size=(both.shape[2], 20)), "noise": rng.normal(size=(400, 3, 20))}
    started = iter(range(0, 400, 250))

    def network(x):
        first = next(started)
        return {name: values[first : first + len(x)] for name, values in layers.items()}

    table = posterior_probes(network, data, seen=seen)
    assert table.layers == ("holds", "noise") and table.seen == seen and table.R2.shape == (2, 3, 2)
    assert (table.R2[0] > 0.999).all() and (table.pooled[0] > 0.999).all()
    assert (table.R2[1] < 0.1).all() and (table.control < 0.1).all()
    started = iter(range(0, 400, 250))
    together = posterior_probes(network, data, seen=seen, shared=True)
    assert (
        together.R2.shape == (2, 1, 2) and (together.R2[0] > 0.999).all() and (together.control < 0.1).all()
    )
    assert together.pooled == pytest.approx(together.R2[:, 0])


def test_our_causal_networks_say_what_they_have_seen(data):
    """With a start symbol the first position has seen nothing, whose posterior does not vary."""
    for length, first in ((16, 0), (15, 1)):
        interface = Interface(5 if first == 0 else 4, length, 4, length, "causal")
        spec = NetSpec("transformer", 8, "onehot_blank", {"layers": 2, "heads": 2})
        net = spec.build(PARAMS, 0, interface=interface)
        table = posterior_probes(net, data, inputs=60)
        assert table.layers == ("layer_1", "layer_2") and table.seen == tuple(range(first, first + length))
        assert np.isnan(table.R2[:, 0]).all() == (first == 0)
        assert np.isfinite(table.pooled).all()


def test_refusals(data):
    with pytest.raises(ArgumentError, match="seen = None is missing"):
        posterior_probes(lambda x: {"h": x}, data)
    with pytest.raises(ArgumentError, match=r"network = .*are layers without these positions"):
        posterior_probes(lambda x: {"h": x[:, :3]}, data, seen=range(1, 5))
    with pytest.raises(ArgumentError, match="seen = 17"):
        posterior_probes(lambda x: {"h": x[:, :1]}, data, seen=[17])
    with pytest.raises(ArgumentError, match="inputs"):
        posterior_probes(lambda x: {"h": x}, data, seen=range(1, 17), inputs=3)
