"""The paper's models and setups: as many classes as features, and as many synonyms as there can be."""

from typing import Any

from ..model.params import Params, Sparsity
from ..nets.spec import netspec
from ..study.measuring import Measuring
from ..study.setup import Setup
from ..training.protocol import Optimizer


def model(v: int, s0: int, *, L: int = 2, s: int = 2, sparsity: Sparsity = "A") -> Params:
    """Return the paper's model.

    Examples
    --------
    >>> model(6, 1).m, model(4, 0, s=3).m
    (6, 16)
    """
    return Params(v=v, s0=s0, L=L, s=s, sparsity=sparsity)


def setup(
    net: str, params: Params, *, width: int | None = None, rate: float | None = None, batch: int = 4,
    probe: bool = False, **options: Any,
) -> Setup:  # fmt: skip
    """Return a setup at the published width, or another, with some options of its family."""
    optimizer = Optimizer(rate=rate, batch_per_class=batch)
    return Setup(params, netspec(net, width=width, **options), optimizer, measuring=Measuring(probe=probe))
