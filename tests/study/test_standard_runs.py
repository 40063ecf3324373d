"""Standard architectures as runs: identities, options, resources, one run from its file to its sensitivities."""

import json
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from grid_files import as_grid
from setups import run_spec, setup
from srhm import Params
from srhm.nets import FAMILIES, build
from srhm.nets.cost import matrix_products
from srhm.nets.standard import ROWS
from srhm.nets.weights import load_weights
from srhm.runner.execution import execute
from srhm.runner.resources import resources
from srhm.study import RunSpec, Seeds, Study, read_grid
from srhm.study.study import chosen_thresholds

PAPER = Params(n_c=10, v=10, m=10, s=2, s0=2, L=2)
SMALL = Params(n_c=3, v=4, m=2, s=2, s0=2, L=2)
OPTIONS = {
    "net": "vgg11",
    "width": 8,
    "P_test": 50,
    "learning_rate": 0.005,
    "stop_loss": 1e-9,
    "max_epochs": 15,
}
SPEC = run_spec(SMALL, P=60, **OPTIONS)


def test_identities_of_runs_stay() -> None:
    """Those of the first form in which a run is a setup, P and seeds, computed once."""
    params = Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
    assert {net: run_spec(params, net, 500).hash for net in ("cnn", "lcn", "fcn")} == {
        "cnn": "8be9b35097d5147fe854c6c6cb0ff19bc95f815c6adecbfe0d26f07fb3415d67",
        "lcn": "9332ad76760722ec46374ffa80dda7c49e74005468c5b5be2668dcedc88d1496",
        "fcn": "b9bfea243e0dfa72d91f7efd5f14a4f82be5e89b076080666fd6be2338923441",
    }


def test_defaults_of_a_standard_architecture_and_their_values_are_one_run() -> None:
    spec = run_spec(PAPER, "resnet18", 7400)
    optimizer, stopping = spec.setup.optimizer, spec.setup.stopping
    assert (spec.setup.width, optimizer.rate, stopping.loss, stopping.max_epochs) == (64, 1e-4, 1e-2, 250)
    assert not spec.setup.rate_extended and "variant" not in spec.to_dict()["net"]
    explicit = run_spec(
        PAPER,
        "resnet18",
        7400,
        learning_rate=1e-4,
        stop_loss=1e-2,
        max_epochs=250,
        width=64,
        variant="standard",
    )
    assert explicit.hash == spec.hash
    assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    published = run_spec(PAPER, "resnet18", 7400, variant="published")
    assert RunSpec.from_dict(json.loads(json.dumps(published.to_dict()))) == published
    assert published.hash != spec.hash and published.shape != spec.shape
    assert setup(PAPER, "efficientnetb0").stopping.loss == 1e-3


@pytest.mark.parametrize(
    ("change", "argument", "value", "fix"),
    [
        ({"init": "hom"}, "init", "'hom'", "Leave it out, or use cnn or lcn or fcn"),
        ({"bias": "shared"}, "bias", "'shared'", "Leave it out, or use cnn"),
        (
            {"variant": "published"},
            "variant",
            "'published'",
            "Leave it out, or use resnet18 or resnet34 or efficientnetb0",
        ),
        ({"net": "efficientnetb0", "width": 20}, "width", 20, "Use a multiple of 8"),
        ({"params": replace(SMALL, s0=1)}, "params", repr(replace(SMALL, s0=1)), "Use d = (s(s0+1))^L >= 32"),
    ],
)
def test_what_cannot_be_built_is_no_run(refuses, change, argument, value, fix) -> None:
    with refuses(argument, value, fix):
        setup(**{"params": SMALL} | OPTIONS | change)


