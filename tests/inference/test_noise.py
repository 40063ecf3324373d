from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest

import oracles
from enumeration import Enumeration
from oracles import ORACLES, name_of
from srhm import ArgumentError, Dataset, Grammar, Params, Stream, split
from srhm.inference import (
    MASKED,
    BeliefNoise,
    Masking,
    UniformNoise,
    bayes,
    bayes_error,
    class_posterior,
    log_likelihood,
    parse,
)
from srhm.inference.noise import process_of_text, spread_over
from srhm.measure import test_error as error_of

MODEL = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)


def inputs_of(count, seed=0):
    return Dataset.draw(Stream(Grammar(MODEL), seed, "replacement"), count).encode("integer")


def hit(inputs, seed=0, start=0, noise=0.3, masked=0.2):
    """Inputs with noise, then masks."""
    noisy = UniformNoise(noise).corrupt(MODEL, inputs, seed, start)
    return np.where(Masking(masked).corrupt(MODEL, inputs, seed, start) == MASKED, MASKED, noisy)


def test_what_noise_and_masks_do():
    """Counts of what becomes of each symbol, and of each position: false-alarm rate 2e-4 each."""
    inputs = inputs_of(3000)
    received = hit(inputs, seed=1)
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


@pytest.mark.parametrize("process", [UniformNoise(0.4), Masking(0.4)])
def test_samples_are_counted(process):
    inputs = inputs_of(50)
    whole = process.corrupt(MODEL, inputs, seed=2**63, start=2**32 - 20)
    part = process.corrupt(MODEL, inputs[30:40], seed=2**63, start=2**32 + 10)
    assert (part == whole[30:40]).all()
    compiled = process.corrupt(MODEL, jnp.asarray(inputs), seed=2**63, start=2**32 - 20)
    assert (np.asarray(compiled) == whole).all()
    assert (process.corrupt(MODEL, inputs, seed=1) != whole).any()


def test_weaker_noise_does_less():
    inputs = inputs_of(200)
    for process in (UniformNoise(), Masking(), BeliefNoise(0.7)):
        assert (process.corrupt(MODEL, inputs) == inputs).all()
    assert (Masking(1.0).corrupt(MODEL, inputs) == MASKED).all()
    small, large = (hit(inputs, noise=e, masked=e) for e in (0.2, 0.4))
    assert ((small == MASKED) <= (large == MASKED)).all()
    seen = (small != MASKED) & (large != MASKED)
    assert (small == large)[seen & (small != inputs)].all()


def test_evidence_by_definition():
    received = np.array([[0, -1, MASKED, 2] * 4])
    for process in (Masking(0.3), UniformNoise(), UniformNoise(0.3), UniformNoise(1.0), BeliefNoise(0.3)):
        for dtype in (np.float32, np.float64):
            p = np.exp(process.evidence(MODEL, received, dtype))[0, :4]
            assert p.dtype == dtype
            epsilon = 0.0 if isinstance(process, Masking) else process.epsilon
            expected = epsilon / 4 + (1 - epsilon) * np.eye(4)[[0, 3, 0, 2]]
            expected[2] = 1
            np.testing.assert_allclose(p, expected, rtol=1e-6)
    compiled = UniformNoise(0.3).evidence(MODEL, jnp.asarray(received))
    assert (np.asarray(compiled) == UniformNoise(0.3).evidence(MODEL, received)).all()


def test_belief_over_features_knows_the_blanks():
    p = np.exp(BeliefNoise(0.3, over="features").evidence(MODEL, np.array([[0, -1] * 8]), np.float64))[0, :2]
    np.testing.assert_allclose(p, [[0.8, 0.1, 0.1, 0.0], [0.0, 0.0, 0.0, 1.0]], rtol=1e-12)


@pytest.mark.parametrize(
    "process",
    [UniformNoise(1 / 3), UniformNoise(0.2, "features"), Masking(1e-9), BeliefNoise(0.5, "symbols")],
)
def test_a_process_as_text(process):
    assert process_of_text(process.text) == process and process.at(0.25).strength == 0.25
    assert process.at(process.strength) == process


