"""A point of a figure: a network on a model, and roughly how many training points it needs."""

from dataclasses import dataclass, field, replace

from ..model.params import Params, Sparsity
from ..nets import Init, NetName
from ..study.expected import expected_P
from ..study.runs import RunSpec, Seeds
from ..training.protocol import Protocol


@dataclass(frozen=True)
class Setting:
    """A network on a model, as a figure has it; its width and its seeds are those of a tier."""

    net: NetName
    """The network."""
    params: Params
    """The numbers of the model."""
    shared_layers: tuple[int, ...] = ()
    """Layers whose weights are shared over the s0+1 places of a sub-patch."""
    protocol: Protocol = field(default_factory=Protocol)
    """How it is trained and measured."""
    width: int | None = None
    """Channels; those of the tier unless given."""
    probe: bool = False
    """Measure linear probes and clusters too."""
    frozen_layers: tuple[int, ...] = ()
    """Layers that are not trained."""
    init: Init = "normal"
    """Hidden weights at the start."""

    def spec(self, width: int | None) -> RunSpec:
        """Return its runs, up to P and seeds, at a tier's width."""
        width = width if self.width is None else self.width
        return RunSpec(
            self.params, self.net, self.params.n_c, width, seeds=Seeds(), protocol=self.protocol,
            shared_layers=self.shared_layers, probe=self.probe, frozen_layers=self.frozen_layers,
            init=self.init,
        )  # fmt: skip

    @property
    def q(self) -> int:
        """Number of shared layers."""
        return len(self.shared_layers)

    @property
    def expected(self) -> float:
        """P* as it is expected."""
        return expected_P(self.net, self.params, self.shared_layers)

    def at(self, **changes: object) -> "Setting":
        """Return the same with other fields."""
        return replace(self, **changes)  # pyright: ignore[reportArgumentType]


def model(v: int, s0: int, *, L: int = 2, s: int = 2, sparsity: Sparsity = "A") -> Params:
    """Return the paper's model: as many classes as features, and as many synonyms as there can be.

    Examples
    --------
    >>> model(6, 1).m, model(4, 0, s=3).m
    (6, 16)
    """
    return Params(v, v, v ** (s - 1), s, s0, L, sparsity)
