"""The stability of networks: how much smooth deformations and noise of the same size change each layer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import ArgumentError, check_choice, check_instance, check_integer
from ..measure.layers import LayerTable, layers_of, record_activations
from ..randomness import fold, role_key
from .deformation import Deformation, gaussians, numbered_keys

AVERAGES = ("mean", "median")

_GROUPS = 20
"""Groups of images of which the jackknife leaves out one at a time."""


@dataclass(frozen=True)
class Stability:
    """Stability of every layer to deformations and to noise, returned by :func:`relative_stability`."""

    layers: tuple[str, ...]
    """Names of the layers; the last is the output."""
    D: Float[np.ndarray, " layer"]
    """Stability to deformations, D_f, of each layer."""
    D_error: Float[np.ndarray, " layer"]
    """Its jackknife standard error over images."""
    G: Float[np.ndarray, " layer"]
    """Stability to noise of the same norm, G_f."""
    G_error: Float[np.ndarray, " layer"]
    """Its jackknife standard error."""
    R: Float[np.ndarray, " layer"]
    """Relative stability, R_f = D_f / G_f."""
    R_error: Float[np.ndarray, " layer"]
    """Its jackknife standard error; numerator and denominator leave out the same images."""
    inputs: int
    """Number of images."""
    average: str
    """``"mean"`` or ``"median"``."""

    def table(self) -> LayerTable:
        """Return the values by the name of the layer: ``table()["output"]["R"]``, and its ``"R_error"``."""
        names = [name + suffix for name in "DGR" for suffix in ("", "_error")]
        return {
            layer: {name: float(getattr(self, name)[k]) for name in names}
            for k, layer in enumerate(self.layers)
        }


def relative_stability(
    network: Any,
    images: Any,
    deformation: Deformation,
    *,
    average: str = "mean",
    seed: int = 0,
    batch: int = 100,
) -> Stability:
    """Measure the relative stability to smooth deformations R_f = D_f / G_f of every layer f of a network.

    With deformations τ, noise η, and independent images x and z,

        D_f = <|f(τx) - f(x)|^2> / <|f(x) - f(z)|^2>,    G_f = <|f(x + η) - f(x)|^2> / <|f(x) - f(z)|^2>

    (Petrini et al. 2021, Eq. 6 and 7). η has a direction uniform on the sphere and for each image the norm of its own
    τx - x, as in both published codes; so R_f is 1 for the identity and for every rotation of the input.

    Parameters
    ----------
    network
        Any that :func:`srhm.measure.layers_of` takes: a PyTorch module is called with the images as they are, in
        evaluation mode; another function of arrays with channels last, [sample, row, column, channel] or, in one
        dimension, [sample, position, channel].
    images
        [sample, channel, row, column] or [sample, channel, position], floats, at least 40.
    deformation
        Which deformations: image i has field i of the seed.
    average
        ``"mean"`` over images and over pairs of distinct images, as in the code of 2022 (which counts pairs of an
        image with itself too). ``"median"``, as in that of 2021, which tails disturb less: the sum over units of the
        median over images of the squared change, over the median squared distance of pairs; it keeps all activations
        in memory.
    seed
        Seed of deformations and noise.
    batch
        Number of images in a batch.

    Returns
    -------
    Stability
        D, G and R of each layer, with jackknife standard errors over 20 groups of images. nan where a layer does not
        depend on the image, R also where it does not depend on noise.

    Raises
    ------
    ArgumentError
        If the images are not of such a shape or fewer than 40, or a layer does not have one row for each image.

    Examples
    --------
    >>> images = np.random.default_rng(0).random((100, 1, 16, 16))
    >>> found = relative_stability(lambda x: x.mean((1, 2)), images, Deformation(c=3, delta=1.0))
    >>> found.layers, bool(found.R[0] < 1)  # a mean over pixels hardly sees where they are
    (('output',), True)
    """
    check_instance(Deformation, deformation=deformation)
    check_choice("average", average, AVERAGES, "is not an average")
    batch = check_integer("batch", batch, minimum=1)
    x = np.asarray(images)
    if x.ndim != deformation.dimensions + 2 or x.dtype.kind != "f":
        wanted = "row, column" if deformation.dimensions == 2 else "position"
        problem = f"of {x.dtype} is not the form of images"
        raise ArgumentError("images", x.shape, problem, f"Give floats [sample, channel, {wanted}]")
    check_integer("the number of images", len(x), minimum=2 * _GROUPS)
    layers = layers_of(network)
    kept: dict[str, _Means | _Medians] = {}
    for start in range(0, len(x), batch):
        part = x[start : start + batch]
        deformed = deformation(part, seed, first=start)
        forms = (part, deformed, part + noise(deformed - part, seed, start))
        seen = [_activations(layers, form) for form in forms]
        for name in seen[0]:
            if name not in kept:
                kept[name] = _Means.about(seen[0][name]) if average == "mean" else _Medians()
            kept[name].add(*(one[name] for one in seen))
    measured = [one.measure() for one in kept.values()]
    columns = {}
    for number, name in enumerate("DGR"):
        columns[name], columns[name + "_error"] = np.array([pairs[number] for pairs in measured]).T
    return Stability(tuple(kept), inputs=len(x), average=average, **columns)


def noise(
    changes: Float[np.ndarray, "sample *axis"], seed: int, first: int
) -> Float[np.ndarray, "sample *axis"]:
    """Return Gaussian noise of the norms of some changes; that of image i depends on the seed and on i alone."""
    count, flat = len(changes), changes.reshape(len(changes), -1)
    keys = numbered_keys(fold(role_key(seed, "deformation"), 1), first, count)
    half = np.arange((flat.shape[1] + 1) // 2, dtype=np.uint32)
    drawn = gaussians(keys, half, np.uint32(0)).swapaxes(1, 2).reshape(count, -1)[:, : flat.shape[1]]
    norms = (np.linalg.norm(one.astype(np.float64), axis=1, keepdims=True) for one in (flat, drawn))
    size, length = norms
    return (drawn * (size / length)).astype(changes.dtype).reshape(changes.shape)


def _activations(layers: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    # Channels are last for all that measures layers, also for a module, which gets them first.
    return record_activations(layers, np.ascontiguousarray(np.moveaxis(x, 1, -1)))


@dataclass
class _Means:
    """Sums of one layer, from which the mean squared distance of pairs follows without any group of images."""

    origin: Float[np.ndarray, " unit"]
    """The mean of the first batch: differences of numbers far from it would lose digits."""
    sums: Float[np.ndarray, "group unit"]
    """The sum of f(x) - origin over each group."""
    squares: list[np.ndarray] = field(default_factory=list)
    """For each batch [3, sample]: |f(x) - origin|^2, |f(τx) - f(x)|^2, |f(x + η) - f(x)|^2."""
    count: int = 0

    @classmethod
    def about(cls, f: np.ndarray) -> "_Means":
        """Return empty sums for the layer of which this is the first batch."""
        return cls(f.mean(axis=0, dtype=np.float64), np.zeros((_GROUPS, f.shape[1])))

    def add(self, *seen: np.ndarray) -> None:
        """Take the activations of a batch: of images, deformed ones and noisy ones."""
        f, deformed, noisy = (one.astype(np.float64) for one in seen)
        f0 = f - self.origin
        groups = (self.count + np.arange(len(f))) % _GROUPS
        np.add.at(self.sums, groups, f0)
        self.squares.append(np.stack([_squares(f0), _squares(deformed - f), _squares(noisy - f)]))
        self.count += len(f)

    def measure(self) -> list[tuple[float, float]]:
        """Return D, G and R with their errors."""
        squares, total = np.concatenate(self.squares, axis=1), self.sums.sum(axis=0)
        groups = np.arange(self.count) % _GROUPS

        def values(left: int | None) -> np.ndarray:
            rows = squares if left is None else squares[:, groups != left]
            whole = total if left is None else total - self.sums[left]
            count = rows.shape[1]
            about, deformed, noisy = rows.sum(axis=1)
            # The mean over distinct pairs of |f_i - f_j|^2 is 2 SS / (N - 1), SS the sum of squares about the mean.
            pairs = 2 * (about - whole @ whole / count) / (count - 1)
            return _ratios(deformed / count, noisy / count, pairs, about / count)

        return _jackknifed(values)


@dataclass
class _Medians:
    """All activations of one layer."""

    seen: list[tuple[np.ndarray, ...]] = field(default_factory=list)

    def add(self, *seen: np.ndarray) -> None:
        """Take the activations of a batch: of images, deformed ones and noisy ones."""
        self.seen.append(seen)

    def measure(self) -> list[tuple[float, float]]:
        """Return D, G and R with their errors."""
        f, deformed, noisy = (np.concatenate(one).astype(np.float64) for one in zip(*self.seen, strict=True))
        changes = (deformed - f) ** 2, (noisy - f) ** 2
        f0 = f - f.mean(axis=0)
        norms = _squares(f0)
        distances = norms[:, None] + norms - 2 * f0 @ f0.T
        groups = np.arange(len(f)) % _GROUPS

        def values(left: int | None) -> np.ndarray:
            rows = np.flatnonzero(groups != (-1 if left is None else left))
            pairs = distances[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)]
            of_deformed, of_noisy = (float(np.median(one[rows], axis=0).sum()) for one in changes)
            return _ratios(of_deformed, of_noisy, float(np.median(pairs)), norms.mean())

        return _jackknifed(values)


def _ratios(deformed: float, noisy: float, pairs: float, scale: float) -> np.ndarray:
    """Return D, G and R, nan where they are not defined: a distance of pairs below rounding errors is none."""
    pairs = pairs if pairs > 1e-12 * scale else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        D, G = np.float64(deformed) / pairs, np.float64(noisy) / pairs
        return np.array([D, G, D / G if G else np.nan])


def _jackknifed(values: Any) -> list[tuple[float, float]]:
    """Return D, G and R of all images, and their standard errors by leaving out one group at a time."""
    without = np.array([values(group) for group in range(_GROUPS)])
    errors = np.sqrt((_GROUPS - 1) / _GROUPS * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    return list(zip(values(None).tolist(), errors.tolist(), strict=True))


def _squares(differences: Float[np.ndarray, "sample unit"]) -> Float[np.ndarray, " sample"]:
    return np.einsum("nu,nu->n", differences, differences)
