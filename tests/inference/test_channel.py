from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest

import oracles
from enumeration import Enumeration
from oracles import ORACLES, name_of
from srhm import ArgumentError, Dataset, Grammar, Params, Stream
from srhm.inference import (
    MASKED,
    Channel,
    bayes,
    bayes_error,
    channel_error,
    class_posterior,
    log_likelihood,
    parse,
)

MODEL = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)


def inputs_of(count, seed=0):
    return Dataset.draw(Stream(Grammar(MODEL), seed, "replacement"), count).encode("integer")


def test_what_a_channel_does():
    """Counts of what becomes of each symbol, and of each position: false-alarm rate 2e-4 each."""
    inputs = inputs_of(3000)
    channel = Channel(noise=0.3, masked=0.2)
    received = channel.transmit(MODEL, inputs, seed=1)
    wanted = np.array([0.2, *[0.8 * 0.3 / 4] * 4])
    for symbol in range(-1, 3):
        counts = np.bincount(received[inputs == symbol] + 2, minlength=5)
        expected = wanted + 0.8 * 0.7 * (np.arange(5) == symbol + 2)
        oracles.check_counts(counts, counts.sum() * expected)
    changed = (received != inputs) & (received != MASKED)
    oracles.check_counts(changed.sum(axis=0), changed.sum() / MODEL.d)
    one, other = (received[:, place] == MASKED for place in (0, 1))
    both = np.bincount(2 * one + other, minlength=4)
    oracles.check_counts(both, 3000 * np.array([0.64, 0.16, 0.16, 0.04]))


def test_samples_are_counted():
    inputs, channel = inputs_of(50), Channel(0.4, 0.4)
    whole = channel.transmit(MODEL, inputs, seed=2**63, start=2**32 - 20)
    part = channel.transmit(MODEL, inputs[30:40], seed=2**63, start=2**32 + 10)
    assert (part == whole[30:40]).all()
    compiled = channel.transmit(MODEL, jnp.asarray(inputs), seed=2**63, start=2**32 - 20)
    assert (np.asarray(compiled) == whole).all()
    assert (channel.transmit(MODEL, inputs, seed=1) != whole).any()


def test_smaller_channels_do_less():
    inputs = inputs_of(200)
    assert (Channel().transmit(MODEL, inputs) == inputs).all()
    assert (Channel(masked=1.0).transmit(MODEL, inputs) == MASKED).all()
    small, large = (Channel(e, e).transmit(MODEL, inputs) for e in (0.2, 0.4))
    assert ((small == MASKED) <= (large == MASKED)).all()
    seen = (small != MASKED) & (large != MASKED)
    assert (small == large)[seen & (small != inputs)].all()


def test_evidence_by_definition():
    received = np.array([[0, -1, MASKED, 2] * 4])
    for channel in (Channel(), Channel(0.3), Channel(1.0), Channel(0.3, 0.5)):
        for dtype in (np.float32, np.float64):
            p = np.exp(channel.evidence(MODEL, received, dtype))[0, :4]
            assert p.dtype == dtype
            other = channel.noise / 4
            expected = other + (1 - channel.noise) * np.eye(4)[[0, 3, 0, 2]]
            expected[2] = 1
            np.testing.assert_allclose(p, expected, rtol=1e-6)
    compiled = Channel(0.3).evidence(MODEL, jnp.asarray(received))
    assert (np.asarray(compiled) == Channel(0.3).evidence(MODEL, received)).all()


def test_all_that_can_be_received():
    """The probabilities of all 3^4 inputs a channel may hand on add up to one."""
    params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1)
    received = np.array(list(product(range(-1, 2), repeat=4)))
    for sparsity in "AB":
        params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1, sparsity=sparsity)
        evidence = Channel(0.3).evidence(params, received, np.float64)
        np.testing.assert_allclose(np.exp(log_likelihood(Grammar(params), evidence)).sum(), 1)


