"""Sets of images: those of scikit-learn, and files written here as the published ones are."""

import gzip

import numpy as np
import pytest
from sklearn.datasets import load_digits

from srhm import ArgumentError
from srhm.images import cifar10, digits, fashion_mnist

RANDOM = np.random.default_rng(0)


def test_digits_are_those_of_scikit_learn():
    train, test = digits()
    both = np.concatenate([train.images, test.images])
    assert (len(train), len(test), both.dtype) == (1000, 797, np.float32) and both.max() == 1
    found = sorted(map(bytes, (16 * both).astype(np.uint8)))
    assert found == sorted(map(bytes, load_digits().images.astype(np.uint8)))
    counts = np.bincount(train.labels)
    assert counts.min() > 80 and counts.sum() == 1000


def test_draws_are_balanced_nested_and_without_replacement():
    train, _ = digits()
    small, large = train.draw(100, seed=3), train.draw(500, seed=3)
    assert set(np.bincount(large.labels)) == {50} and len(np.unique(large.images, axis=0)) == 500
    np.testing.assert_array_equal(large.images[:100], small.images)
    assert np.bincount(train.draw(104, seed=3).labels).max() == 11
    assert not np.array_equal(small.images, train.draw(100, seed=4).images)
    with pytest.raises(ArgumentError, match="asks for more images of a class"):
        train.draw(999)


def test_pooling_keeps_the_mean():
    train, _ = digits()
    small = train.pooled(2)
    assert small.images.shape == (1000, 1, 4, 4)
    assert small.images[5, 0, 1, 2] == pytest.approx(train.images[5, 0, 2:4, 4:6].mean())
    with pytest.raises(ArgumentError, match="does not divide 8 pixels"):
        train.pooled(3)


def write_idx(path, array, packed):
    content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
    file = path.with_name(path.name + ".gz" * packed)
    file.write_bytes(gzip.compress(content) if packed else content)


def fashion_files(folder, packed=True):
    arrays = {}
    for part, count in (("train", 30), ("t10k", 20)):
        arrays[part] = (
            RANDOM.integers(0, 256, (count, 28, 28), np.uint8),
            RANDOM.integers(0, 10, count, np.uint8),
        )
        write_idx(folder / f"{part}-images-idx3-ubyte", arrays[part][0], packed)
        write_idx(folder / f"{part}-labels-idx1-ubyte", arrays[part][1], packed)
    return arrays


@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist(tmp_path, packed):
    arrays = fashion_files(tmp_path, packed)
    for found, (images, labels) in zip(fashion_mnist(tmp_path), arrays.values(), strict=True):
        np.testing.assert_array_equal(found.images[:, 0] * 255, images.astype(np.float32))
        np.testing.assert_array_equal(found.labels, labels)


def test_files_that_are_not_fashion_mnist(tmp_path):
    with pytest.raises(ArgumentError, match="apt install dataset-fashion-mnist"):
        fashion_mnist(tmp_path)
    fashion_files(tmp_path)
    file = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    for content, words in (
        (whole[:2000], "cannot be read"),
        (gzip.compress(gzip.decompress(whole)[:-1]), "is not a whole IDX file"),
        (b"no gzip", "cannot be read"),
    ):
        file.write_bytes(content)
        with pytest.raises(ArgumentError, match=words):
            fashion_mnist(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((3, 28, 28), np.uint8), True)
    with pytest.raises(ArgumentError, match="holds 3 images and 20 labels"):
        fashion_mnist(tmp_path)


def test_cifar10(tmp_path):
    rows = RANDOM.integers(0, 256, (6, 4, 3073), np.uint8)
    rows[:, :, 0] %= 10
    with pytest.raises(ArgumentError, match=r"has no data_batch_1\.bin"):
        cifar10(tmp_path)
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    for name, part in zip(names, rows, strict=True):
        (tmp_path / name).write_bytes(part.tobytes())
    train, test = cifar10(tmp_path)
    assert train.images.shape == (20, 3, 32, 32) and len(test) == 4
    np.testing.assert_array_equal(train.labels, rows[:5, :, 0].reshape(-1))
    assert test.images[2, 1, 5, 7] == pytest.approx(rows[5, 2, 1 + 1024 + 5 * 32 + 7] / 255)
    (tmp_path / "test_batch.bin").write_bytes(rows[5].tobytes()[:-1])
    with pytest.raises(ArgumentError, match="3,073 bytes"):
        cifar10(tmp_path)
