"""Named instances: frozen tasks with published digests, to compare learners on and to cite (docs, instances.md)."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Integer

from ..errors import ArgumentError, SrhmError, check_integer, name_fix
from ..randomness import STREAM_VERSION
from .dataset import Dataset
from .grammar import Grammar
from .params import Params
from .stream import Stream

DIGESTED = 1000
"""Samples of the training set that the published digest covers."""

TRAINING_SEEDS = 8
"""Training sets of one instance that have no point in common."""

_PAPER = (
    "Umberto M. Tomasini and Matthieu Wyart. How Deep Networks Learn Sparse and Hierarchical Data: the Sparse Random "
    "Hierarchy Model. Proceedings of the 41st International Conference on Machine Learning, PMLR 235:48369-48389, 2024."
)


@dataclass(frozen=True)
class Instance:
    """A frozen task: its rules, its order of all data and its test set never change.

    All data are in one pseudo-random order. The last :attr:`P_test` of them are the test set; training sets are
    taken from the others, so none contains a test point, whatever its seed.

    Examples
    --------
    >>> task = load("srhm-L2-v6-s01-A")
    >>> len(task.train(2000)), len(task.test()), round(task.predicted["cnn"])
    (2000, 10000, 1728)
    """

    name: str
    """The name for :func:`load`: ``srhm-`` and the parameters of the model, L, v, s (if not 2), s0 and the sparsity;
    n_c = v and m = v^(s-1), as in the paper."""
    params: Params
    """The parameters of the model."""
    seed: int
    """The seed of the rules and of the order of all data."""
    stream_version: int
    """The version of the random streams that it is defined with."""
    description: str
    """What it is meant for."""
    predicted: Mapping[str, float] = field(repr=False)
    """The expected P* of each network, in training points: the paper's formula times its typical ratio, as
    :attr:`srhm.theory.predictions.Prediction.P_star`."""
    sizes: tuple[int, ...]
    """Training points P at which results are to be compared."""
    digests: Mapping[str, str] = field(repr=False)
    """Published SHA-256, hexadecimal: ``"rules"``, ``"train"``, of the first 1,000 samples of the training
    set, and ``"test"``; see :meth:`Instance.found_digests`."""

    @cached_property
    def grammar(self) -> Grammar:
        """The production rules."""
        return Grammar(self.params, self.seed)

    @cached_property
    def stream(self) -> Stream:
        """All data, in the order of the training sets; the test set is at the end."""
        return Stream(self.grammar, self.seed, "permutation")

    @property
    def test_stream(self) -> Stream:
        """All data in the opposite order: it begins with the test set."""
        return replace(self.stream, reverse=True)

    @property
    def P_test(self) -> int:
        """Number of test points: min(10,000, P_max / 5)."""
        return min(10_000, self.params.P_max // 5)

    @property
    def pool(self) -> int:
        """Number of data for training sets, P_max - P_test."""
        return self.params.P_max - self.P_test

    @property
    def max_disjoint_P(self) -> int:
        """Largest P for which training sets of different seeds are disjoint."""
        return self.pool // TRAINING_SEEDS // self.params.n_c * self.params.n_c

    def train_start(self, seed: int) -> int:
        """Return the number in :attr:`stream` of the first point of the training sets of a seed.

        Raises
        ------
        ArgumentError
            If the seed is not an integer from 0 to 7.
        """
        return self.max_disjoint_P * check_integer("seed", seed, minimum=0, maximum=TRAINING_SEEDS - 1)

    def train(self, P: int, seed: int = 0) -> Dataset:
        """Return a training set, without repeated points and without test points.

        Parameters
        ----------
        P
            Number of training points. Sets of one seed are nested: the set of P points is the beginning of any
            larger one.
        seed
            Number of the training set, 0 to 7. Up to P = :attr:`max_disjoint_P` the sets of different seeds are
            disjoint.

        Raises
        ------
        ArgumentError
            If the seed is not one of these, or P is below 1 or reaches into the test set.
        """
        start = self.train_start(seed)
        P = check_integer("P", P, minimum=1)
        if start + P > self.pool:
            problem = f"with seed = {seed} reaches into the test set"
            raise ArgumentError("P", P, problem, f"Use P <= {self.pool - start}, or a smaller seed")
        return Dataset.draw(self.stream, P, start)

    def test(self) -> Dataset:
        """Return the test set, :attr:`P_test` points."""
        return Dataset.draw(self.test_stream, self.P_test)

    def computed_digests(self) -> dict[str, str]:
        """Return the digests of the data of this installation, for comparison with the published ones.

        Each is the SHA-256 of concatenated arrays as little-endian 32-bit integers in C order: the rules
        [parent, m, s] of level 1, of level 2 and so on; the features [sample, s^L], the positions [sample, s^L]
        and the labels [sample] of the first 1,000 samples of the training set of seed 0, and of the
        whole test set.
        """
        first, test = self.train(DIGESTED), self.test()
        return {
            "rules": _sha256(self.grammar.rules),
            "train": _sha256([first.features, first.positions, first.labels]),
            "test": _sha256([test.features, test.positions, test.labels]),
        }

    def check(self) -> None:
        """Compare the data of this installation with the published digests.

        Raises
        ------
        SrhmError
            If a digest differs.
        """
        found = self.computed_digests()
        for part, published in self.digests.items():
            if found[part] != published:
                raise SrhmError(
                    f"{self.name}: the digest of {part!r} is {found[part]}, not {published} as published. "
                    "Reinstall srhm; if that does not help, report it with the versions of NumPy and Python"
                )

    @property
    def citation(self) -> str:
        """What to cite: the paper of the model, and this instance with the digest of its rules."""
        return (
            f"{_PAPER}\nTask {self.name} of srhm, streams version {self.stream_version}, rules with SHA-256 "
            f"{self.digests['rules']}."
        )


def load(name: str, *, check: bool = False) -> Instance:
    """Return a named instance.

    Parameters
    ----------
    name
        One of :func:`instances`.
    check
        Whether to draw its rules, its first samples and its test set and compare them with the published digests.

    Raises
    ------
    ArgumentError
        If the name is unknown; the message names the nearest.
    SrhmError
        If this version of `srhm` has other random streams than the instance, or gives other data.

    Examples
    --------
    >>> load("srhm-L2-v4-s01-A", check=True).params
    Params(n_c=4, v=4, m=4, s=2, s0=1, L=2, sparsity='A')
    >>> load("srhm-L2-v4-s01")
    Traceback (most recent call last):
      ...
    srhm.errors.ArgumentError: name = 'srhm-L2-v4-s01' is not an instance. Did you mean 'srhm-L2-v4-s01-A'? Use one of \
