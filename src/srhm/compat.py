"""The Random Hierarchy Model with the argument names of the code in circulation (docs, migration.md).

There are three generations of that code. Two have a class `RandomHierarchyModel`: that of Cagnetta, Petrini, Tomasini,
Favero and Wyart (2023), with the synonyms `m`, and a later one, with the synonyms `num_synonyms`. The third has a
class `RHM` (2025), with the features `v` and the classes `n`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import (
    ArgumentError,
    check_choice,
    check_instance,
    check_integer,
    import_extra,
    in_short,
    name_fix,
    nearest,
)
from .model.dataset import Dataset
from .model.encoding import encode
from .model.grammar import Grammar
from .model.params import Params
from .model.splitting import split
from .model.stream import PERMUTATION_LIMIT, Stream

__all__ = ["grammar_of_layers", "layers_of_grammar", "params_of", "rhm"]

LARGEST_WHOLE = 10**7
"""The largest P_max for which all data are made by default."""

_FORM = {"input_format": "onehot", "whitening": 0, "transform": None}
_SHARED = _FORM | {"num_features": 8, "num_classes": 2, "num_layers": 2}
_FIRST = _SHARED | {
    "m": 2,
    "s": 2,
    "seed": 0,
    "seed_traintest_split": 0,
    "max_dataset_size": None,
    "testsize": -1,
    "unique_datapoints": 1,
}
_SECOND = _SHARED | {
    "num_synonyms": 2,
    "tuple_size": 2,
    "seed_rules": 0,
    "seed_sample": 1,
    "train_size": -1,
    "test_size": 0,
    "replacement": False,
}
_THIRD = _FORM | {
    "v": None,
    "n": None,
    "m": None,
    "s": None,
    "L": None,
    "seed_rules": 0,
    "seed_samples": 1,
    "num_data": None,
}
"""None marks a required argument."""

_GENERATIONS: tuple[dict[str, Any], ...] = (_FIRST, _SECOND, _THIRD)
_NUMBERS = {
    "v": ("num_features", "num_features", "v"),
    "n_c": ("num_classes", "num_classes", "n"),
    "m": ("m", "num_synonyms", "m"),
    "s": ("s", "tuple_size", "s"),
    "L": ("num_layers", "num_layers", "L"),
}
"""The names of each field of Params in the three generations."""
_SPARSE = {"s0": "s0", "sparsity": "sparsity_type"}
"""The names of the fields that only the code of the Sparse Random Hierarchy Model has, next to those of 2023."""
_EQUIVALENT = (
    *_NUMBERS.values(),
    ("seed", "seed_rules", "seed_rules"),
    ("seed_traintest_split", "seed_sample", "seed_samples"),
    ("testsize", "test_size", ""),
    ("max_dataset_size", "train_size + test_size", "num_data"),
    ("unique_datapoints", "replacement", ""),
)
_REFUSED = {
    "train": "Leave it out: rhm returns both sets, as .train and .test",
    "testing": "Leave it out: rhm returns both sets, as .train and .test",
    "ptr": "Use max_dataset_size = ptr + pte and testsize = pte; both count points, not points of a class",
    "pte": "Use max_dataset_size = ptr + pte and testsize = pte; both count points, not points of a class",
    "seed_init": "Use seed for the rules and seed_traintest_split for the samples",
    "seed_trainset": "Use seed_traintest_split",
    "seed_reset_layer": "Use srhm.exchange_synonyms, which re-draws the synonyms of one level",
    "memory_constraint": "Leave it out: only the requested samples are made",
    "bonus": "Use srhm.exchange_synonyms for data with other synonyms, srhm.inference.UniformNoise for noisy ones",
    "probability": "Use srhm.Grammar with rule_weights, such as srhm.Zipf, and srhm.split",
    "probs": "Use srhm.Grammar with rule_weights, such as srhm.Zipf, and srhm.split",
    "prior": "Use srhm.Grammar with class_weights, and srhm.split",
    "unique": "Leave it out: samples are distinct, except with replacement=True",
    "upload_rules_from_path": "Use srhm.compat.grammar_of_layers and srhm.split",
    "background_noise": "Use srhm.inference.UniformNoise, or the argument transform",
    "s0": "Use srhm.compat.params_of, srhm.Grammar and srhm.split for the Sparse Random Hierarchy Model",
    "sparsity_type": "Use srhm.compat.params_of, srhm.Grammar and srhm.split for the Sparse Random Hierarchy Model",
    "apply_diffeo": "Use srhm.diffeomorphism, which re-draws placements",
    "seed_p": "Use srhm.diffeomorphism and its seed, which re-draws placements",
}
_OFF = (
    "bonus",
    "probability",
    "probs",
    "prior",
    "upload_rules_from_path",
    "background_noise",
    "s0",
    "apply_diffeo",
)
"""Refused names that have no effect if they are False or 0."""
_FORMATS = ("onehot", "long", "decimal")


@dataclass(frozen=True, eq=False)
class RhmSet:
    """One set in the form of the code in circulation: dense tensors, and pairs (input, label) by index."""

    features: Any
    """Tensor [sample, channel, position], float32; [sample, position], int64, for the format ``"long"``."""
    labels: Any
    """Tensor [sample], int64."""
    data: Dataset
    """The same samples in compact form, with their hidden variables."""
    transform: Callable[[Any, Any], Any] | None = None
    """A function of (input, label), or None."""

    @property
    def x(self) -> Any:
        """The features, under their name in the code of 2023."""
        return self.features

    @property
    def targets(self) -> Any:
        """The labels, under their name in the code of 2023."""
        return self.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> Any:
        pair = self.features[index], self.labels[index]
        return self.transform(*pair) if self.transform else pair


@dataclass(frozen=True, eq=False)
class RhmSets:
    """The two sets of a Random Hierarchy Model."""

    grammar: Grammar
    """The production rules; ``grammar.rules[-1]`` belong to the classes, ``rules[0]`` in the code in circulation."""
    train: RhmSet
    """The training set."""
    test: RhmSet | None
    """The test set; None if it has no points."""


def rhm(**arguments: Any) -> RhmSets:
    """Draw a Random Hierarchy Model (s0 = 0) and its sets, with the argument names of the code in circulation.

    Names and defaults are those of one of the three generations of that code; they cannot be mixed. Rules and samples
    have the same distributions as there, except that classes are balanced; the same seed gives other ones.

    Parameters
    ----------
    **arguments
        - `num_features`, 8: v. `num_classes`, 2: n_c. `num_layers`, 2: L.
        - `m` or `num_synonyms`, 2: m. `s` or `tuple_size`, 2: s.
        - `seed` or `seed_rules`, 0: seed of the rules. `seed_traintest_split`, 0, or `seed_sample`, 1: of the
          samples.
        - 2023: `max_dataset_size`, P + P_test, default: all data; `testsize`, P_test, -1 for a fifth of
          them, at most 20,000; `unique_datapoints`, 1, or 0 for draws with replacement.
        - later: `train_size`, P, -1 for all data but the test set; `test_size`, 0; `replacement`, False, or True
          for draws with replacement.
        - `RHM` (2025): `v`, `n` (classes), `m`, `s`, `L` and `num_data`, P, which have no defaults; `seed_rules`, 0;
          `seed_samples`, 1. Data are drawn with replacement, and there is no test set.
        - `input_format`, ``"onehot"``, ``"long"`` (1 to v) or ``"decimal"`` (one channel, -2 + 2/v to 0).
        - `whitening`, 0 or 1, for ``"onehot"``. With 2023's names a feature is 1 on its channel and
          -(v - 1)^(-1/2) on the others (``"whitened"`` of :data:`srhm.Encoding`); with the others
          (1 - 1/v)^(1/2) and -(v (v - 1))^(-1/2).
        - `transform`, a function of (input, label).
        - Arguments without a counterpart here, such as `bonus`, `prior` or `probs`, only as None (or False), without
          effect.

    Returns
    -------
    RhmSets
        ``.train``, ``.test`` and ``.grammar``.

    Raises
    ------
    ArgumentError
        If a name belongs to no generation, names of two generations are mixed, or a value is not supported; the
        message says what to use instead.
    MissingExtraError
        If PyTorch is not installed.

    Examples
    --------
    >>> sets = rhm(num_features=8, num_classes=8, num_synonyms=4, num_layers=2, train_size=400, test_size=100)
    >>> x, y = sets.train[0]
    >>> len(sets.train), len(sets.test), x.shape
    (400, 100, torch.Size([8, 4]))
    """
    torch = import_extra("torch", "torch")
    arguments = {name: value for name, value in arguments.items() if not _asks_for_nothing(name, value)}
    defaults = _generation(arguments)
    values = defaults | arguments
    grammar = _grammar(values)
    _check_form(values)
    data = _sets(grammar, values)

    def dense(data: Dataset | None) -> RhmSet | None:
        if data is None:
            return None
        features = torch.from_numpy(_written(data, values))
        labels = torch.from_numpy(data.labels.astype(np.int64))
        return RhmSet(features, labels, data, values["transform"])

    train = dense(data[0])
    assert train is not None
    return RhmSets(grammar, train, dense(data[1]))


def params_of(**numbers: Any) -> Params:
    """Return the parameters of a model, with the argument names of the code in circulation.

    Names and defaults are those of one of the three generations of that code; they cannot be mixed.

    Parameters
    ----------
    **numbers
        - `num_features`, 8, or `v`: v. `num_classes`, 2, or `n`: n_c. `num_layers`, 2, or `L`: L.
        - `m` or `num_synonyms`, 2: m. `s` or `tuple_size`, 2: s. Next to `v`, `n` or `L` none has a default.
        - `s0`, 0, and `sparsity_type`, ``"a"`` (the default) or ``"b"``, of the code of the Sparse Random Hierarchy
          Model, next to the others. That code itself takes `s0` as 1 if it is left out.

    Raises
    ------
    ArgumentError
        If a name is none of these, names of two generations are mixed, or as for :class:`srhm.Params`, by the
        names given.

    Examples
    --------
    >>> params_of(num_features=8, num_classes=8, num_synonyms=4, tuple_size=2, num_layers=3)
    Params(n_c=8, v=8, m=4, s=2, s0=0, L=3, sparsity='A')
    >>> params_of(v=8, n=8, m=4, s=2, L=3) == params_of(num_features=8, num_classes=8, m=4, s=2, num_layers=3)
    True
    >>> params_of(num_features=8, L=3)
    Traceback (most recent call last):
      ...
    srhm.errors.ArgumentError: L = 3 and num_features are names of two different codes. Use num_layers in place of L.
    """
    known = [name for names in (*_NUMBERS.values(), _SPARSE.values()) for name in names]
    known = list(dict.fromkeys(known))
    for name, value in numbers.items():
        if name not in known:
            if name in _NUMBERS:
                fix = name_fix(name, dict.fromkeys(_NUMBERS[name]))
            elif any(name in names for names in (*_GENERATIONS, _REFUSED)):
                fix = "Leave it out; see srhm.rhm for what is not a number of the model"
            else:
                fix = name_fix(name, known)
            raise ArgumentError(name, value, "is not a number of the model", fix)
    own = {name: value for name, value in numbers.items() if name not in _SPARSE.values()}
    if "sparsity_type" in numbers and "s0" not in numbers:
        problem = "is given without s0"
        raise ArgumentError(
            "sparsity_type", numbers["sparsity_type"], problem, "Give s0 too, or leave it out"
        )
    kind = numbers.get("sparsity_type", "a")
    check_choice("sparsity_type", kind, ("a", "b"), "is not a kind of sparsity")
    s0 = check_integer("s0", numbers.get("s0", 0), minimum=0)
    return _params(_generation(own) | own, s0, kind.upper())


def grammar_of_layers(params: Params, layers: Any) -> Grammar:
    """Build a grammar from rules in the form of the code in circulation: layer 0 is that of the classes.

    Where n_c = v, layers in the other order have the same shapes, so nothing is guessed: the first is the classes'.

    Parameters
    ----------
    params
        The parameters of the model; :func:`params_of` takes them by the names of that code.
    layers
        Integers [parent, m, s] for each layer, in a mapping with the keys 0 to L - 1 (``.rules`` of a model, or the
        result of its `sample_rules`) or in a list, that of the classes first; arrays, or tensors in main memory.

    Raises
    ------
    ArgumentError
        If the layers are not 0 to L - 1, or as for :meth:`srhm.Grammar.from_rules`; ``layers[k]`` is the caller's.

    Examples
    --------
    >>> grammar = Grammar(Params(n_c=4, v=4, m=2, s=2, s0=0, L=2), seed=0)
    >>> theirs = {0: grammar.rules[1], 1: grammar.rules[0]}
    >>> grammar_of_layers(grammar.params, theirs) == grammar
    True
    """
    check_instance(Params, params=params)
    if isinstance(layers, Mapping):
        if set(layers) != set(range(params.L)):
            fix = f"Give the layers 0, of the classes, to {params.L - 1}"
            raise ArgumentError("layers", list(layers), f"are not the layers of L = {params.L} levels", fix)
        layers = [layers[number] for number in range(params.L)]
    if not isinstance(layers, Sequence) or isinstance(layers, str | bytes):
        fix = "Give a mapping with the keys 0 to L - 1, or a list, the classes' layer first"
        raise ArgumentError("layers", type(layers).__name__, "is not a mapping or list of layers", fix)
    try:
        return Grammar.from_rules(params, layers[::-1])
    except ArgumentError as error:
        names = {f"rules[{level}]": f"layers[{params.L - 1 - level}]" for level in range(params.L)}
        order = {_INPUT_FIRST: "the classes' layer first and the input's last"}
        raise error.renamed(names | order | {"rules": "layers"}) from None


_INPUT_FIRST = "level 1 (the input) first and the classes last"
"""What :meth:`srhm.Grammar.from_rules` says of the order, which is the other one."""


def layers_of_grammar(grammar: Grammar) -> dict[int, np.ndarray]:
    """Return the rules of a grammar in the form of the code in circulation: layer 0 is that of the classes.

    Blanks and weights are not part of them. :func:`grammar_of_layers` is the inverse.

    Parameters
    ----------
    grammar
        The grammar.

    Returns
    -------
    dict
        For each layer 0 to L - 1 a new array [parent, m, s] of int64; ``torch.from_numpy`` makes a tensor of it.

    Examples
    --------
    >>> grammar = Grammar(Params(n_c=3, v=4, m=2, s=2, s0=0, L=2), seed=0)
    >>> layers = layers_of_grammar(grammar)
    >>> {number: layer.shape for number, layer in layers.items()}
    {0: (3, 2, 2), 1: (4, 2, 2)}
    >>> grammar_of_layers(grammar.params, layers) == grammar
    True
    """
    check_instance(Grammar, grammar=grammar)
    return {number: rules.astype(np.int64) for number, rules in enumerate(reversed(grammar.rules))}


def _asks_for_nothing(name: str, value: Any) -> bool:
    """Whether an argument without a counterpart here has the value that turns it off."""
    is_off = isinstance(value, bool | int | float) and not value
    return name in _REFUSED and (value is None or (is_off and name in _OFF))


def _generation(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults of the generation that the names belong to."""
    for name, value in arguments.items():
        if name in _REFUSED:
            raise ArgumentError(name, value, "is not supported", _REFUSED[name])
        if not any(name in names for names in _GENERATIONS):
            near = nearest(name, [*_FIRST, *_SECOND, *_THIRD])
            fix = "See the names in the description of srhm.rhm"
            fix = fix if near is None else f"Did you mean {near!r}? {fix}"
            raise ArgumentError(name, value, "is not an argument of rhm", fix)
    whole = [names for names in (_SECOND, _FIRST, _THIRD) if set(arguments) <= set(names)]
    if not whole:
        raise _mixed(arguments)
    if _FIRST in whole and _SECOND in whole and arguments.get("whitening"):
        raise ArgumentError(
            "whitening",
            arguments["whitening"],
            "has different meanings in the two codes",
            "Give the number of synonyms too, as m (2023) or as num_synonyms (later)",
        )
    return whole[0]


