"""Defaults: every cell of the published table of learning rates, the published deviations, bad fields."""

from dataclasses import asdict

import numpy as np
import pytest

from setups import setup
from srhm import Params
from srhm.nets import FAMILIES, NetSpec, Rate
from srhm.study import Measuring
from srhm.training import Optimizer, Stopping

STANDARD = ("vgg11", "vgg16", "resnet18", "resnet34", "efficientnetb0")


def model(s, L, s0, v=6, sparsity="A"):
    return Params(n_c=v, v=v, m=2, s=s, s0=s0, L=L, sparsity=sparsity)


# The table of docs, networks.md, a row a line: network, s, levels, {s0: rate}; v = 6 unless given.
TABLE = [
    ("lcn", 2, (1, 2, 3, 4), {0: 0.01, 1: 0.01, 2: 0.01, 3: 0.01, 4: 0.003, 5: 0.003, 6: 0.003, 9: 0.003}, 6),
    ("lcn", 3, (1, 2, 3), {0: 0.003, 1: 0.003, 2: 0.003, 3: 0.003, 4: 0.003, 6: 0.003, 9: 0.003}, 6),
    ("lcn", 3, (2,), {0: 0.003, 1: 0.003, 2: 0.003, 3: 0.003, 4: 0.003}, 4),
    ("cnn", 2, (2,), {0: 0.01, 1: 0.1, 2: 0.1, 4: 0.03, 6: 0.01}, 6),
    ("cnn", 2, (3, 4), {0: 0.01, 1: 0.01, 2: 0.01, 4: 0.003, 6: 0.001}, 6),
    ("cnn", 3, (1, 2, 3), {0: 0.01, 1: 0.01, 2: 0.01, 3: 0.01, 4: 0.003, 6: 0.0003}, 6),
    ("cnn", 4, (2,), {0: 0.01, 1: 0.01, 2: 0.01, 3: 0.01, 4: 0.003, 6: 0.0003}, 6),
    ("cnn", 3, (1, 2, 3), {0: 0.003, 1: 0.003, 2: 0.003, 3: 0.003, 4: 0.003, 6: 0.0003}, 4),
    ("cnn", 4, (2,), {0: 0.01, 3: 0.01, 4: 0.003}, 4),
    ("fcn", 2, (2,), {0: 0.01, 1: 0.01, 2: 0.01, 3: 0.01, 4: 0.003, 5: 0.003, 6: 0.003, 9: 0.003}, 6),
    ("fcn", 2, (3,), {0: 0.003, 1: 0.003, 2: 0.003, 3: 0.003, 4: 0.001, 5: 0.001, 6: 0.001, 9: 0.001}, 6),
]
CELLS = [
    pytest.param(net, s, L, s0, v, rate, id=f"{net}-s{s}-L{L}-s0={s0}-v{v}")
    for net, s, levels, rates, v in TABLE
    for L in levels
    for s0, rate in rates.items()
]


@pytest.mark.parametrize(("net", "s", "L", "s0", "v", "rate"), CELLS)
def test_rates_of_the_table(net, s, L, s0, v, rate):
    found = NetSpec(net).rate(model(s, L, s0, v))
    assert found.value == rate
    assert not found.extended


# Outside the table: L = 1 as L = 2, s0 as the next larger tabulated value, beyond 6 as 6, FCN s > 2 as s = 2.
EXTENDED = [
    ("cnn", 2, 1, 0, 6, 0.01),
    ("cnn", 2, 1, 1, 6, 0.1),
    ("cnn", 2, 1, 4, 6, 0.03),
    ("cnn", 2, 2, 3, 6, 0.03),
    ("cnn", 2, 2, 5, 6, 0.01),
    ("cnn", 2, 2, 7, 6, 0.01),
    ("cnn", 2, 3, 3, 6, 0.003),
    ("cnn", 2, 3, 5, 6, 0.001),
    ("cnn", 2, 3, 12, 6, 0.001),
    ("cnn", 3, 2, 5, 6, 0.0003),
    ("cnn", 3, 2, 5, 4, 0.0003),
    ("cnn", 3, 2, 8, 4, 0.0003),
    ("fcn", 2, 1, 0, 6, 0.01),
    ("fcn", 2, 1, 4, 6, 0.003),
    ("fcn", 2, 4, 0, 6, 0.003),
    ("fcn", 2, 4, 4, 6, 0.001),
    ("fcn", 3, 2, 1, 6, 0.01),
    ("fcn", 3, 3, 4, 6, 0.001),
]


@pytest.mark.parametrize(("net", "s", "L", "s0", "v", "rate"), EXTENDED)
def test_rates_outside_the_table_are_marked(net, s, L, s0, v, rate):
    found = NetSpec(net).rate(model(s, L, s0, v))
    assert found.value == rate
    assert found.extended


def test_rates_do_not_depend_on_the_sparsity():
    for s0 in (0, 1, 4):
        assert NetSpec("cnn").rate(model(2, 2, s0)) == NetSpec("cnn").rate(model(2, 2, s0, sparsity="B"))


