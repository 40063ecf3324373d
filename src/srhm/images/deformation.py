"""Smooth random deformations of images, of maximal entropy for their energy (Petrini et al. 2021, arXiv 2105.02468)."""

import math
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_integer, check_number
from ..randomness import Key, add_wide, fold, role_key, threefry2x32

_CHUNK, _TORCH_CHUNK = 2**15, 2**16
"""Pixels that are deformed at a time by NumPy and by PyTorch: what is computed of them fits into the caches."""


@dataclass(frozen=True)
class Deformation:
    """Random smooth deformations: every pixel moves a little, the border stays (Petrini et al. 2021, Eq. 3 to 5).

    The deformed image at pixel x is the image at x + τ(x), between pixels interpolated linearly, with coordinates
    clamped to the image. The components of τ, in pixels, are independent; each is sqrt(T) n u with

        u = Σ C_ij sin(iπ x/(n - 1)) sin(jπ y/(n - 1)),    i, j >= 1, sqrt(i^2 + j^2) < c + 1/2,

    for an image of n × n pixels 0 to n - 1, and Gaussian C_ij of mean 0 and variance 1/(i^2 + j^2): the distribution
    of maximal entropy at a mean energy, the mean square of the gradient of τ, which the temperature T sets. In one
    dimension it is u = Σ C_i sin(iπ x/(n - 1)), i <= c, of variance 1/i^2.

    Give T or delta. A :class:`UserWarning` says that a displacement is below half a pixel, where interpolation blurs
    more than it moves, or T above :attr:`T_max`, where deformations begin to fold.

    Parameters
    ----------
    c
        Cut-off: the largest frequency, in half periods of the image. At least 2, since the nominal displacement
        has the factor ln c.
    T
        Temperature, 0 or larger; 0 is the identity.
    delta
        In its place the displacement in pixels, whatever the size of the image: in two dimensions the published nominal
        one, :meth:`nominal`; in one dimension the root mean square.
    dimensions
        2 for images [sample, ..., row, column] with as many rows as columns, 1 for [sample, ..., position].

    Raises
    ------
    ArgumentError
        If c < 2, or T and delta are both given or both left out, or one is out of range.

    Examples
    --------
    >>> moved = Deformation(c=3, delta=1.0)
    >>> round(moved.temperature(32), 5), round(moved.nominal(32), 3), round(moved.rms(32), 3)
    (0.00113, 1.0, 0.843)
    >>> moved(np.ones((5, 1, 32, 32)), seed=0).shape
    (5, 1, 32, 32)
    """

    c: int = 3
    T: float | None = None
    delta: float | None = None
    dimensions: int = 2

    def __post_init__(self) -> None:
        check_integer("dimensions", self.dimensions, minimum=1, maximum=2)
        check_integer("c", self.c, minimum=2, maximum=1000)
        if (self.T is None) == (self.delta is None):
            fix = "Give the temperature T or the displacement delta in pixels"
            raise ArgumentError("T, delta", (self.T, self.delta), "are not one of the two", fix)
        if self.T is not None:
            check_number("T", self.T)
            if self.T < 0:
                raise ArgumentError("T", self.T, "is negative", "Use T >= 0")
        if self.delta is not None:
            check_number("delta", self.delta, above=0.0)

    @property
    def T_max(self) -> float:
        """Temperature above which deformations begin to fold: 4/(π^3 c^2 ln c) in two dimensions (published).

        There the root mean square of ∂τ_x/∂x is 1/sqrt(8 ln c) for large c; in one dimension T_max has the same:
        1/(4 π^2 c ln c).
        """
        if self.dimensions == 1:
            return 1 / (4 * math.pi**2 * self.c * math.log(self.c))
        return 4 / (math.pi**3 * self.c**2 * math.log(self.c))

    def temperature(self, n: int) -> float:
        """Return T for images of n pixels a side."""
        if self.delta is None:
            assert self.T is not None  # one of the two
            return self.T
        return (self.delta / self._nominal(n, 1.0)) ** 2

    def nominal(self, n: int) -> float:
        """Return the published typical displacement in pixels, (n/2) sqrt(π T ln c); in one dimension :meth:`rms`."""
        return self._nominal(n, self.temperature(n))

    def rms(self, n: int) -> float:
        """Return the root mean square of the displacement in pixels: of its length, over the image and all draws.

        It is n sqrt(T/2 Σ 1/(i^2 + j^2)) over the modes, 0.84 of the nominal one at c = 3; in one dimension
        n sqrt(T/2 Σ 1/i^2).
        """
        return self._rms(n, self.temperature(n))

    def _nominal(self, n: int, T: float) -> float:
        if self.dimensions == 1:
            return self._rms(n, T)
        return n / 2 * math.sqrt(math.pi * T * math.log(self.c))

    def _rms(self, n: int, T: float) -> float:
        _, variance = _modes(self.c, self.dimensions)
        return n * math.sqrt(T / 2 * variance.sum())

    def fields(
        self, n: int, count: int, seed: int = 0, *, first: int = 0
    ) -> Float[np.ndarray, "sample axis ..."]:
        """Draw displacement fields, in pixels: [sample, axis, row, column], axis 0 along rows, 1 along columns.

        Field i depends on the seed and on i alone. In one dimension they are [sample, axis, position], with one axis.

        Parameters
        ----------
        n
            Pixels a side.
        count
            Number of fields.
        seed
            Seed of the fields.
        first
            Number of the first field.
        """
        C = self._coefficients(n, count, seed, first)
        fields = np.moveaxis(C, 2, 1) @ self._basis(n)  # [sample, axis, pixel]
        return fields.reshape(count, self.dimensions, *[n] * self.dimensions)

    def __call__(self, images: Any, seed: int = 0, *, first: int = 0) -> Any:
        """Return deformed images, each by a field of its own: image i by field ``first + i`` of the seed.

        Parameters
        ----------
        images
            [sample, row, column] or [sample, channel, row, column], of NumPy or PyTorch, of floats; all channels
            of an image are deformed alike. In one dimension [sample, position] or [sample, channel, position].
        seed
            Seed of the fields: the same for NumPy and PyTorch, on any device.
        first
            Number of the first field.

        Raises
        ------
        ArgumentError
            If the images are not of floats, not of such a shape, not square or smaller than c + 2 pixels.
        """
        images, n, flat = _checked(images, self.dimensions)
        count = len(flat)
        C = self._coefficients(n, count, seed, first)
        if self.temperature(n) == 0 or not count:
            return images.clone() if _is_tensor(images) else images.copy()
        if _is_tensor(images):
            return _sampled_by_torch(
                flat, _grids(flat, C, self._grid_basis(n), _still(n, self.dimensions)), n
            ).reshape(images.shape)
        basis = self._basis(n).astype(flat.dtype)
        C = np.moveaxis(C, 2, 0).astype(flat.dtype)  # [axis, sample, mode]
        moved, size = np.empty_like(flat), max(1, _CHUNK // flat.shape[-1])
        for start in range(0, count, size):
            rows = slice(start, start + size)
            moved[rows] = _sampled(flat[rows], [part[rows] @ basis for part in C], n)
        return moved.reshape(images.shape)

    def _coefficients(
        self, n: int, count: int, seed: int, first: int
    ) -> Float[np.ndarray, "sample mode axis"]:
        """Draw standard Gaussians, after checks: those of mode (i, j) of field k are words (i, j) of the key of k."""
        check_integer("n", n, minimum=self.c + 2)
        count = check_integer("count", count, minimum=0)
        first = check_integer("first", first, minimum=0, maximum=2**62)
        self._warn(n)
        modes, _ = _modes(self.c, self.dimensions)
        i, j = modes.T.astype(np.uint32)
        keys = numbered_keys(fold(role_key(seed, "deformation"), 0), first, count)
        return gaussians(keys, i, j)[:, :, : self.dimensions]

    @lru_cache(maxsize=64)  # noqa: B019 # a few numbers stay, not what is large
    def _basis(self, n: int) -> Float[np.ndarray, "mode pixel"]:
        """Return what a coefficient 1 of each mode moves, in pixels."""
        modes, variance = _modes(self.c, self.dimensions)
        wave = np.sin(np.pi * np.outer(np.arange(self.c + 1), np.arange(n)) / (n - 1))
        wave[:, -1] = 0.0  # sin(iπ), to the last bit
        across = wave[modes[:, 1]]
        shape = across if self.dimensions == 1 else wave[modes[:, 0]][:, :, None] * across[:, None, :]
        scale = n * np.sqrt(self.temperature(n) * variance)
        return scale[:, None] * shape.reshape(len(modes), -1)

    @lru_cache(maxsize=64)  # noqa: B019
    def _grid_basis(self, n: int) -> Float[np.ndarray, "coefficient coordinate"]:
        """Return what a coefficient 1 of each mode and axis moves on the grid of PyTorch."""
        basis = self._basis(n) * (2 / (n - 1))
        waves = np.zeros((len(basis), self.dimensions, basis.shape[1], 2))
        for axis in range(self.dimensions):
            waves[:, axis, :, self.dimensions - 1 - axis] = basis
        return waves.reshape(len(basis) * self.dimensions, -1)

    def _warn(self, n: int) -> None:
        T, delta = self.temperature(n), self.nominal(n)
        if 0 < delta < 0.5 * (1 - 1e-12):
            text = f"displacements of {delta:.2g} pixels blur more than they move. Use delta >= 0.5"
            warnings.warn(text, UserWarning, stacklevel=4)
        if self.T_max * (1 + 1e-12) < T:
            most = self._nominal(n, self.T_max)
            text = f"T = {T:.3g} is above T_max = {self.T_max:.3g}, where deformations begin to fold. Use "
            text += f"delta <= {math.floor(100 * most) / 100:g} for images of {n} pixels a side"
            warnings.warn(text, UserWarning, stacklevel=4)


def deform(images: Any, fields: Any) -> Any:
    """Deform images by given fields: the deformed image at x is the image at x + τ(x), interpolated linearly.

    Images, of NumPy or PyTorch, are as in a call of :class:`Deformation`; the fields, displacements in pixels [sample,
    axis, row, column] (one dimension: [sample, axis, position]), as :meth:`Deformation.fields` returns them, of either
    library. Shapes that do not fit each other are an ArgumentError.

    Examples
    --------
    >>> image = np.eye(3)[None]
    >>> deform(image, np.ones((1, 2, 3, 3)))[0]  # what is one row and one column on; the border is repeated
    array([[1., 0., 0.],
           [0., 1., 1.],
           [0., 1., 1.]])
    """
    fields = fields if _is_tensor(fields) else np.asarray(fields)
    dimensions = fields.ndim - 2
    if dimensions not in (1, 2) or fields.shape[1] != dimensions:
        fix = "Give [sample, axis, row, column], as Deformation.fields does"
        raise ArgumentError("fields", tuple(fields.shape), "is not the shape of displacement fields", fix)
    images, n, flat = _checked(images, dimensions)
    if tuple(fields.shape) != (wanted := (len(flat), dimensions, *[n] * dimensions)):
        problem = "does not fit the images"
        raise ArgumentError("fields", tuple(fields.shape), problem, f"Give fields of the shape {wanted}")
    if not _is_tensor(images):
        axes = np.moveaxis(np.asarray(fields, flat.dtype).reshape(len(flat), dimensions, -1), 1, 0)
        return _sampled(flat, list(axes), n).reshape(images.shape)
    import torch

    kind: dict[str, Any] = {"dtype": flat.dtype, "device": flat.device}
    grid = torch.as_tensor(_still(n, dimensions), **kind).repeat(len(flat), 1, 1)
    moves = torch.as_tensor(fields, **kind).reshape(len(flat), dimensions, -1)
    grid[..., :dimensions] += moves.flip(1).transpose(1, 2) * (2 / (n - 1))
    return _sampled_by_torch(flat, grid.split(_batch(flat)), n).reshape(images.shape)


@lru_cache(maxsize=64)
def _modes(
    c: int, dimensions: int
) -> tuple[Integer[np.ndarray, "mode frequency"], Float[np.ndarray, " mode"]]:
    """Return the frequencies (i, j) of all modes, and the variance of their coefficients."""
    if dimensions == 1:
        frequencies = [(0, j) for j in range(1, c + 1)]
    else:
        each = range(1, c + 1)
        frequencies = [(i, j) for i in each for j in each if i * i + j * j < (c + 0.5) ** 2]
    modes = np.array(frequencies)
    return modes, 1 / (modes**2).sum(axis=1)


def numbered_keys(key: Key, first: int, count: int) -> Key:
    """Return the keys number `first` to `first + count - 1` of a key, [key, 1]."""
    low, high = add_wide(first, np.arange(count, dtype=np.uint32)[:, None])
    return Key(*threefry2x32(key, low, high))


def gaussians(keys: Key, first: Any, second: Any) -> np.ndarray:
    """Return two independent standard Gaussians, the last axis, for each counter (first, second) of each key.

    By Box and Muller: from the words a and b, sqrt(-2 ln((a + 1/2)/2^32)) times cosine and sine of 2π b/2^32.
    """
    a, b = threefry2x32(keys, first, second)
    radius = np.sqrt(64 * np.log(2) - 2 * np.log(a + 0.5))
    angle = b * (2 * np.pi / 2**32)
    both = np.empty((*radius.shape, 2))
    np.multiply(radius, np.cos(angle), out=both[..., 0])
    np.multiply(radius, np.sin(angle), out=both[..., 1])
    return both


def _is_tensor(images: Any) -> bool:
    """Return whether these are of PyTorch, without importing it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(images, torch.Tensor)


def _checked(images: Any, dimensions: int) -> tuple[Any, int, Any]:
    """Return images, their pixels a side, and a form of them [sample, channel, pixel]."""
    images = images if _is_tensor(images) else np.asarray(images)
    floats = images.is_floating_point() if _is_tensor(images) else images.dtype.kind == "f"
    if not floats:
        fix = "Give floats, such as images / 255"
        raise ArgumentError("images", str(images.dtype), "is the type of the pixels", fix)
    shape, pixels = tuple(images.shape), tuple(images.shape)[-dimensions:]
    if len(shape) - dimensions not in (1, 2) or len(set(pixels)) != 1:
        wanted = "position" if dimensions == 1 else "row, column"
        fix = f"Give [sample, channel, {wanted}]" + ", with as many rows as columns" * (dimensions == 2)
        raise ArgumentError("images", shape, "is their shape", fix)
    channels = shape[1] if len(shape) - dimensions == 2 else 1
    return images, pixels[0], images.reshape(shape[0], channels, math.prod(pixels))


def _sampled(
    flat: Float[np.ndarray, "sample channel pixel"], fields: list[Float[np.ndarray, "sample pixel"]], n: int
) -> Float[np.ndarray, "sample channel pixel"]:
    """Return images at displaced pixels, a field for each axis."""
    count, channels, pixels = flat.shape
    kind, corner, weights, step = flat.dtype.type, 0, [], 1
    for axis, field in enumerate(reversed(fields)):  # columns first
        place = np.arange(pixels) // n**axis % n
        at = np.clip(field + place.astype(kind), 0, n - 1)
        below = np.minimum(at.astype(np.int32), n - 2)
        weights.append(at - below.astype(kind))
        corner = corner + below * np.int32(step)
        step *= n
    offsets = np.arange(count, dtype=np.int64)[:, None] * (channels * pixels) + corner
    moved, values = np.empty_like(flat), flat.reshape(-1)
    for channel in range(channels):
        start = offsets + channel * pixels if channel else offsets
        rows = [_line(values, start + n * row, weights[0]) for row in range(len(fields))]
        moved[:, channel] = rows[0] if len(rows) == 1 else _between(rows[0], rows[1], weights[1])
    return moved


def _line(values: np.ndarray, start: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return values between two neighbours in a row."""
    return _between(values.take(start), values.take(start + 1), weight)


def _between(low: np.ndarray, high: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return (1 - weight) * low + weight * high


def _sampled_by_torch(flat: Any, grids: Iterable[Any], n: int) -> Any:
    """Return images at displaced pixels by PyTorch's own interpolation, with a grid [sample, pixel x 2] for each batch.

    It takes coordinates from -1 to 1, columns first; in one dimension rows are 0.
    """
    import torch

    form = (n, n) if flat.shape[2] == n * n else (1, n)
    moved, size = torch.empty_like(flat), _batch(flat)
    batches = (one.reshape(*one.shape[:2], *form).split(size) for one in (flat, moved))
    pull = torch.nn.functional.grid_sample
    for still, place, grid in zip(*batches, grids, strict=True):
        place.copy_(pull(still, grid.reshape(-1, *form, 2), padding_mode="border", align_corners=True))
    return moved


def _grids(
    flat: Any, C: Float[np.ndarray, "sample mode axis"], basis: np.ndarray, still: np.ndarray
) -> Iterator[Any]:
    """Yield the grids of PyTorch for fields of these coefficients: one product for both coordinates."""
    import torch

    kind: dict[str, Any] = {"dtype": flat.dtype, "device": flat.device}
    rest, table = torch.as_tensor(still.reshape(-1), **kind), torch.as_tensor(basis, **kind)
    moves = torch.as_tensor(C.reshape(len(C), -1), **kind)
    # One for all batches: new memory takes longer than the product.
    room = torch.empty((min(len(C), _batch(flat)), len(rest)), **kind)
    for part in moves.split(_batch(flat)):
        yield torch.addmm(rest, part, table, out=room[: len(part)])


def _batch(flat: Any) -> int:
    """Return how many images PyTorch deforms at a time."""
    return max(1, _TORCH_CHUNK // flat.shape[-1] if flat.device.type == "cpu" else len(flat))


@lru_cache(maxsize=64)
def _still(n: int, dimensions: int) -> Float[np.ndarray, "pixel 2"]:
    """Return the grid of PyTorch that moves nothing."""
    side, grid = np.linspace(-1, 1, n), np.zeros((n**dimensions, 2))
    for place in range(dimensions):
        grid[:, place] = side[np.arange(len(grid)) // n**place % n]
    return grid
