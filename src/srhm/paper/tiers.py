"""Tiers: how much of the paper's grid is run, from a night on two cores to all of it."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from ..store.index import RunIndex
from ..study import RunSpec, Setup, Study
from ..study.expected import expected_P
from .kinds import PaperFigure

TierName = Literal["laptop", "narrow", "narrowest", "workstation", "full"]

_MULTIPLES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
"""P of a curve, in units of the P* that is expected."""
_NEAR = 1.0
"""S and D cross somewhere between neighbours that differ by a factor 2; the error's crossing is closed to 10%."""

_OF_ONE_WIDTH = ("laptop", "narrow", "narrowest")
REFERENCE_WIDTH = 256
"""The width that others are compared with: narrower points enter no fitted exponent."""


@dataclass(frozen=True)
class Tier:
    """How much is run."""

    name: TierName
    """laptop: two cores, a night or two. narrow: the paper's grid at width 128, days on two cores. narrowest: at width
    64, in a third of the time. workstation: a GPU. full: the paper's grid."""
    width: int | None
    """Channels of a hidden layer; None: the published ones."""
    reach: float
    """Largest expected P* that is run."""
    seeds: int = 3
    """Replicates of each point, where `fewer` says nothing else."""
    fewer: tuple[tuple[float, int], ...] = ()
    """From which expected P* on there are how many replicates instead."""

    @property
    def is_narrow(self) -> bool:
        """Whether its networks are narrower than those that others are compared with."""
        return self.width is not None and self.width < REFERENCE_WIDTH

    @property
    def widths(self) -> tuple["Tier", ...]:
        """The tiers of one width each, the widest first, if this is one of them; else this alone."""
        return tuple(TIERS[name] for name in _OF_ONE_WIDTH) if self.name in _OF_ONE_WIDTH else (self,)

    def replicates(self, setup: Setup) -> int:
        """Return the replicates of each point of a setup."""
        expected = expected_P(setup)
        return next((count for least, count in reversed(self.fewer) if expected >= least), self.seeds)

    def drawn(self, figure: PaperFigure) -> tuple[Setup, ...]:
        """Return the settings that a figure shows: all, or the stand-ins if these are others and the tier runs them."""
        stand_in = self._runs(figure)
        return figure.settings if set(stand_in) <= set(figure.settings) else stand_in

    def _runs(self, figure: PaperFigure) -> tuple[Setup, ...]:
        return figure.stand_in if self.name == "laptop" and figure.stand_in else figure.settings

    def settings(self, figure: PaperFigure) -> list[Setup]:
        """Return the setups of a figure that are run, at the width of the tier, the cheapest first."""
        wanted = self._runs(figure)
        small = [
            one for one in wanted if wanted is figure.stand_in or figure.P or expected_P(one) <= self.reach
        ]
        return sorted(map(self.setup, small), key=cost_near)

    def setup(self, setup: Setup) -> Setup:
        """Return a setup at the width of the tier; a standard architecture has its own."""
        if self.width is None or setup.net.row.predict is None:
            return setup
        return replace(setup, net=replace(setup.net, width=self.width))

    def study(self, setup: Setup, *, sensitivities: bool = False) -> Study:
        """Return the search for P* of a setup, with P*_S and P*_D if asked for."""
        seeds = self.replicates(setup)
        if not sensitivities:
            return search_for(self.setup(setup), seeds)
        limits = setup.net.row.thresholds(setup.params)
        return search_for(self.setup(setup), seeds, thresholds=limits, within=_NEAR)

    def curve(self, figure: PaperFigure, setup: Setup) -> list[RunSpec]:
        """Return the runs of one curve of a figure: about P*, or at the P that the figure fixes."""
        few = self.name == "laptop" and figure.stand_in_P
        wanted = few or figure.P or [round(multiple * expected_P(setup)) for multiple in _MULTIPLES]
        Ps = sorted({_clipped(P, setup) for P in wanted})
        return [self.setup(setup).at(P, seed) for P in Ps for seed in range(self.replicates(setup))]


def search_for(setup: Setup, seeds: int, **options: Any) -> Study:
    """Return the search for P* of a setup; with options of its family it starts where these let expect P*."""
    return Study(setup, seeds, start=expected_P(setup) if setup.net.chosen else None, **options)


def study_of(setup: Setup, tier: Tier, index: RunIndex) -> Study:
    """Return the study of a setup at a tier, with the runs that there are."""
    return index.fill(tier.study(setup))


def cost_near(setup: Setup) -> float:
    """Return the floating-point operations of a run near P*, up to a factor."""
    return expected_P(setup) * setup.net.cost(setup.params).step_flops(setup.batch)


def near(setup: Setup) -> RunSpec:
    """Return the first replicate's run at the P* that is expected, or as near as the distinct data allow."""
    return setup.at(_clipped(round(expected_P(setup)), setup))


def _clipped(P: int, setup: Setup) -> int:
    return min(max(P, setup.params.n_c), setup.largest)


TIERS: dict[str, Tier] = {
    "laptop": Tier("laptop", 256, 12_000),
    "narrow": Tier("narrow", 128, float("inf"), fewer=((12_000, 2), (60_000, 1))),
    "narrowest": Tier("narrowest", 64, float("inf"), fewer=((12_000, 2), (60_000, 1))),
    "workstation": Tier("workstation", None, 150_000),
    "full": Tier("full", None, float("inf")),
}
