"""What the tests compare with: exact laws, and slow versions in plain Python integers and loops."""

from itertools import combinations, product
from math import comb

import numpy as np
from scipy.stats import chi2

from srhm import Params

ALARM = 1e-4
"""False-alarm rate of each side of a statistical check."""


def check_counts(counts, expected, lost=1):
    """Compare counts with their expectations by chi-square; `lost` degrees of freedom are fixed by totals.

    Too good an agreement fails as well as too bad a one: false-alarm rate 2 * ALARM.
    """
    counts = np.asarray(counts, float).ravel()
    expected = np.broadcast_to(np.asarray(expected, float), counts.shape).ravel()
    assert expected.min() >= 5, "too few expected counts for the law of chi-square"
    statistic = ((counts - expected) ** 2 / expected).sum()
    p_value = chi2.sf(statistic, len(counts) - lost)
    assert ALARM < p_value < 1 - ALARM, f"chi-square = {statistic} for {len(counts) - lost}, p = {p_value}"


def check_uniform(values, size):
    """Check that integers are uniform in 0 .. size - 1 (false-alarm rate 2 * ALARM)."""
    values = np.asarray(values).ravel()
    assert values.min() >= 0 and values.max() < size
    check_counts(np.bincount(values, minlength=size), len(values) / size)


def check_independent(first, second, sizes):
    """Check that two columns, each uniform, are independent (false-alarm rate 2 * ALARM)."""
    pair = np.asarray(first).astype(int).ravel() * sizes[1] + np.asarray(second).astype(int).ravel()
    check_uniform(pair, sizes[0] * sizes[1])


def close(value, expected, deviation):
    """Say whether a normal value lies within 4 standard deviations (false-alarm rate 6e-5)."""
    return abs(value - expected) < 4 * deviation


ORACLES = [
    Params(n_c=2, v=2, m=1, s=2, s0=1, L=2),
    Params(n_c=3, v=3, m=2, s=2, s0=0, L=2),
    Params(n_c=3, v=2, m=1, s=2, s0=2, L=1),
    Params(n_c=2, v=3, m=3, s=3, s0=1, L=1),
    Params(n_c=3, v=2, m=2, s=3, s0=0, L=2),
    Params(n_c=2, v=3, m=2, s=2, s0=1, L=2),
    Params(n_c=2, v=2, m=2, s=2, s0=0, L=3),
    Params(n_c=2, v=2, m=1, s=2, s0=1, L=2, sparsity="B"),
    Params(n_c=3, v=3, m=2, s=2, s0=2, L=1, sparsity="B"),
    Params(n_c=4, v=2, m=1, s=3, s0=1, L=1, sparsity="B"),
    Params(n_c=3, v=3, m=2, s=2, s0=0, L=2, sparsity="B"),
    Params(n_c=2, v=3, m=2, s=2, s0=1, L=2, sparsity="B"),
]
"""Models of at most a few thousand data, that are enumerated completely."""

MIXED = [
    Params(n_c=2, v=(3, 2), m=2, s=2, s0=0),
    Params(n_c=3, v=3, m=(2, 3), s=2, s0=0),
    Params(n_c=2, v=2, m=2, s=(2, 3), s0=0),
    Params(n_c=2, v=2, m=1, s=2, s0=(2, 0)),
    Params(n_c=2, v=2, m=1, s=2, s0=(0, 2)),
    Params(n_c=3, v=(4, 3), m=(3, 1), s=2, s0=(1, 0)),
    Params(n_c=2, v=(2, 2, 3), m=(1, 1, 2), s=2, s0=(0, 1, 0)),
    Params(n_c=3, v=(3, 2), m=(2, 1), s=(2, 3), s0=(0, 1)),
    Params(n_c=2, v=2, m=1, s=2, s0=(0, 2), sparsity="B"),
    Params(n_c=3, v=(4, 3), m=(2, 1), s=(2, 3), s0=(1, 0), sparsity="B"),
    Params(n_c=2, v=(2, 3), m=1, s=(3, 2), s0=(0, 1), sparsity="B"),
]
"""Models of as few data whose levels differ, in each of v, m, s and s0, and in several."""


