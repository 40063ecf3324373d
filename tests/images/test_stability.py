"""D, G and R against closed forms, with networks whose stability is known."""

import numpy as np
import pytest
import torch
from torch import nn

from srhm import ArgumentError
from srhm.images import Deformation, digits, relative_stability
from srhm.images.stability import noise

DIGITS = digits().test.images[:300]
MOVED = Deformation(c=3, delta=0.75)
RANDOM = np.random.default_rng(1)
ROTATION = np.linalg.qr(RANDOM.normal(size=(64, 64)))[0].astype(np.float32)


def flat(x):
    return np.asarray(x, np.float64).reshape(len(x), -1)


@pytest.mark.parametrize("average", ["mean", "median"])
@pytest.mark.parametrize(
    "weight", [np.eye(64), ROTATION, 3 * ROTATION], ids=["identity", "rotation", "scaled"]
)
def test_R_of_an_orthogonal_map_is_1(weight, average):
    found = relative_stability(lambda x: x.reshape(len(x), -1) @ weight, DIGITS, MOVED, average=average)
    if average == "mean":
        assert found.R[0] == pytest.approx(1, rel=1e-5) and found.R_error[0] < 1e-5
    else:  # medians of units are not those of a norm: pixels that seldom change have median 0
        assert found.R[0] < 1.05


def test_values_are_those_by_hand():
    """All pairs, one by one, and the jackknife with every group left out in turn."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    found = relative_stability(net, DIGITS[:50], MOVED, seed=4, batch=17)
    assert found.layers == ("0", "1", "2", "3", "output") and found.inputs == 50
    x = DIGITS[:50]
    deformed = MOVED(x, seed=4)
    noisy = x + noise(deformed - x, 4, 0)

    def f(images):
        with torch.no_grad():
            return flat(net[:2](torch.from_numpy(images)))

    def by_hand(rows):
        values = [f(images)[rows] for images in (x, deformed, noisy)]
        distances = ((values[0][:, None] - values[0]) ** 2).sum()
        pairs = distances / (len(rows) * (len(rows) - 1))
        D, G = (((one - values[0]) ** 2).sum(axis=1).mean() / pairs for one in values[1:])
        return np.array([D, G, D / G])

    row = found.table()["1"]
    np.testing.assert_allclose([row[name] for name in "DGR"], by_hand(np.arange(50)), rtol=1e-5)
    without = np.array([by_hand(np.flatnonzero(np.arange(50) % 20 != group)) for group in range(20)])
    errors = np.sqrt(19 / 20 * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    np.testing.assert_allclose([row[name + "_error"] for name in "DGR"], errors, rtol=1e-4)


def test_medians_are_those_of_the_code_of_2021():
    weight = RANDOM.normal(size=(64, 5))
    found = relative_stability(lambda x: flat(x) @ weight, DIGITS[:60], MOVED, average="median", batch=60)
    x = DIGITS[:60]
    deformed = MOVED(x)
    f0, fd = flat(x) @ weight, flat(deformed) @ weight
    distances = torch.cdist(torch.from_numpy(f0), torch.from_numpy(f0)).numpy() ** 2
    pairs = np.median(distances[np.triu_indices(60, 1)])
    assert found.D[0] == pytest.approx(np.median((fd - f0) ** 2, axis=0).sum() / pairs, rel=1e-6)
    assert 0 < found.R_error[0] < found.R[0]


def test_G_of_a_linear_map():
    """<|W η|^2> = <|τx - x|^2> |W|^2 / d, and the mean squared distance of pairs is 2 trace(W C W^T)."""
    weight = RANDOM.normal(size=(64, 7))
    images = np.tile(DIGITS[:100], (100, 1, 1, 1))  # noise of 10,000 draws
    found = relative_stability(lambda x: flat(x) @ weight, images, MOVED, batch=1000)
    change = (flat(MOVED(images) - images) ** 2).sum(axis=1).mean()
    covariance = np.cov(flat(images).T)
    exact = change * (weight**2).sum() / 64 / (2 * np.trace(weight.T @ covariance @ weight))
    assert found.G[0] == pytest.approx(exact, rel=0.02)


def test_errors_are_those_of_repeated_measurements():
    """The jackknife against the spread over disjoint sets of images, the seeds of which differ too."""
    weight = RANDOM.normal(size=(64, 3))
    images = digits().train.images
    parts = [
        relative_stability(lambda x: flat(x) @ weight, images[start : start + 40], MOVED, seed=start)
        for start in range(0, 1000, 40)
    ]
    for name in "DGR":
        spread = np.std([getattr(one, name)[0] for one in parts], ddof=1)
        told = np.mean([getattr(one, name + "_error")[0] ** 2 for one in parts]) ** 0.5
        assert 0.65 < told / spread < 1.5


def test_a_network_that_ignores_its_input():
    for average in ("mean", "median"):
        found = relative_stability(lambda x: np.ones((len(x), 3)), DIGITS, MOVED, average=average)
        assert np.isnan([found.D[0], found.G[0], found.R[0], found.R_error[0]]).all()


def test_a_module_is_called_as_it_is_trained_to():
    """Images enter with their four axes; lines [sample, channel, position]; modes are left as they were."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 3))
    relative_stability(net, DIGITS[:40], MOVED)
    assert net.training and int(net[1].num_batches_tracked) == 0
    lines = RANDOM.random((40, 3, 16)).astype(np.float32)
    one = Deformation(c=3, delta=0.6, dimensions=1)
    line_net = nn.Sequential(nn.Conv1d(3, 4, 5), nn.Flatten())
    ours = relative_stability(lambda x: x.mean(axis=2), lines, one)  # [sample, position, channel]
    assert (
        relative_stability(line_net, lines, one).layers == ("0", "1", "output") and np.isfinite(ours.R).all()
    )


def test_noise_has_the_norm_and_depends_on_the_number_alone():
    changes = RANDOM.normal(size=(2000, 1, 3, 3))
    drawn = noise(changes, 3, 0)
    np.testing.assert_allclose(np.linalg.norm(flat(drawn), axis=1), np.linalg.norm(flat(changes), axis=1))
    np.testing.assert_array_equal(drawn[7:9], noise(changes[7:9], 3, 7))
    directions = flat(drawn) / np.linalg.norm(flat(drawn), axis=1, keepdims=True)
    assert np.abs(directions.T @ directions / 2000 * 9 - np.eye(9)).max() < 0.12
    assert np.abs(directions.mean(axis=0)).max() < 4 / np.sqrt(9 * 2000)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (DIGITS[:, 0], r"Give floats \[sample, channel, row, column\]"),
        (DIGITS[:39], "the number of images = 39 is below 40"),
        ((DIGITS * 16).astype(int), "Give floats"),
    ],
)
def test_errors(images, words):
    with pytest.raises(ArgumentError, match=words):
        relative_stability(lambda x: x, images, MOVED)


def test_an_average_that_is_not_known():
    with pytest.raises(ArgumentError, match="is not an average"):
        relative_stability(lambda x: x, DIGITS, MOVED, average="mode")
