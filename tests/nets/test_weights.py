"""The files of weights."""

import hashlib
import json
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest

import srhm
from fake_runs import PARAMS
from srhm.nets import build
from srhm.nets.weights import load_weights, save_weights


@pytest.mark.parametrize("name", ["cnn", "lcn", "fcn"])
def test_weights_come_back(name: str, tmp_path: Path) -> None:
    net, template = (build(name, PARAMS, width=8, seed=seed) for seed in (1, 2))
    folder = tmp_path / "runs-weights"
    digest = save_weights(folder, net)
    (path,) = folder.iterdir()
    assert path.name == f"{digest}.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    found = load_weights(folder, digest, template)
    assert jax.tree.structure(found) == jax.tree.structure(template)
    same = jax.tree.map(np.array_equal, eqx.filter(found, eqx.is_array), eqx.filter(net, eqx.is_array))
    assert all(jax.tree.leaves(same)) and not eqx.tree_equal(net, template)
    assert save_weights(folder, found) == digest and list(folder.iterdir()) == [path]


def test_arrays_are_named_by_their_place(tmp_path: Path) -> None:
    digest = save_weights(tmp_path, build("lcn", PARAMS, width=8))
    content = (tmp_path / f"{digest}.safetensors").read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert {".readout", ".layers[0].weight", ".layers[1].weight"} <= set(head)


@pytest.fixture
def digest(tmp_path: Path) -> str:
    return save_weights(tmp_path, build("cnn", PARAMS, width=8))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (build("cnn", PARAMS, width=9), r"template = '.*: float32\[.*\]' is float32\[.*\] in the file"),
        (build("cnn", PARAMS, width=8, bias="none"), r"template = .* differ in the arrays .*bias"),
        (
            jax.tree.map(
                lambda leaf: leaf.astype("float16") if eqx.is_array(leaf) else leaf, build("cnn", PARAMS, 8)
            ),
            "float16.* is float32",
        ),
    ],
)
def test_another_network_is_refused(tmp_path: Path, digest: str, other: object, said: str) -> None:
    with pytest.raises(srhm.ArgumentError, match=said):
        load_weights(tmp_path, digest, other)


def test_changed_weights_are_refused(tmp_path: Path, digest: str) -> None:
    path = tmp_path / f"{digest}.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    net = build("cnn", PARAMS, width=8)
    with pytest.raises(srhm.ArgumentError, match="which was changed"):
        load_weights(tmp_path, digest, net)
    path.unlink()
    with pytest.raises(srhm.ArgumentError, match="has no file"):
        load_weights(tmp_path, digest, net)


@pytest.mark.parametrize("name", ["../secret", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_no_other_file_is_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(srhm.ArgumentError, match="is not a SHA-256"):
        load_weights(tmp_path, name, build("cnn", PARAMS, width=8))


def test_another_file_of_that_name_is_refused(tmp_path: Path) -> None:
    content = b"\x10\0\0\0\0\0\0\0no safe tensors"
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / f"{digest}.safetensors").write_bytes(content)
    with pytest.raises(srhm.ArgumentError, match="is not a file of safetensors"):
        load_weights(tmp_path, digest, build("cnn", PARAMS, width=8))
