"""The experiment with weights shared over the s0+1 places of a sub-patch: P* over s0+1 for each choice of layers."""

from collections.abc import Sequence

from ..errors import check_instance
from ..measure.exponent import Exponent, fit_exponent
from ..store.index import RunIndex
from ..study import Setup
from .figures import FIGURES
from .settings import shared_layers
from .tiers import Tier, study_of


def shared_settings(tier: Tier) -> tuple[Setup, ...]:
    """Return the settings of the experiment at a tier."""
    check_instance(Tier, tier=tier)
    figure = FIGURES["sharing"]
    return figure.stand_in if tier.name == "laptop" else figure.settings


def by_sharing(tier: Tier) -> dict[tuple[str, tuple[int, ...]], list[Setup]]:
    """Return the settings of each network and choice of layers; at s0 = 0 all choices are one network."""
    check_instance(Tier, tier=tier)
    settings = shared_settings(tier)
    found: dict[tuple[str, tuple[int, ...]], list[Setup]] = {}
    for one in settings:
        plain = [other for other in settings if (other.net.family, other.params.s0) == (one.net.family, 0)]
        own = found.setdefault((one.net.family, shared_layers(one)), plain)
        if one.params.s0 > 0:
            own.append(one)
    return found


def sharing_fit(settings: Sequence[Setup], tier: Tier, index: RunIndex) -> Exponent | None:
    """Return the exponent of s0+1 over the P* of every seed; None while fewer than three points are known."""
    check_instance(Tier, tier=tier)
    x, y = [], []
    for setting in settings:
        found = study_of(setting, tier, index).read()
        known = () if found is None else found.of_seeds
        x += [setting.params.s0 + 1.0] * len(known)
        y += known
    return fit_exponent(x, y) if len(y) > 2 and len(set(x)) > 1 else None
