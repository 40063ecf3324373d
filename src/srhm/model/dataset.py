"""Training and test sets: samples of streams, held compactly, and how the two are kept apart."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Integer, Num, Shaped, UInt32

from ..cores import available_cores
from ..errors import ArgumentError, check_array, check_choice, check_instance, check_integer
from ..memory import check_memory
from .derivation import Derivation, expand
from .encoding import Encoding, check_leaves, encode
from .grammar import Grammar
from .holdout import HoldOut, class_sums
from .params import Params
from .stream import PERMUTATION_LIMIT, Origin, SplitRule, Stream

Backend = Literal["numpy", "jax"]

_CHUNK = 2**15
"""Samples made at a time: few enough for the cache of a core, enough to outweigh the start of each operation."""


_COMPILER_OPTIONS: dict[str, str | int] = {
    "xla_disable_hlo_passes": "cpu-parallel-task-assigner",
    "xla_cpu_prefer_vector_width": 512,
}
"""A chunk is computed by one core: cores that share each operation wait for each other. XLA takes vectors of
256 bits where a processor has 512."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A finite set of samples in compact form: the informative leaves and the label, a few bytes per sample.

    Raises
    ------
    ArgumentError
        If the arrays are not of the stream's model: their shapes, or a number in them.
    """

    stream: Stream
    """The stream of the samples; with :attr:`start` it determines all hidden variables."""
    start: int
    """Number of the first sample in the stream."""
    features: Integer[np.ndarray, "sample leaf"]
    """The features of the informative leaves, [sample, s^L], in the smallest unsigned integers that hold them."""
    positions: Integer[np.ndarray, "sample leaf"]
    """Their positions in the input, likewise."""
    labels: Integer[np.ndarray, " sample"]
    """The classes [sample]."""
    numbers: UInt32[np.ndarray, " sample"] | None = None
    """Numbers of the samples in the stream, counted from `start`, where some were left out (:func:`srhm.split`).
    Default: consecutive."""

    def __post_init__(self) -> None:
        check_instance(Stream, stream=self.stream)
        check_leaves(self.params, self.features, self.positions)
        fix = "Give labels of the stream's model"
        check_array("labels", self.labels, (len(self.features),), maximum=self.params.n_c - 1, fix=fix)
        if self.numbers is not None:
            check_array("numbers", self.numbers, (len(self.features),), maximum=2**32 - 1, fix=fix)

    @classmethod
    def draw(cls, stream: Stream, count: int, start: int = 0, backend: Backend = "numpy") -> "Dataset":
        """Take `count` samples of a stream, from sample `start` on.

        Parameters
        ----------
        stream
            The source of the samples.
        count, start
            The samples `start` to `start + count - 1`.
        backend
            What computes the samples, which are the same for both. ``"numpy"``: one core, without preparation.
            ``"jax"``: a compiled program on all cores, many times faster, after about a second of compilation at the
            first draw from a stream.

        Raises
        ------
        ArgumentError
            If `count` is below 1, a sample lies outside the stream, the set is larger than main memory, or the
            backend is unknown.
        """
        check_instance(Stream, stream=stream)
        check_choice("backend", backend, ("numpy", "jax"), "is not a backend")
        start, count = stream.checked_range(start, check_integer("count", count, minimum=1))
        params = stream.params
        needed = bytes_of(params, count)
        check_memory("count", count, needed, "a data set", "Draw fewer, or take batches of the stream")
        leaves = count, params.num_leaves
        features = np.empty(leaves, smallest_unsigned(params.level(1).v))
        positions = np.empty(leaves, smallest_unsigned(params.d))
        labels = np.empty(count, smallest_unsigned(params.n_c))
        skipped = start % params.n_c
        chunk = max(1, _CHUNK // params.n_c) * params.n_c

        def fill(first: int) -> None:
            """Write the chunk that begins `first` samples after the first whole block."""
            begin, end = max(first, skipped), min(first + chunk, skipped + count)
            origin = stream.origin(start - skipped + first)
            if backend == "jax":
                drawn = map(np.asarray, _compiled(stream, chunk)(origin))
            else:
                drawn = _compact(stream, origin, end - first, np)
            for whole, part in zip((features, positions, labels), drawn, strict=True):
                whole[begin - skipped : end - skipped] = part[begin - first : end - first]

        firsts = range(0, skipped + count, chunk)
        if backend == "jax":
            fill(0)  # compiles
            with ThreadPoolExecutor(available_cores()) as threads:  # XLA lets other threads run
                list(threads.map(fill, firsts[1:]))
        else:
            _keep_memory()
            list(map(fill, firsts))
        return cls(stream, start, features, positions, labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | np.ndarray) -> "Batch":
        return Batch(self.features[rows], self.positions[rows], self.labels[rows])

    def __iter__(self) -> Iterator["Batch"]:
        raise TypeError("A Dataset is not iterable; use dataset.batches(size) or dataset[a:b]")

    def batches(self, size: int) -> Iterator["Batch"]:
        """Yield the samples in order, `size` at a time; the last batch may be smaller.

        Raises
        ------
        ArgumentError
            If the size is below 1.
        """
        size = check_integer("size", size, minimum=1)
        for first in range(0, len(self), size):
            yield self[first : first + size]

    @property
    def params(self) -> Params:
        """The parameters of the model."""
        return self.stream.params

    @property
    def nbytes(self) -> int:
        """Size of the samples, in bytes."""
        return self.features.nbytes + self.positions.nbytes + self.labels.nbytes

    def derivation(self, first: int = 0, count: int | None = None) -> Derivation:
        """Return the hidden choices of samples `first` to `first + count - 1`, by default to the end.

        Raises
        ------
        ArgumentError
            If a sample lies outside the set.
        """
        first = check_integer("first", first, minimum=0, maximum=len(self))
        count = check_integer("count", len(self) - first if count is None else count, minimum=0)
        if first + count > len(self):
            raise ArgumentError("count", count, f"reaches beyond the {len(self)} samples", "Take fewer")
        if self.numbers is not None:
            return self.stream.at(self.numbers[first : first + count], self.start)
        return self.stream.take(self.start + first, count)

    def encode(
        self, encoding: Encoding = "whitened", dtype: Any = None
    ) -> Num[np.ndarray, "sample position *channel"]:
        """Return all samples as one dense array; see :func:`srhm.encode`."""
        return encode(self.params, self.features, self.positions, encoding, dtype)


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples of a :class:`Dataset`: features and positions [sample, s^L], labels [sample]."""

    features: Shaped[Any, "sample leaf"]
    positions: Shaped[Any, "sample leaf"]
    labels: Shaped[Any, " sample"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Split:
    """A training set and a test set, and how they were separated."""

    train: Dataset
    """The training set."""
    test: Dataset
    """The test set."""
    rule: SplitRule
    """``"permutation"``: P + P_test distinct data, none common to both sets. ``"replacement"``: draws with
    replacement, of which repeats may have been left out."""
    repeat_bound: float
    """Upper bound on the probability that any of the P + P_test samples equals another: 0 if they are distinct, (P +
    P_test)^2 / (2 P_max) for draws with replacement (1 if that is larger); larger where weights are uneven."""
    distinct: bool
    """Whether all P + P_test samples are known to be distinct: by a permutation, or since repeats were left out."""
    hold_out: HoldOut | None = None
    """What no training input has and every test input does; ``hold_out.mask(grammar)`` is its table."""

    @cached_property
    def seen_share(self) -> float:
        """The share of the test inputs that are in the training set too: 0 if all samples are distinct."""
        return 0.0 if self.distinct else float(np.isin(_inputs(self.test), _inputs(self.train)).mean())


def split(
    grammar: Grammar,
    P: int,
    P_test: int,
    seed: int = 0,
    *,
    replacement: bool = False,
    distinct: bool = False,
    hold_out: HoldOut | None = None,
) -> Split:
    """Draw a training set of `P` points and a test set of `P_test`.

    Training sets with the same seed are nested: the set of P points is the beginning of the set of any larger P.

    Parameters
    ----------
    grammar
        The production rules.
    P, P_test
        Numbers of training and test points, each at least 1.
    seed
        Any integer from 0 to 2^64 - 1.
    replacement
        Draw with replacement, as the published code does: a sample may occur more than once, within and across
        the sets. By default this happens only where P_max exceeds 2^62, or the grammar has uneven weights.
    distinct
        All P + P_test samples are distinct. Where they are drawn with replacement by default, repeats are left out:
        the classes of both sets are those of their streams, and each point is the next sample of its class that is
        neither in the test set nor in the training set so far. So frequent samples are rarer in large sets than by
        their weights. Elsewhere this holds anyhow. It is a property of the sets, never of a stream.
    hold_out
        What no training input has and every test input has at least once: :class:`Tuples`, :class:`RulePairs` or
        :class:`Placements`. The classes of both sets are those of their streams, and each point is the next sample of
        its class without, or with, what is held out. Default: nothing.

    Raises
    ------
    ArgumentError
        If P + P_test exceeds P_max without replacement, a number is out of range, the sets are larger than main
        memory, `distinct` is combined with `replacement`, or a class has too few distinct samples, or so rare ones
        that not enough come among 100 draws a point (2^20 at least). With `hold_out`, if it does not fit the grammar,
        or a class has too few samples with or without what is held out, or so rare ones that not enough come among
        1000 draws a point (2^20 at least).

    Examples
    --------
    >>> grammar = Grammar(Params(n_c=4, v=4, m=4, s=2, s0=0, L=2), seed=0)
    >>> sets = split(grammar, P=200, P_test=56, seed=1)
    >>> len(sets.train), len(sets.test), sets.rule, sets.repeat_bound
    (200, 56, 'permutation', 0.0)
    """
    check_instance(Grammar, grammar=grammar)
    if distinct and replacement:
        raise ArgumentError("distinct", True, "contradicts replacement=True", "Leave out one of the two")
    if hold_out is not None:
        return _split_held_out(grammar, P, P_test, seed, hold_out, replacement, distinct)
    train, test, bound = split_streams(grammar, P, P_test, seed, replacement=replacement)
    _check_sets(grammar, P, P_test)
    if train.rule == "permutation" or not distinct:
        sets = Dataset.draw(train, P), Dataset.draw(test, P_test)
        return Split(*sets, train.rule, bound, train.rule == "permutation")
    _check_distinct(grammar, {"P": (train, P), "P_test": (test, P_test)})
    test_set = _draw_distinct(test, P_test, "P_test")
    return Split(_draw_distinct(train, P, "P", test_set), test_set, train.rule, 0.0, True)


def _check_sets(grammar: Grammar, P: int, P_test: int) -> None:
    """Raise an error if the sets are larger than main memory."""
    name, value = max((("P", P), ("P_test", P_test)), key=lambda one: one[1])
    needed = bytes_of(grammar.params, P + P_test)
    check_memory(name, value, needed, "data sets", f"Use a smaller {name}")


_MIN_DRAWS, _DRAWS_PER_POINT = 2**20, 100
"""Draws after which distinct samples are given up."""

_MANY = 2.0**40
"""Distinct samples that are enough for any set."""


def _check_distinct(grammar: Grammar, sets: dict[str, tuple[Stream, int]]) -> None:
    """Raise an error if a class has fewer distinct samples than the sets ask for."""
    below: Any = None  # of each symbol, how many trees below it have a positive probability, up to many
    for level, rules in enumerate(grammar.rules, 1):
        with np.errstate(over="ignore"):
            trees = np.ones(rules.shape[:2]) if below is None else below[rules].prod(axis=-1)
        trees = np.where(grammar.rule_probability(level) > 0, np.minimum(trees, _MANY), 0).sum(axis=1)
        below = np.minimum(trees * np.count_nonzero(grammar.placement_probability(level)), _MANY)
    wanted: Any = sum(
        np.bincount(stream.take(0, count).label, minlength=grammar.params.n_c)
        for stream, count in sets.values()
    )
    if (wanted > below).any():
        class_ = int(np.argmax(wanted > below))
        P, P_test = (count for _, count in sets.values())
        problem = (
            f"and P_test = {P_test} ask for {wanted[class_]} distinct samples of class {class_}, which has "
            f"{int(below[class_])}"
        )
        raise ArgumentError("P", P, problem, "Use fewer points, or distinct=False")


def _draw_distinct(stream: Stream, count: int, name: str, taken: Dataset | None = None) -> Dataset:
    """Take the classes of the first samples of a stream, and for each point the next new sample of its class.

    Samples that are taken by another set are not new.
    """
    most = max(_MIN_DRAWS, _DRAWS_PER_POINT * count)
    size = min(most, 2 * count)
    while True:
        drawn = Dataset.draw(stream, size)
        inputs, labels = _inputs(drawn), drawn.labels.astype(np.int64)
        new = np.zeros(size, bool)
        new[np.unique(inputs, return_index=True)[1]] = True
        if taken is not None:
            new &= ~np.isin(inputs, _inputs(taken))
        numbers = np.flatnonzero(new)
        numbers = numbers[np.argsort(labels[numbers], kind="stable")]
        points = np.argsort(labels[:count], kind="stable")
        there, wanted = (np.bincount(labels[rows], minlength=stream.params.n_c) for rows in (numbers, points))
        if (there >= wanted).all():
            break
        if size == most:
            class_ = int(np.argmax(there < wanted))
            problem = (
                f"asks for {wanted[class_]} distinct samples of class {class_}, and {size} draws have {there[class_]}: "
                "the others are too rare"
            )
            raise ArgumentError(name, count, problem, "Use fewer points, or distinct=False")
        size = min(most, 2 * size)
    within = np.arange(count) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    chosen = np.empty(count, np.uint32)
    chosen[points] = numbers[(np.cumsum(there) - there)[labels[points]] + within]
    features, positions = drawn.features[chosen], drawn.positions[chosen]
    return Dataset(stream, 0, features, positions, drawn.labels[chosen], chosen)


_HELD_OUT_DRAWS_PER_POINT = 1000
"""Draws after which samples with or without what is held out are given up."""


def _split_held_out(
    grammar: Grammar, P: int, P_test: int, seed: int, hold_out: HoldOut, replacement: bool, distinct: bool
) -> Split:
    """Return the split whose test inputs have what is held out, and whose training inputs do not."""
    check_instance(get_args(HoldOut), hold_out=hold_out)
    P = check_integer("P", P, minimum=1, maximum=2**31 - 1)
    P_test = check_integer("P_test", P_test, minimum=1, maximum=2**31 - 1)
    _check_sets(grammar, P, P_test)
    train, test, _ = split_streams(grammar, 1, 1, seed, replacement=replacement)
    rule = train.rule
    distinct = distinct or rule == "permutation"
    there, mass, squares = (class_sums(grammar, hold_out, power) for power in range(3))
    sets, bound = [], 0.0
    for held, (name, count, stream) in enumerate((("P", P, train), ("P_test", P_test, test))):
        needed = there[held] if distinct else np.where(there[held] > 0, np.inf, 0)
        sets.append(_draw_held_out(stream, count, name, hold_out, bool(held), needed, mass[held], distinct))
        if not distinct:
            share = grammar.class_probability / np.where(mass[held] > 0, mass[held], 1)
            bound += count**2 * float((share**2 * squares[held]).sum()) / 2
    return Split(sets[0], sets[1], rule, min(1.0, bound), distinct, hold_out)


def _draw_held_out(
    stream: Stream,
    count: int,
    name: str,
    hold_out: HoldOut,
    held: bool,
    there: Float[np.ndarray, " class_"],
    share: Float[np.ndarray, " class_"],
    distinct: bool,
) -> Dataset:
    """Take the classes of the first samples of a stream, and for each point the next sample of its class.

    Only samples with (`held`) or without what is held out are taken, of which each class has a number, `there`, and
    which are a share of its probability.
    """
    params, n_c = stream.params, stream.params.n_c
    kept = "with" if held else "without"
    _check_there(stream, count, name, hold_out, kept, there)
    most = min(max(_MIN_DRAWS, _HELD_OUT_DRAWS_PER_POINT * count), stream.length, 2**32 - 1)
    wanted = np.zeros(n_c, np.int64)
    found = np.zeros(n_c, np.int64)
    labels: list[np.ndarray] = []
    rows: list[tuple[np.ndarray, ...]] = []
    seen: set[bytes] = set()
    for first in range(0, most, _CHUNK):
        size = min(_CHUNK, most - first)
        drawn = stream.take(first, size)
        label = np.asarray(drawn.label)
        labels.append(label[: max(0, count - first)])
        wanted += np.bincount(labels[-1], minlength=n_c)
        part = np.flatnonzero(hold_out.occurs(stream.grammar, drawn) == held)
        rules, placements = (tuple(of_level[part] for of_level in choices) for choices in drawn[1:])
        tree = expand(stream.grammar, Derivation(label[part], rules, placements))
        features = tree.features[0].astype(smallest_unsigned(params.level(1).v))
        positions = tree.positions[0].astype(smallest_unsigned(params.d))
        if distinct and stream.rule == "replacement":
            new = np.zeros(len(part), bool)
            for row, value in enumerate(_as_values(features, positions).tolist()):
                new[row] = value not in seen
                seen.add(value)
            part, features, positions = part[new], features[new], positions[new]
        found += np.bincount(label[part], minlength=n_c)
        rows.append((features, positions, label[part], (part + first).astype(np.uint32)))
        if first + size >= count and (found >= wanted).all():
            break
    else:
        class_ = int(np.argmax(found < wanted))
        problem = (
            f"asks for {wanted[class_]} samples of class {class_} {kept} what {hold_out} holds out, and {most} draws "
            f"have {found[class_]}: they are a share of {share[class_]:.2g}"
        )
        raise ArgumentError(name, count, problem, "Use fewer points, or another fraction or level")
    features, positions, classes, numbers = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.argsort(classes, kind="stable")
    asked = np.concatenate(labels)
    points = np.argsort(asked, kind="stable")
    within = np.arange(count) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    chosen = np.empty(count, np.int64)
    chosen[points] = order[(np.cumsum(found) - found)[asked[points]] + within]
    return Dataset(
        stream,
        0,
        features[chosen],
        positions[chosen],
        classes[chosen].astype(smallest_unsigned(n_c)),
        numbers[chosen],
    )


def _check_there(
    stream: Stream, count: int, name: str, hold_out: HoldOut, kept: str, there: Float[np.ndarray, " class_"]
) -> None:
    """Raise an error if a class has fewer samples than its points."""
    if (there >= count).all():
        return
    length = min(count, stream.length)
    used = np.zeros((1, len(there)), np.int64)
    for first in range(0, length, _CHUNK):
        label = np.asarray(stream.take(first, min(_CHUNK, length - first)).label)
        used = used[-1] + np.cumsum(label[:, None] == np.arange(len(there)), axis=0)
        missing = used > there
        if missing.any():
            row = int(np.argmax(missing.any(axis=1)))
            class_, largest = int(np.argmax(missing[row])), first + row
            problem = f"is too large: class {class_} has {int(there[class_])} samples {kept} what {hold_out} holds out"
            fix = f"Use {name} <= {largest}" if there[class_] else "Use another hold_out"
            raise ArgumentError(name, count, problem, fix)


def _as_values(features: np.ndarray, positions: np.ndarray) -> Shaped[np.ndarray, " sample"]:
    """Features and positions of each sample as one value that can be compared."""
    whole = np.ascontiguousarray(np.concatenate([features, positions], axis=1, dtype=np.uint32))
    return whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()


def _inputs(dataset: Dataset) -> Shaped[np.ndarray, " sample"]:
    """The inputs, each as one value that can be compared."""
    return _as_values(dataset.features, dataset.positions)


def split_streams(
    grammar: Grammar, P: int, P_test: int, seed: int = 0, *, replacement: bool = False
) -> tuple[Stream, Stream, float]:
    """Return the streams whose first P and first P_test samples :func:`split` draws, and its bound on repeats."""
    check_instance(Grammar, grammar=grammar)
    P = check_integer("P", P, minimum=1, maximum=2**31 - 1)
    P_test = check_integer("P_test", P_test, minimum=1, maximum=2**31 - 1)
    P_max = grammar.params.P_max
    if replacement or grammar.weighted or P_max > PERMUTATION_LIMIT:
        train = Stream(grammar, seed, "replacement")
        pairs = (P + P_test) ** 2
        bound = pairs * _coincidence(grammar) / 2 if grammar.weighted else pairs / (2 * P_max)
        return train, replace(train, role="test"), min(1.0, bound)
    if P + P_test > P_max:
        raise ArgumentError(
            "P",
            P,
            f"and P_test = {P_test} exceed the P_max = {P_max} distinct data",
            f"Use P + P_test <= {P_max}, or replacement=True to draw with replacement",
        )
    train = Stream(grammar, seed, "permutation")
    return train, replace(train, reverse=True), 0.0


def _coincidence(grammar: Grammar) -> float:
    """The probability that two samples are equal."""
    below: Any = None  # of each symbol, that two trees below it are equal
    for level, rules in enumerate(grammar.rules, 1):
        same = np.ones(rules.shape[:2]) if below is None else below[rules].prod(axis=-1)  # [parent, m]
        of_rules = (grammar.rule_probability(level) ** 2 * same).sum(axis=1)
        below = of_rules * (grammar.placement_probability(level) ** 2).sum()
    return float((grammar.class_probability**2 * below).sum())


def _compact(stream: Stream, origin: Origin, count: int, xp: Any) -> tuple[Any, Any, Any]:
    """The informative leaves and labels of `count` samples from an origin on, in the smallest integers."""
    params = stream.params
    tree = expand(stream.grammar, stream.take(origin, count, xp))
    return (
        tree.features[0].astype(smallest_unsigned(params.level(1).v)),
        tree.positions[0].astype(smallest_unsigned(params.d)),
        tree.label.astype(smallest_unsigned(params.n_c)),
    )


@lru_cache(maxsize=64)
def _compiled(stream: Stream, count: int) -> Callable[[Origin], tuple[Any, Any, Any]]:
    """The compiled version of :func:`_compact` for one stream and any origin."""
    import jax
    import jax.numpy as jnp

    from ..backend import backend_name

    backend_name()  # refuses where there is none
    return jax.jit(lambda origin: _compact(stream, origin, count, jnp), compiler_options=_COMPILER_OPTIONS)


def _keep_memory() -> None:
    """Make the C library keep the memory of temporary arrays, which it would return and get back cleared.

    The amount that it keeps grows with the largest block that was freed (glibc; elsewhere this has no effect).
    Clearing pages took half of the time.
    """
    np.empty(2**24, np.uint8)


def bytes_of(params: Params, count: int) -> int:
    """Return the size of samples of a model in bytes: feature and position of each leaf, and the label."""
    check_instance(Params, params=params)
    leaf, label = (
        sum(np.dtype(smallest_unsigned(n)).itemsize for n in most)
        for most in ((params.level(1).v, params.d), (params.n_c,))
    )
    return count * (params.num_leaves * leaf + label)


def smallest_unsigned(values: int) -> type:
    """Return the smallest unsigned integer type that holds 0 .. values - 1."""
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if values - 1 <= np.iinfo(kind).max)