def test_what_noise_draws_from():
    """Without blanks noise makes none by default; what arrives has the probabilities that the evidence claims.

    Counts of what becomes of each symbol: false-alarm rate 2e-4 each.
    """
    without = Params(n_c=3, v=3, m=2, s=2, s0=0, L=2)
    for params, over, least in (
        (without, None, 0), (without, "features", 0), (without, "symbols", -1),
        (MODEL, None, -1), (MODEL, "symbols", -1), (MODEL, "features", 0),
    ):  # fmt: skip
        inputs = Dataset.draw(Stream(Grammar(params), 0, "replacement"), 2000).encode("integer")
        channel = Channel(noise=0.3, over=over)
        received = channel.transmit(params, inputs, seed=1)
        assert received[inputs >= 0].min() == least and channel.drawn_symbols(params) == params.v - least
        whole = np.arange(-1, params.v)[None].repeat(params.d, axis=0).T  # every symbol at every position
        p = np.exp(channel.evidence(params, whole, np.float64))[:, 0]  # [received, symbol], blank first, last
        np.testing.assert_allclose(p[:, :-1].sum(axis=0), 1)
        for symbol in np.unique(inputs):
            counts = np.bincount(received[inputs == symbol] + 1, minlength=params.v + 1)
            possible = p[:, symbol] > 0
            assert not counts[~possible].any()
            oracles.check_counts(counts[possible], counts.sum() * p[possible, symbol])
    same = [Channel(0.3, 0.2, over).transmit(MODEL, inputs, seed=2) for over in (None, "symbols")]
    assert (same[0] == same[1]).all()


def exact_bayes_error(oracle, channel):
    """Over everything that can be received: one minus the probability of it and of the best class."""
    params = oracle.params
    blank = params.s0 > 0 or channel.over == "symbols"
    symbols = [MASKED] * (channel.masked > 0) + [-1] * blank + list(range(params.v))
    received = np.array(list(product(symbols, repeat=params.d)))
    hidden = (received == MASKED).sum(axis=1)
    patterns = channel.masked**hidden * (1 - channel.masked) ** (params.d - hidden)
    right = 0.0
    for evidence, pattern in zip(channel.evidence(params, received, np.float64), patterns, strict=True):
        joint = np.exp(oracle.joint(evidence))
        right += pattern * np.bincount(oracle.tree.label, joint).max()
    return 1 - right


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize(
    "params",
    [
        Params(n_c=2, v=2, m=1, s=2, s0=1, L=1),
        Params(n_c=3, v=3, m=2, s=2, s0=0, L=2),
        Params(n_c=3, v=2, m=1, s=2, s0=1, L=1, sparsity="B"),
    ],
    ids=name_of,
)
def test_bayes_error_by_enumeration(params, backend):
    """Within 4 standard errors of the exact value: false-alarm rate 6e-5 each."""
    oracle = Enumeration(Grammar(params, 3))
    channels = [Channel(0.3), Channel(masked=0.4), Channel(0.2, 0.3)]
    channels += [Channel(0.3, over=over) for over in ("features", "symbols")]
    for channel in channels:
        found = bayes_error(oracle.grammar, channel, 5000, seed=4, backend=backend)
        exact = exact_bayes_error(oracle, channel)
        assert oracles.close(found.value, exact, found.standard_error)
        assert 0 < found.standard_error < 0.01
        low, high = found.interval
        assert 0 <= low < found.value < high <= 1 - 1 / params.n_c
        assert 1.64 < (high - low) / (2 * found.standard_error) < 1.65


@pytest.mark.parametrize("params", [*ORACLES, Params(n_c=7, v=6, m=5, s=2, s0=2, L=3)], ids=name_of)
def test_no_error_without_losses(params):
    found = bayes_error(Grammar(params, 1), Channel(), 200)
    assert found.value == found.standard_error == 0.0
    assert found.interval == (0.0, 0.0)


def test_the_range_of_the_bayes_error():
    params = Params(n_c=5, v=4, m=3, s=2, s0=1, L=2)
    grammar = Grammar(params)
    for make in (lambda e: Channel(noise=e), lambda e: Channel(masked=e)):
        errors = [bayes_error(grammar, make(e), 400).value for e in (0.0, 0.02, 0.1, 0.3, 0.6, 1.0)]
        assert errors == sorted(errors) and errors[0] == 0
        np.testing.assert_allclose(errors[-1], 0.8, rtol=1e-6)
    rare = bayes_error(grammar, Channel(masked=1e-9), 400)
    assert rare.value == 0 == rare.interval[0] and 0.005 < rare.interval[1] < 0.01  # 0.8 ln 20 / 400


def test_inputs_at_once_make_no_difference(monkeypatch):
    grammar, channel = Grammar(MODEL), Channel(0.2, 0.1)
    whole = bayes_error(grammar, channel, 300)
    monkeypatch.setattr(bayes, "_AT_ONCE", 77)
    assert bayes_error(grammar, channel, 300) == whole