def _mixed(arguments: dict[str, Any]) -> ArgumentError:
    """The error for names of different generations: it names one that the nearest generation lacks."""
    closest = max(
        range(len(_GENERATIONS)), key=lambda number: len(set(arguments) & set(_GENERATIONS[number]))
    )
    stranger = next(name for name in arguments if name not in _GENERATIONS[closest])
    others = [names for names in _GENERATIONS if stranger in names]
    own = [name for name in arguments if name in _GENERATIONS[closest]]
    own.sort(key=lambda name: any(name in names for names in others))  # first what the stranger's do not have
    rows = (row for row in _EQUIVALENT if any(stranger in name.split(" + ") for name in row))
    other = next((row[closest] for row in rows), "")
    return ArgumentError(
        stranger,
        arguments[stranger],
        f"and {own[0]} are names of two different codes",
        f"Use {other} in place of {stranger}" if other else f"Leave out {own[0]} or {stranger}",
    )


def _named(values: dict[str, Any], *names: str) -> tuple[str, Any]:
    """Return the name and the value of one argument, by whichever of its names these arguments have."""
    name = next(name for name in names if name in values)
    return name, values[name]


def _params(values: dict[str, Any], s0: int = 0, sparsity: Any = "A") -> Params:
    """Return the parameters; errors name the arguments as the caller wrote them."""
    names = {field: _named(values, *spellings)[0] for field, spellings in _NUMBERS.items()}
    for name in names.values():
        check_integer(name, values[name])  # Params would fill in numbers that are left open
    numbers = {field: values[name] for field, name in names.items()}
    try:
        return Params(s0=s0, sparsity=sparsity, **numbers)
    except ArgumentError as error:
        raise error.renamed(names) from None


