"""Common networks as runs: identities, options, resources, one run from its file to its sensitivities."""

import json
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srhm import Params
from srhm.nets import COMMON, build
from srhm.nets.weights import load_weights
from srhm.reference.thresholds import chosen_thresholds, thresholds
from srhm.runner.execution import execute
from srhm.runner.products import products
from srhm.runner.resources import parameters, resources, step_flops
from srhm.study.grid import as_grid, read_grid
from srhm.study.options import Network
from srhm.study.questions import Question
from srhm.study.runs import RunSpec, Seeds
from srhm.training.protocol import Protocol

PAPER = Params(n_c=10, v=10, m=10, s=2, s0=2, L=2)
SMALL = Params(n_c=3, v=4, m=2, s=2, s0=2, L=2)
SPEC = RunSpec(
    SMALL,
    "vgg11",
    60,
    width=8,
    P_test=50,
    protocol=Protocol(learning_rate=0.005, stop_loss=1e-9, max_epochs=15),
)


def test_identities_of_runs_before_the_common_networks_stay() -> None:
    """Those of version 0.1.0, computed before."""
    params = Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
    assert {net: RunSpec(params, net, 500).hash for net in ("cnn", "lcn", "fcn")} == {
        "cnn": "614b3c3585bd8eec467a471c89e8df97eeeebac8f98050d8400cadaeab200e26",
        "lcn": "50ccd5e6121ea3d210dd4fee09c02d2090467f76c3415cf50de3058cf1ec1a97",
        "fcn": "070fbd674ef93a6e168ed62af2c0b99597f3796093a7c17925fd4321cc2eb2dd",
    }


def test_defaults_of_a_common_network_and_their_values_are_one_run() -> None:
    spec = RunSpec(PAPER, "resnet18", 7400)
    assert (spec.width, spec.rate, spec.stop_loss, spec.max_epochs) == (64, 1e-4, 1e-2, 250)
    assert not spec.rate_extended and "variant" not in spec.to_dict()
    protocol = Protocol(learning_rate=1e-4, stop_loss=1e-2, max_epochs=250)
    explicit = replace(spec, protocol=protocol, width=64, variant="usual")
    assert explicit.hash == spec.hash
    assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    published = replace(spec, variant="published")
    assert RunSpec.from_dict(json.loads(json.dumps(published.to_dict()))) == published
    assert published.hash != spec.hash and published.shape != spec.shape
    assert RunSpec(PAPER, "efficientnetb0", 7400).stop_loss == 1e-3


@pytest.mark.parametrize(
    ("change", "argument", "value", "fix"),
    [
        ({"init": "hom"}, "init", "'hom'", "Leave init as it is"),
        ({"bias": "shared"}, "bias", "'shared'", "Use bias='position'"),
        ({"variant": "published"}, "variant", "'published'", "Use variant='usual'"),
        ({"net": "efficientnetb0", "width": 20}, "width", 20, "Use a multiple of 8"),
        ({"params": replace(SMALL, s0=1)}, "params", repr(replace(SMALL, s0=1)), "Use d = (s(s0+1))^L >= 32"),
    ],
)
def test_what_cannot_be_built_is_no_run(refuses, change, argument, value, fix) -> None:
    with refuses(argument, value, fix):
        replace(SPEC, **change)


def test_files_and_options_name_the_networks(tmp_path: Path) -> None:
    path = tmp_path / "GRID.toml"
    path.write_text(
        '[[runs]]\nv = 10\ns0 = 2\nnet = ["vgg16", "resnet34", "efficientnetb0"]\nP = 7400\n'
        '[[runs]]\nv = 10\ns0 = 2\nnet = "resnet18"\nvariant = "published"\nP = 7400\n'
        '[[pstar]]\nv = 10\ns0 = 2\nnet = "vgg11"\nstart = 6000\n'
    )
    grid = read_grid(path)
    assert [(spec.net, spec.variant) for spec in grid.runs] == [
        ("vgg16", "usual"), ("resnet34", "usual"), ("efficientnetb0", "usual"), ("resnet18", "published"),
    ]  # fmt: skip
    assert [question.spec.net for question in grid.questions] == ["vgg11"]
    path.write_text(as_grid(grid.runs, "again"))
    assert {spec.hash for spec in read_grid(path).runs} == {spec.hash for spec in grid.runs}
    assert Network(net="vgg11", max_epochs=7).spec(SMALL, 60, Seeds()).max_epochs == 7


def test_the_paper_predicts_no_pstar_of_them(refuses) -> None:
    with refuses("start", None, "Give the first P to try"):
        Question(SPEC)
    question = Question(SPEC, start=40)
    assert question.prediction is None and question.search().start == 40
    assert thresholds("resnet18", PAPER) == chosen_thresholds("resnet18", PAPER, "error") == {"error": 0.1}
    with refuses("quantities", "'all'", "Use error"):
        chosen_thresholds("resnet18", PAPER, "all")


@pytest.mark.parametrize("name", COMMON)
def test_weights_are_counted_without_statistics(name: str) -> None:
    spec = RunSpec(PAPER, name, 100, width=8, encoding="onehot_blank")
    net = eqx.filter_eval_shape(lambda: build(name, PAPER, 8, encoding="onehot_blank"))
    sizes = [sum(leaf.size for leaf in leaves) for leaves in (jax.tree.leaves(net), net.statistics())]
    assert parameters(spec) == sizes[0] - sizes[1]
    # Beyond a process: statistics have no momentum but little else.
    assert resources(spec).memory > resources(replace(spec, P=50)).memory > 6 * 10**8


def test_operations_of_a_step_by_hand() -> None:
    """VGG11 of width 8: 3 taps of every convolution, forward and twice back, but no slope of the input."""
    channels, positions = (4, 8, 16, 32, 32, 64, 64, 64, 64), (36, 18, 9, 9, 4, 4, 2, 2)
    batch = 4 * 3
    layers = [
        2 * batch * n * 3 * a * b for n, a, b in zip(positions, channels[:-1], channels[1:], strict=True)
    ]
    update = 6 * parameters(SPEC)
    assert step_flops(SPEC) == 3 * (sum(layers) + 2 * batch * 64 * 3) - layers[0] + update


def test_products_of_a_program() -> None:
    a, b = jax.ShapeDtypeStruct((2, 3, 4), "float32"), jax.ShapeDtypeStruct((2, 4, 5), "float32")
    (one,) = products(jax.jit(lambda a, b: jnp.einsum("sij,sjk->sik", a, b) + 1), a, b)
    assert one == (2 * 2 * 3 * 4 * 5, 24, 30)
    assert products(jnp.sin, a) == []


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
    other = replace(SPEC, P=50, seeds=Seeds(1, 1, 1, 1), protocol=replace(SPEC.protocol, momentum=0.8))
    assert other.shape == SPEC.shape != replace(SPEC, net="vgg16").shape
