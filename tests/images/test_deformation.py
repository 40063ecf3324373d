"""Smooth deformations against their exact law, and NumPy against PyTorch."""

import math

import numpy as np
import pytest
import torch

from srhm import ArgumentError
from srhm.images import Deformation
from srhm.images.deformation import deform

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((7, 2, 12, 12))
LINES = RANDOM.random((7, 2, 12))
MODERATE = Deformation(c=3, delta=0.9)
LINE = Deformation(c=3, delta=0.6, dimensions=1)


def square(n, deformation, count, seed=0):
    """The mean of |τ|^2 over the image for each draw. A sine vanishes at both ends: one of them counts."""
    fields = deformation.fields(n, count, seed)
    return (fields**2).sum(axis=1).reshape(count, -1).sum(axis=1) / (n - 1) ** deformation.dimensions


@pytest.mark.parametrize(("c", "n", "T"), [(3, 16, 2e-3), (6, 12, 1.5e-3), (2, 9, 0.01)])
def test_the_mean_square_displacement_is_that_of_the_law(c, n, T):
    """n^2 T/2 times the sum of 1/(i^2 + j^2) over the kept modes, counted here one by one."""
    kept = [(i, j) for i in range(1, 50) for j in range(1, 50) if math.hypot(i, j) < c + 0.5]
    exact = n**2 * T / 2 * sum(1 / (i * i + j * j) for i, j in kept)
    found = square(n, Deformation(c=c, T=T), 10_000)
    assert found.mean() == pytest.approx(exact, rel=0.01)
    # Each mode adds the square of two Gaussians: a variance of 2 (n^2 T/4)^2 / (i^2 + j^2)^2 each.
    variance = 4 * (n**2 * T / 4) ** 2 * sum(1 / (i * i + j * j) ** 2 for i, j in kept)
    assert abs(found.mean() - exact) < 2.6 * math.sqrt(variance / 10_000)  # 1% false alarms
    assert found.var() == pytest.approx(variance, rel=0.1)
    assert Deformation(c=c, T=T).rms(n) == pytest.approx(math.sqrt(exact))


def test_the_law_in_one_dimension():
    found = square(16, Deformation(c=3, T=2e-3, dimensions=1), 10_000)
    assert found.mean() == pytest.approx(16**2 * 2e-3 / 2 * (1 + 1 / 4 + 1 / 9), rel=0.02)
    assert LINE.rms(12) == pytest.approx(0.6) == LINE.nominal(12)


def test_the_nominal_displacement_is_the_published_one():
    for n, c, delta in ((32, 3, 1.0), (28, 7, 0.8)):
        found = Deformation(c=c, delta=delta)
        assert found.temperature(n) == pytest.approx(4 * delta**2 / (math.pi * n**2 * math.log(c)))
        assert found.nominal(n) == pytest.approx(delta)
        assert Deformation(c=c, T=found.temperature(n)).nominal(n) == pytest.approx(delta)
    assert Deformation(c=3, delta=1.0).rms(32) == pytest.approx(0.84, abs=0.005)


def test_gradients_at_the_largest_temperature():
    """The root mean square of ∂τ_x/∂x there is 1/sqrt(8 ln c), in both dimensions."""
    wanted = 1 / math.sqrt(8 * math.log(20))
    for dimensions, n in ((1, 400), (2, 100)):
        found = Deformation(
            c=20, T=Deformation(c=20, T=0.0, dimensions=dimensions).T_max, dimensions=dimensions
        )
        gradient = np.diff(found.fields(n, 20)[:, 0], axis=-1 if dimensions == 1 else -2)
        assert math.sqrt((gradient**2).mean()) == pytest.approx(wanted, rel=0.06)


@pytest.mark.parametrize(
    "images", [IMAGES, IMAGES[:, 0], torch.from_numpy(IMAGES)], ids=["NumPy", "no channel", "torch"]
)
def test_nothing_moves_at_temperature_0(images):
    moved = Deformation(c=3, T=0.0)(images, seed=5)
    assert moved is not images and bool((moved == images).all())


@pytest.mark.parametrize("library", [np.asarray, torch.from_numpy])
def test_the_border_is_fixed(library):
    moved = np.asarray(MODERATE(library(IMAGES), seed=1))
    for edge in ((..., 0), (..., -1), (..., 0, slice(None)), (..., -1, slice(None))):
        np.testing.assert_allclose(moved[edge], IMAGES[edge], atol=1e-12)
    assert np.abs(moved - IMAGES)[..., 1:-1, 1:-1].mean() > 0.05
    fields = MODERATE.fields(12, 5)
    assert not fields[..., 0].any() and not fields[..., 0, :].any() and np.abs(fields[..., -1]).max() == 0


def by_hand(image, field):
    """One channel, pixel by pixel."""
    n, moved = len(image), np.empty_like(image)
    for row in range(n):
        for column in range(n):
            y, x = np.clip((row, column) + field[:, row, column], 0, n - 1)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, n - 1), min(x0 + 1, n - 1)
            top = (1 - x + x0) * image[y0, x0] + (x - x0) * image[y0, x1]
            bottom = (1 - x + x0) * image[y1, x0] + (x - x0) * image[y1, x1]
            moved[row, column] = (1 - y + y0) * top + (y - y0) * bottom
    return moved


