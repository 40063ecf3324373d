"""Exact prediction of symbols: the next one from those before it, and hidden ones from those that are seen.

The inside pass is followed by one walk through the tree, from the class down and from left to right. Given what is
left of a node, the probability of its symbol passes on to a child with the messages of the siblings to the left of it::

    p(symbol at place q, received left of q | left of the node) =
        sum over parents, rules, placements of p(parent | left of the node) / (m placements)
        times the product over places q' < q of p(received below q' | its symbol)

so all d distributions, and those of every level, cost about as much as one posterior (docs, inference.md).
"""

from functools import cache
from math import log
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_instance, check_integer
from ..model.dataset import Dataset
from ..model.derivation import Tree, expand
from ..model.encoding import MASKED, on_grid
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.plane import in_tree_order
from .chunks import Kernel, in_chunks, mapped, refuse_impossible
from .downward import Posterior, descend
from .log_domain import SUM, finite, log_sum
from .noise import checked_symbols, clean_evidence
from .queries import posterior
from .spread import LevelTable
from .upward import Upward, ascend


def next_symbol(
    grammar: Grammar,
    inputs: Integer[Any, "sample position"],
    *,
    levels: int | None = None,
    window: int | None = None,
    dtype: Any = None,
) -> Float[Any, "sample position symbol"]:
    """Return p(x_t | x_1 ... x_(t-1)) for every position t: the best prediction of every next symbol.

    Parameters
    ----------
    grammar
        The production rules.
    inputs
        Features, -1 for a blank (the ``"integer"`` encoding); :data:`MASKED` where nothing is known.
    levels
        Predict from the sub-tree of this many levels that a position is in, s^levels informative leaves: what is left
        of it is not seen, but the predictor knows where the sub-tree is. 0 sees nothing. Default: L, everything.
    window
        Predict from the last `window` symbols only, the predictor knowing its position; it costs d times as much.
        Default: all of them.
    dtype
        float64 or float32. Default: float64, for JAX arrays float32.

    Returns
    -------
    array
        [sample, position, symbol] of v + 1 symbols, the blank last. At position 1 nothing is seen.

    Raises
    ------
    ArgumentError
        If the inputs are not such an array, `levels` is not from 0 to L, `window` is below 0, both are given, or (NumPy
        arrays only) this grammar cannot have produced a sample.

    Examples
    --------
    >>> from srhm import Params
    >>> params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1)
    >>> grammar = Grammar.from_rules(params, [[[[0, 1]], [[1, 1]]]])  # class 0 -> (0, 1), class 1 -> (1, 1)
    >>> next_symbol(grammar, np.array([[0, -1, -1, 1]]))[0]
    array([[0.25, 0.25, 0.5 ],
           [0.  , 0.  , 1.  ],
           [0.  , 0.5 , 0.5 ],
           [0.  , 1.  , 0.  ]])
    """
    check_instance(Grammar, grammar=grammar)
    params = grammar.params
    levels = params.L if levels is None else check_integer("levels", levels, minimum=0, maximum=params.L)
    evidence = _evidence(params, inputs, dtype)
    if window is not None:
        if levels != params.L:
            raise ArgumentError("window", window, "is given together with levels", "Give one of them")
        return _in_window(grammar, evidence, check_integer("window", window, minimum=0))
    found = in_chunks(_walk(levels), grammar, evidence)
    if isinstance(found, np.ndarray):
        possible = (found.sum(axis=2) > 0).all(axis=1)
        refuse_impossible(np.where(possible, 0.0, -np.inf), "inputs")
    return found


def masked_symbol(
    grammar: Grammar,
    inputs: Integer[Any, "sample position"],
    mask: Any,
    *,
    dtype: Any = None,
) -> Float[Any, "sample position symbol"]:
    """Return the probability of the symbol at every position, given the positions that a mask leaves.

    Parameters
    ----------
    grammar, inputs, dtype
        As for :func:`next_symbol`.
    mask
        Which positions are hidden, bool [sample, position].

    Returns
    -------
    array
        [sample, position, symbol] of v + 1 symbols, the blank last; 1 for the symbol of a position that is seen.

    Raises
    ------
    ArgumentError
        As for :func:`next_symbol`; if the mask has another shape or type, or hides all positions of all samples.

    Examples
    --------
    >>> from srhm import Params
    >>> params = Params(n_c=2, v=2, m=1, s=2, s0=0, L=1)
    >>> grammar = Grammar.from_rules(params, [[[[0, 1]], [[1, 0]]]])
    >>> masked_symbol(grammar, np.array([[0, 1]]), np.array([[False, True]]))
    array([[[1., 0., 0.],
            [0., 1., 0.]]])
    """
    check_instance(Grammar, grammar=grammar)
    mask = mask if hasattr(mask, "__array_namespace__") else np.asarray(mask)
    if mask.shape != np.shape(inputs) or mask.dtype != bool:
        value = f"{mask.dtype} of shape {mask.shape}"
        raise ArgumentError("mask", value, "does not fit the inputs", f"Give bool {np.shape(inputs)}")
    if isinstance(mask, np.ndarray) and mask.size and mask.all():
        problem = "hides all positions: nothing is left to predict from"
        raise ArgumentError("mask", mask.shape, problem, "Leave some, or use next_symbol(..., levels=0)")
    xp = mask.__array_namespace__()
    return seen_symbols(grammar, xp.where(mask, np.int32(MASKED), xp.asarray(inputs)), dtype=dtype)


