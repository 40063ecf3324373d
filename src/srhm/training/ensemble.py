"""Several runs of one shape in one compiled program, each stopping on its own.

On a GPU a single small network leaves most of the device idle; many at a time fill it. On a CPU one run after the
other, or one per core, is faster: use :func:`srhm.training.train` there (docs, speed.md).
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ..errors import ArgumentError, check_instances, check_integer
from ..interrupts import check_interrupt, interrupts_noted
from .checkpoint import Checkpoint
from .job import TrainingJob
from .loop import Program, State, advance_in_order
from .order import ClassData, EpochOrder
from .protocol import check_budget
from .run import Result, SingleRun, paced


@eqx.filter_jit
def advance_members(
    states: State,
    data: ClassData,
    settings: Any,
    steps: Int[Array, " member"],
    until_epochs: Int[Array, " member"],
    program: Program,
) -> State:
    """Advance every member as :func:`srhm.training.advance` does; all arrays have a leading axis [member]."""

    def one(state: State, data: ClassData, *arrays: Any) -> State:
        empty = EpochOrder.empty(data, program.batch_per_class)
        return advance_in_order(state, empty, data, *arrays, program=program)[0]

    return eqx.filter_vmap(one)(states, data, settings, steps, until_epochs)


def train_ensemble(
    jobs: Sequence[TrainingJob],
    *,
    budget: float | None = None,
    checkpoints: Sequence[Checkpoint | Path | str | None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Result]:
    """Train several networks together; each result is that of :func:`srhm.training.train` alone.

    Members may differ in seeds, data, number of training points and rates. A member that has stopped keeps an idle
    slot of the program. When at most half of the members are left, and idle slots have cost as much time as a
    compilation, the program is recompiled for half as many: the total is then less than twice that of recompiling at
    the best moment. Results agree with single runs up to the order of floating-point sums.

    Parameters
    ----------
    jobs
        The runs. They must agree in model, shape of the network, encoding, batch size, task and optax
        transformation, if any.
    budget
        Seconds after which all are stopped. Default: no limit.
    checkpoints
        For each job the file of its state, as for :func:`srhm.training.train`; an interrupted member resumes from
        it, in an ensemble or alone. Default: no checkpoints.
    progress
        Called about twice a second with the number of members that are still running.

    Raises
    ------
    ArgumentError
        If there are no jobs, or they are of different shapes.
    """
    check_instances(TrainingJob, jobs=jobs)
    check_integer("jobs", len(jobs), minimum=1)
    check_budget(budget)
    files = [None] * len(jobs) if checkpoints is None else list(checkpoints)
    if len(files) != len(jobs):
        problem = f"are {len(files)} for {len(jobs)} jobs"
        raise ArgumentError("checkpoints", files, problem, "Give one for each job, or None")
    first = jobs[0]
    for job in jobs[1:]:
        if _shape(job) != _shape(first):
            problem = (
                "has another model, network, encoding, batch, task or optax transformation than the first"
            )
            raise ArgumentError("jobs", job.train_set.params, problem, "Train it in an ensemble of its own")
    began, steps, program = time.perf_counter(), 32, _ProgramSize(len(jobs))
    runs = [SingleRun(job, Checkpoint.of(file)) for job, file in zip(jobs, files, strict=True)]
    slots = max(run.data.features.shape[1] for run in runs)
    data = [_padded(run.data, slots) for run in runs]
    with interrupts_noted(any(file is not None for file in files)):
        try:
            while members := [number for number, run in enumerate(runs) if not run.over]:
                if budget is not None and time.perf_counter() - began > budget:
                    break
                check_interrupt()
                size = program.for_members(len(members))
                before = time.perf_counter()
                _advance_together([runs[n] for n in members], [data[n] for n in members], size, steps)
                spent = time.perf_counter() - before
                steps = steps if program.fresh else paced(steps, spent)
                program.took(spent, len(members))
                for number in members:
                    runs[number].save_when_due()
                if progress is not None:
                    progress(len(members))
        except (KeyboardInterrupt, SystemExit):
            for run in runs:
                run.save()
            raise
    return [run.end() for run in runs]


class _ProgramSize:
    """The number of members, or slots, that the program is compiled for.

    Recompile smaller once idle slots cost more than a compile.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.fresh = True
        """Whether the program has not run yet."""
        self._compiling = self._idle = 0.0

    def for_members(self, members: int) -> int:
        """Return the number of slots for this many members."""
        if not self.fresh and self._idle >= self._compiling:
            while members <= self.slots // 2:
                self.slots, self.fresh = -(-self.slots // 2), True
        return self.slots

    def took(self, seconds: float, members: int) -> None:
        """Record a call with this many members; the first call of a program is mostly compilation."""
        if self.fresh:
            self._compiling, self._idle, self.fresh = seconds, 0.0, False
        else:
            self._idle += seconds * (1 - members / self.slots)


def _advance_together(runs: list[SingleRun], data: list[ClassData], size: int, steps: int) -> None:
    """Advance unfinished runs in a program with `size` slots; the slots left over are idle."""
    before, job = time.perf_counter(), runs[0].job
    limits = [run.limits(steps) for run in runs] + [(0, 0)] * (size - len(runs))
    filled = [*range(len(runs)), *[0] * (size - len(runs))]
    states = advance_members(
        _stacked([runs[n].state for n in filled]),
        _stacked([data[n] for n in filled]),
        _stacked([runs[n].settings for n in filled]),
        jnp.asarray([limit for limit, _ in limits], jnp.int32),
        jnp.asarray([until for _, until in limits], jnp.int32),
        job.program,
    )
    jax.block_until_ready(states.epoch)
    share = (time.perf_counter() - before) / len(runs)
    arrays, static = eqx.partition(states, eqx.is_array)
    for number, run in enumerate(runs):
        run.take(eqx.combine(jax.tree.map(lambda array, n=number: array[n], arrays), static), share)


def _stacked(trees: list[Any]) -> Any:
    """Stack the arrays of several trees along a new first axis."""
    arrays, static = zip(*(eqx.partition(tree, eqx.is_array) for tree in trees), strict=True)
    return eqx.combine(jax.tree.map(lambda *leaves: jnp.stack(leaves), *arrays), static[0])


def _padded(data: ClassData, slots: int) -> ClassData:
    missing = ((0, 0), (0, slots - data.features.shape[1]), (0, 0))
    features, positions = (jnp.pad(a, missing, mode="edge") for a in (data.features, data.positions))
    labels = None if data.labels is None else jnp.pad(data.labels, missing[:2], mode="edge")
    latents = None if data.latents is None else jnp.pad(data.latents, missing, mode="edge")
    return ClassData(features, positions, data.counts, labels, latents)


def _shape(job: TrainingJob) -> Any:
    """What must be equal for runs to share a program."""
    arrays, static = eqx.partition(job.net, eqx.is_array)
    forms = [(leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(arrays)]
    return (
        job.program,
        job.train_set.stream.grammar.class_weights is None,
        forms,
        jax.tree.structure(arrays),
        jax.tree.leaves(static),
    )
