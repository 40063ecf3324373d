"""The P* of a learner, measured like that of a network."""

from collections.abc import Callable

from ..errors import check_instance, check_integer
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.splitting import split
from .layerwise import LayerwiseLearner


def measure(
    learner: LayerwiseLearner,
    params: Params,
    *,
    P_test: int | None = None,
    replacement: bool = False,
    grammar: Grammar | None = None,
) -> Callable[[int, int], dict[str, float]]:
    """Return ``measure(P, seed)`` for :func:`srhm.measure.complexity.pstar`: the test error after P training points.

    Parameters
    ----------
    learner
        The learner to be measured.
    params
        The parameters of the model.
    P_test
        Number of test points. Default: min(10,000, P_max / 5).
    replacement
        Draw the points with replacement, as the theory of the sampling noise assumes; by default all training and
        test points are distinct. See :func:`srhm.split`.
    grammar
        The rules for all seeds. Default: each seed draws its own.

    Examples
    --------
    >>> from srhm.measure.complexity import pstar
    >>> point = measure(LayerwiseLearner(shared=True), Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), P_test=2000)
    >>> found = pstar(point, start=2000, smallest=6)["error"]
    >>> found.status, found.interval_kind, 1000 < found.P_star < 6000
    ('bracketed', '90% t-interval over 3 seeds', True)
    """
    check_instance(LayerwiseLearner, learner=learner)
    check_instance(Params, params=params)
    if grammar is not None:
        check_instance(Grammar, grammar=grammar)
    least = max(1, min(10_000, params.P_max // 5))
    count = least if P_test is None else check_integer("P_test", P_test, minimum=1)

    def at(P: int, seed: int) -> dict[str, float]:
        rules = Grammar(params, seed) if grammar is None else grammar
        sets = split(rules, P, count, seed, replacement=replacement)
        return {"error": learner.fit(sets.train).error(sets.test)}

    return at