def seen_symbols(
    grammar: Grammar, inputs: Integer[Any, "sample position"], *, dtype: Any = None
) -> Float[Any, "sample position symbol"]:
    """Return the probability of the symbol at every position, given those that are not :data:`MASKED`, if any."""
    return symbols_given(grammar, _evidence(grammar.params, inputs, dtype))


def symbols_given(
    grammar: Grammar, evidence: Float[Any, "sample position symbol"]
) -> Float[Any, "sample position symbol"]:
    """Return the probability of the symbol at every position, given evidence of all of them."""
    likelihood, found = in_chunks(_leaves, grammar, evidence)
    refuse_impossible(likelihood, "inputs")
    return found


def surprisal(probabilities: Any, inputs: Integer[Any, "sample position"]) -> Float[Any, "sample position"]:
    """Return -ln p of the symbol at every position, in nats: its mean over samples is a cross-entropy by position.

    Of :func:`next_symbol` or :func:`masked_symbol` it is the floor under the loss of every network on these samples.

    Parameters
    ----------
    probabilities
        Of the v + 1 symbols, the blank last, [sample, position, symbol].
    inputs
        The symbols, -1 for a blank.

    Raises
    ------
    ArgumentError
        If the shapes do not fit.

    Examples
    --------
    >>> surprisal(np.array([[[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]]), np.array([[0, -1]])).round(4)
    array([[0.6931, 0.6931]])
    """
    if np.ndim(probabilities) != 3 or probabilities.shape[:2] != np.shape(inputs):
        fix = f"Give [sample, position, symbol] for the inputs {np.shape(inputs)}"
        raise ArgumentError("probabilities", np.shape(probabilities), "do not fit the inputs", fix)
    xp = probabilities.__array_namespace__()
    symbols = xp.asarray(inputs)
    symbols = xp.where(symbols < 0, probabilities.shape[2] - 1, symbols)
    chosen = xp.take_along_axis(probabilities, symbols[:, :, None], axis=2)[:, :, 0]
    with np.errstate(divide="ignore"):
        return -xp.log(chosen)


def prefix_posterior(
    grammar: Grammar,
    inputs: Integer[Any, "sample position"],
    lengths: Any = None,
    *,
    dtype: Any = None,
) -> Posterior:
    """Return the posterior of all latents given the first n symbols, for every n.

    Parameters
    ----------
    grammar, inputs, dtype
        As for :func:`next_symbol`.
    lengths
        The numbers n of symbols that are seen. Default: 0 to d.

    Returns
    -------
    Posterior
        As :func:`~srhm.inference.posterior`, with an axis for the lengths after that for the samples:
        ``label[i, k]`` is p(class | the first ``lengths[k]`` symbols of sample i). It costs a posterior for each.

    Raises
    ------
    ArgumentError
        As for :func:`next_symbol`, or if a length is not from 0 to d.
    """
    check_instance(Grammar, grammar=grammar)
    d = grammar.params.d
    numbers = range(d + 1) if lengths is None else lengths
    numbers = [check_integer("lengths", number, minimum=0, maximum=d) for number in numbers]
    evidence = _evidence(grammar.params, inputs, dtype)
    xp = evidence.__array_namespace__()
    known = xp.arange(d)[None, :, None]
    found = [posterior(grammar, xp.where(known < n, evidence, xp.zeros_like(evidence))) for n in numbers]
    return mapped(lambda *parts: xp.stack(parts, axis=1), *found)


class Annotated(NamedTuple):
    """Samples with everything that is known of them."""

    inputs: Integer[np.ndarray, "sample position"]
    """The symbols, -1 for a blank."""
    label: Integer[np.ndarray, " sample"]
    """The classes."""
    symbols: tuple[Integer[np.ndarray, "sample position"], ...]
    """``symbols[l - 1]``: the symbol at every position of level l, -1 for a blank; the first are the inputs."""
    tree: Tree
    """The informative features of every level and their positions."""
    next_symbol: Float[np.ndarray, "sample position symbol"]
    """p(x_t | x_1 ... x_(t-1)), the blank last."""
    posterior: Posterior
    """The posterior of the latents given each of the prefixes."""


