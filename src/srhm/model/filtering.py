"""Grammars without their upper levels: what is left of the correlations if those beyond a level are cut."""

from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_instance, check_integer
from .grammar import Grammar
from .marginals import symbol_probability
from .params import Params, PerLevel
from .weights import integers_of


class _Chain(Params):
    """The levels of a filtered grammar, one more than those of the grammar; a level may have s = 1."""

    def __post_init__(self) -> None:
        self._check_sizes()


class FilteredGrammar(Grammar):
    """A grammar whose symbols of level L+1-k are independent given the class; made by :func:`filtered`.

    It is held as one with a level more. Levels up to L-k are those of the grammar. Level L+1-k has patches of one
    position: there symbol ``class_ * slots + slot`` of the level above chooses one of the grammar from its
    distribution. The levels above only hand on the class and the slot.
    """

    filtered_from: Grammar
    """The grammar."""
    k: int
    """How many levels at the top are cut."""

    def __init__(self, grammar: Grammar, k: int) -> None:
        params, cut = grammar.params, grammar.params.L + 1 - k
        lower, top = params.levels[: cut - 1], params.levels[cut - 1 :]
        slots = [level.features for level in top]
        v = [*(level.v for level in lower), top[0].v, *(params.n_c * number for number in slots)]
        numbers = {
            "v": v,
            "m": [*(level.m for level in lower), top[0].v, *(1 for _ in top)],
            "s": [*(level.s for level in lower), 1, *(level.s for level in top)],
            "s0": [*(level.s0 for level in lower), 0, *(level.s0 for level in top)],
        }
        self.params = _Chain(
            n_c=params.n_c,
            L=params.L + 1,
            sparsity=params.sparsity,
            plane=params.plane,
            **{name: _numbers(one) for name, one in numbers.items()},
        )
        self.filtered_from, self.k, self.seed = grammar, k, None
        symbols = symbol_probability(grammar, cut).swapaxes(0, 1).reshape(-1, top[0].v)
        every = np.broadcast_to(np.arange(top[0].v, dtype=np.int32)[None, :, None], (*symbols.shape, 1))
        classes = np.arange(params.n_c)[:, None, None, None]
        handed = [
            (classes * level.features + np.arange(level.features).reshape(1, level.nodes, 1, level.s))
            .reshape(-1, 1, level.s)
            .astype(np.int32)
            for level in top
        ]
        self.rules = (*grammar.rules[: cut - 1], every.copy(), *handed)
        self._symbols = symbols
        weights = integers_of("rule_weights", symbols, self.params, cut, None, rare=True)
        kept = grammar.rule_weights[: cut - 1], grammar.placement_weights
        self.rule_weights = (*kept[0], weights, *(None for _ in top))
        self.placement_weights = (*kept[1][: cut - 1], None, *kept[1][cut - 1 :])
        self.class_weights = grammar.class_weights
        for array in self.rules:
            array.setflags(write=False)

    @property
    def weighted(self) -> bool:
        """True: many derivations give one input, so that samples are drawn with replacement."""
        return True

    def rule_probability(self, level: int) -> Float[np.ndarray, "parent m"]:
        """Return the probability of each rule; at level L+1-k that of each symbol, in double precision."""
        return (
            self._symbols
            if level == self.filtered_from.params.L + 1 - self.k
            else super().rule_probability(level)
        )

    def latent_level(self, level: int) -> int | None:
        """Return the level of the same symbols; None for the class, which is L + 1 of the grammar or of this one."""
        last = self.filtered_from.params.L
        if level in (last + 1, last + 2):
            return None
        level = check_integer("level", level, minimum=1, maximum=last)
        if level > last + 1 - self.k:
            problem = f"has no symbols: the grammar is filtered with k = {self.k}"
            raise ArgumentError(
                "level", level, problem, f"Use a level up to {last + 1 - self.k}, or the class"
            )
        return level

    def parents_of(self, level: int, tuples: Integer[Any, "*shape s"]) -> NoReturn:
        """Refuse it: symbols are independent, so that a tuple does not tell its parent."""
        problem = "is filtered: its tuples do not tell their parents"
        raise ArgumentError("grammar", repr(self), problem, "Use the grammar that it was filtered from")

    def to_json(self) -> NoReturn:
        """Refuse it: the file of a grammar holds rules of distinct tuples."""
        fix = f"Save the grammar that it was filtered from, and k = {self.k}"
        raise ArgumentError("grammar", repr(self), "is filtered", fix)

    def __getstate__(self) -> dict[str, Any]:
        return {"grammar": self.filtered_from, "k": self.k}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def __repr__(self) -> str:
        return f"filtered({self.filtered_from}, {self.k})"


def filtered(grammar: Grammar, k: int) -> Grammar:
    """Return the grammar with its k upper levels cut, as Garnier-Brun et al. (arXiv 2408.15138) filter it.

    The symbols of level L+1-k are drawn independently given the class, each from its exact distribution at its node.
    Rules below are as they are, and placements at all levels. So a sub-tree of L-k levels keeps all of its
    correlations, and two sub-trees have in common only what both know of the class.

    Parameters
    ----------
    grammar
        The production rules.
    k
        0 is the grammar itself; with k = 1 the s symbols of level L are independent given the class, with k = L all
        leaves.

    Returns
    -------
    Grammar
        For everything in :mod:`srhm.inference` but :func:`~srhm.parse`, and to draw samples of: inputs have
        the same length and symbols. It has one level more (:class:`~srhm.model.filtering.FilteredGrammar`): the
        latents of levels above L+1-k are no symbols of the grammar. Samples are drawn with probabilities that are
        rounded to multiples of 2^-32.

    Raises
    ------
    ArgumentError
        If k is not from 0 to L, or the grammar is filtered already.

    Examples
    --------
    >>> from srhm.inference import UniformNoise, class_posterior
    >>> params = Params(n_c=2, v=2, m=1, s=2, s0=0, L=2)
    >>> grammar = Grammar.from_rules(params, [[[[0, 0]], [[1, 1]]], [[[0, 1]], [[1, 0]]]])
    >>> evidence = UniformNoise(0.3).evidence(params, np.array([[0, 0, 1, 0]]), np.float64)
    >>> class_posterior(filtered(grammar, 0), evidence)[0].round(3)
    array([0.97, 0.03])
    """
    check_instance(Grammar, grammar=grammar)
    k = check_integer("k", k, minimum=0, maximum=grammar.params.L)
    if isinstance(grammar, FilteredGrammar):
        raise ArgumentError(
            "grammar", repr(grammar), "is filtered already", "Filter the grammar it was made from"
        )
    return FilteredGrammar(grammar, k) if k else grammar


def _numbers(values: list[int]) -> Any:
    return values[0] if len(set(values)) == 1 else PerLevel(values)
