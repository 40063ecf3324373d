"""Training and test sets, and how the two are kept apart: by a permutation, by drawing again, by what is held out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, Shaped

from ..errors import ArgumentError, check_instance, check_integer
from ..memory import check_memory
from .dataset import CHUNK, Dataset, bytes_of, smallest_unsigned
from .derivation import Derivation, expand
from .grammar import Grammar
from .holdout import HoldOut, class_sums
from .stream import PERMUTATION_LIMIT, SplitRule, Stream


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
        if self.distinct:
            return 0.0
        test, train = (_as_values(one.features, one.positions) for one in (self.test, self.train))
        return float(np.isin(test, train).mean())

    @cached_property
    def in_distribution(self) -> Dataset | None:
        """Test inputs like the training inputs, without what is held out: as many as test inputs, or as there are left.

        None if there are none left, or so few that the draws of a set do not find them. Without `hold_out` it is the
        test set.
        """
        return self.test if self.hold_out is None else _draw_in_distribution(self, self.hold_out)


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
    >>> from srhm import Params
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


def _check_distinct(grammar: Grammar, sets: dict[str, tuple[Stream, int]]) -> None:
    """Raise an error if a class has fewer distinct samples than the sets ask for."""
    there, _ = class_sums(grammar, 0)
    wanted: Any = sum(
        np.bincount(stream.take(0, count).label, minlength=grammar.params.n_c)
        for stream, count in sets.values()
    )
    if (wanted > there).any():
        class_ = int(np.argmax(wanted > there))
        P, P_test = (count for _, count in sets.values())
        problem = (
            f"and P_test = {P_test} ask for {wanted[class_]} distinct samples of class {class_}, which has "
            f"{int(there[class_])}"
        )
        raise ArgumentError("P", P, problem, "Use fewer points, or distinct=False")


def _draw_distinct(stream: Stream, count: int, name: str, taken: Dataset | None = None) -> Dataset:
    """Take new samples only: none that came before, or is taken by another set."""

    def too_rare(class_: int, wanted: int, found: int, draws: int) -> ArgumentError:
        problem = (
            f"asks for {wanted} distinct samples of class {class_}, and {draws} draws have {found}: "
            "the others are too rare"
        )
        return ArgumentError(name, count, problem, "Use fewer points, or distinct=False")

    seen = set() if taken is None else set(_as_values(taken.features, taken.positions).tolist())
    return _next_of_class(stream, count, max(_MIN_DRAWS, _DRAWS_PER_POINT * count), too_rare, seen=seen)


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
    there, mass, squares = (class_sums(grammar, power, hold_out) for power in range(3))
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
    others: Dataset | None = None,
) -> Dataset:
    """Take only samples with (`held`) or without what is held out; if `distinct`, none of `others`.

    Each class has a number of them, `there`, which are a share of its probability.
    """
    kept = "with" if held else "without"
    largest, class_ = _most_points(stream, count, there)
    if largest < count:
        problem = (
            f"is too large: class {class_} has {int(there[class_])} samples {kept} what {hold_out} holds out"
        )
        fix = f"Use {name} <= {largest}" if there[class_] else "Use another hold_out"
        raise ArgumentError(name, count, problem, fix)

    def too_rare(class_: int, wanted: int, found: int, draws: int) -> ArgumentError:
        problem = (
            f"asks for {wanted} samples of class {class_} {kept} what {hold_out} holds out, and {draws} draws have "
            f"{found}: they are a share of {share[class_]:.2g}"
        )
        return ArgumentError(name, count, problem, "Use fewer points, or another fraction or level")

    def taken(drawn: Derivation) -> np.ndarray:
        return hold_out.occurs(stream.grammar, drawn) == held

    seen: set[bytes] | None = set() if distinct and stream.rule == "replacement" else None
    if distinct and others is not None:
        seen = set(_as_values(others.features, others.positions).tolist())
    draws = max(_MIN_DRAWS, _HELD_OUT_DRAWS_PER_POINT * count)
    return _next_of_class(stream, count, draws, too_rare, taken, seen)


def _next_of_class(
    stream: Stream,
    count: int,
    draws: int,
    too_rare: Callable[[int, int, int, int], ArgumentError],
    taken: Callable[[Derivation], np.ndarray] | None = None,
    seen: set[bytes] | None = None,
) -> Dataset:
    """Take the classes of the first samples of a stream, and for each point the next sample of its class.

    Parameters
    ----------
    stream, count
        The stream, and the number of points.
    draws
        Samples of the stream after which it gives up.
    too_rare
        The error of giving up, from a class, its points, how many of them were found, and the draws.
    taken
        Which samples are taken. Default: all.
    seen
        Inputs that are not taken, to which those taken are added; None: an input may come again.
    """
    params, n_c = stream.params, stream.params.n_c
    most = min(draws, stream.length, 2**32 - 1)
    wanted, found = np.zeros(n_c, np.int64), np.zeros(n_c, np.int64)
    labels: list[np.ndarray] = []
    rows: list[tuple[np.ndarray, ...]] = []
    for first in range(0, most, CHUNK):
        size = min(CHUNK, most - first)
        drawn = stream.take(first, size)
        label = np.asarray(drawn.label)
        labels.append(label[: max(0, count - first)])
        wanted += np.bincount(labels[-1], minlength=n_c)
        part = np.arange(size) if taken is None else np.flatnonzero(taken(drawn))
        rules, placements = (tuple(of_level[part] for of_level in choices) for choices in drawn[1:])
        tree = expand(stream.grammar, Derivation(label[part], rules, placements))
        features = tree.features[0].astype(smallest_unsigned(params.level(1).v))
        positions = tree.positions[0].astype(smallest_unsigned(params.d))
        if seen is not None:
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
        raise too_rare(class_, int(wanted[class_]), int(found[class_]), most)
    features, positions, classes, numbers = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.argsort(classes, kind="stable")
    asked = np.concatenate(labels)
    points = np.argsort(asked, kind="stable")
    within = np.arange(count) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    chosen = np.empty(count, np.int64)
    chosen[points] = order[(np.cumsum(found) - found)[asked[points]] + within]
    labels_of = classes[chosen].astype(smallest_unsigned(n_c))
    return Dataset(stream, 0, features[chosen], positions[chosen], labels_of, numbers[chosen])


def _most_points(stream: Stream, count: int, there: Float[np.ndarray, " class_"]) -> tuple[int, int]:
    """Return how many of the first points of a stream each class has enough samples for, and which ends first."""
    if (there >= count).all():
        return count, 0
    length = min(count, stream.length)
    used = np.zeros((1, len(there)), np.int64)
    for first in range(0, length, CHUNK):
        label = np.asarray(stream.take(first, min(CHUNK, length - first)).label)
        used = used[-1] + np.cumsum(label[:, None] == np.arange(len(there)), axis=0)
        missing = used > there
        if missing.any():
            row = int(np.argmax(missing.any(axis=1)))
            return first + row, int(np.argmax(missing[row]))
    return count, 0


def _draw_in_distribution(sets: Split, hold_out: HoldOut) -> Dataset | None:
    """Draw test inputs without what is held out, from the stream of the test set; see :attr:`Split.in_distribution`."""
    stream, grammar = sets.test.stream, sets.test.stream.grammar
    there, share = (class_sums(grammar, power, hold_out)[0] for power in range(2))
    used = np.bincount(sets.train.labels, minlength=len(there))
    left = there - used if sets.distinct else np.where(there > 0, np.inf, 0)
    count, _ = _most_points(stream, len(sets.test), left)
    if count == 0:
        return None
    try:
        return _draw_held_out(
            stream, count, "P_test", hold_out, False, left, share, sets.distinct, sets.train
        )
    except ArgumentError:
        return None


def _as_values(features: np.ndarray, positions: np.ndarray) -> Shaped[np.ndarray, " sample"]:
    """Features and positions of each sample as one value that can be compared."""
    whole = np.ascontiguousarray(np.concatenate([features, positions], axis=1, dtype=np.uint32))
    return whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()


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
    return float((grammar.class_probability**2 * class_sums(grammar, 2)[0]).sum())
