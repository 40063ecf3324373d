"""The files of weights."""

import hashlib
import json
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest

import filled_nets
import srhm
from fake_runs import PARAMS
from srhm.nets import build, load, save
from srhm.nets.design import design_of
from srhm.nets.weights import load_weights, save_weights
from srhm.training import Stopping, train


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
    with pytest.raises(srhm.ArgumentError, match="which has changed"):
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
    with pytest.raises(srhm.ArgumentError, match="is not a safetensors file"):
        load_weights(tmp_path, digest, build("cnn", PARAMS, width=8))


def arrays(net):
    return jax.tree.leaves(eqx.filter(net, eqx.is_array))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cnn", {"shared_layers": (1,), "bias": "shared", "frozen_layers": (2,)}),
        ("lcn", {"shared_layers": (1, 2), "encoding": "onehot_blank"}),
        ("fcn", {"init": "hom"}),
        ("vgg11", {}),
        ("vgg16", {}),
        ("resnet18", {"variant": "published"}),
        ("resnet34", {}),
        ("efficientnetb0", {}),
    ],
)
def test_a_network_is_saved_and_loaded_by_itself(name, options, tmp_path):
    params = srhm.Params(n_c=3, v=3, m=3, s=2, s0=2, L=2)  # long enough for the standard architectures
    net = filled_nets.filled(name, params, 8, 3, **options)
    path, again = tmp_path / "new" / "net.safetensors", tmp_path / "again.safetensors"
    save(net, path)
    save(net, again)
    assert path.read_bytes() == again.read_bytes()
    found = load(path)
    assert found.design == net.design == design_of(net)
    assert jax.tree.structure(found) == jax.tree.structure(net)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*map(arrays_of, (found, net)), strict=True))
    assert sorted(tmp_path.iterdir()) == [again, path.parent]


def arrays_of(net):
    return [np.asarray(one) for one in arrays(net)]


def test_a_saved_network_goes_on_training(tmp_path):
    sets = srhm.split(srhm.Grammar(PARAMS, 0), 30, 20)
    net = build("cnn", PARAMS, width=8)
    few = {"stopping": Stopping(max_epochs=2)}
    path = tmp_path / "cnn.safetensors"
    save(train(net, sets.train, sets.test, **few).net, path)
    further = [train(one, sets.train, sets.test, **few).net for one in (load(path), load(str(path)))]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*map(arrays_of, further), strict=True))


def test_double_precision_is_kept(tmp_path, refuses):
    with jax.enable_x64(True):
        save(filled_nets.filled("fcn", PARAMS, 4, dtype="float64"), tmp_path / "double")
        assert load(tmp_path / "double").readout.dtype == np.float64
    with refuses("dtype", "'float64'", "Use 'float32', or 'float64' with jax_enable_x64"):
        load(tmp_path / "double")


def test_what_cannot_be_saved_or_loaded_is_refused(tmp_path, refuses):
    fix = "Save a network of srhm.nets.build; any other with eqx.tree_serialise_leaves"
    with refuses("net", "'Linear'", fix):
        save(eqx.nn.Linear(2, 2, key=jax.random.key(0)), tmp_path / "net")
    net, path = build("cnn", PARAMS, width=8), tmp_path / "net"
    (tmp_path / "file").touch()
    with refuses("path", repr(str(tmp_path / "file" / "net")), "Name a file that can be written"):
        save(net, tmp_path / "file" / "net")
    fix = "Give a file that srhm.nets.save wrote"
    with refuses("path", repr(str(path)), fix):
        load(path)
    path.write_bytes(b"no network")
    with refuses("path", repr(str(path)), fix):
        load(path)
    weights = tmp_path / f"{save_weights(tmp_path, net)}.safetensors"
    with refuses("path", repr(str(weights)), fix):
        load(weights)
    save(net, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(rb"\"family\": \"cnn\"", rb"\"family\": \"snn\""))
    with pytest.raises(srhm.ArgumentError, match=r"'snn' is not a network\. Did you mean 'cnn'"):
        load(path)
    path.write_bytes(content.replace(rb"\"width\": 8", rb"\"width\": 9"))
    with pytest.raises(srhm.ArgumentError, match=r"float32\[.*9\].* is float32\[.*8\] in the file"):
        load(path)
    path.write_bytes(content.replace(rb"\"format\": 1", rb"\"format\": 2"))
    with pytest.raises(srhm.ArgumentError, match="format 2"):
        load(path)
