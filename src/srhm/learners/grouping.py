"""Groups of symbols that see the same classes: likelihood clustering of a table of counts."""

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import xlogy

_SWEEPS = 100
"""Most rounds of moving symbols between groups; a handful is the rule."""

_PSEUDO_COUNT = 0.5
"""Added to every count of a group, so that a context it was never seen in stays possible (Jeffreys)."""


def group(counts: Integer[np.ndarray, "symbol context"], groups: int) -> Integer[np.ndarray, " symbol"]:
    """Divide symbols into groups whose members meet the contexts with the same probabilities.

    The counts n_xy of symbol x are multinomial with the probabilities of its group, so the groups sought are
    those of the largest likelihood Σ_x Σ_y n_xy ln π_(g(x) y): those that keep the most mutual information
    with the context. First the two groups whose union loses the least likelihood are united, again and again,
    from every symbol by itself; then symbols move to the group that makes them the most likely, until none
    moves. No random number is involved.

    Parameters
    ----------
    counts
        How often each symbol was seen in each context, such as a class, [symbol, context].
    groups
        Number of groups to be left; with no more symbols than this, each is a group.

    Returns
    -------
    array [symbol]
        The group of each symbol, from 0 to groups - 1.

    Examples
    --------
    >>> group(np.array([[9, 1], [1, 7], [0, 2], [5, 1]]), 2)
    array([0, 1, 1, 0])
    """
    counts = counts[:, counts.any(axis=0)]
    if len(counts) <= groups:
        return np.arange(len(counts))
    return _moved(counts, _united(counts, groups), groups)


def _united(counts: Integer[np.ndarray, "symbol context"], groups: int) -> Integer[np.ndarray, " symbol"]:
    """Unite the pair of the least loss until as many groups are left.

    The loss of uniting a and b is H(a) + H(b) - H(a + b), with H(n) = Σ n_y ln n_y - n ln n the largest log
    likelihood of one group. The least loss of every row is kept, so that a union costs few rows; a pair that came
    closer by it is noticed in the row of the new group.
    """
    counts = counts.copy()
    log = xlogy(np.arange(counts.sum(axis=0).max() + 1), np.arange(counts.sum(axis=0).max() + 1))

    def likelihood(table: Integer[np.ndarray, "symbol context"]) -> Float[np.ndarray, " symbol"]:
        total = table.sum(axis=1)
        return log[table].sum(axis=1) - xlogy(total, total)

    size = len(counts)
    own, member, alive = likelihood(counts), np.arange(size), np.ones(size, bool)
    loss = np.full((size, size), np.inf)
    for row in range(size - 1):
        rest = slice(row + 1, None)
        loss[row, rest] = loss[rest, row] = own[row] + own[rest] - likelihood(counts[row] + counts[rest])
    partner = loss.argmin(axis=1)
    least = loss[np.arange(size), partner]
    for _ in range(size - groups):
        kept = int(least.argmin())
        lost = int(partner[kept])
        counts[kept] += counts[lost]
        member[member == lost] = kept
        alive[lost] = False
        own[kept] = likelihood(counts[kept : kept + 1])[0]
        others = np.flatnonzero(alive & (np.arange(size) != kept))
        loss[lost], loss[:, lost], least[lost] = np.inf, np.inf, np.inf
        loss[kept, others] = loss[others, kept] = (
            own[kept] + own[others] - likelihood(counts[kept] + counts[others])
        )
        changed = np.append(others[(partner[others] == kept) | (partner[others] == lost)], kept)
        partner[changed] = loss[changed].argmin(axis=1)
        least[changed] = loss[changed, partner[changed]]
    return np.unique(member, return_inverse=True)[1]


def _moved(
    counts: Integer[np.ndarray, "symbol context"], member: Integer[np.ndarray, " symbol"], groups: int
) -> Integer[np.ndarray, " symbol"]:
    """Move symbols to the group under which they are the most likely, until none moves."""
    table = counts.astype(np.float64)
    for _ in range(_SWEEPS):
        total = np.full((groups, counts.shape[1]), _PSEUDO_COUNT)
        np.add.at(total, member, table)
        moved = (table @ np.log(total / total.sum(axis=1, keepdims=True)).T).argmax(axis=1)
        if (moved == member).all():
            break
        member = moved
    return member