def name_of(params):
    """A short name for the list of tests."""
    numbers = (params.n_c, params.v, params.m, params.s, params.s0, params.L)
    return params.sparsity + "-" + "-".join(map(str, numbers))


def equal(first, second):
    """Say whether two nested tuples of arrays are equal in structure, shape and every number."""
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return np.array_equal(np.asarray(first), np.asarray(second))


def rows(derivation, which):
    """Take some samples out of a derivation or a tree."""
    if isinstance(derivation, tuple):
        parts = (rows(part, which) for part in derivation)
        return type(derivation)(*parts) if hasattr(derivation, "_fields") else tuple(parts)
    return derivation[which]


# Slow versions, one datum at a time.


def threefry(key, counter, rounds=13):
    """Threefry-2x32 on Python integers, after the text of the paper that defines it."""
    mask = 2**32 - 1
    keys = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x = [(counter[0] + keys[0]) & mask, (counter[1] + keys[1]) & mask]
    for number in range(rounds):
        x[0] = (x[0] + x[1]) & mask
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[number % 8]
        x[1] = ((x[1] << turn | x[1] >> (32 - turn)) & mask) ^ x[0]
        if number % 4 == 3:
            round_ = number // 4 + 1
            x[0] = (x[0] + keys[round_ % 3]) & mask
            x[1] = (x[1] + keys[(round_ + 1) % 3] + round_) & mask
    return tuple(x)


def words(number):
    return number % 2**32, number // 2**32


def independent_sample(params, seed, index, role=2):
    """Sample `index` of an independent stream: its label, and every node's (rule, placement) from the top."""
    key = threefry(words(seed), (role, 1))
    order_key, choices_key = threefry(key, (0, 0)), threefry(key, (1, 0))
    block, slot = divmod(index, params.n_c)
    drawn = []
    for pair in range((params.n_c + 1) // 2):
        drawn += threefry(threefry(order_key, (pair, 0)), words(block))
    label = sorted(range(params.n_c), key=lambda one: drawn[one]).index(slot)
    choices = []
    for node in range(params.num_nodes):
        first, second = threefry(threefry(choices_key, (node, 0)), words(index))
        choices.append((first * params.m >> 32, second * params.placements >> 32))
    return label, choices


def all_offsets(params):
    """The places that the s children of a node can take, in the order of placement numbers."""
    if params.sparsity == "A":
        inner = product(range(params.s0 + 1), repeat=params.s)
        return [tuple(i * (params.s0 + 1) + place for i, place in enumerate(one)) for one in inner]
    return list(combinations(range(params.patch), params.s))


def unrank_subset(number, places, chosen):
    """The number-th set of `chosen` of `places` in lexicographic order, by counting."""
    taken, place = [], 0
    while chosen:
        behind = comb(places - place - 1, chosen - 1)
        if number < behind:
            taken.append(place)
            chosen -= 1
        else:
            number -= behind
        place += 1
    return tuple(taken)


def leaves_of(grammar, label, choices):
    """Expand one datum by recursion-free loops: the (feature, position) lists of every level, input first.

    `choices` holds (rule, placement) of every node, from the class down and from left to right.
    """
    params, choices = grammar.params, iter(choices)
    here, levels = [(label, 0)], []
    for level in range(params.L, 0, -1):
        below = []
        for symbol, position in here:
            rule, placement = next(choices)
            children = grammar.rules[level - 1][symbol][rule]
            if params.sparsity == "A":
                digits = []
                for _ in range(params.s):
                    placement, digit = divmod(placement, params.s0 + 1)
                    digits.append(digit)
                places = [i * (params.s0 + 1) + digit for i, digit in enumerate(reversed(digits))]
            else:
                places = unrank_subset(placement, params.patch, params.s)
            for child, place in zip(children, places, strict=True):
                below.append((int(child), position * params.patch + place))
        here = below
        levels.append(here)
    return levels[::-1]


def choices_of(params, derivation, row):
    """The (rule, placement) of every node of one row, from the class down and from left to right."""
    return [
        (int(derivation.rules[level - 1][row, node]), int(derivation.placements[level - 1][row, node]))
        for level in range(params.L, 0, -1)
        for node in range(params.s ** (params.L - level))
    ]
