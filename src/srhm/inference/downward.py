"""The outside pass of belief propagation: the posterior of every latent, and its entropy.

Given what was received, the derivation below a node depends only on its symbol. So the posterior is passed down by
products of conditional probabilities, all known from the inside pass, without differences of large numbers or 0/0.
The entropies of the choices, each weighted by the probability that it is made, add up to the entropy of the derivation.
"""

from typing import Any, NamedTuple

from jaxtyping import Float

from ..model.params import Params
from .log_domain import information, log_sum, normalised_exp
from .spread import LevelTable
from .upward import Upward


class Posterior(NamedTuple):
    """The posterior of the latents of each sample, given what was received."""

    log_likelihood: Float[Any, " sample"]
    """ln p(received), in nats."""
    label: Float[Any, "sample class_"]
    """p(class | received)."""
    symbols: tuple[Float[Any, "sample position symbol"], ...]
    """``symbols[l - 1]``: p(symbol at a position of level l | received), over the p^(L-l+1) positions of that level.
    Symbol v is the blank."""
    rules: tuple[Float[Any, "sample position parent m"], ...]
    """``rules[l - 1]``: p(a node is a parent and uses its rule | received), over the p^(L-l) nodes that may have
    level-l children, the parents of ``Grammar.rules`` and the m rules of each. Its sum over parents and rules is the
    probability that the node is not a blank."""
    label_entropy: Float[Any, " sample"]
    """Entropy of the posterior of the class, in nats."""
    derivation_entropy: Float[Any, " sample"]
    """Entropy of the posterior of the derivation, in nats."""


def classes(upward: Upward) -> tuple[Float[Any, " sample"], Float[Any, "class_ sample"]]:
    """Return log p(received) and the posterior of the class."""
    total = log_sum(upward.classes, 0)
    return total - upward.prior, normalised_exp(upward.classes, total[None])


def descend(params: Params, tables: tuple[LevelTable, ...], upward: Upward) -> Posterior:
    """Compute the posterior of all latents from the inside pass, with the samples as the last axis."""
    xp = upward.classes.__array_namespace__()
    log_likelihood, label = classes(upward)
    label_entropy = information(label, upward.classes, log_sum(upward.classes, 0)[None]).sum(axis=0)
    parents, blank = label[None], xp.zeros_like(log_likelihood)[None]
    symbols, rules, entropy = [], [], label_entropy
    for level in range(params.L, 0, -1):
        messages, numbers, table = upward.levels[level - 1], params.level(level), tables[level - 1]
        total = messages.parents[:, :, None]
        used = parents[:, :, None] * normalised_exp(messages.rules, total)
        entropy = entropy + information(used, messages.rules, total).sum(axis=(0, 1, 2))
        flat = used.reshape(used.shape[0], -1, used.shape[3])
        children, entropy_gain = table.spread.descend(numbers, table.rules, messages.inside, flat, blank)
        entropy = entropy + entropy_gain
        children = children.reshape(-1, numbers.v + 1, children.shape[3])
        parents, blank = children[:, : numbers.v], children[:, numbers.v]
        symbols.insert(0, children)
        rules.insert(0, used)
    return Posterior(log_likelihood, label, tuple(symbols), tuple(rules), label_entropy, entropy)