def test_the_interval_covers():
    """Of 60 intervals 90% cover: fewer than 45 have the probability 3e-4, all 60 have 2e-3."""
    params = Params(n_c=3, v=3, m=2, s=2, s0=0, L=2)
    oracle = Enumeration(Grammar(params, 3))
    channel = Channel(0.2)
    exact = exact_bayes_error(oracle, channel)
    intervals = [bayes_error(oracle.grammar, channel, 300, seed).interval for seed in range(60)]
    assert sum(low <= exact <= high for low, high in intervals) >= 45


def test_wrong_arguments(refuses):
    grammar = Grammar(MODEL)
    for name in ("noise", "masked"):
        for value in (-0.1, 1.5, np.nan, None):
            with refuses(name, repr(value), f"Use 0 <= {name} <= 1"):
                Channel(**{name: value})
    with refuses("samples", 1, "Use samples >= 2"):
        bayes_error(grammar, Channel(), 1)
    for over in ("blanks", True, ["symbols"]):
        with refuses("over", repr(over), "Use 'features', 'symbols' or None"):
            Channel(over=over)
    with refuses("backend", "'torch'", "Use 'numpy' or 'jax'"):
        bayes_error(grammar, Channel(), 10, backend="torch")
    good = inputs_of(2)
    for wrong in (good[0], good[:, 1:], good.astype(float)):
        shown = f"'{wrong.dtype} of shape {wrong.shape}'"
        for name, method in (("inputs", Channel().transmit), ("received", Channel().evidence)):
            with refuses(name, shown, "Give [sample, 16] integers"):
                method(MODEL, wrong)
    with refuses("inputs", -2, "Use -1 to 2"):
        Channel().transmit(MODEL, np.where(good < 0, -2, good))
    for number in (-3, 3):
        with refuses("received", number, "Use -2 to 2"):
            Channel().evidence(MODEL, np.where(good < 0, number, good))


def best_guess(grammar, channel):
    """The classifier that knows the grammar and the channel."""
    return lambda received: np.asarray(class_posterior(grammar, channel.evidence(grammar.params, received)))


def test_the_best_classifier_has_the_bayes_error():
    """On the same inputs: within four standard errors, a false-alarm rate of 6e-5 for each of three channels."""
    grammar = Grammar(Params(n_c=4, v=4, m=4, s=2, s0=1, L=2), 3)
    for channel in (Channel(noise=0.1), Channel(masked=0.3), Channel(noise=0.05, masked=0.2)):
        found = bayes_error(grammar, channel, 5000, seed=2)
        error, deviation = channel_error(best_guess(grammar, channel), grammar, channel, 5000, seed=2)
        assert 0.05 < found.value < 0.7
        assert abs(error - found.value) < 4 * deviation
        assert deviation == pytest.approx((error * (1 - error) / 5000) ** 0.5, rel=1e-3)
        worse, _ = channel_error(best_guess(grammar, Channel(noise=0.6)), grammar, channel, 5000, seed=2)
        assert worse >= error - 4 * deviation, "one that believes in another channel is no better"


def test_classes_and_scores_are_the_same_to_it():
    grammar = Grammar(Params(n_c=3, v=3, m=3, s=2, s0=1, L=2))
    reads = lambda received: parse(grammar, received).label  # noqa: E731
    assert channel_error(reads, grammar, Channel(), 5001) == (0.0, 0.0), "clean inputs name their class"
    always = channel_error(lambda received: np.zeros(len(received), int), grammar, Channel(), 4998)
    scores = channel_error(
        lambda received: np.tile([1.0, 0.0, 0.5], (len(received), 1)), grammar, Channel(), 4998
    )
    assert always == scores and always[0] == pytest.approx(2 / 3), "classes are balanced"


@pytest.mark.usefixtures("unchecked")
def test_a_classifier_of_another_shape_is_refused():
    grammar = Grammar(Params(n_c=3, v=3, m=3, s=2, s0=1, L=2))
    with pytest.raises(ArgumentError, match=r"^classify = \(100, 4\) is not the shape"):
        channel_error(lambda received: np.zeros((len(received), 4)), grammar, Channel(), 100)
    with pytest.raises(ArgumentError, match="samples = 1 is below 2"):
        channel_error(lambda received: received[:, 0], grammar, Channel(), 1)
