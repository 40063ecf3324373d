"""The posterior of a small model by brute force: every derivation there is, weighed one by one."""

from functools import cached_property

import jax
import numpy as np
from scipy.special import logsumexp

from srhm import encode, expand
from srhm.inference import Masking, UniformNoise, class_posterior, log_likelihood
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

    @cached_property
    def log_prior(self):
        """ln p of each derivation: one factor for the class, and one for each rule and placement."""
        params, derivation = self.params, self.derivation
        p = self.grammar.class_probability[derivation.label]
        for level in range(1, params.L + 1):
            parents = self.tree.features[level] if level < params.L else self.tree.label[:, None]
            p *= self.grammar.rule_probability(level)[parents, derivation.rules[level - 1]].prod(axis=1)
            p *= self.grammar.placement_probability(level)[derivation.placements[level - 1]].prod(axis=1)
        with np.errstate(divide="ignore"):
            return np.log(p)

    def joint(self, evidence):
        """ln p(received, derivation) for one sample's evidence [position, symbol], [derivation]."""
        total = self.log_prior.copy()
        for position, symbols in enumerate(self.inputs.T):
            total += evidence[position, symbols]  # -1 is the last column, the blank
        return total

    def posterior(self, evidence):
        """The fields of srhm.inference.downward.Posterior for one sample, from the definitions."""
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


def received(grammar, inputs, seed=0):
    """Evidence of every kind in double precision: clean, masked, noisy, both, and without any structure."""
    params, noise = grammar.params, UniformNoise(0.1)
    processes = [Masking(), Masking(0.4), UniformNoise(0.3), Masking(1.0)]
    kinds = [one.evidence(params, one.corrupt(params, inputs, seed), np.float64) for one in processes]
    both = Masking(0.3).corrupt(params, noise.corrupt(params, inputs, seed), seed)
    kinds.append(noise.evidence(params, both, np.float64))
    random = np.random.default_rng(seed)
    some = random.normal(scale=3.0, size=kinds[0].shape)
    impossible = random.random(some.shape) < 0.3
    np.put_along_axis(impossible, np.where(inputs < 0, params.level(1).v, inputs)[:, :, None], False, axis=2)
    return np.concatenate([*kinds, some, np.where(impossible, -np.inf, some)])


def check_oracle(found, evidence, oracle):
    for row, one in enumerate(np.asarray(evidence)):
        exact = oracle.posterior(one)
        ours = jax.tree.map(lambda array, row=row: array[row], tuple(found))
        for value, wanted in zip(jax.tree.leaves(ours), jax.tree.leaves(exact), strict=True):
            np.testing.assert_allclose(value, wanted, rtol=0, atol=1e-10)


def check_alike(grammar, evidence, found):
    """Check that all questions have the same answers."""
    for value, again in [
        (found.log_likelihood, log_likelihood(grammar, evidence)),
        (found.label, class_posterior(grammar, evidence)),
    ]:
        np.testing.assert_allclose(np.asarray(again), value, rtol=0, atol=1e-12)
