"""Sets of images: the digits of scikit-learn, and published sets from their files. Nothing is ever downloaded."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from ..errors import ArgumentError, check_integer, import_extra
from ..files import user_path
from ..randomness import fold, role_key, threefry2x32


@dataclass(frozen=True)
class ImageSet:
    """Images with their classes, returned by :func:`digits`, :func:`fashion_mnist` and :func:`cifar10`."""

    images: Float[np.ndarray, "sample channel row column"]
    """Float32, from 0 to 1."""
    labels: Int64[np.ndarray, " sample"]
    """Classes, from 0 to n_c - 1."""
    n_c: int = 10
    """Number of classes."""

    def __len__(self) -> int:
        return len(self.labels)

    def pooled(self, factor: int) -> "ImageSet":
        """Return the images made smaller by means over factor × factor pixels, which cost factor^2 times less.

        Raises
        ------
        ArgumentError
            If the factor does not divide the pixels a side.
        """
        count, channels, n, _ = self.images.shape
        if n % check_integer("factor", factor, minimum=1):
            fix = "Use a divisor of the pixels a side"
            raise ArgumentError("factor", factor, f"does not divide {n} pixels", fix)
        blocks = self.images.reshape(count, channels, n // factor, factor, n // factor, factor)
        return ImageSet(blocks.mean((3, 5)), self.labels, self.n_c)

    def draw(self, P: int, seed: int = 0) -> "ImageSet":
        """Draw P images without replacement, as many of each class, up to one; the order of classes is random too.

        Parameters
        ----------
        P
            Number of images.
        seed
            Seed of the draw. The first images of a larger draw of a seed are those of a smaller one if both are
            multiples of the number of classes.

        Raises
        ------
        ArgumentError
            If the set has too few images of a class.
        """
        P = check_integer("P", P, minimum=1, maximum=len(self))
        numbers = np.arange(len(self), dtype=np.uint32)
        order = np.argsort(
            threefry2x32(fold(role_key(seed, "samples"), 4), numbers, np.uint32(0))[0], kind="stable"
        )
        labels = self.labels[order]
        rank = np.empty(len(self), np.int64)  # of each image among those of its class
        for class_ in range(self.n_c):
            rows = labels == class_
            rank[rows] = np.arange(rows.sum())
        picked = order[np.argsort(rank, kind="stable")[:P]]
        chosen = ImageSet(self.images[picked], self.labels[picked], self.n_c)
        counts = np.bincount(chosen.labels, minlength=self.n_c)
        if counts.max() > counts.min() + 1 and self.n_c <= P:
            most = int(np.bincount(self.labels, minlength=self.n_c).min()) * self.n_c
            raise ArgumentError("P", P, "asks for more images of a class than there are", f"Use P <= {most}")
        return chosen


class ImageSplit(NamedTuple):
    """A set of images for training and one for tests."""

    train: ImageSet
    """Training images."""
    test: ImageSet
    """Test images."""


def digits() -> ImageSplit:
    """Return the handwritten digits that come with scikit-learn: 1,797 images of 8 × 8 pixels, of 10 classes.

    1,000 are for training and 797 for tests, drawn once and for all. Deformations of at most 0.8 pixels fit them.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.

    Examples
    --------
    >>> train, test = digits()
    >>> train.images.shape, len(test), train.draw(100, seed=0).labels[:5]
    ((1000, 1, 8, 8), 797, array([2, 1, 6, 0, 7]))
    """
    found = import_extra("sklearn.datasets", "images").load_digits()
    images = np.ascontiguousarray(found.images[:, None] / 16, np.float32)
    everything = ImageSet(images, found.target.astype(np.int64))
    numbers = np.arange(len(everything), dtype=np.uint32)
    order = np.argsort(threefry2x32(fold(role_key(0, "samples"), 5), numbers, np.uint32(0))[0], kind="stable")
    parts = [ImageSet(images[rows], everything.labels[rows]) for rows in (order[:1000], order[1000:])]
    return ImageSplit(*parts)


FASHION_MNIST = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package dataset-fashion-mnist puts them."""


def fashion_mnist(path: str | Path = FASHION_MNIST) -> ImageSplit:
    """Return Fashion-MNIST from its files: 60,000 + 10,000 images of clothes, 28 × 28 pixels, 10 classes.

    Parameters
    ----------
    path
        The folder with the four IDX files, ``train-images-idx3-ubyte`` and so on, as they are or as ``.gz``. Default:
        where Debian and Ubuntu put them, ``apt install dataset-fashion-mnist``. MNIST has files of the same names
        and kind.

    Raises
    ------
    ArgumentError
        If a file is missing or is not of this kind.
    """
    parts = []
    for part in ("train", "t10k"):
        images = _idx(user_path(path) / f"{part}-images-idx3-ubyte", 3)
        labels = _idx(user_path(path) / f"{part}-labels-idx1-ubyte", 1)
        if len(images) != len(labels) or labels.max(initial=0) > 9:
            fix = f"Copy the files again. {_FASHION_SOURCE}"
            raise ArgumentError(
                "path", str(path), f"holds {len(images)} images and {len(labels)} labels", fix
            )
        parts.append(ImageSet(images[:, None].astype(np.float32) / 255, labels.astype(np.int64)))
    return ImageSplit(*parts)


_FASHION_SOURCE = (
    "Debian has them, apt install dataset-fashion-mnist; so has github.com/zalandoresearch/fashion-mnist"
)


def _idx(path: Path, axes: int) -> np.ndarray:
    """Return the bytes of an IDX file: two zeros, the type 8, the number of axes, their lengths, the data."""
    for file in (path, path.with_name(path.name + ".gz")):
        if file.is_file():
            break
    else:
        raise ArgumentError("path", str(path.parent), f"has no {path.name}", _FASHION_SOURCE)
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError) as error:
        raise ArgumentError("path", str(file), f"cannot be read ({error})", "Copy the file again") from error
    shape = tuple(np.frombuffer(content[4 : 4 + 4 * axes], ">u4").tolist())
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) != 4 + 4 * axes + np.prod(shape, dtype=int):
        problem = f"is not a whole IDX file of bytes with {axes} axes"
        raise ArgumentError("path", str(file), problem, f"Copy the file again. {_FASHION_SOURCE}")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def cifar10(path: str | Path) -> ImageSplit:
    """Return CIFAR-10 from its binary files: 50,000 + 10,000 colour images, 32 × 32 pixels, 10 classes.

    Parameters
    ----------
    path
        The folder ``cifar-10-batches-bin`` of the published "binary version (suitable for C programs)", with
        ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``.

    Raises
    ------
    ArgumentError
        If a file is missing or is not of this kind.
    """
    source = "cifar-10-binary.tar.gz is at www.cs.toronto.edu/~kriz/cifar.html"
    parts = []
    for names in ([f"data_batch_{number}.bin" for number in range(1, 6)], ["test_batch.bin"]):
        rows = []
        for name in names:
            file = user_path(path) / name
            if not file.is_file():
                raise ArgumentError("path", str(path), f"has no {name}", source)
            content = np.frombuffer(file.read_bytes(), np.uint8)
            if not content.size or content.size % 3073 or content[::3073].max() > 9:
                problem = "is not made of rows of 3,073 bytes, of which the first is a class from 0 to 9"
                raise ArgumentError("path", str(file), problem, f"Unpack it again: {source}")
            rows.append(content.reshape(-1, 3073))
        table = np.concatenate(rows)
        images = table[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
        parts.append(ImageSet(images, table[:, 0].astype(np.int64)))
    return ImageSplit(*parts)
