"""Counter-based randomness: every random number is a function of a key and a counter, and of nothing else.

The generator is Threefry-2x32 with 13 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011), which passes BigCrush. It is written with 32-bit operators alone, so that NumPy and JAX arrays, on
any machine and in batches of any size, give the same bits.

A key is either folded into further keys or drawn from, never both; so no two uses share a word.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt32

from .errors import check_choice, check_integer

STREAM_VERSION = 1
"""Version of every random stream of the package. It changes when the same seed would give other bits."""

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA

_ROLES = {
    "grammar": 1,
    "samples": 2,
    "network": 3,
    "order": 4,
    "transformation": 5,
    "test": 6,
    "channel": 7,
    "posterior": 8,
    "hold_out": 9,
    "deformation": 10,
}
"""What a seed is used for. The numbers are part of the stream and never change."""


class Key(NamedTuple):
    """The 64-bit key of one random stream, as two 32-bit words: scalars, or arrays for several keys."""

    first: Any
    second: Any


def threefry2x32(key: Key, first: Any, second: Any, rounds: int = 13) -> tuple[Any, Any]:
    """Encrypt the counter (`first`, `second`) under `key`: two random 32-bit words for each counter.

    Parameters
    ----------
    key
        The key; its words broadcast against the counter.
    first, second
        The two words of the counter, `uint32` arrays of NumPy or JAX that broadcast together.
    rounds
        Number of rounds. The streams of the package use 13; 20 is the generator of JAX.
    """
    schedule = (key.first, key.second, key.first ^ key.second ^ np.uint32(_PARITY))
    with np.errstate(over="ignore"):  # NumPy warns of wrapping in scalars, though not in arrays
        x, y = first + schedule[0], second + schedule[1]
        for number in range(rounds):
            rotation = _ROTATIONS[number % 8]
            x = x + y
            y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
            if number % 4 == 3:
                injection = number // 4 + 1
                x = x + schedule[injection % 3]
                y = y + (schedule[(injection + 1) % 3] + np.uint32(injection))
    return x, y


def fold(key: Key, number: int) -> Key:
    """Derive the `number`-th key of `key`, for 0 <= number < 2^64."""
    return Key(*threefry2x32(key, *split_words(number)))


def fold_all(key: Key, count: int) -> Key:
    """Derive the first `count` keys of `key`, as arrays [key]."""
    return Key(*threefry2x32(key, np.arange(count, dtype=np.uint32), np.zeros(count, np.uint32)))


def role_key(seed: int, role: str) -> Key:
    """Return the key of a seed in one role, so that one seed serves all roles with independent streams.

    Parameters
    ----------
    seed
        Any integer from 0 to 2^64 - 1.
    role
        One of ``"grammar"``, ``"samples"``, ``"network"``, ``"order"``, ``"transformation"``, ``"test"``,
        ``"channel"``, ``"posterior"``, ``"hold_out"``, ``"deformation"``.

    Raises
    ------
    ArgumentError
        If the seed is not such an integer, or there is no such role.
    """
    low, high = split_words(check_integer("seed", seed, minimum=0, maximum=2**64 - 1))
    check_choice("role", role, _ROLES, "is not a role of a seed")
    return Key(*threefry2x32(Key(low, high), np.uint32(_ROLES[role]), np.uint32(STREAM_VERSION)))


def split_words(number: int) -> tuple[np.uint32, np.uint32]:
    """Split an integer, modulo 2^64, into its low and its high 32-bit word."""
    return np.uint32(number & 0xFFFFFFFF), np.uint32(number >> 32 & 0xFFFFFFFF)


def add_wide(number: Any, offset: UInt32[Any, "..."]) -> tuple[Any, Any]:
    """Return the low and high words of `number + offset`, for an integer below 2^64 or its two words."""
    low, high = split_words(number) if isinstance(number, int) else number
    total = offset + low
    return total, high + (total < low).astype(np.uint32)


def subtract_wide(number: Any, offset: UInt32[Any, "..."]) -> tuple[Any, Any]:
    """Return the low and high words of `number - offset`, for an integer below 2^64 or its two words."""
    low, high = split_words(number) if isinstance(number, int) else number
    return low - offset, high - (offset > low).astype(np.uint32)


def below(words: UInt32[Any, "..."], bound: Any, max_bound: int | None = None) -> UInt32[Any, "..."]:
    """Map random words to integers below `bound`: floor(word * bound / 2^32).

    A result is uniform up to a relative deviation of at most `bound` / 2^32, none if `bound` is a power of 2.

    Parameters
    ----------
    words
        Random words, of any shape.
    bound
        An integer below 2^32, or an array of them that broadcasts against the words.
    max_bound
        The largest bound, needed for an array.
    """
    high, low = words >> np.uint32(16), words & np.uint32(0xFFFF)
    factor = np.uint32(bound) if max_bound is None else bound
    if (bound if max_bound is None else max_bound) <= 2**16:
        return (high * factor + ((low * factor) >> np.uint32(16))) >> np.uint32(16)
    # The upper word of a 32 x 32-bit product, from four products of 16-bit halves.
    mask, shift = np.uint32(0xFFFF), np.uint32(16)
    factor_low, factor_high = factor & mask, factor >> shift
    cross, other = low * factor_high, high * factor_low
    carry = ((low * factor_low) >> shift) + (cross & mask) + (other & mask)
    return high * factor_high + (cross >> shift) + (other >> shift) + (carry >> shift)


def scan(xp: Any, step: Callable[..., tuple[Any, Any]], state: Any, *tables: Any) -> tuple[Any, Any]:
    """Take one `step` after another, `state, out = step(state, *rows)`, with the rows of the tables in turn.

    Returns the last state, and the arrays of all steps, stacked. The loop of all that is drawn word by word:
    `jax.lax.scan`, for NumPy arrays too. XLA on a CPU merges elementwise operations without end, and computes a word
    again for each of its uses; what a loop hands on is computed once. A step is compiled once, too, however many there
    are.
    """
    if xp is not np:
        from jax import lax

        return lax.scan(lambda state, rows: step(state, *rows), state, tables)
    outs = []
    for rows in zip(*tables, strict=True):
        state, out = step(state, *rows)
        outs.append(out)
    return state, None if outs[0] is None else tuple(np.stack(column) for column in zip(*outs, strict=True))
