"""The exact parse: from a clean input back to the choices that made it, as far as there are any."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from ..errors import ArgumentError, check_instance
from ..model.derivation import Derivation, placement_of
from ..model.grammar import Grammar
from ..model.plane import in_tree_order, shape_text
from .chunks import Invalid, check_invalid, samples_text

_BLANK, _WRONG = -1, -2
"""Symbols that are no feature: a blank, and one that is not blank and that the grammar lacks."""


class LevelParse(NamedTuple):
    """What is read at one level."""

    filled: Bool[np.ndarray, "sample patch"]
    """Which patches are not blank."""
    valid: Bool[np.ndarray, "sample patch"]
    """Which of them hold a tuple of the grammar, of valid children in one of its placements."""
    rules: Integer[np.ndarray, " tuple"]
    """Which of its parent's rules each valid tuple is, sample by sample and in the order of positions."""
    placements: Integer[np.ndarray, " tuple"]
    """Their placements."""
    faults: tuple[tuple[Bool[np.ndarray, " sample"], str], ...]
    """What can be wrong at this level, and with which samples it is."""


def parse(
    grammar: Grammar, inputs: Integer[Any, "sample *shape"], *, invalid: Invalid = "raise"
) -> Derivation:
    """Read the derivation of every input: each tuple names its parent, so there is exactly one.

    Parameters
    ----------
    grammar
        The production rules.
    inputs
        Features 0 to v - 1, -1 for a blank (the ``"integer"`` encoding), [sample, position]; in the plane pictures,
        [sample, row, column], or positions in tree order.
    invalid
        What happens with inputs that the grammar does not produce: ``"raise"``, the default, an error that names them;
        ``"mask"``, their label and all their choices are -1, and the other inputs are parsed.

    Raises
    ------
    ArgumentError
        If the shape is wrong, or, by default, the grammar does not produce an input; the message names all samples that
        fail, and says of the first of those that fail at the lowest level what is wrong there.
    """
    check_instance(Grammar, grammar=grammar)
    check_invalid(invalid)
    label, levels = parse_levels(grammar, inputs)
    whole = label >= 0
    if invalid == "raise" and not whole.all():
        raise _refusal(~whole, levels)
    parts: tuple[list[Any], list[Any]] = ([], [])
    for level, one in zip(grammar.params.levels, levels, strict=True):
        kept = whole[np.nonzero(one.valid)[0]]
        for part, choices in zip(parts, (one.rules, one.placements), strict=True):
            part.append(np.full((len(label), level.nodes), -1, np.int32))
            part[-1][whole] = choices[kept].reshape(-1, level.nodes)
    return Derivation(np.where(whole, label, -1).astype(np.int32), tuple(parts[0]), tuple(parts[1]))


def validity(grammar: Grammar, inputs: Integer[Any, "sample *shape"]) -> Float[np.ndarray, "sample level"]:
    """Return the share of the tuples of each level that the grammar has and whose children are valid.

    The tuples of a level are what its patches hold, those without anything but blanks apart. One is valid if it has s
    features at places that they can have, each of them valid, and a rule produces it; its parent is then a valid
    feature of the level above. A symbol of the input is valid if it is 0 to v - 1. An input has s^(L-l) tuples of level
    l; those that are missing count as invalid ones, and surplus ones count too::

        validity = valid tuples / max(tuples, s^(L-l))

    Parameters
    ----------
    grammar
        The production rules.
    inputs
        Any integers [sample, position], or pictures as for :func:`parse`, -1 for a blank: of a generative network, or
        of :func:`srhm.resample_symbols`.

    Returns
    -------
    array
        [sample, level], float64, level 1 (the input) first. At level L it is 1 if the grammar produces the input, as it
        then is at all levels, and 0 if not.

    Raises
    ------
    ArgumentError
        If the inputs are not integers [sample, d]; never for what they hold.

    Examples
    --------
    >>> from srhm import Params
    >>> params = Params(n_c=2, v=2, m=1, s=2, s0=0, L=2)
    >>> grammar = Grammar.from_rules(params, [[[[0, 1]], [[1, 1]]], [[[0, 1]], [[1, 1]]]])
    >>> validity(grammar, np.array([[0, 1, 1, 1], [0, 1, 0, 0], [1, 1, 0, 1], [5, -1, 0, 0]]))
    array([[1. , 1. ],
           [0.5, 0. ],
           [1. , 0. ],
           [0. , 0. ]])
    """
    check_instance(Grammar, grammar=grammar)
    _, levels = parse_levels(grammar, inputs)
    shares = [
        one.valid.sum(axis=1) / np.maximum(one.filled.sum(axis=1), level.nodes)
        for level, one in zip(grammar.params.levels, levels, strict=True)
    ]
    return np.stack(shares, axis=1)


