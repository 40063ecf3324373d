"""The production rules of one model: which s-tuples of features each class and feature produces."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_instance, check_integer
from ..files import user_path, write_atomically
from ..memory import check_memory
from ..randomness import STREAM_VERSION, Key, add_wide, below, fold, role_key, threefry2x32
from .params import Level, Params
from .weights import TOTAL, WEIGHTS, integers_of, of_levels

_FORMAT = "srhm-grammar"

_PARTS = ("params", "seed", "rules", *WEIGHTS)
"""What a grammar is made of; all else follows from it."""

_WEIGHTS = 2**32
"""The number of the key of the weights of rules, beyond those of levels; placements and classes have the next ones."""


class Grammar:
    """Production rules drawn uniformly from all rule sets of a model (paper, section 2; docs, model.md).

    At each level every parent owns `m` ordered s-tuples, and all tuples of a level are distinct, within and
    across parents, so that a tuple names its parent. Levels are independent.

    Parameters
    ----------
    params
        The parameters of the model.
    seed
        Any integer from 0 to 2^64 - 1; the same seed gives the same rules on every machine.
    rule_weights
        How probable each rule of a parent is: :class:`Zipf`, :class:`LogNormal`, or numbers [parent, m] or [m], which
        are divided by their sum. For all levels, or by level as in ``{2: Zipf(1)}``. Default: all alike.
    placement_weights
        How probable each placement is, [placement], as for rules. Default: all alike.
    class_weights
        How probable each class is: a law, or numbers [class_]. Each sample's class is then drawn independently.
        Default: all alike, and balanced (:class:`srhm.Stream`).

    Attributes
    ----------
    params : Params
        The parameters of the model.
    seed : int or None
        The seed of the rules, or None for rules of :meth:`from_rules`.
    rules : tuple of arrays
        ``rules[l - 1]`` holds the tuples of level-l features, shape [parent, m, s], read-only. The parents
        are the `n_c` classes at level L and the features of level l + 1 below.
    rule_weights, placement_weights : tuple of arrays or None
        For each level the weights, [parent, m] and [placement], as multiples of 2^-32; None where all are alike.
    class_weights : array or None
        The weights of the classes, [class_], likewise.

    Raises
    ------
    ArgumentError
        If the seed is not such an integer, the rules are larger than main memory, or weights have another shape, are
        negative, or round to 0.

    Examples
    --------
    >>> grammar = Grammar(Params(n_c=2, v=3, m=2, s=2, s0=1, L=2), seed=0)
    >>> grammar.rules[1].shape, grammar.rules[0].shape
    ((2, 2, 2), (3, 2, 2))
    """

    def __init__(
        self,
        params: Params,
        seed: int = 0,
        *,
        rule_weights: Any = None,
        placement_weights: Any = None,
        class_weights: Any = None,
    ) -> None:
        check_instance(Params, params=params)
        self.params = params
        key = role_key(seed, "grammar")  # checks the seed
        self.seed: int | None = int(seed)
        sizes = [level.s * level.parents * level.m for level in params.levels]
        needed = 4 * sum(sizes) + 16 * max(sizes)  # the latter while they are drawn
        check_memory("params", params, needed, "rules", "Use a smaller m, v or n_c")
        self.rules = tuple(
            _draw_tuples(fold(key, level.level), level.parents, level.m, level.v, level.s)
            for level in params.levels
        )
        _freeze(self.rules)
        self._set_weights(key, rule_weights, placement_weights, class_weights)

    def _set_weights(self, key: Key | None, *given: Any) -> None:
        """Set the weights of the rules and of the placements, by level, and of the classes."""
        found: list[list[np.ndarray | None]] = []
        for number, (name, weights) in enumerate(zip(WEIGHTS, given, strict=True)):
            keys = None if key is None else fold(key, _WEIGHTS + number)
            found.append([None] * (self.params.L + 1))
            for level, of_level in of_levels(name, self.params, weights).items():
                own = None if keys is None else fold(keys, level)
                found[-1][level - 1] = integers_of(name, of_level, self.params, level, own)
        rules, placements, (*_, self.class_weights) = found
        self.rule_weights, self.placement_weights = tuple(rules[:-1]), tuple(placements[:-1])

    @property
    def weighted(self) -> bool:
        """Whether some rules, placements or classes are more probable than others."""
        return any(
            one is not None for one in (*self.rule_weights, *self.placement_weights, self.class_weights)
        )

    @property
    def class_probability(self) -> Float[np.ndarray, " class_"]:
        """The probability of each class."""
        n_c, weights = self.params.n_c, self.class_weights
        return np.full(n_c, 1 / n_c) if weights is None else weights / TOTAL

    def rule_probability(self, level: int) -> Float[np.ndarray, "parent m"]:
        """Return the probability of each rule of each parent of level-l tuples.

        Raises
        ------
        ArgumentError
            If the level is not between 1 and L.
        """
        numbers, weights = self.params.level(level), self.rule_weights[level - 1]
        return np.full((numbers.parents, numbers.m), 1 / numbers.m) if weights is None else weights / TOTAL

    def placement_probability(self, level: int) -> Float[np.ndarray, " placement"]:
        """Return the probability of each placement of level-l features.

        Raises
        ------
        ArgumentError
            If the level is not between 1 and L.
        """
        count, weights = self.params.level(level).placements, self.placement_weights[level - 1]
        return np.full(count, 1 / count) if weights is None else weights / TOTAL

    def latent_level(self, level: int) -> int | None:
        """Return the level whose symbols are latents of a number from 1 to L + 1; None for the class.

        Raises
        ------
        ArgumentError
            If there is no such level.
        """
        level = check_integer("level", level, minimum=1, maximum=self.params.L + 1)
        return level if level <= self.params.L else None

    def refuse_weights(self) -> None:
        """Raise an error if some rules, placements or classes are more probable than others.

        For what takes equal ones only.

        Raises
        ------
        ArgumentError
            If they are.
        """
        if self.weighted:
            problem = (
                "has rules, placements or classes of uneven weights, and this is known for equal ones only"
            )
            raise ArgumentError("grammar", self, problem, "Use a grammar without weights")

    @classmethod
    def from_rules(
        cls,
        params: Params,
        rules: Sequence[Any],
        *,
        rule_weights: Any = None,
        placement_weights: Any = None,
        class_weights: Any = None,
    ) -> "Grammar":
        """Build a grammar from given rules.

        Parameters
        ----------
        params
            The parameters of the model.
        rules
            A list or tuple with an entry for each level, level 1 (the input) first and the classes' rules last:
            integers of shape [parent, m, s]. If n_c = v, the shapes do not show a reversed order. The code in
            circulation numbers its layers from the classes on; :func:`srhm.compat.grammar_of_layers` reads those.
        rule_weights, placement_weights, class_weights
            As for :class:`Grammar`, except LogNormal, which needs a seed.

        Raises
        ------
        ArgumentError
            If `rules` is a mapping, whose keys could count from either end; or a level is missing, has the wrong shape,
            contains a number outside 0..v-1, or contains a tuple twice.
        """
        check_instance(Params, params=params)
        if not isinstance(rules, Sequence | np.ndarray) or isinstance(rules, str | bytes):
            keys = f" with the keys {list(rules)}" if isinstance(rules, Mapping) else ""
            raise ArgumentError(
                "rules",
                f"{type(rules).__name__}{keys}",
                "does not say which level comes first",
                "Give a list, the rules of level 1 (the input) first and those of the classes last; "
                "srhm.compat.grammar_of_layers takes layers that are numbered from the classes on",
            )
        if len(rules) != params.L:
            raise ArgumentError("rules", len(rules), "levels do not fit the model", f"Give {params.L} levels")
        grammar = cls.__new__(cls)
        grammar.params, grammar.seed = params, None
        grammar.rules = tuple(_checked_level(level, rules[level.level - 1]) for level in params.levels)
        _freeze(grammar.rules)
        grammar._set_weights(None, rule_weights, placement_weights, class_weights)
        return grammar

    @cached_property
    def _inverse(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """For each level the sorted codes of its tuples, and the rule (parent * m + choice) of each."""
        tables = []
        for level, level_rules in zip(self.params.levels, self.rules, strict=True):
            codes = _codes(level_rules.reshape(-1, level.s), level.v)
            order = np.argsort(codes)
            tables.append((codes[order], order))
        return tuple(tables)

    def parents_of(self, level: int, tuples: Integer[Any, "*shape s"]) -> tuple[np.ndarray, np.ndarray]:
        """Look up which class or feature produces each tuple of level-l features.

        Parameters
        ----------
        level
            Level of the features in the tuples, 1 to L.
        tuples
            Features, shape [..., s].

        Returns
        -------
        parent, choice
            Arrays [...]: the class or feature that owns each tuple and which of its `m` rules it is; both -1
            for a tuple that no rule produces.

        Raises
        ------
        ArgumentError
            If the level is not between 1 and L, or the tuples are not `s` integers each.
        """
        numbers = self.params.level(level)
        codes, rules = self._inverse[level - 1]
        tuples = np.asarray(tuples)
        if tuples.shape[-1:] != (numbers.s,) or tuples.dtype.kind not in "iu":
            raise ArgumentError(
                "tuples",
                tuples,
                f"does not hold tuples of {numbers.s} integers",
                f"Give integers of shape [..., {numbers.s}]",
            )
        tuples = tuples.astype(np.int64)
        wanted = _codes(tuples, numbers.v)
        place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        inside = ((tuples >= 0) & (tuples < numbers.v)).all(axis=-1)
        found = inside & (codes[place] == wanted)
        rule = rules[place]
        return np.where(found, rule // numbers.m, -1), np.where(found, rule % numbers.m, -1)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the model's parameters and rules, hexadecimal: the identity of the grammar."""
        sha = hashlib.sha256(json.dumps(self.params.to_dict(), sort_keys=True).encode())
        for level_rules in self.rules:
            sha.update(level_rules.astype("<i8").tobytes())
        for name, weights in self._uneven().items():
            for level, of_level in weights.items():
                sha.update(f"{name} {level}".encode() + of_level.astype("<i8").tobytes())
        return sha.hexdigest()

    def _uneven(self) -> dict[str, dict[int, np.ndarray]]:
        """The weights that are uneven, by name and level; level L + 1 is the classes."""
        by_level = {name: enumerate(getattr(self, name), 1) for name in WEIGHTS if name != "class_weights"}
        by_level["class_weights"] = enumerate([self.class_weights], self.params.L + 1)
        found = {
            name: {level: one for level, one in of_levels if one is not None}
            for name, of_levels in by_level.items()
        }
        return {name: weights for name, weights in found.items() if weights}

    def weights_to_dict(self) -> dict[str, Any]:
        """Return the weights that are uneven as JSON data, in units of 2^-32.

        They are by name, those of rules and placements also by level; :class:`Grammar` takes them as they are, once
        the levels are integers.
        """
        found: dict[str, Any] = {
            name: {str(level): one.tolist() for level, one in weights.items()}
            for name, weights in self._uneven().items()
        }
        return found | ({} if self.class_weights is None else {"class_weights": self.class_weights.tolist()})

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickled grammar is made of; all else follows from it."""
        return {name: self.__dict__[name] for name in _PARTS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a copy, or a grammar out of a pickle, whose arrays NumPy has made writeable."""
        self.__dict__.update({name: state[name] for name in _PARTS})
        _freeze(one for one in (*self.rules, *self.rule_weights, *self.placement_weights, self.class_weights))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grammar) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Grammar({self.params}, seed={self.seed}, digest={self.digest[:8]})"

    def to_json(self) -> str:
        """Return the grammar as readable JSON, one line a parent."""
        head = {
            "format": _FORMAT,
            "stream_version": STREAM_VERSION,
            "params": self.params.to_dict(),
            "seed": self.seed,
            "digest": self.digest,
        }
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        levels = [
            "    [\n" + ",\n".join(f"      {json.dumps(parent.tolist())}" for parent in level) + "\n    ]"
            for level in self.rules
        ]
        lines += [f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in self.weights_to_dict().items()]
        lines.append('  "rules": [\n' + ",\n".join(levels) + "\n  ]")
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> "Grammar":
        """Read a grammar from the text of :meth:`to_json`, checking all of it.

        The rules are those of the text. A seed of another version of the random streams would give other
        rules now, so it is dropped.

        Raises
        ------
        ArgumentError
            If the text is not such JSON, breaks a rule of the model, or its digest or seed does not fit its rules.
        """
        fix = "Give the text of to_json, unchanged"
        try:
            content = json.loads(text)
            if content["format"] != _FORMAT:
                raise ValueError("the format is another")
            params, rules = Params.from_dict(content["params"]), list(content["rules"])
            version, seed, digest = content["stream_version"], content["seed"], content["digest"]
            weights = {name: _numbered(content[name]) for name in WEIGHTS if name in content}
        except ArgumentError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArgumentError("text", text, "is not a saved grammar", fix) from error
        grammar = cls.from_rules(params, rules, **weights)
        if digest != grammar.digest:
            raise ArgumentError("digest", digest, "does not fit the rules", fix)
        if check_integer("stream_version", version, minimum=1) == STREAM_VERSION and seed is not None:
            if cls(params, seed, **weights) != grammar:
                raise ArgumentError("seed", seed, "does not give the rules", fix)
            grammar.seed = seed
        return grammar

    def save(self, path: str | Path) -> None:
        """Write the grammar to a JSON file, atomically; missing folders are created."""
        write_atomically(path, self.to_json().encode())

    @classmethod
    def load(cls, path: str | Path) -> "Grammar":
        """Read a grammar from a file of :meth:`save`; see :meth:`from_json` for what is checked.

        Raises
        ------
        ArgumentError
            If the file cannot be read, or is not such a file.
        """
        fix = "Name a file of Grammar.save"
        try:
            text = user_path(path).read_text(encoding="utf-8-sig")
        except (TypeError, UnicodeDecodeError) as error:
            raise ArgumentError("path", path, "is not a saved grammar", fix) from error
        except OSError as error:
            raise ArgumentError("path", str(path), f"cannot be read: {error.strerror}", fix) from error
        return cls.from_json(text)


