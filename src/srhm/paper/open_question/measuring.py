"""P* of each arm over s0, and the exponent of s0+1."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...measure.complexity import SampleComplexity
from ...measure.exponent import Exponent, fit_exponent
from ...store.index import Shelf
from ...study.questions import Question
from ..measured import Measured
from ..settings import Setting
from ..tiers import Tier
from .arms import Arm

TIER = Tier("laptop", 256, float("inf"), seeds=4)
"""Width of the experiment, and replicates where an arm has no other number."""


def tier_of(arm: Arm) -> Tier:
    """Return the tier with the replicates of an arm."""
    return replace(TIER, seeds=arm.seeds)


@dataclass(frozen=True)
class ArmResult:
    """What is known of an arm.

    Attributes
    ----------
    arm
        The arm.
    P_star
        For each s0, what the runs so far tell; None where they do not.
    exponent
        Of s0+1, over the P* of every replicate with s0 > 0; None while there are fewer than three, or one s0.
    exponent_with_zero
        The same with s0 = 0.
    dead
        Runs that ended at chance after the last epoch: all their units are silent.
    """

    arm: Arm
    P_star: dict[int, SampleComplexity | None]
    exponent: Exponent | None
    exponent_with_zero: Exponent | None
    dead: int

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval of the exponent over s0 > 0."""
        if self.exponent is None or self.exponent.interval is None:
            return None
        low, high = self.exponent.interval
        return (high - low) / 2


def questions(arms: Iterable[Arm]) -> list[Question]:
    """Return the searches of some arms, the cheapest first."""
    asked = [(setting, tier_of(arm)) for arm in arms for setting in arm.settings]
    return [tier.question(setting) for setting, tier in sorted(asked, key=lambda one: TIER.cost(one[0]))]


def arm_results(arms: Iterable[Arm], shelf: Shelf) -> list[ArmResult]:
    """Return what a store knows of some arms."""
    return [_result(arm, shelf) for arm in arms]


def _result(arm: Arm, shelf: Shelf) -> ArmResult:
    measured = {setting.params.s0: Measured.on(shelf, setting, tier_of(arm)) for setting in arm.settings}
    found = {s0: one.complexity() for s0, one in measured.items()}
    dead = sum(_is_dead(run, setting) for one, setting in zip(measured.values(), arm.settings, strict=True)
               for _, run in one.all_runs)  # fmt: skip
    pairs = [(s0, P_star) for s0, one in found.items() if one is not None for P_star in one.of_seeds]
    return ArmResult(arm, found, _fit([one for one in pairs if one[0] > 0]), _fit(pairs), dead)


def _fit(pairs: Sequence[tuple[int, float]]) -> Exponent | None:
    if len(pairs) < 3 or len({s0 for s0, _ in pairs}) < 2:
        return None
    return fit_exponent([s0 + 1.0 for s0, _ in pairs], [P_star for _, P_star in pairs])


def _is_dead(run: object, setting: Setting) -> bool:
    error = run.metrics.get("error")  # pyright: ignore[reportAttributeAccessIssue]
    chance = 1 - 1 / setting.params.n_c
    return run.status == "epochs" and error is not None and abs(error - chance) < 0.02  # pyright: ignore
