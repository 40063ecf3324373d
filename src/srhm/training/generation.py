"""Samples of a network that predicts symbols: position by position, in random order or from left to right."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_instance, check_integer
from ..model.encoding import MASKED, Encoding
from ..model.params import Params
from ..nets.active import Symbols
from ..nets.design import encoding_for
from ..nets.network import outputs
from .sequences import Denoise, NextSymbol
from .task import Task, check_built_for, task_text


def generate(
    net: Any, task: Task, params: Params, encoding: Encoding, count: int, seed: int = 0
) -> Integer[np.ndarray, "sample position"]:
    """Return samples of a network, -1 for a blank.

    A network of :class:`~srhm.training.Denoise` reveals the positions of a hidden input one after another, in an order
    of each sample's own: ancestral sampling of absorbing diffusion, in d steps. One of ``NextSymbol()`` goes from left
    to right. Each symbol is drawn from what the network says of it given those drawn before.

    Parameters
    ----------
    net, task, params, encoding
        The network, and what it was trained for.
    count
        Number of samples.
    seed
        Of all draws.

    Raises
    ------
    ArgumentError
        If the task is another one.
    """
    check_instance(Params, params=params)
    check_instance(Task, task=task)
    encoding = encoding_for(net, encoding, params)
    check_built_for(net, task, params, encoding)
    count, d = check_integer("count", count, minimum=1), params.d
    random = np.random.default_rng(check_integer("seed", seed, minimum=0))
    forward = isinstance(task, NextSymbol) and task.positions == "all" and task.first
    if not (forward or isinstance(task, Denoise)):
        problem = "does not predict every symbol from any that are known"
        raise ArgumentError("task", task_text(task), problem, "Train for denoise, or for next")
    order = np.tile(np.arange(d), (count, 1))
    if not forward:
        order = random.permuted(order, axis=1)
    rows, found = np.arange(count), np.full((count, d), MASKED, np.int32)
    for place in order.T:
        entering = found
        if forward:  # the start symbol, and what comes before
            entering = np.concatenate([np.full((count, 1), MASKED, np.int32), found[:, :-1]], axis=1)
            entering = np.where(np.arange(d) <= place[:, None], entering, -1)
        scores = np.asarray(_scores(net, Symbols(params, encoding, entering, True)))[rows, place]
        if np.isnan(scores).any():
            raise ArgumentError(
                "net", "nan", "is among its scores", "Give a network whose training did not diverge"
            )
        symbol = (scores + random.gumbel(size=scores.shape)).argmax(axis=1)
        found[rows, place] = np.where(symbol == params.level(1).v, -1, symbol)
    return found


@eqx.filter_jit
def _scores(net: Any, entering: Any) -> Float[jax.Array, "sample place symbol"]:
    return outputs(net, entering)