def _grammar(values: dict[str, Any]) -> Grammar:
    """Draw the rules."""
    params = _params(values)
    name, seed = _named(values, "seed", "seed_rules")
    return Grammar(params, check_integer(name, seed, minimum=0, maximum=2**64 - 1))


def _check_form(values: dict[str, Any]) -> None:
    kind, whitening = values["input_format"], values["whitening"]
    if kind not in _FORMATS:
        fix = f"{name_fix(kind, _FORMATS)}; other forms can be made of .data of a set"
        raise ArgumentError("input_format", kind, "is not supported", fix)
    if whitening not in (0, 1):
        raise ArgumentError("whitening", whitening, "is neither 0 nor 1", "Use 0 or 1")
    if whitening and kind != "onehot":
        problem = f"has no meaning for the format {kind!r}"
        raise ArgumentError("whitening", whitening, problem, "Use whitening=0, or input_format='onehot'")
    if values["transform"] is not None and not callable(values["transform"]):
        problem = "cannot be called"
        raise ArgumentError("transform", values["transform"], problem, "Give a function of (input, label)")


def _sets(grammar: Grammar, values: dict[str, Any]) -> tuple[Dataset, Dataset | None]:
    """Draw the samples."""
    P_max = grammar.params.P_max
    name, seed = _named(values, "seed_traintest_split", "seed_sample", "seed_samples")
    seed = check_integer(name, seed, minimum=0, maximum=2**64 - 1)
    if "num_data" in values:
        P = check_integer("num_data", values["num_data"], minimum=1, maximum=2**31 - 1)
        return Dataset.draw(Stream(grammar, seed, "replacement"), P), None
    replacement = bool(values["replacement"]) if "replacement" in values else not values["unique_datapoints"]
    replacement = replacement or P_max > PERMUTATION_LIMIT
    P, P_test = _sizes(P_max, values, replacement)
    if not P_test:
        return Dataset.draw(Stream(grammar, seed, "replacement" if replacement else "permutation"), P), None
    sets = split(grammar, P, P_test, seed, replacement=replacement)
    return sets.train, sets.test


