"""A channel between an input and its receiver, with noisy and masked positions; and the evidence that is received."""

from dataclasses import dataclass
from math import log
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt32

from ..errors import ArgumentError, check_integer, known
from ..model.encoding import MASKED
from ..model.params import Params
from ..model.plane import in_tree_order, picture, shape_text
from ..randomness import Key, add_wide, below, fold, role_key, threefry2x32

Symbols = Literal["features", "symbols"]
"""What the noise is drawn from: the v features, or the v + 1 symbols, that is, features and blank."""


@dataclass(frozen=True)
class Channel:
    """A channel that transmits each position of an input independently.

    Parameters
    ----------
    noise
        Probability epsilon that a position is replaced by a uniform draw, which may be the old symbol; 0 to 1.
    masked
        Probability that a position is then masked; 0 to 1.
    over
        What the noise is drawn from: ``"features"``, the v features, or ``"symbols"``, the features and the blank.
        Default: the features if the model has no blanks (s0 = 0), else the features and the blank.

    Raises
    ------
    ArgumentError
        If a number is not a probability, or `over` is unknown.

    Examples
    --------
    >>> from srhm import Params
    >>> params, inputs = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1), np.array([[1, -1, -1, 0]])
    >>> Channel(masked=0.5).transmit(params, inputs, seed=1)
    array([[ 1, -1, -1, -2]], dtype=int32)
    >>> np.exp(Channel(noise=0.3).evidence(params, inputs))[0].round(3)
    array([[0.1, 0.8, 0.1],
           [0.1, 0.1, 0.8],
           [0.1, 0.1, 0.8],
           [0.8, 0.1, 0.1]], dtype=float32)
    >>> np.exp(Channel(noise=0.3, over="features").evidence(params, inputs))[0, :2].round(3)
    array([[0.15, 0.85, 0.15],
           [0.  , 0.  , 0.7 ]], dtype=float32)
    """

    noise: float = 0.0
    masked: float = 0.0
    over: Symbols | None = None

    def __post_init__(self) -> None:
        for name in ("noise", "masked"):
            value = getattr(self, name)
            try:
                good = 0.0 <= float(value) <= 1.0
            except (TypeError, ValueError):
                good = False
            if not good:
                raise ArgumentError(name, value, "is not a probability", f"Use 0 <= {name} <= 1")
            object.__setattr__(self, name, float(value))
        if self.over not in (None, "features", "symbols"):
            raise ArgumentError("over", self.over, "is not known", "Use 'features', 'symbols' or None")

    def drawn_symbols(self, params: Params) -> int:
        """Return how many symbols noise draws from: v features, or v + 1 with the blank."""
        blank = params.has_blanks if self.over is None else self.over == "symbols"
        return params.level(1).v + blank

    @property
    def lossless(self) -> bool:
        """Whether every input arrives unchanged."""
        return self.noise == self.masked == 0.0

    def transmit(
        self, params: Params, inputs: Integer[Any, "sample *shape"], seed: int = 0, start: int = 0
    ) -> Integer[Any, "sample *shape"]:
        """Return what is received of some inputs.

        Channels with the same seed are nested: the positions that the smaller probability replaces or masks are among
        those of the larger.

        Parameters
        ----------
        params
            The parameters of the model.
        inputs
            Features, -1 for a blank (the ``"integer"`` encoding), [sample, position], or in the plane pictures,
            [sample, row, column]. What is received has the same shape.
        seed
            Any integer from 0 to 2^64 - 1.
        start
            Number of the first sample. What happens to a sample depends only on the seed and its number.

        Raises
        ------
        ArgumentError
            If the inputs are not such an array, or a number is out of range.
        """
        symbols = checked_symbols(params, inputs, "inputs", minimum=-1)
        laid_out = picture if np.ndim(inputs) == 3 else lambda params, received: received
        xp, key = symbols.__array_namespace__(), role_key(seed, "channel")
        start = check_integer("start", start, minimum=0, maximum=2**63)
        sample = add_wide(start, xp.arange(symbols.shape[0], dtype=np.uint32)[:, None])
        position = xp.arange(symbols.shape[1], dtype=np.uint32)[None, :]
        # One word decides whether a position is replaced, another one is the new symbol.
        keys = [Key(*threefry2x32(fold(key, role), position, np.uint32(0))) for role in range(2)]
        replaced, symbol = threefry2x32(keys[0], *sample)
        hidden, _ = threefry2x32(keys[1], *sample)
        count = self.drawn_symbols(params)
        drawn = below(symbol, count).astype(np.int32) - np.int32(count - params.level(1).v)  # a blank is -1
        received = xp.where(_happens(replaced, self.noise), drawn, symbols)
        return laid_out(params, xp.where(_happens(hidden, self.masked), np.int32(MASKED), received))

    def evidence(
        self, params: Params, received: Integer[Any, "sample *shape"], dtype: Any = np.float32
    ) -> Float[Any, "sample position symbol"]:
        """Return log p(received | symbol) for every symbol at every position; symbol v is the blank.

        A masked position gives no information: 0 for all symbols. Otherwise p = epsilon / q for each of the q symbols
        that the noise is drawn from (v features, or v + 1 with the blank), plus 1 - epsilon for the received symbol,
        and 0 for all others. Without noise log p is 0 and -inf.

        Parameters
        ----------
        params
            The parameters of the model.
        received
            Features, -1 for a blank, :data:`MASKED` where nothing was received; in the plane pictures too. Evidence
            is over positions in tree order always.
        dtype
            float32, the default, or float64. JAX arrays need ``jax_enable_x64`` for the latter.

        Raises
        ------
        ArgumentError
            If `received` is not such an array.
        """
        symbols = checked_symbols(params, received, "received", minimum=MASKED)
        xp, v = symbols.__array_namespace__(), params.level(1).v
        count = self.drawn_symbols(params)
        other = self.noise / count
        table = np.full((v + 2, v + 1), _log(other), dtype)
        np.fill_diagonal(table, _log(1 - self.noise + other))
        if count == v:  # only a blank is received as a blank
            table[v], table[v, v] = -np.inf, _log(1 - self.noise)
        table[v + 1] = 0.0
        rows = xp.where(symbols < 0, np.int32(v - 1) - symbols, symbols)
        return xp.take(xp.asarray(table), rows, axis=0, mode="clip")


def _log(probability: float) -> float:
    return log(probability) if probability else -np.inf


def _happens(words: UInt32[Any, "..."], probability: float) -> Bool[Any, "..."]:
    """Whether a random word decides for an event of some probability, a multiple of 2^-32."""
    count = round(probability * 2**32)
    return words <= np.uint32(count - 1) if count else words < np.uint32(0)


def checked_symbols(params: Params, symbols: Any, name: str, minimum: int) -> Integer[Any, "sample position"]:
    """Return symbols in 32 bits; inside a compiled function their values are not checked."""
    symbols = symbols if hasattr(symbols, "__array_namespace__") else np.asarray(symbols)
    symbols = in_tree_order(params, symbols)
    if symbols.ndim != 2 or symbols.shape[1] != params.d or np.dtype(symbols.dtype).kind not in "iu":
        raise ArgumentError(
            name,
            f"{symbols.dtype} of shape {symbols.shape}",
            "is not an array of integers for each position",
            f"Give {shape_text(params)} integers",
        )
    values = known(symbols)
    if values is not None:
        wrong = values[(values < minimum) | (values >= params.level(1).v)]
        if wrong.size:
            raise ArgumentError(
                name, int(wrong[0]), "is not a symbol", f"Use {minimum} to {params.level(1).v - 1}"
            )
    return symbols.astype(np.int32)
