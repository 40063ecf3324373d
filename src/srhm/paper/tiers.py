"""Tiers: how much of the paper's grid is run, from a night on two cores to all of it."""

from dataclasses import dataclass, replace
from typing import Literal

from ..reference.thresholds import thresholds
from ..runner.resources import step_flops
from ..study.questions import Question
from ..study.runs import RunSpec, Seeds, largest_P
from .figures import PaperFigure
from .settings import Setting

TierName = Literal["laptop", "workstation", "full"]

_MULTIPLES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
"""P of a curve, in units of the P* that is expected."""
_NEAR = 1.0
"""S and D cross somewhere between neighbours that differ by a factor 2; the error's crossing is closed to 10%."""


@dataclass(frozen=True)
class Tier:
    """How much is run."""

    name: TierName
    """laptop: two cores, a night or two. workstation: a GPU. full: the paper's grid."""
    width: int | None
    """Channels of a hidden layer; None: the published ones."""
    reach: float
    """Largest expected P* that is run."""
    seeds: int = 3
    """Replicates of each point."""

    def settings(self, figure: PaperFigure) -> list[Setting]:
        """Return the settings of a figure that are run, the cheapest first."""
        if self.name == "laptop" and figure.stand_in:
            return sorted(figure.stand_in, key=self.cost)
        reached = [one for one in figure.settings if figure.P or one.expected <= self.reach]
        return sorted(reached, key=self.cost)

    def cost(self, setting: Setting) -> float:
        """Return the floating-point operations of a run near P*, up to a factor."""
        return setting.expected * step_flops(self.spec(setting))

    def spec(self, setting: Setting) -> RunSpec:
        """Return the runs of a setting, up to P and seeds."""
        return setting.spec(self.width if setting.net in ("cnn", "lcn", "fcn") else None)

    def near(self, setting: Setting) -> RunSpec:
        """Return the first replicate's run at the P* that is expected, or as near as the distinct data allow."""
        spec = self.spec(setting)
        least, most = spec.params.n_c, _largest(spec)
        return spec.at(min(max(round(setting.expected), least), most))

    def question(self, setting: Setting, *, sensitivities: bool = False) -> Question:
        """Return the search for P* of a setting, with P*_S and P*_D if asked for."""
        start = setting.expected if setting.shared_layers else None
        question = Question(self.spec(setting), self.seeds, start=start)
        if not sensitivities:
            return question
        limits = thresholds(setting.net, setting.params)
        return replace(question, thresholds=limits, within=_NEAR)

    def curve(self, figure: PaperFigure, setting: Setting) -> list[RunSpec]:
        """Return the runs of one curve of a figure: about P*, or at the P that the figure fixes."""
        spec = self.spec(setting)
        few = self.name == "laptop" and figure.stand_in_P
        wanted = few or figure.P or [round(multiple * setting.expected) for multiple in _MULTIPLES]
        least, most = spec.params.n_c, _largest(spec)
        Ps = sorted({min(max(P, least), most) for P in wanted})
        return [spec.at(P, Seeds.replicate(seed)) for P in Ps for seed in range(self.seeds)]


def _largest(spec: RunSpec) -> int:
    assert spec.P_test is not None  # filled in by RunSpec
    return largest_P(spec.params, spec.protocol, spec.P_test)


TIERS: dict[str, Tier] = {
    "laptop": Tier("laptop", 256, 12_000),
    "workstation": Tier("workstation", None, 150_000),
    "full": Tier("full", None, float("inf")),
}