def annotate(dataset: Dataset, lengths: Any = None, *, dtype: Any = None) -> Annotated:
    """Return the samples of a set with their latents, and what the symbols so far tell of the next and of the latents.

    Parameters
    ----------
    dataset
        The samples.
    lengths
        The prefixes whose posterior is wanted, as for :func:`prefix_posterior`.
    dtype
        float64, the default, or float32.

    Raises
    ------
    ArgumentError
        As for :func:`prefix_posterior`.

    Examples
    --------
    >>> from srhm import Params, split
    >>> sets = split(Grammar(Params(v=4, m=2, s0=1, L=2)), P=100, P_test=10)
    >>> found = annotate(sets.test, lengths=[8, 16])
    >>> found.next_symbol.shape, [symbols.shape for symbols in found.symbols], found.posterior.label.shape
    ((10, 16, 5), [(10, 16), (10, 4)], (10, 2, 4))
    """
    check_instance(Dataset, dataset=dataset)
    grammar = dataset.stream.grammar
    inputs = in_tree_order(grammar.params, dataset.encode("integer"))
    tree = expand(grammar, dataset.derivation())
    symbols = [
        on_grid(level.positions, features, positions)
        for level, features, positions in zip(
            grammar.params.levels, tree.features, tree.positions, strict=True
        )
    ]
    return Annotated(
        inputs,
        np.asarray(dataset.labels),
        tuple(symbols),
        tree,
        next_symbol(grammar, inputs, dtype=dtype),
        prefix_posterior(grammar, inputs, lengths, dtype=dtype),
    )


def _evidence(params: Params, inputs: Any, dtype: Any) -> Float[Any, "sample position symbol"]:
    symbols = checked_symbols(params, inputs, "inputs", minimum=MASKED)
    if dtype is None:
        dtype = np.float64 if isinstance(symbols, np.ndarray) else np.float32
    return clean_evidence(params, symbols, dtype)


def _in_window(grammar: Grammar, evidence: Any, window: int) -> Float[Any, "sample position symbol"]:
    xp, d = evidence.__array_namespace__(), grammar.params.d
    number, found = xp.arange(d)[None, :, None], []
    for position in range(d):
        seen = (number < position) & (number >= position - window)
        likelihood, symbols = in_chunks(_leaves, grammar, xp.where(seen, evidence, xp.zeros_like(evidence)))
        refuse_impossible(likelihood, "inputs")
        found.append(symbols[:, position])
    return xp.stack(found, axis=1)


def _leaves(params: Params, tables: Any, evidence: Any, rows: Any) -> Any:
    """The kernel of the symbols at all positions: log p(received), and p(symbol | received)."""
    found = descend(params, tables, ascend(params, tables, evidence, SUM))
    return found.log_likelihood, found.symbols[0]


@cache
def _walk(levels: int) -> Kernel:
    """The kernel of next symbols from the sub-tree of some levels."""

    def kernel(params: Params, tables: Any, evidence: Any, rows: Any) -> Any:
        xp = evidence.__array_namespace__()
        upward = ascend(params, tables, evidence, SUM)
        nothing = xp.zeros_like(evidence[:, :, :1])
        blind = upward if levels == params.L else ascend(params, tables, nothing, SUM)
        weights, dtype = tables[-1].log_classes, evidence.dtype
        equal = xp.full(params.n_c, -log(params.n_c), dtype)
        prior = equal if weights is None else xp.asarray(weights, dtype)
        logs = xp.concatenate([prior, xp.full(1, -np.inf, dtype)])[None, :, None]  # the class is never blank
        logs = logs + xp.zeros_like(blind.classes[:1])[None]
        for level in range(params.L, 0, -1):
            if level == levels:
                logs = logs + xp.zeros_like(evidence[0, :1])[None]
            logs = _children(params, tables, upward if level <= levels else blind, logs, level)
        return xp.exp(logs) + xp.zeros_like(evidence)

    return kernel


def _children(
    params: Params,
    tables: tuple[LevelTable, ...],
    upward: Upward,
    logs: Float[Any, "node parent_symbol sample"],
    level: int,
) -> Float[Any, "position symbol sample"]:
    """Return ln p(symbol | what is left of it) at every position of a level, from that of the parents."""
    messages, table, numbers = upward.levels[level - 1], tables[level - 1], params.level(level)
    rules = table.log_rules(logs[:, : numbers.parents], numbers.m)
    found = table.spread.predict(
        numbers, table.rules, messages.inside, messages.patches, rules, logs[:, numbers.parents]
    )
    found = found.reshape(-1, numbers.v + 1, found.shape[3])
    return found - finite(log_sum(found, 1))[:, None]