def test_all_that_can_be_received():
    """The probabilities of all 3^4 inputs noise may leave add up to one."""
    params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1)
    received = np.array(list(product(range(-1, 2), repeat=4)))
    for sparsity in "AB":
        params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1, sparsity=sparsity)
        evidence = UniformNoise(0.3).evidence(params, received, np.float64)
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
        process = UniformNoise(0.3, over)
        received = process.corrupt(params, inputs, seed=1)
        assert received[inputs >= 0].min() == least and spread_over(params, over) == params.v - least
        whole = np.arange(-1, params.v)[None].repeat(params.d, axis=0).T  # every symbol at every position
        p = np.exp(process.evidence(params, whole, np.float64))[:, 0]  # [received, symbol], blank first, last
        np.testing.assert_allclose(p[:, :-1].sum(axis=0), 1)
        for symbol in np.unique(inputs):
            counts = np.bincount(received[inputs == symbol] + 1, minlength=params.v + 1)
            possible = p[:, symbol] > 0
            assert not counts[~possible].any()
            oracles.check_counts(counts[possible], counts.sum() * p[possible, symbol])
    same = [UniformNoise(0.3, over).corrupt(MODEL, inputs, seed=2) for over in (None, "symbols")]
    assert (same[0] == same[1]).all()


def exact_bayes_error(oracle, process):
    """Over everything that can be received: one minus the probability of it and of the best class."""
    params, masked = oracle.params, process.t if isinstance(process, Masking) else 0.0
    blank = params.s0 > 0 or getattr(process, "over", None) == "symbols"
    symbols = [MASKED] * (masked > 0) + [-1] * blank + list(range(params.v))
    received = np.array(list(product(symbols, repeat=params.d)))
    hidden = (received == MASKED).sum(axis=1)
    patterns = masked**hidden * (1 - masked) ** (params.d - hidden)
    right = 0.0
    for evidence, pattern in zip(process.evidence(params, received, np.float64), patterns, strict=True):
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
    for process in (Masking(0.4), *(UniformNoise(0.3, over) for over in (None, "features", "symbols"))):
        found = bayes_error(oracle.grammar, process, 5000, seed=4, backend=backend)
        exact = exact_bayes_error(oracle, process)
        assert oracles.close(found.value, exact, found.standard_error)
        assert 0 < found.standard_error < 0.01
        low, high = found.interval
        assert 0 <= low < found.value < high <= 1 - 1 / params.n_c
        assert 1.64 < (high - low) / (2 * found.standard_error) < 1.65


@pytest.mark.parametrize("params", [*ORACLES, Params(n_c=7, v=6, m=5, s=2, s0=2, L=3)], ids=name_of)
def test_no_error_without_noise(params):
    found = bayes_error(Grammar(params, 1), UniformNoise(), 200)
    assert found.value == found.standard_error == 0.0
    assert found.interval == (0.0, 0.0)


def test_the_range_of_the_bayes_error():
    params = Params(n_c=5, v=4, m=3, s=2, s0=1, L=2)
    grammar = Grammar(params)
    for process in (UniformNoise, Masking):
        errors = [bayes_error(grammar, process(e), 400).value for e in (0.0, 0.02, 0.1, 0.3, 0.6, 1.0)]
        assert errors == sorted(errors) and errors[0] == 0
        np.testing.assert_allclose(errors[-1], 0.8, rtol=1e-6)
    rare = bayes_error(grammar, Masking(1e-9), 400)
    assert rare.value == 0 == rare.interval[0] and 0.005 < rare.interval[1] < 0.01  # 0.8 ln 20 / 400


def test_inputs_at_once_make_no_difference(monkeypatch):
    grammar, process = Grammar(MODEL), UniformNoise(0.2)
    whole = bayes_error(grammar, process, 300)
    monkeypatch.setattr(bayes, "_AT_ONCE", 77)
    assert bayes_error(grammar, process, 300) == whole


def test_the_interval_covers():
    """Of 60 intervals 90% cover: fewer than 45 have the probability 3e-4, all 60 have 2e-3."""
    params = Params(n_c=3, v=3, m=2, s=2, s0=0, L=2)
    oracle = Enumeration(Grammar(params, 3))
    process = UniformNoise(0.2)
    exact = exact_bayes_error(oracle, process)
    intervals = [bayes_error(oracle.grammar, process, 300, seed).interval for seed in range(60)]
    assert sum(low <= exact <= high for low, high in intervals) >= 45


