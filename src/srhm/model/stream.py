"""Streams: every sample is a pure function of (grammar, seed, number)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Integer, UInt32

from ..errors import ArgumentError, check_choice, check_instance, check_integer, in_short
from ..randomness import (
    Key,
    add_wide,
    below,
    fold,
    fold_all,
    role_key,
    scan,
    split_words,
    subtract_wide,
    threefry2x32,
)
from .derivation import Derivation, choose_by_weights, from_choices, from_digits, radices
from .grammar import Grammar
from .params import Params
from .permutation import KeyedPermutation, add_digits, limbs_of
from .weights import choose

SplitRule = Literal["permutation", "replacement"]

STORED_RULES: dict[SplitRule, str] = {"permutation": "permutation", "replacement": "independent"}
"""What files and identities call the rules."""

PERMUTATION_LIMIT = 2**62
"""Largest P_max for which the default split permutes the ranks of all data."""


def default_rule(model: Params | Grammar) -> SplitRule:
    """Return how samples are numbered by default: without repeats, if their ranks fit and all are equally likely."""
    check_instance((Params, Grammar), model=model)
    if isinstance(model, Grammar) and model.weighted:
        return "replacement"
    params = model if isinstance(model, Params) else model.params
    return "permutation" if params.P_max <= PERMUTATION_LIMIT else "replacement"


_COMPARED = 64
"""Classes up to which the order of a block is found by comparing its words pair by pair, else by sorting them."""


class Origin(NamedTuple):
    """The number of a sample in 32-bit words, for compiled code to count from; see :meth:`Stream.origin`."""

    sample: UInt32[Any, "2"]
    """The two words of the sample's number, [2]."""
    block: UInt32[Any, "2"]
    """The two words of the number that draws the class order of its block, [2]."""
    rank: UInt32[Any, " word"]
    """The number of the block as a rank, cut into the words of :func:`srhm.model.permutation.limbs_of`."""


