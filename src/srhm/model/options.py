"""The parameters of a model as commands and files of runs take them, each with a default."""

from dataclasses import dataclass

from .params import Params, Sparsity


@dataclass(frozen=True)
class Model:
    """The parameters of the model."""

    v: int = 6
    """Features of each level."""
    n_c: int | None = None
    """Classes. Default: v, as in the paper."""
    m: int | None = None
    """Synonyms of each feature. Default: v^(s-1), the most there can be."""
    s: int = Params.s
    """Informative children of a feature."""
    s0: int = 1
    """Blanks for each informative child."""
    L: int = 2
    """Levels."""
    sparsity: Sparsity = "A"
    """A: each child in its own sub-patch of s0+1 places. B: any s of the s(s0+1) places, order kept."""

    def params(self) -> Params:
        """Return the checked numbers."""
        return Params(**vars(self))
