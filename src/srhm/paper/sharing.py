"""The experiment with weights shared over the s0+1 places of a sub-patch: P* over s0+1 for each choice of layers."""

from collections.abc import Iterable, Sequence

from ..measure.exponent import Exponent, fit_exponent
from ..study import Setup


def sharing_of(setup: Setup) -> tuple[int, ...]:
    """Return the layers whose weights are shared over the places of a sub-patch; none in a family without patches."""
    return getattr(setup.net.options, "shared_layers", ())


def by_sharing(settings: Sequence[Setup]) -> dict[tuple[str, tuple[int, ...]], list[Setup]]:
    """Return the settings of each network and choice of layers; at s0 = 0 all choices are one network."""
    found: dict[tuple[str, tuple[int, ...]], list[Setup]] = {}
    for one in settings:
        plain = [other for other in settings if (other.net.family, other.params.s0) == (one.net.family, 0)]
        own = found.setdefault((one.net.family, sharing_of(one)), plain)
        if one.params.s0 > 0:
            own.append(one)
    return found


def blank_exponent(pairs: Iterable[tuple[int, float]]) -> Exponent | None:
    """Return the exponent of s0+1 over some (s0, P*); None if they are fewer than three, or of one s0."""
    known = list(pairs)
    if len(known) < 3 or len({s0 for s0, _ in known}) < 2:
        return None
    return fit_exponent([s0 + 1.0 for s0, _ in known], [P_star for _, P_star in known])