def test_pixels_are_interpolated_where_the_field_points():
    fields = MODERATE.fields(12, 7, seed=2)
    expected = [
        [by_hand(channel, field) for channel in image] for image, field in zip(IMAGES, fields, strict=True)
    ]
    for moved in (MODERATE(IMAGES, seed=2), deform(IMAGES, fields), deform(torch.from_numpy(IMAGES), fields)):
        np.testing.assert_allclose(moved, expected, atol=1e-12)
    large = 30 * fields  # far outside: coordinates are clamped
    np.testing.assert_allclose(deform(IMAGES, large)[0, 0], by_hand(IMAGES[0, 0], large[0]), atol=1e-12)


@pytest.mark.parametrize(("deformation", "images"), [(MODERATE, IMAGES), (LINE, LINES)], ids=["2-D", "1-D"])
def test_numpy_and_torch_are_the_same(deformation, images):
    ours, theirs = deformation(images, seed=3), deformation(torch.from_numpy(images), seed=3)
    assert isinstance(theirs, torch.Tensor) and theirs.dtype == torch.float64
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    single = images.astype(np.float32)
    tensor = deformation(torch.from_numpy(single), seed=3)
    assert deformation(single, seed=3).dtype == np.float32 and tensor.dtype == torch.float32
    # A coordinate in single precision is known to 1e-6 pixels.
    np.testing.assert_allclose(deformation(single, seed=3), tensor, atol=4e-6)
    fields = deformation.fields(12, 7, seed=3)
    np.testing.assert_allclose(deform(images, torch.from_numpy(fields)), ours, atol=1e-12)
    np.testing.assert_allclose(deform(torch.from_numpy(images), torch.from_numpy(fields)), ours, atol=1e-12)


def test_lines_are_interpolated_where_the_field_points():
    fields = LINE.fields(12, 7, seed=4)
    at = np.clip(np.arange(12) + fields[:, 0], 0, 11)
    expected = [
        [np.interp(place, np.arange(12), channel) for channel in line]
        for line, place in zip(LINES, at, strict=True)
    ]
    np.testing.assert_allclose(LINE(LINES, seed=4), expected, atol=1e-12)


def test_an_image_has_the_same_deformation_in_any_batch():
    whole = MODERATE(IMAGES, seed=6)
    parts = [MODERATE(IMAGES[rows], seed=6, first=rows.start) for rows in (slice(0, 3), slice(3, 7))]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    many = np.repeat(IMAGES, 100, axis=0)  # more than is deformed at a time
    last = MODERATE(many[-5:], seed=6, first=len(many) - 5)
    np.testing.assert_array_equal(MODERATE(many, seed=6)[-5:], last)
    np.testing.assert_allclose(MODERATE(torch.from_numpy(many), seed=6)[-5:], last, atol=1e-12)
    assert not np.allclose(MODERATE.fields(12, 2, 6)[0], MODERATE.fields(12, 2, 6)[1])
    assert not np.allclose(MODERATE.fields(12, 1, 6), MODERATE.fields(12, 1, 7))
    # A larger cut-off adds modes to the same: the coefficient of the first one, which is orthogonal to all others.
    wave = np.sin(np.pi * np.arange(12) / 11)
    first = [
        np.einsum("naxy,x,y->na", Deformation(c=c, T=2.5e-3).fields(12, 3, 6), wave, wave) for c in (3, 5)
    ]
    np.testing.assert_allclose(*first, rtol=1e-10)


def test_draws_stay_what_they_are():
    """Bits are a promise; to the accuracy of sine and logarithm."""
    fields = Deformation(c=3, T=0.012).fields(5, 1, seed=0, first=2**33)
    np.testing.assert_allclose(fields[0, :, 1, 1:3], FROZEN, atol=1e-12)


FROZEN = [[0.009749123303567007, -0.9581049915730978], [0.24654362212660097, 0.2771369771009465]]


@pytest.mark.parametrize(
    ("deformation", "n", "words"),
    [
        (Deformation(c=3, delta=0.3), 12, "delta >= 0.5"),
        (Deformation(c=3, delta=1.3), 12, r"delta <= 1\.27"),
        (Deformation(c=3, T=0.1, dimensions=1), 12, "begin to fold"),
    ],
)
def test_warnings(deformation, n, words):
    with pytest.warns(UserWarning, match=words):
        deformation(np.zeros((1, *[n] * deformation.dimensions)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Deformation(c=1, T=0.1), "c = 1 is below 2. Use c >= 2"),
        (lambda: Deformation(c=3), "Give the temperature T or the displacement delta"),
        (lambda: Deformation(c=3, T=0.1, delta=1.0), "are not one of the two"),
        (lambda: Deformation(c=3, T=-0.1), "Use T >= 0"),
        (lambda: Deformation(c=3, delta=0.0), "delta = 0.0"),
        (lambda: Deformation(dimensions=3, T=0.0), "dimensions = 3"),
        (lambda: MODERATE(np.zeros((3, 12, 12), int)), "Give floats"),
        (lambda: MODERATE(np.zeros((3, 12, 11))), "as many rows as columns"),
        (lambda: MODERATE(np.zeros((12, 12))), "is their shape"),
        (lambda: MODERATE(np.zeros((1, 4, 4))), "n = 4 is below 5"),
        (lambda: deform(IMAGES, np.zeros((7, 2, 11, 12))), r"Give fields of the shape \(7, 2, 12, 12\)"),
        (lambda: deform(IMAGES, np.zeros((7, 3, 12, 12))), "is not the shape of displacement fields"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()
