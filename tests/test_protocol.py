"""The protocol: every cell of the published table of learning rates, the published deviations, bad fields."""

from dataclasses import asdict, fields

import numpy as np
import pytest

from srhm import Params
from srhm.training.protocol import Protocol, Rate, max_epochs, published_rate, stop_loss

COMMON = ("vgg11", "vgg16", "resnet18", "resnet34", "efficientnetb0")


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
    found = published_rate(net, model(s, L, s0, v))
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
    found = published_rate(net, model(s, L, s0, v))
    assert found.value == rate
    assert found.extended


def test_rates_do_not_depend_on_the_sparsity():
    for s0 in (0, 1, 4):
        assert published_rate("cnn", model(2, 2, s0)) == published_rate("cnn", model(2, 2, s0, sparsity="B"))


def test_stop_losses():
    assert [stop_loss(net, Protocol()) for net in ("cnn", "lcn", "fcn")] == [1e-3, 1e-3, 1e-2]
    common = [stop_loss(net, Protocol()) for net in COMMON]
    assert dict(zip(COMMON, common, strict=True)) == dict.fromkeys(COMMON[:4], 1e-2) | {COMMON[4]: 1e-3}
    assert stop_loss("fcn", Protocol(stop_loss=0.5)) == 0.5
    assert stop_loss("vgg11", Protocol(stop_loss=0.5)) == 0.5


def test_last_epochs():
    assert [max_epochs(net, Protocol()) for net in ("cnn", "lcn", "fcn")] == [10_000] * 3
    assert [max_epochs(net, Protocol()) for net in COMMON] == [250] * 5
    assert [max_epochs(net, Protocol(max_epochs=7)) for net in ("fcn", "vgg11")] == [7, 7]


def test_the_common_networks_have_one_rate():
    """1e-4 times the width 64, whatever the model."""
    rates = {published_rate(net, model(s, L, s0)) for net in COMMON for s, L, s0 in ((2, 2, 2), (3, 3, 1))}
    assert rates == {Rate(1e-4, extended=False)}


def test_unknown_networks(refuses):
    fix = "Did you mean 'vgg11'? Use one of cnn, lcn, fcn, vgg11, vgg16, resnet18, resnet34, efficientnetb0"
    with refuses("net", "'vgg'", fix):
        published_rate("vgg", model(2, 2, 0))
    with refuses("net", "'vgg'", fix):
        stop_loss("vgg", Protocol())
    with refuses("net", "'vgg'", fix):
        max_epochs("vgg", Protocol())


def test_default_protocol():
    assert asdict(Protocol()) == {
        "batch_per_class": 4,
        "momentum": 0.9,
        "learning_rate": None,
        "stop_loss": None,
        "stop_every": 1,
        "max_epochs": None,
        "look_every": 10,
        "batches": "reformed",
        "report": "final",
        "repeats": False,
        "sensitivity_inputs": None,
        "cumulative": False,
    }


@pytest.mark.parametrize("n_c", [2, 6, 11])
def test_published_protocol_deviates_in_these_fields_alone(n_c):
    published = Protocol.published(Params(n_c=n_c, v=6, m=1, s=2, s0=0, L=2))
    changed = {
        field.name: getattr(published, field.name)
        for field in fields(Protocol)
        if getattr(published, field.name) != getattr(Protocol(), field.name)
    }
    assert changed == {
        "stop_every": 10,
        "batches": "fixed",
        "report": "best",
        "repeats": True,
        "sensitivity_inputs": 20 * n_c,
        "cumulative": True,
    }
    for name, value in changed.items():  # each also alone
        assert getattr(Protocol(**{name: value}), name) == value


BAD = [
    ("batch_per_class", 0, "Use batch_per_class >= 1"),
    ("batch_per_class", 2.0, "Give batch_per_class as an int"),
    ("stop_every", 0, "Use stop_every >= 1"),
    ("max_epochs", -1, "Use max_epochs >= 1"),
    ("look_every", 0, "Use look_every >= 1"),
    ("sensitivity_inputs", 2, "Use sensitivity_inputs >= 3"),
    ("momentum", 1.0, "Use 0.9"),
    ("momentum", -0.1, "Use 0.9"),
    ("momentum", float("nan"), "Use 0.9"),
    ("learning_rate", 0.0, "Give learning_rate as a finite number > 0"),
    ("learning_rate", float("inf"), "Give learning_rate as a finite number > 0"),
    ("stop_loss", -1e-3, "Give stop_loss as a finite number > 0"),
    ("stop_loss", float("nan"), "Give stop_loss as a finite number > 0"),
    ("batches", "shuffled", "Use 'reformed' or 'fixed'"),
    ("report", "last", "Use 'final' or 'best'"),
]


@pytest.mark.parametrize(("field", "value", "fix"), BAD)
def test_bad_fields(refuses, field, value, fix):
    with refuses(field, repr(value), fix):
        Protocol(**{field: value})


def test_rates_are_kept_as_floats(unchecked):
    given = Protocol(learning_rate=1, stop_loss=np.float32(0.5))
    assert repr(given) == repr(Protocol(learning_rate=1.0, stop_loss=0.5))


def test_numpy_integers_make_the_same_protocol(unchecked):
    given = Protocol(batch_per_class=np.int64(8), max_epochs=np.int32(5), sensitivity_inputs=np.int64(50))
    assert repr(given) == repr(Protocol(batch_per_class=8, max_epochs=5, sensitivity_inputs=50))
