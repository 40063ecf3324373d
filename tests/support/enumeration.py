"""The posterior of a small model by brute force: every derivation there is, weighed one by one."""

from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from srhm import encode, expand
from srhm.model.derivation import from_digits, radices


class Enumeration:
    """All derivations of a grammar, in the order of their ranks, and what they look like."""

    def __init__(self, grammar):
        self.grammar, self.params = grammar, grammar.params
        shape = self.params.n_c, *radices(self.params)
        label, *digits = (
            digit.astype(np.int32) for digit in np.unravel_index(np.arange(self.params.P_max), shape)
        )
        self.derivation = from_digits(self.params, label, digits)
        self.tree = expand(grammar, self.derivation)

    @cached_property
    def inputs(self):
        return encode(self.params, self.tree.features[0], self.tree.positions[0], "integer")

    def joint(self, evidence):
        """ln p(received, derivation) for one sample's evidence [position, symbol], [derivation]."""
        total = np.full(self.params.P_max, -np.log(self.params.P_max))
        for position, symbols in enumerate(self.inputs.T):
            total += evidence[position, symbols]  # -1 is the last column, the blank
        return total

    def posterior(self, evidence):
        """The fields of srhm.inference.Posterior for one sample, from the definitions."""
        params, joint = self.params, self.joint(evidence)
        likelihood = logsumexp(joint)
        p = np.exp(joint - likelihood)
        label = np.bincount(self.tree.label, p, params.n_c)
        symbols, rules = [], []
        for level in range(1, params.L + 1):
            numbers = params.level(level)
            features, positions = self.tree.features[level - 1], self.tree.positions[level - 1]
            found = table_of(p, positions, features, numbers.positions, numbers.v)
            symbols.append(np.column_stack([found, 1 - found.sum(axis=1)]))
            parents = self.tree.features[level] if level < params.L else self.tree.label[:, None]
            places = self.tree.positions[level] if level < params.L else np.zeros_like(parents)
            used = parents * numbers.m + self.derivation.rules[level - 1]
            found = table_of(p, places, used, numbers.patches, numbers.parents * numbers.m)
            rules.append(found.reshape(-1, numbers.parents, numbers.m))
        return likelihood, label, symbols, rules, entropy(label), entropy(p)


def table_of(p, places, values, place_count, value_count):
    """The probability of each value at each place, over derivations [derivation, node] of probabilities p."""
    cells = np.zeros(place_count * value_count)
    for node in range(places.shape[1]):
        where = places[:, node].astype(np.int64) * value_count + values[:, node]
        cells += np.bincount(where, p, len(cells))
    return cells.reshape(place_count, value_count)


def entropy(p):
    return -(p[p > 0] * np.log(p[p > 0])).sum()
