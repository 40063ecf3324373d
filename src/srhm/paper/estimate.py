"""What a tier takes before it starts: runs and time of each figure, and of all together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import check_instance
from ..study import Setup
from .cost import Device, run_seconds, shown
from .kinds import PaperFigure
from .plan import curve_runs, distinct
from .tiers import Tier, near

RUNS_OF_A_SEARCH, _NEAR = 3.3, 1.5
"""Runs of one replicate until its P* is bracketed, and those that S and D take beyond them, as measured."""


@dataclass(frozen=True)
class FigureCost:
    """What one figure, or all, takes."""

    name: str
    """Its number, or ``"all"``."""
    run: int
    """Settings that are run."""
    points: int
    """Settings that it has."""
    runs: int
    """Runs, about: how many a search takes is not known before."""
    seconds: float
    """On the whole device, about."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "figure": self.name, "run": self.run, "points": self.points, "runs": self.runs,
            "seconds": round(self.seconds),
        }  # fmt: skip

    @property
    def shown(self) -> str:
        """The time in words."""
        return shown(self.seconds) if self.runs else ""


def figure_costs(figures: Sequence[PaperFigure], tier: Tier, device: Device) -> list[FigureCost]:
    """Return the estimate of each figure, and of all together, in which shared runs count once."""
    check_instance(Tier, tier=tier)
    check_instance(Device, device=device)
    each = [_cost_of(figure.name, [figure], tier, device) for figure in figures]
    return [*each, _cost_of("all", figures, tier, device)] if len(each) > 1 else each


def search_seconds(setup: Setup, seeds: int) -> float:
    """Return the time of a search for P* on a core, about."""
    return RUNS_OF_A_SEARCH * seeds * run_seconds(near(setup), Device.core())


def _cost_of(name: str, figures: Sequence[PaperFigure], tier: Tier, device: Device) -> FigureCost:
    searched = distinct(tier, figures, lambda figure: figure.kind.searches)
    sensed = distinct(tier, figures, lambda figure: figure.senses)
    curves = curve_runs(tier, figures)
    runs, seconds = float(len(curves)), sum(run_seconds(spec, device) for spec in curves)
    for count, settings in ((RUNS_OF_A_SEARCH, searched), (_NEAR, sensed)):
        for one in settings:
            runs += count * tier.replicates(one)
            seconds += count * tier.replicates(one) * run_seconds(near(one), device)
    return FigureCost(
        name,
        len(distinct(tier, figures, lambda figure: True)),
        len({tier.setup(one).digest for figure in figures for one in figure.settings}),
        round(runs),
        seconds / device.parallel,
    )