def _freeze(arrays: Iterable[np.ndarray | None]) -> None:
    """Make arrays read-only: their digest is computed once."""
    for array in arrays:
        if array is not None:
            array.setflags(write=False)


def _numbered(weights: Any) -> Any:
    """Weights of a JSON text; levels are numbers again."""
    return {int(level): one for level, one in weights.items()} if isinstance(weights, dict) else weights


def _draw_tuples(key: Key, parents: int, m: int, v: int, s: int) -> Integer[np.ndarray, "parents m s"]:
    """Draw parents * m distinct s-tuples, uniformly among all ordered choices of them."""
    needed = parents * m
    draw = _shuffle_all_tuples if 2 * needed >= v**s else _draw_until_distinct
    return np.ascontiguousarray(draw(key, needed, v, s).reshape(parents, m, s).astype(np.int32))


def _shuffle_all_tuples(key: Key, needed: int, v: int, s: int) -> np.ndarray:
    """Shuffle the v^s tuples by random 64-bit words and take the first ones."""
    number = np.arange(v**s, dtype=np.uint64)
    high, low = threefry2x32(key, *_words_of(number))
    order = np.argsort(high.astype(np.uint64) << np.uint64(32) | low, kind="stable")[:needed]
    return np.stack(np.unravel_index(order, (v,) * s), axis=-1)