srhm-L2-v4-s01-A, srhm-L2-v6-s01-A, ...
    """
    known = _known()
    if not isinstance(name, str) or name not in known:
        raise ArgumentError("name", name, "is not an instance", name_fix(name, known))
    instance = known[name]
    if instance.stream_version != STREAM_VERSION:
        raise SrhmError(
            f"{name} needs version {instance.stream_version} of the random streams, and this srhm has version "
            f"{STREAM_VERSION}. Install a version of srhm with the streams of the instance"
        )
    if check:
        instance.check()
    return instance


def instances() -> tuple[str, ...]:
    """Return the names of all instances, the smallest first.

    Examples
    --------
    >>> instances()[:2]
    ('srhm-L2-v4-s01-A', 'srhm-L2-v6-s01-A')
    """
    return tuple(_known())


@cache
def _known() -> dict[str, Instance]:
    """All instances, as the package holds them."""
    content: list[dict[str, Any]] = json.loads(
        files("srhm.model").joinpath("catalogue.json").read_text(encoding="utf-8")
    )
    made = [
        Instance(**one | {"params": Params.from_dict(one["params"]), "sizes": tuple(one["sizes"])})
        for one in content
    ]
    return {one.name: one for one in made}


def _sha256(arrays: Iterable[Integer[np.ndarray, "..."]]) -> str:
    """SHA-256 of arrays as little-endian 32-bit integers, one after another."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(array.astype("<i4").tobytes())
    return sha.hexdigest()