def parse_levels(
    grammar: Grammar, inputs: Integer[Any, "sample *shape"]
) -> tuple[Integer[np.ndarray, " sample"], tuple[LevelParse, ...]]:
    """Read what there is at each level, level 1 first, and the class of each input, below 0 if it has none."""
    params = grammar.params
    given = in_tree_order(params, np.asarray(inputs))
    if given.ndim != 2 or given.shape[1] != params.d or given.dtype.kind not in "iu":
        raise ArgumentError(
            "inputs",
            f"{given.dtype} of shape {given.shape}",
            "is not an array of integer inputs",
            f"Give {shape_text(params)} integers",
        )
    blank, feature = given == -1, (given >= 0) & (given < params.level(1).v)
    symbols = np.where(feature, given.astype(np.int32), np.where(blank, np.int32(_BLANK), np.int32(_WRONG)))
    levels: list[LevelParse] = []
    for level in params.levels:
        patches = symbols.reshape(len(symbols), level.patches, level.patch)
        present = patches != _BLANK
        count = present.sum(axis=2)
        filled, full = count > 0, count == level.s
        of_full = present[full]
        offsets = np.nonzero(of_full)[1].reshape(-1, level.s)
        placed = np.ones(len(offsets), bool)
        if level.sparsity == "A":
            placed = (offsets // (level.s0 + 1) == np.arange(level.s)).all(axis=1)
        parent, rules = grammar.parents_of(level.level, patches[full][of_full].reshape(-1, level.s))
        good = placed & (parent >= 0)
        faults = [
            ((filled & ~full).any(axis=1), f"a patch does not have {level.s} features"),
            (filled.sum(axis=1) != level.nodes, "the number of patches with features is wrong"),
            (_at(full, ~placed).any(axis=1), "two features share a sub-patch"),
            (_at(full, placed & ~good).any(axis=1), "no rule produces one of its tuples"),
        ]
        if level.level == 1:
            faults.insert(0, ((given < -1).any(axis=1), "a number is below -1"))
        valid = _at(full, good)
        levels.append(
            LevelParse(filled, valid, rules[good], placement_of(level, offsets[good]), tuple(faults))
        )
        symbols = np.where(filled, np.int32(_WRONG), np.int32(_BLANK))
        symbols[valid] = parent[good]
    return symbols[:, 0], tuple(levels)


def _at(
    full: Bool[np.ndarray, "sample patch"], values: Bool[np.ndarray, " tuple"]
) -> Bool[np.ndarray, "sample patch"]:
    """Which patches are full and have the value true."""
    found = np.zeros_like(full)
    found[full] = values
    return found


def _refusal(failed: Bool[np.ndarray, " sample"], levels: tuple[LevelParse, ...]) -> ArgumentError:
    """The error that names the samples that fail, and says of the first at the lowest level why."""
    level, rows, why = next(
        (level, rows, why) for level, one in enumerate(levels, 1) for rows, why in one.faults if rows.any()
    )
    several = failed.sum() > 1
    problem = "are not samples of this grammar" if several else "is not a sample of this grammar"
    where = f"sample {int(np.argmax(rows))}, " if several else ""
    return ArgumentError(
        "inputs",
        samples_text(failed),
        f"{problem}: {where}at level {level} {why}",
        "Give inputs in the 'integer' encoding, drawn from the same grammar",
    )
