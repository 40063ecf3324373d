"""Ensembles: every member is the run that it would be alone."""

import jax
import jax.numpy as jnp
import pytest

from filled_nets import filled
from srhm import ArgumentError, Grammar, Params, split
from srhm.training import Optimizer, Stopping, train, train_ensemble
from srhm.training.ensemble import _advance_together, _ProgramSize
from srhm.training.job import TrainingJob
from srhm.training.loop import advance, start
from srhm.training.order import class_data
from srhm.training.run import SingleRun

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)


def job(
    number, name="cnn", P=45, dtype="float32", width=8, rate=None, record=False, class_weights=None, **options
):
    """A run with rules, data, weights, order, P and rate of its own."""
    net = filled(name, PARAMS, width, number, dtype=dtype)
    sets = split(Grammar(PARAMS, number, class_weights=class_weights), P + 7 * number, 100, seed=number)
    batch = options.pop("batch_per_class", 4)
    optimizer = Optimizer(rate or 0.05 / (1 + number), 0.9, batch, options.pop("batches", "reshuffled"))
    return TrainingJob(
        net, sets.train, sets.test, optimizer, Stopping(**options), order_seed=number, record=record
    )


def alone(one):
    return train(
        one.net, one.train_set, one.test_set, optimizer=one.optimizer, stopping=one.stopping,
        order_seed=one.order_seed, record=one.record,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "class_weights"),
    [
        ("cnn", [3, 1, 2, 2]),
        *(pytest.param(name, None, marks=pytest.mark.long) for name in ("cnn", "lcn", "fcn")),
    ],
)
def test_fifty_steps_agree_in_double_precision(name, class_weights):
    """Members with 3, 4 and 5 batches an epoch, in a program with room for a fourth."""

    def member(number):
        return job(number, name, dtype="float64", class_weights=class_weights)

    with jax.enable_x64(True):
        runs = [SingleRun(member(number)) for number in range(3)]
        slots = max(run.data.features.shape[1] for run in runs)
        assert all(run.data.features.shape[1] == slots for run in runs)
        for run in runs:
            run.limits = lambda steps: (steps, 10**6)
        _advance_together(runs, [run.data for run in runs], 4, 50)
        for number, run in enumerate(runs):
            one = member(number)
            state, settings = start(one.net, one.optimizer, one.stopping, rate=one.rate, order_seed=number)
            state = advance(
                state, class_data(one.train_set, 4), settings, jnp.int32(50), jnp.int32(10**6),
                params=PARAMS, encoding="whitened", batch_per_class=4,
            )  # fmt: skip
            assert (int(run.state.epoch), int(run.state.batch)) == (int(state.epoch), int(state.batch))
            pairs = zip(jax.tree.leaves(run.state), jax.tree.leaves(state), strict=True)
            assert max(float(jnp.abs(a - b).max()) for a, b in pairs) < 1e-10
            moved = zip(jax.tree.leaves(state.net), jax.tree.leaves(one.net), strict=True)
            assert max(float(jnp.abs(a - b).max()) for a, b in moved) > 0.01


def test_the_program_is_recompiled_smaller_once_idle_slots_cost_a_compilation():
    program = _ProgramSize(8)
    assert program.for_members(2) == 8 and program.fresh  # nothing is compiled yet: nothing is known
    program.took(6.0, 2)
    assert program.for_members(2) == 8 and not program.fresh
    program.took(4.0, 2)  # six of eight slots are idle: 3 seconds
    assert program.for_members(2) == 8
    program.took(4.0, 2)
    assert program.for_members(5) == 8, "more than half are taken"
    assert program.for_members(2) == 2 and program.fresh
    program.took(0.0, 1)
    assert program.for_members(1) == 1, "idle slots of a free compilation are given up at once"


@pytest.mark.parametrize(
    "patient",
    [
        pytest.param(False, id="shrinking"),
        pytest.param(True, id="keeping its size", marks=pytest.mark.long),
    ],
)
def test_each_member_stops_on_its_own(patient, monkeypatch):
    """By loss or at the last epoch, with records, whether or not the program shrinks as members leave."""
    sizes = []
    monkeypatch.setattr(_ProgramSize, "took", lambda program, seconds, members: forced(program, members))

    def forced(program, members):
        sizes.append(program.slots)
        program.fresh, program._compiling, program._idle = False, float(patient), 0.0

    with jax.enable_x64(True):
        jobs = [
            job(0, dtype="float64", loss=0.5, record=True),
            job(3, dtype="float64", loss=1e-9, max_epochs=7, batches="fixed", eval_every=5),
        ]
        left = []
        found = train_ensemble(jobs, progress=left.append)
        for one, member in zip(jobs, found, strict=True):
            single = alone(one)
            for name in ("status", "epochs", "steps", "test_error", "best_test_error", "best_epoch"):
                assert getattr(member, name) == getattr(single, name), name
            assert abs(member.train_loss - single.train_loss) < 1e-9
            assert [point["step"] for point in member.record] == [point["step"] for point in single.record]
    assert {one.status for one in found} == {"converged", "epochs"}
    assert left[0] == 2 and left[-1] == 1
    assert sizes[0] == 2 and sizes[-1] == (2 if patient else 1)


@pytest.mark.long
def test_a_diverged_member_disturbs_nobody():
    with jax.enable_x64(True):
        calm = job(0, dtype="float64", max_epochs=5)
        first, second = train_ensemble([calm, job(3, dtype="float64", max_epochs=5, rate=1e300)])
        assert (first.status, second.status) == ("epochs", "diverged")
        single = alone(calm)
    assert abs(first.train_loss - single.train_loss) < 1e-9
    assert first.test_error == single.test_error


def test_a_budget_stops_all():
    with pytest.raises(ArgumentError, match="Give one for each job"):
        train_ensemble([job(0), job(1)], checkpoints=["one.npz"])
    found = train_ensemble([job(0), job(1)], budget=0)
    assert [one.status for one in found] == ["stopped", "stopped"]
    assert [one.steps for one in found] == [0, 0]


def test_refused():
    with pytest.raises(ValueError, match=r"^jobs = 0 is below 1\. Use jobs >= 1\.$"):
        train_ensemble([])
    skewed = job(1, class_weights=[3, 1, 2, 2])
    for other in (job(1, "lcn"), job(1, width=9), job(1, batch_per_class=3), skewed):
        with pytest.raises(
            ValueError,
            match="has another model, network, encoding, batch, task or optax transformation than the first",
        ):
            train_ensemble([job(0), other])