@dataclass(frozen=True)
class Stream:
    """A sequence of samples, endless or of all data: sample i is a pure function of (grammar, seed, i).

    Every aligned block of n_c samples (k n_c to (k+1) n_c - 1) contains each class once, in a random order that is
    part of the stream. Where classes have weights, the class of each sample is drawn by them, independently.

    Parameters
    ----------
    grammar
        The production rules.
    seed
        Any integer from 0 to 2^64 - 1.
    rule
        ``"permutation"``: a pseudo-random order of all P_max data, so no sample occurs twice. ``"replacement"``: all
        samples are drawn independently, so a sample may occur again.
    reverse
        The same order from the other end: sample i is sample P_max - 1 - i of the forward stream (only for
        ``"permutation"``).
    role
        The use of the seed, ``"samples"`` or ``"test"``: one seed gives a separate stream for each.

    Raises
    ------
    ArgumentError
        If the rule, the seed or the role is not one of these, the rule is ``"permutation"`` and P_max is above 2^62,
        or `reverse` is combined with ``"replacement"``.
    """

    grammar: Grammar
    seed: int
    rule: SplitRule = "permutation"
    reverse: bool = False
    role: str = "samples"

    def __post_init__(self) -> None:
        check_instance(Grammar, grammar=self.grammar)
        check_choice("rule", self.rule, ("permutation", "replacement"), "is not a split rule")
        if self.rule == "permutation" and self.params.P_max > PERMUTATION_LIMIT:
            raise ArgumentError(
                "rule",
                self.rule,
                f"needs P_max <= 2^62, not {in_short(self.params.P_max)}",
                "Use 'replacement'",
            )
        if self.rule == "permutation" and self.grammar.weighted:
            problem = "gives every sample the same probability, and the grammar's weights are uneven"
            raise ArgumentError("rule", self.rule, problem, "Use 'replacement'")
        if self.reverse and self.rule != "permutation":
            raise ArgumentError("reverse", True, "is impossible for an endless stream", "Use reverse=False")
        role_key(self.seed, self.role)  # checks both
        object.__setattr__(self, "seed", int(self.seed))

    @property
    def params(self) -> Params:
        """The parameters of the model."""
        return self.grammar.params

    @property
    def length(self) -> int:
        """Number of samples: P_max for a permutation, 2^64 - 2^32 draws otherwise."""
        return self.params.P_max if self.rule == "permutation" else 2**64 - 2**32

    @cached_property
    def _keys(self) -> tuple[Key, Key]:
        """The keys of the class order, one for two classes, and those of the choices, one for each node."""
        key = role_key(self.seed, self.role)
        return fold_all(fold(key, 0), -(-self.params.n_c // 2)), fold_all(fold(key, 1), self.params.num_nodes)

    @cached_property
    def _permutation(self) -> KeyedPermutation:
        limit = max(
            2**16, *(level.m for level in self.params.levels)
        )  # a table no larger than that of the grammar does no harm
        key = fold(fold(role_key(self.seed, self.role), 2), 0)
        return KeyedPermutation(key, radices(self.params), self.params.n_c, limit)

    def origin(self, start: int) -> Origin:
        """Return a start of counting as an argument for compiled code.

        :meth:`take` and :meth:`at` accept it in place of the number; a function that takes it as an argument is
        compiled only once.

        Parameters
        ----------
        start
            A multiple of n_c.

        Raises
        ------
        ArgumentError
            If `start` is not a multiple of n_c, or lies outside the stream.
        """
        n_c = self.params.n_c
        start = check_integer("start", start, minimum=0, maximum=self.length)
        if start % n_c:
            raise ArgumentError("start", start, f"is not a multiple of n_c = {n_c}", "Start at a whole block")
        block = start // n_c
        order = self.params.data_per_class - 1 - block if self.reverse else block
        rank = limbs_of(block, radices(self.params)) if self.rule == "permutation" else np.empty(0, np.uint32)
        return Origin(np.array(split_words(start)), np.array(split_words(order)), rank)

    def take(self, start: int | Origin, count: int, xp: Any = np) -> Derivation:
        """Return the derivations of `count` consecutive samples, beginning with sample `start`.

        Parameters
        ----------
        start, count
            The samples `start` to `start + count - 1`; the :meth:`origin` of a start is not checked.
        xp
            The array namespace, `numpy` or `jax.numpy`; the values are the same.

        Raises
        ------
        ArgumentError
            If a sample lies outside the stream.
        """
        n_c = self.params.n_c
        if isinstance(start, Origin):
            origin, skipped = start, 0
        else:
            start, count = self.checked_range(start, count)
            skipped = start % n_c
            origin = self.origin(start - skipped)
        sample = xp.arange(skipped + count, dtype=np.uint32)
        if self.grammar.class_weights is None:
            words = self._order_words(origin, xp.arange(-(-(skipped + count) // n_c), dtype=np.uint32))
            labels = self._all_places(words)  # [class_, block]
            labels = (labels[::-1] if self.reverse else labels).T.reshape(-1)[: skipped + count]
        else:
            labels = self._drawn_labels(origin, sample)
        derivation = self._derive(labels, origin, sample)
        if skipped:
            first = slice(skipped, None)
            label, rules, placements = derivation
            derivation = Derivation(
                label[first], tuple(one[first] for one in rules), tuple(one[first] for one in placements)
            )
        return derivation

    def at(self, indices: UInt32[Any, " sample"], start: int | Origin = 0) -> Derivation:
        """Return the derivations of samples `start + indices`, for 32-bit indices in any order.

        For use inside compiled code: only the dtype of the indices is checked.

        Parameters
        ----------
        indices
            Numbers of samples, counted from `start`.
        start
            A multiple of n_c, or its :meth:`origin`.

        Raises
        ------
        ArgumentError
            If `start` is not a multiple of n_c, or lies outside the stream, or the indices are not of uint32.
        """
        if getattr(indices, "dtype", None) != np.uint32:
            kind = str(getattr(indices, "dtype", type(indices).__name__))
            fix = "Give an array of 32-bit unsigned integers, as in np.arange(10, dtype=np.uint32)"
            raise ArgumentError("indices", kind, "is not uint32", fix)
        origin = start if isinstance(start, Origin) else self.origin(start)
        if self.grammar.class_weights is not None:
            return self._derive(self._drawn_labels(origin, indices), origin, indices)
        xp = indices.__array_namespace__()
        n_c = np.uint32(self.params.n_c)
        block = indices // n_c
        slot = (indices - block * n_c).astype(np.int32)[None, :]
        if self.reverse:
            slot = np.int32(self.params.n_c - 1) - slot
        words = self._order_words(origin, block)
        labels = self._places(words, xp.take_along_axis(words, slot, axis=0), slot)
        return self._derive(labels, origin, indices)

    def checked_range(self, start: int, count: int) -> tuple[int, int]:
        """Return the start and the number of samples as integers, after a check that all lie in the stream.

        Raises
        ------
        ArgumentError
            If a sample lies outside.
        """
        start = check_integer("start", start, minimum=0)
        count = check_integer("count", count, minimum=0, maximum=2**31 - 1)
        if start + count > self.length:
            problem = f"from sample {start} on reaches beyond the {self.length} samples"
            raise ArgumentError("count", count, problem, "Take fewer")
        return start, count

    def _derive(
        self, label: Integer[Any, " sample"], origin: Origin, offset: UInt32[Any, " sample"]
    ) -> Derivation:
        """The choices of the samples at an offset from the origin."""
        xp, params = label.__array_namespace__(), self.params
        if self.rule == "permutation":  # a class has one sample in each block
            digits = add_digits(origin.rank, offset // np.uint32(params.n_c), radices(params))
            if self.reverse:  # rank K - 1 - k has the complements of the digits of k
                bounds = radices(params)
                digits = [np.uint32(bound - 1) - digit for bound, digit in zip(bounds, digits, strict=True)]
            return from_digits(params, label, self._permutation(digits, label.astype(np.uint32)))
        number = add_wide(origin.sample, offset)
        if self.grammar.weighted:

            def words(state: None, *key: Any) -> tuple[None, tuple[Any, Any]]:
                return state, threefry2x32(Key(*key), *number)

            drawn = from_choices(params, label, *scan(xp, words, None, *self._keys[1])[1])
            return choose_by_weights(self.grammar, drawn)
        if params.uniform:

            def choices(state: None, *key: Any) -> tuple[None, tuple[Any, Any]]:
                rule, placement = threefry2x32(Key(*key), *number)
                return state, (below(rule, params.m), below(placement, params.placements))

            return from_choices(params, label, *scan(xp, choices, None, *self._keys[1])[1])
        bounds = np.array(radices(params), np.uint32).reshape(-1, 2).T  # [rule or placement, node]
        most = bounds.max(axis=1)

        def choices_of_level(state: None, m: Any, placements: Any, *key: Any) -> tuple[None, tuple[Any, Any]]:
            rule, placement = threefry2x32(Key(*key), *number)
            return state, (below(rule, m, int(most[0])), below(placement, placements, int(most[1])))

        tables = [xp.asarray(bound) for bound in bounds]
        return from_choices(params, label, *scan(xp, choices_of_level, None, *tables, *self._keys[1])[1])

    def _drawn_labels(self, origin: Origin, offset: UInt32[Any, " sample"]) -> Integer[Any, " sample"]:
        """The classes of the samples at an offset from the origin, drawn by the weights of the classes."""
        key = fold(role_key(self.seed, self.role), 3)
        words, _ = threefry2x32(key, *add_wide(origin.sample, offset))
        assert self.grammar.class_weights is not None  # asked by those who call
        return choose(words, self.grammar.class_weights)

    def _order_words(self, origin: Origin, block: UInt32[Any, " block"]) -> UInt32[Any, "class_ block"]:
        """Random words, whose order is the class order of the blocks at an offset from the origin."""
        number = (subtract_wide if self.reverse else add_wide)(origin.block, block)

        def pair(state: None, *key: Any) -> tuple[None, tuple[Any, Any]]:
            return state, threefry2x32(Key(*key), *number)

        xp, keys = block.__array_namespace__(), self._keys[0]
        if xp is np and len(block) < len(keys.first):  # a step for each key would be many small ones
            columns = Key(*(part[:, None] for part in keys))
            words = np.stack(threefry2x32(columns, *(part[None, :] for part in number)), axis=1)
        else:
            words = xp.stack(scan(xp, pair, None, *keys)[1], axis=1)
        return words.reshape(2 * words.shape[0], block.shape[0])[: self.params.n_c]

    def _all_places(
        self, words: UInt32[Any, "class_ block"], compared: int = _COMPARED
    ) -> Integer[Any, "class_ block"]:
        """The place of every word among those of its block."""
        xp = words.__array_namespace__()
        slots = xp.arange(words.shape[0], dtype=np.int32)
        if words.shape[0] <= compared:
            return self._places(words[:, None, :], words[None, :, :], slots[None, :, None])
        order = xp.argsort(words, axis=0, stable=True)
        return xp.argsort(order, axis=0).astype(np.int32)

    def _places(self, words: Any, word: Any, slot: Any) -> Any:
        """The place of a word among all `words` [class_, ...]: how many are smaller, or equal and before it."""
        xp = words.__array_namespace__()
        other = xp.arange(words.shape[0], dtype=np.int32).reshape(-1, *[1] * (words.ndim - 1))
        return xp.sum((words < word) | ((words == word) & (other < slot)), axis=0, dtype=np.int32)
