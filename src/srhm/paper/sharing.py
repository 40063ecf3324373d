"""The experiment with weights shared over the s0+1 places of a sub-patch: P* over s0+1 for each choice of layers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import stdtrit

from ..measure.exponent import Exponent, fit_exponent
from ..study import Setup


def sharing_of(setup: Setup) -> tuple[int, ...]:
    """Return the layers whose weights are shared over the places of a sub-patch; none in a family without patches."""
    return getattr(setup.net.options, "shared_layers", ())


def is_architecture(setup: Setup) -> bool:
    """Whether a network has no option but shared layers: others, as frozen layers, leave the architecture as it is."""
    return setup.net.chosen.keys() <= {"shared_layers"}


def by_sharing(settings: Sequence[Setup]) -> dict[tuple[str, tuple[int, ...]], list[Setup]]:
    """Return the settings of each network and choice of layers; at s0 = 0 all choices are one network."""
    found: dict[tuple[str, tuple[int, ...]], list[Setup]] = {}
    for one in settings:
        plain = [other for other in settings if (other.net.family, other.params.s0) == (one.net.family, 0)]
        own = found.setdefault((one.net.family, sharing_of(one)), plain)
        if one.params.s0 > 0:
            own.append(one)
    return found


def blank_exponent(pairs: Iterable[tuple[int, float]], level: float = 0.90) -> Exponent | None:
    """Return the exponent of s0+1 over some (s0, P*); None if they are fewer than three, or of one s0.

    Those of one s0 are replicates in the order of their seeds. A seed has similar rules at all s0, so that its P* lie
    above or below the others at all of them: each seed is fitted by itself, and the interval is that of the mean slope.
    """
    by_blanks: dict[int, list[float]] = defaultdict(list)
    for s0, P_star in pairs:
        by_blanks[s0].append(P_star)
    seeds = min(map(len, by_blanks.values()), default=0)
    if len(by_blanks) < 2 or seeds * len(by_blanks) < 3:
        return None
    blanks = [s0 + 1.0 for s0 in by_blanks]
    fits = [fit_exponent(blanks, [of_s0[seed] for of_s0 in by_blanks.values()]) for seed in range(seeds)]
    if seeds == 1:
        return fits[0]
    slopes = np.array([one.slope for one in fits])
    slope, spread = float(slopes.mean()), float(slopes.std(ddof=1)) / seeds**0.5
    half = float(stdtrit(seeds - 1, (1 + level) / 2)) * spread
    intercept = float(np.mean([one.intercept for one in fits]))
    return Exponent(slope, (slope - half, slope + half), intercept, level, seeds * len(blanks))
