"""Processes of noise, which act on every position of an input by itself; and the evidence of what they leave."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, ClassVar, get_args

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt32

from ..errors import ArgumentError, check_integer, check_number, known
from ..memory import check_memory
from ..model.encoding import MASKED, Alphabet, alphabet
from ..model.params import Params
from ..model.plane import in_tree_order, picture, shape_text
from ..model.text import choice_of
from ..randomness import Key, add_wide, below, fold, role_key, threefry2x32

Words = Callable[[int], UInt32[Any, "sample position"]]
"""Of a role, 0 to 2, a random word for every position of every sample."""


class Process(ABC):
    """A process of noise: a frozen dataclass whose first field is its strength, a probability.

    :class:`UniformNoise` and :class:`Masking` draw what is received of an input; :class:`BeliefNoise` draws nothing.
    """

    name: ClassVar[str]
    """Its name in text, as in ``uniform(0.2)``."""
    draws: ClassVar[bool] = True
    """Whether it draws what is received, so that a network can be trained on it."""
    masks: ClassVar[bool] = False
    """Whether positions may be received as :data:`MASKED`."""

    def __post_init__(self) -> None:
        name = fields(self)[0].name  # pyright: ignore[reportArgumentType]
        value = check_number(name, self.strength)
        if not 0 <= value <= 1:
            raise ArgumentError(name, value, "is not a probability", f"Use 0 <= {name} <= 1")
        object.__setattr__(self, name, value)

    @property
    def strength(self) -> float:
        """The probability that it is given: epsilon, or t."""
        return getattr(self, fields(self)[0].name)  # pyright: ignore[reportArgumentType]

    def at(self, strength: float) -> "Process":
        """Return the same process with another strength."""
        return replace(self, **{fields(self)[0].name: strength})  # pyright: ignore[reportArgumentType]

    @property
    def text(self) -> str:
        """The process as text, which :func:`process_of_text` reads, such as ``uniform(0.2, over=features)``."""
        rest = [(one.name, getattr(self, one.name)) for one in fields(self)[1:]]  # pyright: ignore[reportArgumentType]
        options = [repr(self.strength), *(f"{name}={value}" for name, value in rest if value is not None)]
        return f"{self.name}({', '.join(options)})"

    @abstractmethod
    def drawn(self, params: Params, symbols: Any, words: Words) -> Integer[Any, "sample position"]:
        """Return what is received of symbols, with random words."""

    @abstractmethod
    def table(self, params: Params) -> Float[np.ndarray, "received symbol"]:
        """Return p(received | symbol), for features, blank and masked as received, and for each of v + 1 symbols."""

    def corrupt(
        self, params: Params, inputs: Integer[Any, "sample *shape"], seed: int = 0, start: int = 0
    ) -> Integer[Any, "sample *shape"]:
        """Return what is received of some inputs.

        Processes that differ in their strength are nested: the positions that the weaker one hits are among those that
        the stronger one hits.

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
        start = check_integer("start", start, minimum=0, maximum=2**63)
        rows = symbols.__array_namespace__().arange(symbols.shape[0], dtype=np.uint32)
        words = words_of(role_key(seed, "channel"), add_wide(start, rows), params.d)
        received = self.drawn(params, symbols, words)
        return picture(params, received) if np.ndim(inputs) == 3 else received

    def evidence(
        self, params: Params, received: Integer[Any, "sample *shape"], dtype: Any = np.float32
    ) -> Float[Any, "sample position symbol"]:
        """Return log p(received | symbol) for every symbol at every position; symbol v is the blank.

        A masked position says nothing: 0 for all symbols.

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
        needed = 8 * (v + 2) * (v + 1) * 3 + 4 * symbols.size * (v + 1)
        check_memory(
            "params", params, needed, "evidence for all symbols", "Use a smaller v, or fewer samples"
        )
        with np.errstate(divide="ignore"):
            table = np.log(self.table(params)).astype(dtype)
        rows = xp.where(symbols < 0, np.int32(v - 1) - symbols, symbols)
        return xp.take(xp.asarray(table), rows, axis=0, mode="clip")


@dataclass(frozen=True)
class _SpreadNoise(Process):
    """Noise that is spread evenly over an alphabet."""

    epsilon: float = 0.0
    over: Alphabet | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.over not in (None, *get_args(Alphabet)):
            raise ArgumentError("over", self.over, "is not known", "Use 'features', 'symbols' or None")


@dataclass(frozen=True)
class UniformNoise(_SpreadNoise):
    """Noise that replaces symbols by uniform draws.

    The evidence of a symbol is p = epsilon / K for each of the K symbols that are drawn from, plus 1 - epsilon for the
    symbol that was received, and 0 for all others.

    Parameters
    ----------
    epsilon
        Probability that a position is replaced by a uniform draw, which may be the old symbol; 0 to 1. Default: 0,
        nothing is.
    over
        What is drawn from: ``"features"``, K = v, or ``"symbols"``, the features and the blank, K = v + 1.
        Default: the features if the model has no blanks (s0 = 0), else the features and the blank.

    Raises
    ------
    ArgumentError
        If epsilon is not a probability, or `over` is unknown.

    Examples
    --------
    >>> from srhm import Params
    >>> params, received = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1), np.array([[1, -1, -1, 0]])
    >>> np.exp(UniformNoise(0.3).evidence(params, received))[0].round(3)
    array([[0.1, 0.8, 0.1],
           [0.1, 0.1, 0.8],
           [0.1, 0.1, 0.8],
           [0.8, 0.1, 0.1]], dtype=float32)
    >>> np.exp(UniformNoise(0.3, over="features").evidence(params, received))[0, :2].round(3)
    array([[0.15, 0.85, 0.15],
           [0.  , 0.  , 0.7 ]], dtype=float32)
    """

    name: ClassVar[str] = "uniform"

    def drawn(self, params: Params, symbols: Any, words: Words) -> Integer[Any, "sample position"]:
        """Replace each position by a draw with probability epsilon."""
        new = uniform_draws(params, words, self.over)
        return symbols.__array_namespace__().where(_happens(words(0), self.epsilon), new, symbols)

    def table(self, params: Params) -> Float[np.ndarray, "received symbol"]:
        """Return p(received | symbol)."""
        v, count = params.level(1).v, spread_over(params, self.over)
        table = np.full((v + 2, v + 1), self.epsilon / count)
        if count == v:  # only a blank is received as a blank
            table[v] = 0.0
        table[range(v + 1), range(v + 1)] += 1 - self.epsilon
        table[v + 1] = 1.0
        return table


@dataclass(frozen=True)
class Masking(Process):
    """Masking: positions of which nothing is received. ``Masking()`` hides nothing.

    Parameters
    ----------
    t
        Probability that a position is masked; 0 to 1. Default: 0.

    Raises
    ------
    ArgumentError
        If t is not a probability.

    Examples
    --------
    >>> from srhm import Params
    >>> params, inputs = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1), np.array([[1, -1, -1, 0]])
    >>> Masking(0.5).corrupt(params, inputs, seed=1)
    array([[ 1, -1, -1, -2]], dtype=int32)
    """

    name: ClassVar[str] = "masking"
    masks: ClassVar[bool] = True

    t: float = 0.0

    def drawn(self, params: Params, symbols: Any, words: Words) -> Integer[Any, "sample position"]:
        """Mask each position with probability t."""
        return symbols.__array_namespace__().where(_happens(words(2), self.t), np.int32(MASKED), symbols)

    def table(self, params: Params) -> Float[np.ndarray, "received symbol"]:
        """Return p(received | symbol), for what is masked 1."""
        v = params.level(1).v
        return np.concatenate([np.eye(v + 1), np.ones((1, v + 1))])


@dataclass(frozen=True)
class BeliefNoise(_SpreadNoise):
    """Noise without chance: every position passes on a weakened belief in its own symbol, and nothing is drawn.

    A position gives weight 1 - epsilon + epsilon / K to its true symbol and epsilon / K to each of the others, so that
    what is received is the input itself. It is the mean field of uniform noise (Sclocchi, Favero and Wyart, PNAS 2025,
    arXiv 2402.16991), and not an observation: there is no Bayes error.

    Parameters
    ----------
    epsilon
        0, the default, for full belief, to 1 for none.
    over
        What the belief is spread over: ``"symbols"``, the features and the blank, K = v + 1; or ``"features"``, K = v,
        the blanks being known: they stay certain, and features are no blanks. Default: the features if the model has no
        blanks (s0 = 0), else the features and the blank.

    Raises
    ------
    ArgumentError
        If epsilon is not from 0 to 1, or `over` is unknown.

    Examples
    --------
    >>> from srhm import Params
    >>> params, inputs = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1), np.array([[1, -1, -1, 0]])
    >>> np.exp(BeliefNoise(0.3).evidence(params, inputs))[0, :2].round(3)
    array([[0.1, 0.8, 0.1],
           [0.1, 0.1, 0.8]], dtype=float32)
    >>> np.exp(BeliefNoise(0.3, over="features").evidence(params, inputs))[0, :2].round(3)
    array([[0.15, 0.85, 0.  ],
           [0.  , 0.  , 1.  ]], dtype=float32)
    """

    name: ClassVar[str] = "belief"
    draws: ClassVar[bool] = False

    def drawn(self, params: Params, symbols: Any, words: Words) -> Integer[Any, "sample position"]:
        """Return the symbols themselves."""
        return symbols

    def table(self, params: Params) -> Float[np.ndarray, "received symbol"]:
        """Return the weight of each symbol; where nothing is received, 1."""
        v, count = params.level(1).v, spread_over(params, self.over)
        table = np.zeros((v + 2, v + 1))
        table[:count, :count] = self.epsilon / count + (1 - self.epsilon) * np.eye(count)
        if count == v:
            table[v, v] = 1.0
        table[v + 1] = 1.0
        return table


PROCESSES: dict[str, type[Process]] = {one.name: one for one in (UniformNoise, Masking, BeliefNoise)}
"""All processes by name."""


def process_of_text(text: str) -> Process:
    """Return a process from its text: its name and its options, as in ``uniform(0.2)`` or ``masking(0.3)``.

    Raises
    ------
    ArgumentError
        If there is no such process, or an option is unknown or out of range.

    Examples
    --------
    >>> process_of_text("uniform(0.2, over=features)")
    UniformNoise(epsilon=0.2, over='features')
    """
    return choice_of("process", text, PROCESSES, "uniform(0.2), uniform(0.2, over=features) or masking(0.3)")


def check_draws(argument: str, process: Process) -> None:
    """Raise an :class:`~srhm.ArgumentError` if nothing is drawn that could be received."""
    if not process.draws:
        problem = "draws nothing: it is not an observation, since the evidence is made from the true input"
        raise ArgumentError(argument, process.text, problem, "Use uniform noise or masking")


def clean_evidence(
    params: Params, symbols: Integer[Any, "sample position"], dtype: Any = np.float32
) -> Float[Any, "sample position symbol"]:
    """Return the evidence of symbols that are received as they are, or hidden."""
    return Masking().evidence(params, symbols, dtype)


def spread_over(params: Params, over: Alphabet | None) -> int:
    """Return how many symbols noise is spread over: v features, or v + 1 with the blank."""
    return params.level(1).v + (alphabet(params, over) == "symbols")


def uniform_draws(
    params: Params, words: Words, over: Alphabet | None = None
) -> Integer[Any, "sample position"]:
    """Return the symbols that noise puts in the place of others."""
    count = spread_over(params, over)
    return below(words(1), count).astype(np.int32) - np.int32(count - params.level(1).v)  # a blank is -1


def words_of(key: Key, sample: tuple[Any, Any], d: int) -> Words:
    """Return the random words of samples, given by the low and high words of their numbers."""
    low, high = (word[:, None] for word in sample)
    xp = low.__array_namespace__()
    position = xp.arange(d, dtype=np.uint32)[None, :]

    @cache
    def pair(number: int) -> tuple[Any, Any]:
        return threefry2x32(Key(*threefry2x32(fold(key, number), position, np.uint32(0))), low, high)

    # One word decides whether a position is replaced, another one is the new symbol; a third one is of masks.
    return lambda role: pair(role // 2)[role % 2]


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