def test_stop_losses():
    assert [NetSpec(net).stop_loss for net in ("cnn", "lcn", "fcn")] == [1e-3, 1e-3, 1e-2]
    standard = {net: NetSpec(net).stop_loss for net in STANDARD}
    assert standard == dict.fromkeys(STANDARD[:4], 1e-2) | {STANDARD[4]: 1e-3}
    params = model(2, 2, 2)
    for net in ("fcn", "vgg11"):
        assert setup(params, net).stopping.loss == 1e-2
        assert setup(params, net, stop_loss=0.5).stopping.loss == 0.5


def test_last_epochs():
    assert [NetSpec(net).max_epochs for net in ("cnn", "lcn", "fcn")] == [10_000] * 3
    assert [NetSpec(net).max_epochs for net in STANDARD] == [250] * 5
    params = model(2, 2, 2)
    assert [setup(params, net).stopping.max_epochs for net in ("fcn", "vgg11")] == [10_000, 250]
    assert [setup(params, net, max_epochs=7).stopping.max_epochs for net in ("fcn", "vgg11")] == [7, 7]


def test_the_standard_architectures_have_one_rate():
    """1e-4 times the width 64, whatever the model."""
    models = [model(s, L, s0) for s, L, s0 in ((2, 2, 2), (3, 3, 1))]
    rates = {NetSpec(net).rate(params) for net in STANDARD for params in models}
    assert rates == {Rate(1e-4, extended=False)}


def test_unknown_networks(refuses):
    fix = f"Did you mean 'vgg11'? Use one of {', '.join(FAMILIES)}"
    with refuses("net", "'vgg'", fix):
        NetSpec("vgg")


def test_defaults():
    assert asdict(Optimizer()) == {
        "rate": None,
        "momentum": 0.9,
        "batch_per_class": 4,
        "batches": "reshuffled",
        "method": None,
        "schedule": "constant",
        "warmup": 0,
        "weight_decay": 0.0,
    }
    assert asdict(Stopping()) == {
        "loss": None,
        "every": 1,
        "max_epochs": None,
        "eval_every": 10,
        "select": None,
        "excess": None,
        "max_steps": None,
        "patience": None,
        "loss_patience": None,
    }
    assert asdict(Measuring()) == {
        "P_test": None,
        "sensitivity_inputs": 1000,
        "cumulative": False,
        "record": (),
        "probe": False,
    }


@pytest.mark.parametrize("n_c", [2, 6, 11])
def test_the_published_code_deviates_in_these_fields_alone(n_c):
    params = Params(n_c=n_c, v=6, m=1, s=2, s0=1, L=2)
    usual, published = (asdict(one) for one in (setup(params), setup(params).published()))
    changed = {}
    for part in ("optimizer", "stopping", "measuring"):
        mine, theirs = usual.pop(part), published.pop(part)
        changed |= {name: theirs[name] for name in mine if theirs[name] != mine[name]}
    changed |= {name: published[name] for name in usual if published[name] != usual[name]}
    assert changed == {
        "every": 10,
        "batches": "fixed",
        "select": "best",
        "replacement": True,
        "sensitivity_inputs": 20 * n_c,
        "cumulative": True,
    }
    changed["stop_every"] = changed.pop("every")
    for name, value in changed.items():  # each also alone
        alone = setup(params, **{name: value})
        assert alone != setup(params)
        assert setup(params, **changed) == setup(params).published()


BAD = [
    ("batch_per_class", 0, "Use batch_per_class >= 1"),
    ("batch_per_class", 2.0, "Give batch_per_class as an int"),
    ("stop_every", 0, "Use stop_every >= 1"),
    ("max_epochs", -1, "Use max_epochs >= 1"),
    ("eval_every", 0, "Use eval_every >= 1"),
    ("sensitivity_inputs", 2, "Use sensitivity_inputs >= 3"),
    ("momentum", 1.0, "Use 0.9"),
    ("momentum", -0.1, "Use 0.9"),
    ("momentum", float("nan"), "Use 0.9"),
    ("learning_rate", 0.0, "Give learning_rate as a finite number > 0"),
    ("learning_rate", float("inf"), "Give learning_rate as a finite number > 0"),
    ("stop_loss", -1e-3, "Give stop_loss as a finite number > 0"),
    ("stop_loss", float("nan"), "Give stop_loss as a finite number > 0"),
    ("batches", "shuffled", "Did you mean 'reshuffled'? Use 'reshuffled' or 'fixed'"),
    ("select", "final", "Use 'last' or 'best'"),
    ("cumulative", 1, "Use True or False"),
    ("replacement", "yes", "Use True or False"),
]


@pytest.mark.parametrize(("field", "value", "fix"), BAD)
def test_bad_fields(refuses, field, value, fix):
    with refuses(field, repr(value), fix):
        setup(model(2, 2, 0), **{field: value})


def test_rates_are_kept_as_floats(unchecked):
    assert repr(Optimizer(rate=1)) == repr(Optimizer(rate=1.0))
    assert repr(Stopping(loss=np.float32(0.5))) == repr(Stopping(loss=0.5))


def test_numpy_integers_make_the_same_setup(unchecked):
    params = model(2, 2, 0)
    given = setup(
        params,
        batch_per_class=np.int64(8),
        max_epochs=np.int32(5),
        sensitivity_inputs=np.int64(50),
        P_test=np.int8(9),
    )
    assert repr(given) == repr(
        setup(params, batch_per_class=8, max_epochs=5, sensitivity_inputs=50, P_test=9)
    )
