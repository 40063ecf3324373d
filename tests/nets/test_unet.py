"""The tree U-Net against loops over samples, positions and places."""

import math
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import pytest
from scipy.special import erf

import srhm
from srhm import Params
from srhm.cli import main
from srhm.nets import FAMILIES, Interface, NetSpec, build, load, save
from srhm.study import read_grid
from srhm.training import Denoise, Latent

PARAMS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
LEVELS = Params(n_c=3, v=3, m=2, s=(2, 3), s0=(1, 0), L=2)
SPEC = NetSpec("unet", 8)


def interface_of(params, task):
    return task.interface(params, "whitened")


def filled(params, interface, seed=0):
    """A network with biases too, drawn by NumPy."""
    random = np.random.default_rng(seed)
    form = eqx.filter_eval_shape(lambda: SPEC.build(params, interface=interface))
    return jax.tree.map(
        lambda leaf: jax.device_put(
            random.normal(size=leaf.shape, scale=leaf.shape[0] ** -0.5).astype(leaf.dtype)
        ),
        form,
    )


def slow(net, x, params, lowest):
    """The text of docs, networks.md, in double precision."""
    net = jax.tree.map(lambda leaf: np.asarray(leaf, "float64"), net)
    act = lambda z: z * (1 + erf(z / math.sqrt(2))) / 2  # noqa: E731
    outputs = []
    for sample in np.asarray(x, "float64"):
        rows = [np.stack([c @ net.embedding.weight + net.embedding.bias for c in sample])]
        for layer, level in zip(net.down, params.levels, strict=True):
            below, above = rows[-1], []
            for first in range(0, len(below), level.patch):
                z = layer.bias.copy()
                for place in range(level.patch):
                    z += below[first + place] @ layer.weight[8 * place : 8 * (place + 1)]
                above.append(act(z))
            rows.append(np.stack(above))
        y = rows[-1]
        for layer, skip, level in zip(
            net.up, net.skips, params.levels[: lowest - 2 if lowest > 1 else None : -1], strict=True
        ):
            below = rows[level.level - 1]
            finer = np.zeros_like(below)
            for position in range(len(below)):
                own = slice(8 * (position % level.patch), 8 * (position % level.patch) + 8)
                z = y[position // level.patch] @ layer.weight[:, own] + layer.bias[own]
                finer[position] = act(z + below[position] @ skip)
            y = finer
        outputs.append(y @ net.readout.weight + net.readout.bias)
    return np.stack(outputs)


@pytest.mark.parametrize("params", [PARAMS, LEVELS], ids=["equal levels", "levels that differ"])
@pytest.mark.parametrize(
    "task", [Denoise(), Denoise("uniform"), Latent(2)], ids=["hidden", "noisy", "level 2"]
)
def test_outputs_are_those_of_loops(params, task):
    interface = interface_of(params, task)
    net = filled(params, interface)
    x = np.random.default_rng(1).normal(size=(3, params.d, interface.channels)).astype("float32")
    found = net(x)
    assert found.shape == interface.output_shape(3)
    np.testing.assert_allclose(found, slow(net, x, params, getattr(task, "level", 1)), atol=2e-5)


def test_every_prediction_sees_the_whole_input():
    interface = interface_of(PARAMS, Denoise())
    net, x = filled(PARAMS, interface), np.zeros((17, 16, 4), "float32")
    x[np.arange(16), np.arange(16), 0] = 1.0
    found = np.asarray(net(x))
    assert (abs(found[:16] - found[16]).max(axis=2) > 1e-5).all()


def test_layers_go_down_and_up():
    net = SPEC.build(PARAMS, interface=interface_of(PARAMS, Denoise()))
    seen = net.activations(np.zeros((2, 16, 4), "float32"))
    shapes = {name: values.shape[1:] for name, values in seen.items()}
    sizes = [4, 1, 4, 16]
    assert shapes == {f"layer_{k}": (n, 8) for k, n in enumerate(sizes, 1)} | {"output": (16, 4)}


def test_the_start():
    """Variance 2 over the numbers that enter a unit; biases zero."""
    params = replace(PARAMS, L=3)
    net = NetSpec("unet", 64).build(params, 5, interface=interface_of(params, Denoise()))
    for weight, variance in [
        (net.embedding.weight, 1.0),
        *((layer.weight, 2 / (4 * 64)) for layer in net.down),
        *((layer.weight, 1 / 64) for layer in net.up),
        *((skip, 1 / 64) for skip in net.skips),
        (net.readout.weight, 0.02**2),
    ]:
        assert np.std(weight) == pytest.approx(variance**0.5, rel=5 / (2 * weight.size) ** 0.5)
    assert not any(np.any(layer.bias) for layer in (net.embedding, *net.down, *net.up, net.readout))


def test_its_row_and_its_cost():
    row = FAMILIES["unet"]
    assert (row.optimizer, row.rate(PARAMS).value, NetSpec("unet").on(PARAMS).width) == ("adamw", 1e-3, 128)
    interface = interface_of(PARAMS, Denoise())
    sizes = [leaf.size for leaf in jax.tree.leaves(SPEC.build(PARAMS, interface=interface))]
    assert SPEC.cost(PARAMS, interface).parameters == sum(sizes)


def test_what_it_does_not_predict(refuses):
    words = "which predicts symbols at hidden positions and latents"
    for make in (lambda: build("unet", PARAMS), lambda: srhm.run(PARAMS, "unet", P=20)):
        with refuses("task", f"'classes' cannot be predicted by unet, {words}", " or ".join(
            name for name, one in FAMILIES.items() if "class" in one.kinds
        ).join(["Use ", ""])):  # fmt: skip
            make()
    with refuses("task", "'every next symbol'", "Use transformer"):
        srhm.run(PARAMS, "unet", P=20, task="next")
    with refuses("places", "2", "Use one of 16, 4"):
        SPEC.build(PARAMS, interface=Interface(4, 16, 4, 2, "positions"))


def test_a_file_gives_it_back(tmp_path):
    net = SPEC.build(PARAMS, 3, interface=interface_of(PARAMS, Denoise("uniform")))
    save(net, tmp_path / "net.safetensors")
    found = load(tmp_path / "net.safetensors")
    assert found.design == net.design
    assert all(map(np.array_equal, jax.tree.leaves(found), jax.tree.leaves(net)))


def test_it_denoises_by_command_and_by_grid(tmp_path, capsys):
    """The loss of training falls towards the exact floor; the weights that are kept are found again."""
    store = tmp_path / "runs.sqlite"
    command = (
        "run --v 3 --m 2 --s0 0 --L 2 --net unet --task denoise(uniform) --width 16 --P 16 --P-test 8 "
        "--batch-per-class 3 --max-epochs 60 --json"
    )
    main([*command.split(), "--store", str(store)])
    path = tmp_path / "grid.toml"
    path.write_text(
        "[[runs]]\nv = 3\nm = 2\ns0 = 0\nL = 2\nnet = 'unet'\ntask = 'denoise(uniform)'\nwidth = 16\nP = 16\n"
        "P_test = 8\nbatch_per_class = 3\nmax_epochs = 60\n"
    )
    (spec,) = read_grid(path).runs
    run = next(iter(srhm.store.Store(store).runs()))
    assert run.spec.hash == spec.hash and spec.to_dict()["task"] == {"name": "denoise", "process": "uniform"}
    first, last = run.record[0], run.record[-1]
    assert last["excess"] < first["excess"] and len(last["loss_by_time"]) == len(last["floor_by_time"]) == 10