def _draw_until_distinct(key: Key, needed: int, v: int, s: int) -> np.ndarray:
    """Draw tuples one after another, passing over those seen before: the same law, without the v^s tuples."""
    keys = [fold(key, place) for place in range(s)]
    drawn = np.empty((0, s), np.int64)
    count = 2 * needed + 64  # at most half of all tuples are needed, so this is nearly always enough
    start = 0
    while True:
        counter = add_wide(start, np.arange(count, dtype=np.uint32))
        new = np.stack([below(threefry2x32(k, *counter)[0], v) for k in keys], axis=-1).astype(np.int64)
        drawn = np.concatenate([drawn, new])
        first = np.unique(_codes(drawn, v), return_index=True)[1]
        if len(first) >= needed:
            return drawn[np.sort(first)[:needed]]
        start += count


def _words_of(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (number & np.uint64(0xFFFFFFFF)).astype(np.uint32), (number >> np.uint64(32)).astype(np.uint32)


def _codes(tuples: np.ndarray, v: int) -> np.ndarray:
    """Number every tuple by its features as digits in base v; Params keeps v^s below 2^62."""
    code = np.zeros(tuples.shape[:-1], np.int64)
    for place in range(tuples.shape[-1]):
        code = code * v + tuples[..., place]
    return code


def _checked_level(level: Level, values: Any) -> np.ndarray:
    """Return one level of rules as an array, or say what is wrong with it."""
    name, shape = f"rules[{level.level - 1}]", (level.parents, level.m, level.s)
    try:
        rules = np.asarray(values)
    except ValueError:
        rules = np.empty(0)
    if rules.shape != shape or rules.dtype.kind not in "iu":
        fix = "Give [parent, m, s], level 1 (the input) first and the classes last"
        raise ArgumentError(
            name, values, f"is not an integer array of shape {shape} (level {level.level})", fix
        )
    if rules.min() < 0 or rules.max() >= level.v:
        raise ArgumentError(
            name,
            values,
            f"holds features outside 0..{level.v - 1}",
            f"Number the features 0 to {level.v - 1}",
        )
    codes = _codes(rules.reshape(-1, level.s), level.v)
    if len(np.unique(codes)) < len(codes):
        raise ArgumentError(name, values, "lists a tuple twice", "Give every tuple to one parent only, once")
    return np.ascontiguousarray(rules.astype(np.int32))
