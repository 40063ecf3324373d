"""The exact parse: from a clean input back to the choices that made it."""

from typing import Any

import numpy as np
from jaxtyping import Integer

from ..errors import ArgumentError, check_instance
from ..model.derivation import Derivation, placement_of
from ..model.grammar import Grammar


def parse(grammar: Grammar, inputs: Integer[Any, "sample position"]) -> Derivation:
    """Read the derivation of every input: each tuple names its parent, so there is exactly one.

    Parameters
    ----------
    grammar
        The production rules.
    inputs
        Features 0 to v - 1, -1 for a blank (the ``"integer"`` encoding), [sample, position].

    Raises
    ------
    ArgumentError
        If the shape is wrong, or the grammar does not produce an input; the message names the lowest level at which
        one fails, and the first sample that fails there.
    """
    check_instance(Grammar, grammar=grammar)
    params = grammar.params
    symbols = np.asarray(inputs)
    if symbols.ndim != 2 or symbols.shape[1] != params.d or symbols.dtype.kind not in "iu":
        raise ArgumentError(
            "inputs",
            f"{symbols.dtype} of shape {symbols.shape}",
            "is not an array of integer inputs",
            f"Give [sample, {params.d}] integers",
        )
    _refuse(1, (symbols < -1).any(axis=1), "a number is below -1")
    rules, placements = [], []
    for level in range(1, params.L + 1):
        numbers = params.level(level)
        patches = symbols.reshape(len(symbols), numbers.patches, numbers.patch)
        informative = patches >= 0
        node = informative.any(axis=-1)
        full = informative.sum(axis=-1) == numbers.s
        _refuse(level, (node != full).any(axis=1), f"a patch does not have {numbers.s} features")
        wrong = node.sum(axis=1) != numbers.nodes
        _refuse(level, wrong, "the number of patches with features is wrong")
        shape = (len(symbols), numbers.nodes)
        offsets = np.nonzero(informative[node])[1].reshape(*shape, numbers.s)
        if params.sparsity == "A":
            own = offsets // (numbers.s0 + 1) == np.arange(numbers.s)
            _refuse(level, ~own.all(axis=(1, 2)), "two features share a sub-patch")
        parent, choice = grammar.parents_of(level, patches[informative].reshape(*shape, numbers.s))
        _refuse(level, (parent < 0).any(axis=1), "no rule produces one of its tuples")
        rules.append(choice.astype(np.int32))
        placements.append(placement_of(numbers, offsets))
        symbols = np.full(node.shape, -1, np.int64)
        symbols[node] = parent.reshape(-1)
    return Derivation(symbols[:, 0].astype(np.int32), tuple(rules), tuple(placements))


def _refuse(level: int, failed: Any, why: str) -> None:
    if failed.any():
        raise ArgumentError(
            "inputs",
            f"sample {int(np.argmax(failed))}",
            f"is not a sample of this grammar: at level {level} {why}",
            "Give inputs in the 'integer' encoding, drawn from the same grammar",
        )
