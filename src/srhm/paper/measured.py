"""What a store knows of a setting: its runs by replicate, and P*, P*_S and P*_D read off them."""

from dataclasses import dataclass

from ..errors import check_instance
from ..measure.complexity import SampleComplexity
from ..reference.thresholds import thresholds
from ..store.index import Shelf
from ..study.questions import read_off
from ..study.runs import Run, RunSpec
from .settings import Setting
from .tiers import Tier


@dataclass(frozen=True)
class Measured:
    """The runs of one setting at one tier."""

    setting: Setting
    """The network and the model."""
    spec: RunSpec
    """The runs, up to P and seeds."""
    runs: list[list[Run]]
    """Those of every replicate, in order of P."""

    @classmethod
    def on(cls, shelf: Shelf, setting: Setting, tier: Tier) -> "Measured":
        """Collect the runs of a setting."""
        check_instance(Setting, setting=setting)
        check_instance(Tier, tier=tier)
        spec = tier.spec(setting)
        return cls(setting, spec, shelf.replicates(spec, tier.seeds))

    @property
    def all_runs(self) -> list[tuple[int, Run]]:
        """The runs of all replicates, each with the number of its own."""
        return [(number, run) for number, runs in enumerate(self.runs) for run in runs]

    @property
    def seconds(self) -> float:
        """Wall time of all runs, one after another."""
        return sum(sum(run.seconds.values()) - run.seconds.get("compile", 0.0) for _, run in self.all_runs)

    def complexity(self, quantity: str = "error") -> SampleComplexity | None:
        """Return where a quantity falls to the paper's threshold; None while the runs do not tell.

        Parameters
        ----------
        quantity
            ``"error"``, or ``"S"`` or ``"D"`` of level 1 at the layer of the paper's threshold.
        """
        limits = thresholds(self.setting.net, self.setting.params)
        name = next((one for one in limits if one == quantity or one.startswith(f"{quantity}_")), None)
        if name is None or not any(self.runs):
            return None
        return read_off(self.spec, self.runs, name, limits[name], self.setting.expected)
