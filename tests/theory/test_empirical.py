import numpy as np
import pytest

from oracles import ORACLES, name_of
from srhm import Dataset, Grammar, Params, Stream
from srhm.theory import count_features, count_positions, count_tuples, features, positions, tuples

PAIRS = [(count_features, features), (count_tuples, tuples), (count_positions, positions)]


@pytest.mark.parametrize("params", ORACLES, ids=name_of)
def test_all_data_give_the_exact_statistics(params):
    grammar = Grammar(params, 1)
    dataset = Dataset.draw(Stream(grammar, 0), params.P_max)
    for level in range(1, params.L + 1):
        for count, exact in PAIRS:
            found = count(dataset, level)
            assert np.abs(found.statistics.given_class - exact(grammar, level).given_class).max() < 1e-12
            assert (found.counts.sum(axis=2) == found.sizes).all()
    assert found.pooled().statistics.given_class == pytest.approx(found.statistics.pooled().given_class)


PARAMS = Params(n_c=3, v=4, m=4, s=2, s0=1, L=2)
GRAMMAR = Grammar(PARAMS, 3)
TIMES = 400


def many(size):
    """Many independent training sets, consecutive parts of one stream."""
    whole = Dataset.draw(Stream(GRAMMAR, 0, "replacement"), size * TIMES)
    for start in range(0, len(whole), size):
        part = whole[start : start + size]
        yield Dataset(whole.stream, start, part.features, part.positions, part.labels)


@pytest.fixture(scope="module")
def drawn():
    """Counts of positions in 400 training sets of 300 points, and the exact statistics."""
    return [count_positions(one) for one in many(300)], positions(GRAMMAR)


@pytest.mark.parametrize(
    ("estimate", "error"),
    [("given_class", "given_class_variance"), ("covariance", "covariance_error")],
)
def test_standard_errors_are_unbiased_and_right(drawn, estimate, error):
    """Mean and variance of an estimate over training sets, at every place, within 5 standard errors.

    192 entries, of which about half are independent, are looked at twice: false-alarm rate below 2e-4.
    """
    counts, exact = drawn
    values = np.array([getattr(one.statistics, estimate) for one in counts])
    claimed = np.array([getattr(one, error) for one in counts])
    claimed = claimed**2 if error.endswith("error") else claimed
    deviation = values - getattr(exact, estimate)
    variance = (deviation**2).mean(axis=0)
    assert (np.abs(deviation.mean(axis=0)) < 5 * np.sqrt(variance / TIMES)).all()
    spread = (deviation**2 - claimed).std(axis=0) / np.sqrt(TIMES)
    assert (np.abs(variance - claimed.mean(axis=0)) < 5 * spread).all()


def test_the_error_of_a_correlation_holds_for_many_counts():
    """Standardised deviations of 400 training sets of 3000 points have variance 1 (4 standard errors, 3 %)."""
    exact, squares = features(GRAMMAR).correlation[2, 1, 3], []
    for dataset in many(3000):
        found = count_features(dataset)
        squares.append(((found.statistics.correlation - exact) / found.correlation_error)[2, 1, 3] ** 2)
    assert abs(np.mean(squares) - 1) < 4 * np.std(squares) / np.sqrt(TIMES) + 0.03


def test_signal_to_noise_grows_as_P_over_visible_P(drawn):
    """The two sums that it is made of have the exact means of which P / visible_P is the ratio."""
    counts, exact = drawn
    signal = np.array(
        [(one.statistics.covariance**2 - one.covariance_error**2).sum(axis=1) for one in counts]
    )
    true = (exact.covariance**2).sum(axis=1)
    assert (np.abs(signal.mean(axis=0) - true) < 5 * signal.std(axis=0) / np.sqrt(TIMES)).all()
    # The ratio, at the slots of the tree, to 5 %; and P / visible_P but for frequent symbols and large correlations.
    P, n_c = 3000, PARAMS.n_c
    found = np.mean([count_features(one).signal_to_noise for one in many(P)], axis=0)
    exact = features(GRAMMAR)
    binomial = (exact.given_class * (1 - exact.given_class)).sum(axis=1) * n_c / P
    ratio = (exact.covariance**2).sum(axis=1) / ((1 - 1 / n_c) * binomial / n_c**2)
    visible = ratio > 1
    assert visible.sum() > 5 and found[visible] == pytest.approx(ratio[visible], rel=0.05)
    assert (np.abs(found[~visible]) < 1).all()
    assert ratio / (1 - exact.probability) ** -1 == pytest.approx(P / exact.visible_P, rel=0.2, abs=1e-9)


def test_unequal_classes():
    """A set that ends within a block has classes of different sizes; the errors know."""
    dataset = Dataset.draw(Stream(GRAMMAR, 0, "replacement"), 200)
    found = count_features(dataset)
    assert sorted(found.sizes) == [66, 67, 67]
    x = found.statistics.given_class[0, :, 0]
    assert found.given_class_variance[0, :, 0] == pytest.approx(x * (1 - x) / (found.sizes - 1))
    variance = found.given_class_variance[0, :, 0]
    expected = (2 / 3) ** 2 * variance[0] + (1 / 3) ** 2 * (variance[1] + variance[2])
    assert found.covariance_error[0, 0, 0] ** 2 == pytest.approx(expected / 9)


def test_symbols_never_seen():
    found = count_features(Dataset.draw(Stream(GRAMMAR, 0, "replacement"), 6))
    never = found.counts.sum(axis=1) == 0
    assert never.any() and np.isnan(found.signal_to_noise[never]).all()
    assert np.isnan(found.correlation_error.transpose(0, 2, 1)[never]).all()


def test_bad_arguments_are_named(refuses):
    dataset = Dataset.draw(Stream(GRAMMAR, 0, "replacement"), 5)
    for count, _ in PAIRS:
        with refuses("dataset", 5, "Use 6 samples or more"):
            count(dataset)
        with refuses("level", 3, "Use level <= 2"):
            count(dataset, 3)
