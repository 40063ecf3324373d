"""The inside pass of belief propagation: log p(received below a node | its symbol), for every node of the full tree.

With lambda(x) = log p(received below the node | its symbol is x), the messages of a node follow from its children's::

    lambda(blank) = sum over its p places of lambda_place(blank)
    lambda(y) = log (1/m) sum over the rules of y, (1/placements) sum over placements, of
                exp[sum over the s children of lambda_place(feature) + sum over other places of lambda_place(blank)]

(docs, inference.md). The same with maxima in place of the sums gives the best derivation instead of all.
"""

from math import log
from typing import Any, NamedTuple

from jaxtyping import Float

from ..model.params import Params
from .log_domain import Semiring, constant, finite
from .spread import LevelTable


class LevelMessages(NamedTuple):
    """The inside messages of the nodes above one level."""

    patches: Float[Any, "node place symbol sample"]
    """log p(received below a place | its symbol), up to a constant for each place."""
    inside: Any
    """The messages inside their patches, as :class:`~srhm.inference.spread.Spread` has it."""
    rules: Float[Any, "node parent m sample"]
    """log p(received below | rule of a parent); where rules have weights, with the probability of the rule."""
    parents: Float[Any, "node parent sample"]
    """The same, summed over the rules of a parent (or their maximum); without the probability 1/m of equal rules."""


class Upward(NamedTuple):
    """The result of the inside pass."""

    levels: tuple[LevelMessages, ...]
    """From level 1 to L."""
    classes: Float[Any, "class_ sample"]
    """log p(received | class); where classes have weights, with the probability of the class."""
    prior: float
    """What is to be subtracted from sums over classes: ln n_c where they have the same probability."""


def ascend(
    params: Params,
    tables: tuple[LevelTable, ...],
    evidence: Float[Any, "position symbol sample"],
    semiring: Semiring,
) -> Upward:
    """Compute all messages; the largest of each node is kept apart, which saves precision."""
    xp = evidence.__array_namespace__()
    messages, apart = _largest_apart(evidence)
    levels = []
    for level in range(1, params.L + 1):
        numbers, table = params.level(level), tables[level - 1]
        patches = messages.reshape(-1, numbers.patch, *messages.shape[1:])
        inside, scores = table.spread.ascend(numbers, table.rules, patches, semiring)
        rules = table.weighted(scores.reshape(scores.shape[0], numbers.parents, numbers.m, scores.shape[2]))
        parents = semiring.total(rules, 2)
        levels.append(LevelMessages(patches, inside, rules, parents))
        if level < params.L:
            blank = patches[:, :, numbers.v].sum(axis=1)
            messages = xp.concatenate([parents - table.prior(numbers.m), blank[:, None]], axis=1)
            messages, largest = _largest_apart(messages)
            apart = apart + largest
    classes = levels[-1].parents[0] - tables[-1].prior(params.level(params.L).m) + apart[None]
    if tables[-1].log_classes is None:
        return Upward(tuple(levels), classes, log(params.n_c))
    return Upward(tuple(levels), classes + xp.asarray(tables[-1].log_classes, classes.dtype)[:, None], 0.0)


def _largest_apart(
    messages: Float[Any, "node symbol sample"],
) -> tuple[Float[Any, "node symbol sample"], Float[Any, " sample"]]:
    """Subtract from the messages of every node the largest, and return the sum of these."""
    largest = constant(finite(messages.max(axis=1)))
    return messages - largest[:, None], largest.sum(axis=0)