def _sizes(P_max: int, values: dict[str, Any], replacement: bool) -> tuple[int, int]:
    """Return P and P_test."""
    first = "max_dataset_size" in values
    all_name, test_name = ("max_dataset_size", "testsize") if first else ("train_size", "test_size")
    asked = values[all_name]
    every = asked is None if first else asked == -1
    if every and (replacement or P_max > LARGEST_WHOLE):
        problem = f"asks for all data, of which there are {in_short(P_max)}"
        problem += ", by draws with replacement" if replacement else ""
        raise ArgumentError(all_name, asked, problem, f"Give {all_name} as a number of points")
    asked = P_max if every else check_integer(all_name, asked, minimum=1, maximum=2**31 - 1)
    test = check_integer(test_name, values[test_name], minimum=-1, maximum=2**31 - 1)
    P_test = min(asked // 5, 20_000) if test == -1 else test
    P = asked - P_test if first or every else asked
    if P < 1:
        raise ArgumentError(test_name, test, f"leaves none of {asked} points to train on", "Use fewer")
    if not replacement and P + P_test > P_max:
        problem = f"makes {P + P_test} points with the test set, of only {P_max} distinct data"
        raise ArgumentError(
            all_name, asked, problem, f"Use at most {P_max} points in all, or draw with replacement"
        )
    return P, P_test


def _written(data: Dataset, values: dict[str, Any]) -> np.ndarray:
    """Return the inputs in the format asked for, [sample, channel, position] or [sample, position]."""
    kind, v = values["input_format"], data.params.v
    if kind != "onehot":
        symbols = data.encode("integer").astype(np.int64) + 1
        return symbols if kind == "long" else (2 * (symbols / v - 1)).astype(np.float32)[:, None, :]
    whitened = values["whitening"]
    plain = not whitened or "max_dataset_size" not in values
    dense = encode(data.params, data.features, data.positions, "onehot" if plain else "whitened")
    if whitened and plain:
        dense = ((dense - 1 / v) * (1 - 1 / v) ** -0.5).astype(np.float32)
    return np.ascontiguousarray(dense.transpose(0, 2, 1))
