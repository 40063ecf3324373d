"""From the class down: the posterior of every latent, and how much is left to know.

Given what was received, the derivation below a node depends on nothing but its symbol. So the posterior goes
down by products of conditional probabilities, all of them known on the way up: no difference of large numbers,
and nothing that can be 0/0. The entropies of the choices, each weighed with the probability that it is made, add
up to the entropy of the derivation.
"""

from math import log
from typing import Any, NamedTuple

from jaxtyping import Float

from ..model.params import Params
from .log_domain import information, log_sum, share
from .spread import spread_of
from .upward import Upward


class Posterior(NamedTuple):
    """What is known of the latents of each sample, given what was received.

    Attributes
    ----------
    log_likelihood
        ln p(received), in nats.
    label
        p(class | received).
    symbols
        ``symbols[l - 1]``: p(symbol at a position of level l | received), over the p^(L-l+1) positions of that
        level. Symbol v is the blank.
    rules
        ``rules[l - 1]``: p(a node is a parent and uses its rule | received), over the p^(L-l) nodes that may
        have level-l children, the parents of ``Grammar.rules`` and the m rules of each. Its sum over
        parents and rules is the probability that the node is no blank.
    label_entropy, derivation_entropy
        Entropy of the posterior of the class and of the derivation, in nats.
    """

    log_likelihood: Float[Any, " sample"]
    label: Float[Any, "sample class_"]
    symbols: tuple[Float[Any, "sample position symbol"], ...]
    rules: tuple[Float[Any, "sample position parent m"], ...]
    label_entropy: Float[Any, " sample"]
    derivation_entropy: Float[Any, " sample"]


def classes(upward: Upward) -> tuple[Float[Any, " sample"], Float[Any, "class_ sample"]]:
    """Return log p(received) and the posterior of the class."""
    total = log_sum(upward.classes, 0)
    return total - log(len(upward.classes)), share(upward.classes, total[None])


def descend(params: Params, tables: tuple[Any, ...], upward: Upward) -> Posterior:
    """Compute the posterior of all latents from what went up. Here it has its samples last."""
    xp, spread = upward.classes.__array_namespace__(), spread_of(params)
    log_likelihood, label = classes(upward)
    label_entropy = information(label, upward.classes, log_sum(upward.classes, 0)[None]).sum(axis=0)
    parents, blank = label[None], xp.zeros_like(log_likelihood)[None]
    symbols, rules, entropy = [], [], label_entropy
    for level in range(params.L, 0, -1):
        rung = upward.rungs[level - 1]
        total = rung.parents[:, :, None]
        used = parents[:, :, None] * share(rung.rules, total)
        entropy = entropy + information(used, rung.rules, total).sum(axis=(0, 1, 2))
        flat = used.reshape(used.shape[0], -1, used.shape[3])
        children, told = spread.descend(params, tables[level - 1], rung.inside, flat, blank)
        entropy = entropy + told
        children = children.reshape(-1, params.v + 1, children.shape[3])
        parents, blank = children[:, : params.v], children[:, params.v]
        symbols.insert(0, children)
        rules.insert(0, used)
    return Posterior(log_likelihood, label, tuple(symbols), tuple(rules), label_entropy, entropy)