def test_wrong_arguments(refuses):
    grammar = Grammar(MODEL)
    for kind, name in ((UniformNoise, "epsilon"), (Masking, "t"), (BeliefNoise, "epsilon")):
        for value in (-0.1, 1.5, np.nan, None):
            is_number = value is not None and np.isfinite(value)
            fix = f"Use 0 <= {name} <= 1" if is_number else f"Give {name} as a finite number"
            with refuses(name, repr(value), fix):
                kind(value)
    for text in ("uniform(0.2", "noise(0.2)", "masking(0.1, 0.2)"):
        with pytest.raises(ArgumentError, match=r"^process = "):
            process_of_text(text)
    with refuses("samples", 1, "Use samples >= 2"):
        bayes_error(grammar, UniformNoise(), 1)
    with refuses("process", "'belief(0.2)'", "Use uniform noise or masking"):
        bayes_error(grammar, BeliefNoise(0.2))
    for over in ("blanks", True, ["symbols"]):
        for kind in (UniformNoise, BeliefNoise):
            with refuses("over", repr(over), "Use 'features', 'symbols' or None"):
                kind(over=over)
    with refuses("backend", "'torch'", "Use 'numpy' or 'jax'"):
        bayes_error(grammar, UniformNoise(), 10, backend="torch")
    good = inputs_of(2)
    for wrong in (good[0], good[:, 1:], good.astype(float)):
        shown = f"'{wrong.dtype} of shape {wrong.shape}'"
        for name, method in (("inputs", Masking().corrupt), ("received", Masking().evidence)):
            with refuses(name, shown, "Give [sample, 16] integers"):
                method(MODEL, wrong)
    with refuses("inputs", -2, "Use -1 to 2"):
        Masking().corrupt(MODEL, np.where(good < 0, -2, good))
    for number in (-3, 3):
        with refuses("received", number, "Use -2 to 2"):
            Masking().evidence(MODEL, np.where(good < 0, number, good))


def best_guess(grammar, process):
    """The classifier that knows the grammar and the noise, as a predictor of integers."""
    return lambda received: np.asarray(class_posterior(grammar, process.evidence(grammar.params, received)))


def test_the_best_classifier_has_the_bayes_error():
    """On the same inputs: within four standard errors, a false-alarm rate of 6e-5 for each of two processes."""
    grammar = Grammar(Params(n_c=4, v=4, m=4, s=2, s0=1, L=2), 3)
    test_set = split(grammar, 4, 5000, seed=2, replacement=True).test
    for process in (UniformNoise(0.1), Masking(0.3)):
        found = bayes_error(grammar, process, 5000, seed=2)
        error, worse = (
            error_of(best_guess(grammar, believed), test_set, noise=process, seed=2, encoding="integer")
            for believed in (process, UniformNoise(0.6))
        )
        deviation = (error * (1 - error) / 5000) ** 0.5
        assert 0.05 < found.value < 0.7 and abs(error - found.value) < 4 * deviation
        assert worse >= error - 4 * deviation, "one that believes in other noise is no better"


def test_clean_inputs_name_their_class():
    grammar = Grammar(Params(n_c=3, v=3, m=3, s=2, s0=1, L=2))
    test_set = split(grammar, 3, 501, replacement=True).test
    reads = lambda received: parse(grammar, received).label  # noqa: E731
    assert error_of(reads, test_set, noise=UniformNoise(), encoding="integer") == 0.0


def test_batches_of_noisy_inputs_are_one_set():
    grammar = Grammar(Params(n_c=3, v=3, m=3, s=2, s0=1, L=2))
    noise, given = UniformNoise(0.3), {"encoding": "integer", "noise": UniformNoise(0.3)}
    test_set, best = split(grammar, 3, 500, replacement=True).test, best_guess(grammar, noise)
    assert error_of(best, test_set, batch=77, **given) == error_of(best, test_set, batch=500, **given) > 0
