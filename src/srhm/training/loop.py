"""The compiled part of a run: a function that advances a small state by a few batches or epochs.

The state is the network, the momentum, and the position in the current epoch. A batch is gathered from the compact
training set inside the compiled step; there is never a dense copy of the set.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from ..model.encoding import Encoding
from ..model.params import Params
from ..nets.active import Leaves
from ..nets.network import dense, outputs, trained_arrays
from ..nets.stateful import StatefulNetwork
from ..randomness import Key, role_key
from .order import ClassData, EpochOrder, Order
from .protocol import Method, Optimizer, Stopping
from .task import Classification, Task


class State(NamedTuple):
    """What a run needs to continue."""

    net: Any
    """The network."""
    optimizer: Any
    """The momentum, or another state of optax."""
    epoch: Int[Array, ""]
    """Number of finished epochs."""
    batch: Int[Array, ""]
    """Finished batches of the current epoch."""
    loss_sum: Float[Array, ""]
    """Sum of the training loss over the points of the current epoch so far."""
    epoch_loss: Float[Array, ""]
    """Mean training loss of the last finished epoch."""


class Settings(NamedTuple):
    """The numbers of a run that compiled code takes as arguments, so that they cause no new compilation."""

    order: Order
    rate: Float[Array, ""]
    momentum: Float[Array, ""]
    stop_loss: Float[Array, ""]
    stop_every: Int[Array, ""]
    weight_decay: Float[Array, ""]
    warmup: Float[Array, ""]
    """Steps over which the rate rises."""
    horizon: Float[Array, ""]
    """Steps after which a cosine has fallen to 0; infinite for a constant rate."""


def start(
    net: Any,
    optimizer: Optimizer | optax.GradientTransformation,
    stopping: Stopping,
    *,
    rate: float | None,
    order_seed: int,
    last_step: int = 1,
) -> tuple[State, Settings]:
    """Return the state of a run before its first step, and its settings.

    `rate` is the learning rate of an :class:`Optimizer`, and `last_step` the last one that the run may take.
    """
    weights = eqx.filter(net, trained_arrays(net))
    dtype = jax.tree.leaves(weights)[0].dtype
    zero, nothing = _moved(0, jnp.int32), _moved(0, dtype)
    own = isinstance(optimizer, Optimizer)
    momentum = optimizer.momentum if own else 0.0
    transformation = descent(optimizer.method, 0.0, momentum, 0.0) if own else optimizer
    schedule = optimizer if own else Optimizer()
    settings = Settings(
        order=Order(
            key=_moved(role_key(order_seed, "order"), jnp.uint32),
            fixed_batches=_moved(own and optimizer.batches == "fixed", bool),
        ),
        rate=_moved(rate or 0.0, dtype),
        momentum=_moved(momentum, dtype),
        stop_loss=_moved(stopping.loss, dtype),
        stop_every=_moved(stopping.every, jnp.int32),
        weight_decay=_moved(schedule.weight_decay, dtype),
        warmup=_moved(schedule.warmup, dtype),
        horizon=_moved(last_step if schedule.schedule == "cosine" else jnp.inf, dtype),
    )
    first = _zeros(transformation, weights) if own else transformation.init(weights)
    return State(net, first, zero, zero, nothing, nothing), settings


def _moved(value: Any, dtype: Any) -> Array:
    """Return a number or more as an array, without a program to convert it."""
    return jax.device_put(np.asarray(value, dtype))


def _zeros(transformation: optax.GradientTransformation, weights: Any) -> Any:
    """Return the first state of a transformation whose state begins as zeros, without a program for every shape."""
    return jax.tree.map(
        lambda one: jax.device_put(np.zeros(one.shape, one.dtype)),
        jax.eval_shape(transformation.init, weights),
    )


def descent(
    method: Method | None, rate: Any, momentum: Any, weight_decay: Any
) -> optax.GradientTransformation:
    """Return the transformation of a method; None is SGD."""
    if method == "adam":
        return optax.adam(rate)
    if method == "adamw":
        return optax.adamw(rate, weight_decay=weight_decay)
    return optax.sgd(rate, momentum)


def scheduled(settings: Settings, step: Int[Array, ""]) -> Float[Array, ""]:
    """Return the rate of a step, counted from 0."""
    done, kind = step.astype(settings.rate.dtype), settings.rate.dtype
    rising = jnp.minimum(1, (done + 1) / jnp.maximum(settings.warmup, 1))
    part = jnp.clip((done - settings.warmup) / jnp.maximum(settings.horizon - settings.warmup, 1), 0, 1)
    return settings.rate * rising * ((1 + jnp.cos(jnp.asarray(jnp.pi, kind) * part)) / 2)


def batch_gradient(
    net: Any,
    leaves: Leaves,
    labels: Int[Array, " sample"],
    valid: Bool[Array, " sample"],
    key: Key,
    task: Task | None = None,
) -> tuple[Float[Array, ""], Any, Any]:
    """Return the mean loss of a batch in training mode, its gradient, and the updated network.

    A :class:`~srhm.nets.stateful.StatefulNetwork` draws random numbers with the key, and its running statistics,
    whose gradient is zero, are updated by the valid points. Any other network is returned unchanged. Default task:
    classification.
    """
    task = Classification() if task is None else task
    inputs, targets = task.examples(leaves, labels, key)

    def loss_and_arrays(net: Any) -> tuple[Any, Any]:
        if isinstance(net, StatefulNetwork):
            output, updated = net.training(dense(net, inputs), valid, key)
        else:
            output, updated = outputs(net, inputs), None
        task.check(output, targets, leaves.params)
        losses = task.losses(output, targets)
        mean = jnp.where(valid, losses, 0).sum() / valid.sum().astype(losses.dtype)
        return mean, eqx.filter(updated, eqx.is_array)

    (loss, arrays), gradient = eqx.filter_value_and_grad(loss_and_arrays, has_aux=True)(net)
    return loss, gradient, net if arrays is None else eqx.combine(arrays, net)


def descend(optimizer: optax.GradientTransformation, gradient: Any, state: Any, net: Any) -> tuple[Any, Any]:
    """Return the update of the trained arrays, and the next state of the optimizer."""
    moved = trained_arrays(net)
    with jax.numpy_dtype_promotion("standard"):  # as optax expects
        return optimizer.update(eqx.filter(gradient, moved), state, eqx.filter(net, moved))


@dataclass(frozen=True)
class Program:
    """What the compiled steps are compiled for."""

    params: Params
    encoding: Encoding
    batch_per_class: int
    task: Task | None = None
    transformation: optax.GradientTransformation | None = None
    """Of optax, in place of a method of our own."""
    method: Method | None = None
    scheduled_rate: bool = False
    """Whether the rate depends on the step."""


def advance_in_order(
    state: State,
    kept: EpochOrder,
    data: ClassData,
    settings: Settings,
    steps: Int[Array, ""],
    until_epoch: Int[Array, ""],
    program: Program,
) -> tuple[State, EpochOrder]:
    """Train for at most `steps` batches, until `until_epoch` epochs are finished or the stop rule holds.

    Returns the state, and the order of its epoch for the next call. The caller compiles this function.
    """
    batch_per_class = program.batch_per_class
    batches = -(-data.counts.max() // batch_per_class)
    by_class = jnp.repeat(jnp.arange(len(data.counts), dtype=jnp.int32), batch_per_class)

    def one_batch(state: State, order: EpochOrder) -> State:
        first = order.batches[state.batch] * batch_per_class
        slot = jax.lax.dynamic_slice_in_dim(order.samples, first, batch_per_class, axis=1)
        place = first + jnp.arange(batch_per_class, dtype=jnp.int32)
        valid = (place[None, :] < data.counts[:, None]).reshape(-1)
        features, positions, latents = (
            values
            if values is None
            else jnp.take_along_axis(values, slot[:, :, None], axis=1).reshape(len(by_class), -1)
            for values in (data.features, data.positions, data.latents)
        )
        labels = by_class
        if data.labels is not None:
            labels = jnp.take_along_axis(data.labels, slot, axis=1).reshape(-1)
        leaves = Leaves(program.params, program.encoding, features, positions, latents)
        key = settings.order.step_key(state.epoch, state.batch)
        loss, gradient, net = batch_gradient(state.net, leaves, labels, valid, key, program.task)
        rate = settings.rate
        if program.scheduled_rate:
            rate = scheduled(settings, state.epoch * batches + state.batch)
        own = descent(program.method, rate, settings.momentum, settings.weight_decay)
        update, momentum = descend(program.transformation or own, gradient, state.optimizer, net)
        return state._replace(
            net=eqx.apply_updates(net, update),
            optimizer=momentum,
            batch=state.batch + 1,
            loss_sum=state.loss_sum + loss * valid.sum().astype(loss.dtype),
        )

    def close_epoch(state: State) -> State:
        mean = state.loss_sum / data.counts.sum().astype(state.loss_sum.dtype)
        return state._replace(
            epoch=state.epoch + 1,
            batch=jnp.zeros_like(state.batch),
            loss_sum=jnp.zeros_like(mean),
            epoch_loss=mean,
        )

    def one_epoch(state: State, order: EpochOrder, left: Any) -> tuple[State, EpochOrder, Any]:
        order = order.at(settings.order, state.epoch, data, batches)
        last = jnp.minimum(batches, state.batch + left)
        left = left - (last - state.batch)
        # A diverged run ends at once, so that its last step does not depend on how many steps a call makes.
        going = lambda s: (s.batch < last) & jnp.isfinite(s.loss_sum)  # noqa: E731
        state = jax.lax.while_loop(going, lambda s: one_batch(s, order), state)
        return jax.lax.cond(state.batch == batches, close_epoch, lambda s: s, state), order, left

    arrays, static = eqx.partition(state, eqx.is_array)

    def unfinished(carry: Any) -> Any:
        state = eqx.combine(carry[0], static)
        return (carry[2] > 0) & (state.epoch < until_epoch) & ~stopped(state, settings)

    def next_epoch(carry: Any) -> Any:
        state, order, left = one_epoch(eqx.combine(carry[0], static), *carry[1:])
        return eqx.filter(state, eqx.is_array), order, left

    arrays, order, _ = jax.lax.while_loop(unfinished, next_epoch, (arrays, kept, steps))
    return eqx.combine(arrays, static), order


advance_compiled = eqx.filter_jit(advance_in_order)


def advance(state: State, data: ClassData, *limits: Any, **program: Any) -> State:
    """Return the state after the compiled steps; the order of its epoch is computed anew."""
    empty = EpochOrder.empty(data, program["batch_per_class"])
    return advance_compiled(state, empty, data, *limits, program=Program(**program))[0]


def stopped(state: State, settings: Settings) -> Bool[Array, ""]:
    """Return whether the run is over: it converged at an epoch where the stop rule applies, or diverged."""
    losses = state.epoch_loss, state.loss_sum
    return _stopped(state.batch, state.epoch, *losses, settings.stop_every, settings.stop_loss)


def diverged(state: State) -> Bool[Array, ""]:
    """Return whether the loss is no longer finite."""
    return _diverged(state.epoch, state.epoch_loss, state.loss_sum)


@jax.jit
def _diverged(epoch: Any, epoch_loss: Any, loss_sum: Any) -> Bool[Array, ""]:
    return ~(jnp.isfinite(loss_sum) & jnp.isfinite(jnp.where(epoch > 0, epoch_loss, 0)))


@jax.jit  # outside of the compiled loop it is one program, not one for each operation
def _stopped(
    batch: Any, epoch: Any, epoch_loss: Any, loss_sum: Any, every: Any, loss: Any
) -> Bool[Array, ""]:
    converged = (batch == 0) & (epoch > 0) & (epoch % every == 0) & (epoch_loss < loss)
    return converged | _diverged(epoch, epoch_loss, loss_sum)
