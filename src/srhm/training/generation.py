"""Samples of a network that predicts symbols: position by position, or step by step from uniform draws."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_instance, check_integer
from ..inference.noise import spread_over
from ..inference.uniform_diffusion import UniformDiffusion
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
    """Return so many samples of a network, given what it was trained for; -1 for a blank. The seed is that of all
    draws.

    A network of :class:`~srhm.training.Denoise` reveals the positions of a hidden input one after another, in an order
    of each sample's own: ancestral sampling of absorbing diffusion, in d steps. One of ``NextSymbol()`` goes from left
    to right. Each symbol is drawn from what the network says of it given those drawn before. One of
    ``Denoise("uniform")`` begins with uniform draws, and step by step draws all symbols of x_(t-1) at once, each from
    q(x_(t-1) | x_t, x_0) averaged over what the network says of x_0; without blanks it draws features only. Another
    task is an ArgumentError.
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
    if isinstance(task, Denoise) and task.diffusion is not None:
        return _denoised(net, task, task.diffusion, params, encoding, count, random)
    order = np.tile(np.arange(d), (count, 1))
    if not forward:
        order = random.permuted(order, axis=1)
    rows, found = np.arange(count), np.full((count, d), MASKED, np.int32)
    for place in order.T:
        entering = found
        if forward:  # the start symbol, and what comes before
            entering = np.concatenate([np.full((count, 1), MASKED, np.int32), found[:, :-1]], axis=1)
            entering = np.where(np.arange(d) <= place[:, None], entering, -1)
        scores = _checked_scores(net, Symbols(params, encoding, entering, True))[rows, place]
        symbol = _drawn(scores, random)
        found[rows, place] = np.where(symbol == params.level(1).v, -1, symbol)
    return found


def _denoised(
    net: Any,
    task: Denoise,
    diffusion: UniformDiffusion,
    params: Params,
    encoding: Encoding,
    count: int,
    random: Any,
) -> Integer[np.ndarray, "sample position"]:
    """Return samples by the steps of uniform diffusion, backwards."""
    v, symbols = params.level(1).v, spread_over(params, None)
    found = random.integers(symbols, size=(count, params.d))
    for step in range(diffusion.steps, 0, -1):
        received = np.where(found == v, -1, found).astype(np.int32)
        entering = task.entering(params, encoding, received, np.full(count, step, np.int32))
        scores = _checked_scores(net, entering).astype(np.float64)
        beliefs = np.exp(scores - scores.max(axis=2, keepdims=True))
        with np.errstate(divide="ignore"):
            found = _drawn(np.log(diffusion.before(params, received, beliefs, step)), random)
    return np.where(found == v, -1, found).astype(np.int32)


def _drawn(scores: Any, random: Any) -> Integer[np.ndarray, "..."]:
    """Draw a symbol for each row of scores."""
    return (scores + random.gumbel(size=scores.shape)).argmax(axis=-1)


def _checked_scores(net: Any, entering: Symbols) -> Float[np.ndarray, "sample place symbol"]:
    scores = np.asarray(_scores(net, entering))
    if np.isnan(scores).any():
        fix = "Give a network whose training did not diverge"
        raise ArgumentError("net", "nan", "is among its scores", fix)
    return scores


@eqx.filter_jit
def _scores(net: Any, entering: Any) -> Float[jax.Array, "sample place symbol"]:
    return outputs(net, entering)
