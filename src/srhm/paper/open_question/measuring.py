"""P* of each arm over s0, and the exponent of s0+1."""

from collections.abc import Iterable
from dataclasses import dataclass

from ...measure.crossings import SampleComplexity
from ...measure.exponent import Exponent
from ...store.index import RunIndex
from ...study import Study
from ..sharing import blank_exponent
from ..tiers import cost_near, search_for
from .arms import Arm


@dataclass(frozen=True)
class ArmResult:
    """What is known of an arm."""

    arm: Arm
    """The arm."""
    P_star: dict[int, SampleComplexity | None]
    """For each s0, the result of the runs so far; None where there is none."""
    exponent: Exponent | None
    """Of s0+1, the mean over replicates, over s0 > 0; None while there are fewer than three P*, or one s0."""
    exponent_with_zero: Exponent | None
    """The same with s0 = 0."""

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval of the exponent over s0 > 0."""
        return half_width(self.exponent)


def half_width(exponent: Exponent | None) -> float | None:
    """Return half the width of the interval of an exponent, if it has one."""
    if exponent is None or exponent.interval is None:
        return None
    low, high = exponent.interval
    return (high - low) / 2


def studies(arms: Iterable[Arm]) -> list[Study]:
    """Return the searches of some arms, the cheapest first."""
    found = [study for arm in arms for study in studies_of_arm(arm)]
    return sorted(found, key=lambda study: cost_near(study.setup))


def studies_of_arm(arm: Arm) -> list[Study]:
    """Return the searches of an arm."""
    return [search_for(one, arm.seeds) for one in arm.settings]


def arm_results(arms: Iterable[Arm], index: RunIndex) -> list[ArmResult]:
    """Return what a store knows of some arms."""
    results = []
    for arm in arms:
        known = {study.setup.params.s0: index.fill(study) for study in studies_of_arm(arm)}
        found = {s0: study.read() for s0, study in known.items()}
        pairs = [(s0, P_star) for s0, one in found.items() if one is not None for P_star in one.per_seed]
        exponent = blank_exponent(pair for pair in pairs if pair[0] > 0)
        results.append(ArmResult(arm, found, exponent, blank_exponent(pairs)))
    return results
