"""One-pass training: every batch is new, sampled on the device inside the compiled step."""

import math
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, UInt32

from ..backend import backend_name
from ..errors import ArgumentError, check_instance, check_integer
from ..model.dataset import Dataset
from ..model.derivation import expand
from ..model.encoding import Encoding
from ..model.stream import Stream
from ..nets.active import Leaves
from ..nets.design import design_of, encoding_for
from ..nets.network import check_trainable, width_of
from ..nets.patch_layer import works_on_patches
from ..randomness import Key, role_key, threefry2x32
from .evaluation import Scores, TestSet, recorded_losses
from .job import chosen_optimizer
from .loop import Settings, batch_gradient, descend, descent, scheduled, start
from .protocol import Method, Optimizer, Stopping, check_budget
from .recording import next_record
from .run import Result, paced
from .task import Classification, Task, check_built_for


@eqx.filter_jit
def advance_online(
    net: Any,
    optimizer: Any,
    settings: Settings,
    first: UInt32[Array, ""],
    steps: UInt32[Array, ""],
    *,
    stream: Stream,
    encoding: Encoding,
    batch: int,
    task: Task,
    method: Method | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Train on the batches `first` to `first + steps - 1` of a stream, or until the loss is not finite.

    Batch i holds the samples i * batch to (i + 1) * batch - 1 of the stream; random numbers of the network in it have
    the i-th key of the stream's seed in the role ``"order"``. Returned are the network, the momentum, the number of
    batches done, and the sum of their losses.
    """
    valid, order = jnp.ones(batch, bool), role_key(stream.seed, "order")
    arrays, static = eqx.partition((net, optimizer), eqx.is_array)

    def one_batch(carry: Any) -> Any:
        arrays, done, total = carry
        net, optimizer = eqx.combine(arrays, static)
        samples = (first + done) * jnp.uint32(batch) + jnp.arange(batch, dtype=jnp.uint32)
        tree = expand(stream.grammar, stream.at(samples))
        latents = task.latents(stream.params, tree)
        leaves = Leaves(stream.params, encoding, tree.features[0], tree.positions[0], latents)
        key = Key(*threefry2x32(order, first + done, jnp.uint32(0)))
        loss, gradient, net = batch_gradient(net, leaves, tree.label.astype(jnp.int32), valid, key, task)
        rate = scheduled(settings, (first + done).astype(jnp.int32))
        own = descent(method, rate, settings.momentum, settings.weight_decay)
        update, optimizer = descend(own, gradient, optimizer, net)
        arrays = eqx.filter((eqx.apply_updates(net, update), optimizer), eqx.is_array)
        return arrays, done + 1, total + loss

    begin = arrays, jnp.zeros((), jnp.uint32), jnp.zeros_like(settings.rate)
    going = lambda carry: (carry[1] < steps) & jnp.isfinite(carry[2])  # noqa: E731
    arrays, done, total = jax.lax.while_loop(going, one_batch, begin)
    return *eqx.combine(arrays, static), done, total


def train_online(
    net: Any,
    stream: Stream,
    test_set: Dataset,
    *,
    points: int,
    task: Task | None = None,
    optimizer: Optimizer | None = None,
    encoding: Encoding | None = None,
    budget: float | None = None,
) -> Result:
    """Train a network on a stream of samples, each used once: the limit of infinitely many training points.

    The samples are drawn on the device inside the compiled step, in the order
    of the stream, and never stored.

    Parameters
    ----------
    net
        A network, as for :func:`srhm.training.train`.
    stream
        The training points. If it is a permutation of all data, the test set may be of the same permutation, behind
        them or read from its other end; one of another seed shares points by chance.
    test_set
        A test set of the same grammar.
    points
        Number of training points, at most 2^32; rounded down to whole batches.
    task, optimizer, encoding
        As for :func:`srhm.training.train`. Batches are those of the stream, so `batches` must be left as it is.
    budget
        Seconds after which training is stopped. Default: no limit.

    Returns
    -------
    Result
        Its status is ``"epochs"`` when all points were used (one epoch). The record holds, at log-spaced steps, the
        test error and the mean training loss since the last record, that is, the loss on new points.

    Raises
    ------
    ArgumentError
        If an argument is out of range or missing, `encoding` is not that of the network, or the points reach beyond
        the stream or into the test set.
    """
    check_budget(budget)
    check_trainable(net)
    check_instance(Stream, stream=stream)
    check_instance(Dataset, test_set=test_set)
    optimizer = Optimizer() if optimizer is None else optimizer
    check_instance(Optimizer, optimizer=optimizer)
    optimizer = chosen_optimizer(design_of(net), optimizer, width_of(net))
    if optimizer.batches != "reshuffled":
        problem = "is of a training set, and a stream has an order of its own"
        raise ArgumentError("batches", optimizer.batches, problem, "Leave it out")
    batch = optimizer.batch_per_class * stream.params.n_c
    _check_points(stream, test_set, check_integer("points", points, minimum=batch, maximum=2**32))
    encoding = encoding_for(net, encoding, stream.params)
    task = Classification() if task is None else task
    check_instance(Task, task=task)
    check_built_for(net, task, stream.params, encoding)
    backend_name()  # refuses where there is none
    began, last = time.perf_counter(), points // batch
    test = TestSet(test_set, encoding, shared=works_on_patches(net), task=task)
    stopping = Stopping(loss=1.0)  # it holds nowhere here
    width = width_of(net) if optimizer.method == "sgd" else 1
    assert optimizer.rate is not None  # filled in
    began_with, settings = start(
        net, optimizer, stopping, rate=optimizer.rate * width, order_seed=0, last_step=last
    )
    state, method = began_with.optimizer, optimizer.method
    step, seen, lost, pace, record, status = 0, 0, 0.0, 32, [], "epochs"
    compile_seconds = 0.0
    while step < last and status == "epochs":
        goal = min(last, next_record(step))
        before = time.perf_counter()
        count = min(pace, goal - step)
        net, state, done, total = advance_online(
            net, state, settings, jnp.uint32(step), jnp.uint32(count),
            stream=stream, encoding=encoding, batch=batch, task=task, method=method,
        )  # fmt: skip
        step, seen, lost = step + int(done), seen + int(done), lost + float(total)
        if compile_seconds == 0:
            compile_seconds = time.perf_counter() - before
        elif count == pace:
            pace = paced(pace, time.perf_counter() - before)
        if not math.isfinite(lost):
            status = "diverged"
        elif step == goal:
            scores = test.scores(net)
            point = {"step": step, "epoch": 0, "train_loss": lost / seen, "test_error": scores.error}
            point |= recorded_losses(scores)
            record.append(point)
            seen, lost = 0, 0.0
        elif budget is not None and time.perf_counter() - began > budget:
            status = "stopped"
    scores = Scores(math.nan) if status == "diverged" else test.scores(net)
    error = scores.error
    errors = [point["test_error"] for point in record] + [error]
    return Result(
        net=net,
        status="diverged" if math.isnan(error) else status,
        epochs=int(step == last),
        steps=step,
        train_loss=record[-1]["train_loss"] if record else math.nan,
        test_error=error,
        best_test_error=min(errors) if not math.isnan(error) else math.nan,
        best_epoch=int(step == last),
        scores=None if scores.losses is None else scores,
        record=record,
        seconds=time.perf_counter() - began,
        compile_seconds=compile_seconds,
    )


def _check_points(stream: Stream, test_set: Dataset, points: int) -> None:
    """Raise an error if the training points reach beyond the stream, or may be test points."""
    if test_set.stream.grammar != stream.grammar:
        raise ArgumentError(
            "test_set", test_set.stream.grammar, "is of another grammar", f"Use {stream.grammar}"
        )
    if points > stream.length:
        raise ArgumentError(
            "points", points, f"exceeds the {stream.length} samples of the stream", "Use fewer points"
        )
    if stream.rule != "permutation" or test_set.stream.rule != "permutation":
        return
    same = (test_set.stream.seed, test_set.stream.role) == (stream.seed, stream.role)
    limit = stream.length - len(test_set)  # of another order: beyond it some are surely the same
    if same:
        limit = test_set.start if test_set.stream.reverse == stream.reverse else limit - test_set.start
    if points > limit:
        fix = (
            f"Use points <= {limit}" if limit else "Draw the test set from the same stream with reverse=True"
        )
        raise ArgumentError("points", points, "reaches into the test set", fix)
