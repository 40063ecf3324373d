"""Keyed permutations of the data of a class, without a table: the sample of each number is computed.

A sample of a class is a list of digits, one for every choice of its derivation. The permutation acts on the
digits themselves: a Feistel network on the group of digit lists, Z_r1 x Z_r2 x ..., needs no integer longer
than 32 bits and never leaves the domain. Where the domain is small, so that a Feistel network would be a poor
draw from all permutations, or cannot be halved, a table is shuffled instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt32

from ..randomness import Key, below, fold_all, scan, threefry2x32

_TABLE_LIMIT = 2**16
_WORDS_AT_ONCE = 2**20
"""Words drawn at a time for the table of all tweaks."""

Digits = list[Any]
"""One `uint32` array [sample] for every digit, the most significant first."""


def digits_of(number: int, radices: Sequence[int]) -> list[int]:
    """Return the mixed-radix digits of an integer, most significant first."""
    digits = []
    for radix in reversed(radices):
        number, digit = divmod(number, radix)
        digits.append(digit)
    return digits[::-1]


def groups_of(radices: Sequence[int]) -> list[tuple[int, ...]]:
    """Cut radices into runs whose products are at most 2^31, the least significant run first."""
    groups: list[tuple[int, ...]] = []
    for radix in reversed(radices):
        if groups and prod(groups[-1]) * radix <= 2**31:
            groups[-1] = (radix, *groups[-1])
        else:
            groups.append((radix,))
    return groups


def limbs_of(number: int, radices: Sequence[int]) -> UInt32[np.ndarray, " group"]:
    """Return an integer as one 32-bit number for each of `groups_of(radices)`."""
    sizes = [prod(group) for group in groups_of(radices)]
    return np.array(digits_of(number, sizes[::-1])[::-1], np.uint32)


def add_digits(number: Any, offset: Any, radices: Sequence[int]) -> Digits:
    """Return the mixed-radix digits of `number + offset` for an array of 32-bit offsets.

    The sum must lie below the product of the radices. The number is an integer, or its :func:`limbs_of`, which
    compiled code can take as an argument.
    """
    limbs = limbs_of(number, radices) if isinstance(number, int) else number
    digits: Digits = []
    rest = offset
    for index, group in enumerate(groups_of(radices)):
        size = np.uint32(prod(group))
        carried = rest // size
        limb = limbs[index] + (rest - carried * size)  # below 2 * size <= 2^32
        carry = (limb >= size).astype(np.uint32)
        limb, rest = limb - carry * size, carried + carry
        place, upper, found = prod(group), np.uint32(0), []
        for radix in group:
            place //= radix
            quotient = limb // np.uint32(place)
            found.append(quotient - upper * np.uint32(radix))
            upper = quotient
        digits = found + digits
    return digits


class _Hash(NamedTuple):
    """How the random words of each round are made; every array begins with the axis of rounds."""

    first: Any
    """The first word of the key of the round."""
    second: Any
    """Its second word."""
    places: Any
    """Place values that pack the digits of the source into 32-bit words, one to one, [round, word, row]."""
    pairs: Any
    """Number of pairs of words to encrypt, the tweak being the first word, [round]."""


class _Move(NamedTuple):
    """How the digits of each round move, [round, row]."""

    word: Any
    """Which random word shifts a digit."""
    scale: Any
    """Factor of the word: the product of the radices that were drawn from it before."""
    radix: Any
    """The number of values of the digit."""


@dataclass(frozen=True)
class KeyedPermutation:
    """One pseudo-random permutation of all digit lists for every value of a tweak (here the class)."""

    key: Key
    """The key of the permutation."""
    radices: tuple[int, ...]
    """The number of values of each digit, most significant first, each below 2^31."""
    tweaks: int
    """Number of tweak values."""
    table_limit: int = _TABLE_LIMIT
    """Domains up to this size are permuted by a shuffled table of `tweaks` rows, and so are domains with a single digit
    of more than one value."""

    def __call__(self, digits: Digits, tweak: Any) -> Digits:
        """Return the permuted digits, each an array [sample], under the tweak of every sample."""
        if prod(self.radices) <= self.table_limit or not all(self._halves):
            return self._look_up(digits, tweak)
        return self._feistel(digits, tweak)

    @cached_property
    def _table(self) -> np.ndarray:
        """The orders under all tweaks."""
        return self._orders(np.arange(self.tweaks, dtype=np.uint32))

    def _orders(self, tweaks: np.ndarray) -> np.ndarray:
        """For every tweak, the domain in the order of random 64-bit words: [tweak, element]."""
        size = prod(self.radices)
        element = np.arange(size, dtype=np.uint32)
        orders = []
        at_once = max(1, _WORDS_AT_ONCE // size)
        for first in range(0, len(tweaks), at_once):
            tweak = tweaks[first : first + at_once, None]
            high, low = threefry2x32(self.key, element[None, :], tweak)
            words = high.astype(np.uint64) << np.uint64(32) | low
            orders.append(np.argsort(words, axis=1, kind="stable").astype(np.uint32))
        return np.concatenate(orders)

    def _look_up(self, digits: Digits, tweak: Any) -> Digits:
        number = digits[0]
        for digit, radix in zip(digits[1:], self.radices[1:], strict=True):
            number = number * np.uint32(radix) + digit
        xp, row = number.__array_namespace__(), tweak.astype(np.int32)
        if xp is np and len(tweak) < self.tweaks and self.tweaks * prod(self.radices) > _WORDS_AT_ONCE:
            own, row = np.unique(tweak, return_inverse=True)
            table = self._orders(own.astype(np.uint32))  # that of all tweaks is large, and few are asked for
        else:
            table = xp.asarray(self._table)
        return add_digits(0, table[row, number.astype(np.int32)], self.radices)

    @cached_property
    def _halves(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The digits' numbers in two groups whose domains are about equally large."""
        groups: tuple[list[int], list[int]] = ([], [])
        sizes = [1, 1]
        for index, radix in enumerate(self.radices):
            if radix > 1:  # a digit with one value carries nothing to permute
                smaller = int(sizes[1] < sizes[0])
                groups[smaller].append(index)
                sizes[smaller] *= radix
        return tuple(groups[0]), tuple(groups[1])

    @cached_property
    def _rounds(self) -> tuple[_Hash, _Move]:
        """The constants of six rounds, and of more for unequal halves, since each moves only by the other.

        The shorter half is filled up with digits of one value, so that all rounds are alike.
        """
        rows = max(map(len, self._halves))
        radices = [[self.radices[i] for i in half] + [1] * (rows - len(half)) for half in self._halves]
        small, large = sorted(map(prod, radices))
        pairs = 2 + large.bit_length() // (small.bit_length() - 1)
        packed, drawn = [_places(one) for one in radices], [_draws(one) for one in radices]
        places = np.zeros((2, max(map(len, packed)), rows), np.uint32)
        for half, rows_of_places in enumerate(packed):
            places[half, : len(rows_of_places)] = rows_of_places
        # Even rounds move the first half by the second, odd rounds the second by the first.
        hashes = places[::-1], np.array([1 + len(one) // 2 for one in packed[::-1]], np.int32)
        moves = (np.array(column, np.uint32) for column in (*zip(*drawn, strict=True), radices))
        return (
            _Hash(*fold_all(self.key, 2 * pairs), *(np.concatenate([one] * pairs) for one in hashes)),
            _Move(*(np.concatenate([one] * pairs) for one in moves)),
        )

    def _feistel(self, digits: Digits, tweak: Any) -> Digits:
        xp = tweak.__array_namespace__()
        hashes, moves = self._rounds
        blank = xp.zeros_like(tweak)
        rows = moves.radix.shape[1]
        first, second = (
            xp.stack([digits[i] for i in half] + [blank] * (rows - len(half))) for half in self._halves
        )

        def step(state: Any, *constants: Any) -> tuple[Any, None]:
            moved, source, words = state
            moved = self._moved(moved, words, _Move(*constants[:3]))
            return (source, moved, self._words(moved, tweak, _Hash(*constants[3:]))), None

        # The words of a round are made at the end of the round before: XLA computes once what a step returns.
        state = first, second, self._words(second, tweak, _Hash(*(one[0] for one in hashes)))
        tables = *(one[:-1] for one in moves), *(one[1:] for one in hashes)
        (last, other, words), _ = scan(xp, step, state, *tables)
        halves = other, self._moved(last, words, _Move(*(one[-1] for one in moves)))
        digits = list(digits)
        for half, moved in zip(self._halves, halves, strict=True):
            for row, index in enumerate(half):
                digits[index] = moved[row]
        return digits

    def _moved(self, digits: Any, words: Any, move: _Move) -> Any:
        """Add to every digit [row, sample] its shift, modulo its radix."""
        xp = digits.__array_namespace__()
        radix = xp.asarray(move.radix)[:, None]
        drawn = xp.take(words, move.word, axis=0, mode="clip") * xp.asarray(move.scale)[:, None]
        total = digits + below(drawn, radix, max(self.radices))
        return total - (total >= radix).astype(np.uint32) * radix

    def _words(self, source: Any, tweak: Any, hash: _Hash) -> Any:
        """Random words [word, sample], as a function of the source digits and the tweak."""
        xp = source.__array_namespace__()
        places = xp.asarray(hash.places)
        packed = [xp.sum(source * places[k][:, None], axis=0, dtype=np.uint32) for k in range(len(places))]
        key, state = Key(hash.first, hash.second), (np.uint32(0), np.uint32(0))
        # The tweak has a word of its own: merged with a digit, it would make tweaks that move alike.
        for number, (first, second) in enumerate(_pairs([tweak, *packed])):
            x, y = threefry2x32(key, state[0] ^ first, state[1] ^ second)
            if number:  # the halves may differ in how many pairs they make
                needed = xp.asarray(hash.pairs > number)
                x, y = xp.where(needed, x, state[0]), xp.where(needed, y, state[1])
            state = x, y
        words = list(state)
        while len(words) < self._words_needed:
            state = threefry2x32(key, *state)
            words += state
        return xp.stack(words[: self._words_needed])

    @cached_property
    def _words_needed(self) -> int:
        return int(self._rounds[1].word.max()) + 1


def _places(radices: Sequence[int]) -> list[list[int]]:
    """Place values that pack digits into as few 32-bit words as hold them one to one, a row for each word."""
    runs: list[list[int]] = []
    for index, radix in enumerate(radices):
        if runs and radix * prod(radices[i] for i in runs[-1]) <= 2**32:
            runs[-1].append(index)
        else:
            runs.append([index])
    return [
        [prod(radices[i] for i in run if i > index) if index in run else 0 for index in range(len(radices))]
        for run in runs
    ]


def _draws(radices: Sequence[int]) -> tuple[list[int], list[int]]:
    """For every digit the word it is drawn from, and the product of the radices drawn from it before."""
    word, spent, words, scales = 0, 1, [], []
    for radix in radices:
        if spent > 1 and spent * radix > 2**24:  # the fraction left in this word has become coarse
            word, spent = word + 1, 1
        words.append(word)
        scales.append(spent)
        spent *= radix
    return words, scales


def _pairs(words: list[Any]) -> list[tuple[Any, Any]]:
    """Group words two by two, the last with a zero where they are odd in number."""
    padded = [*words, np.uint32(0)] if len(words) % 2 else words
    return list(zip(padded[::2], padded[1::2], strict=True))