def test_files_and_options_name_the_networks(tmp_path: Path) -> None:
    path = tmp_path / "GRID.toml"
    path.write_text(
        '[[runs]]\nv = 10\ns0 = 2\nnet = ["vgg16", "resnet34", "efficientnetb0"]\nP = 7400\n'
        '[[runs]]\nv = 10\ns0 = 2\nnet = "resnet18"\nvariant = "published"\nP = 7400\n'
        '[[pstar]]\nv = 10\ns0 = 2\nnet = "vgg11"\nstart = 6000\n'
    )
    grid = read_grid(path)
    assert [(spec.net.family, spec.net.chosen) for spec in grid.runs] == [
        ("vgg16", {}), ("resnet34", {}), ("efficientnetb0", {}), ("resnet18", {"variant": "published"}),
    ]  # fmt: skip
    assert [study.setup.net.family for study in grid.studies] == ["vgg11"]
    path.write_text(as_grid(grid.runs, "again"))
    assert {spec.hash for spec in read_grid(path).runs} == {spec.hash for spec in grid.runs}
    assert setup(SMALL, "vgg11", max_epochs=7).stopping.max_epochs == 7


def test_the_paper_predicts_no_pstar_of_them(refuses) -> None:
    with refuses("start", None, "Give the first P to try"):
        Study(SPEC.setup).check()
    study = Study(SPEC.setup, start=40)
    assert study.prediction is None and study.ask(0) == 40
    usual = setup(PAPER, "resnet18")
    assert FAMILIES["resnet18"].thresholds(PAPER) == chosen_thresholds(usual, "error") == {"error": 0.1}
    with refuses("quantities", "'all'", "Use error"):
        chosen_thresholds(usual, "all")


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_weights_are_counted_without_statistics(name: str) -> None:
    spec = run_spec(PAPER, name, 100, width=8, encoding="onehot_blank")
    net = eqx.filter_eval_shape(lambda: build(name, PAPER, 8, encoding="onehot_blank"))
    sizes = [sum(leaf.size for leaf in leaves) for leaves in (jax.tree.leaves(net), net.statistics())]
    assert spec.net.cost(PAPER).parameters == sizes[0] - sizes[1]
    # Beyond a process: statistics have no momentum but little else.
    assert resources(spec).memory > resources(spec.at(50)).memory > 6 * 10**8


def test_operations_of_a_step_by_hand() -> None:
    """VGG11 of width 8: 3 taps of every convolution, forward and twice back, but no slope of the input."""
    channels, positions = (4, 8, 16, 32, 32, 64, 64, 64, 64), (36, 18, 9, 9, 4, 4, 2, 2)
    batch = 4 * 3
    layers = [
        2 * batch * n * 3 * a * b for n, a, b in zip(positions, channels[:-1], channels[1:], strict=True)
    ]
    cost = SPEC.net.cost(SMALL)
    update = 6 * cost.parameters
    assert cost.step_flops(SPEC.setup.batch) == 3 * (sum(layers) + 2 * batch * 64 * 3) - layers[0] + update


def test_products_of_a_program() -> None:
    a, b = jax.ShapeDtypeStruct((2, 3, 4), "float32"), jax.ShapeDtypeStruct((2, 4, 5), "float32")
    (one,) = matrix_products(jax.jit(lambda a, b: jnp.einsum("sij,sjk->sik", a, b) + 1), a, b)
    assert one == (2 * 2 * 3 * 4 * 5, 24, 30)
    assert matrix_products(jnp.sin, a) == []


@pytest.mark.long  # of a network with statistics: training/test_stateful.py; of a family: frame/test_families.py
def test_a_run_from_its_specification_to_its_sensitivities(tmp_path: Path) -> None:
    """It learns, is measured at five layers, and its weights come back with the statistics."""
    run = execute(SPEC, weights=tmp_path)
    assert run.status == "epochs" and run.metrics["epochs"] == 15
    assert run.metrics["train_loss"] < 0.9 < np.log(3)
    names = {f"{letter}_{k}{level}" for letter in "SD" for k in range(1, 6) for level in (1, 2)}
    assert names == {name for name in run.metrics if name[0] in "SD" and not name.endswith("_error")}
    template = build("vgg11", SMALL, 8)
    net = load_weights(tmp_path, run.weights, template)
    assert all(
        np.any(one != other) for one, other in zip(net.statistics(), template.statistics(), strict=True)
    )


def test_a_shape_is_shared_by_runs_of_one_network_and_variant() -> None:
    other = run_spec(SMALL, P=50, seeds=Seeds(1, 1, 1, 1), **OPTIONS | {"momentum": 0.8})
    assert other.shape == SPEC.shape != run_spec(SMALL, P=60, **OPTIONS | {"net": "vgg16"}).shape
