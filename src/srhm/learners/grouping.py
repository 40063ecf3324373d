"""Groups of symbols that occur with the same classes: likelihood clustering of a table of counts."""

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import xlogy

_SWEEPS = 100
"""Maximum number of rounds of moving symbols between groups; a handful is typical."""

_PSEUDO_COUNT = 0.5
"""Added to every count of a group, so that a context in which it never occurred stays possible (Jeffreys)."""


def group(counts: Integer[np.ndarray, "symbol context"], groups: int) -> Integer[np.ndarray, " symbol"]:
    """Divide symbols into groups 0, 1, ..., whose members occur in the contexts, such as classes, with the same
    probabilities.

    The counts n_xy of symbol x, [symbol, context], are multinomial with the probabilities of its group. The groups
    maximise the likelihood Σ_x Σ_y n_xy ln π_(g(x) y), that is, they keep as much mutual information with the context
    as possible. Every symbol starts as a group of its own; the two groups whose union loses the least likelihood are
    merged, again and again. Then each symbol moves to the group under which it is most likely, until none moves. No
    random number is involved.

    Examples
    --------
    >>> group(np.array([[9, 1], [1, 7], [0, 2], [5, 1]]), 2)
    array([0, 1, 1, 0])
    """
    counts = counts[:, counts.any(axis=0)]
    if len(counts) <= groups:
        return np.arange(len(counts))
    return _moved(counts, _merged(counts, groups), groups)


def _merged(counts: Integer[np.ndarray, "symbol context"], groups: int) -> Integer[np.ndarray, " symbol"]:
    """Merge the pair with the smallest loss until this many groups are left.

    The loss of merging a and b is H(a) + H(b) - H(a + b), where H(n) = Σ n_y ln n_y - n ln n is the largest log
    likelihood of one group. The smallest loss of every row is kept, so that a merge updates few rows; a pair that
    came closer by it is found in the row of the new group.
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
    """Move symbols to the group under which they are most likely, until none moves."""
    table = counts.astype(np.float64)
    for _ in range(_SWEEPS):
        total = np.full((groups, counts.shape[1]), _PSEUDO_COUNT)
        np.add.at(total, member, table)
        moved = (table @ np.log(total / total.sum(axis=1, keepdims=True)).T).argmax(axis=1)
        if (moved == member).all():
            break
        member = moved
    return member
