"""What a reproduction runs: searches for P* first, then curves, then S and D near their thresholds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ..errors import check_instance
from ..runner.driver import Policy, drive
from ..runner.executors import Executor
from ..runner.progress import Progress
from ..runner.searches import all_sources, choose_starts
from ..store import Store
from ..store.index import RunIndex
from ..study import RunSpec, Setup, Study
from ..study.grid import shard
from .cost import Device, run_seconds
from .kinds import PaperFigure
from .tiers import Tier, cost_near


@dataclass(frozen=True)
class Phase:
    """Searches and runs that are done together."""

    title: str
    """What it is, in a few words."""
    studies: list[Study] = field(default_factory=list)
    """Searches, with what the store already knows of them."""
    specs: list[RunSpec] = field(default_factory=list)
    """Single runs, each once."""


def phases(figures: Sequence[PaperFigure], tier: Tier, index: RunIndex) -> list[Phase]:
    """Return what the figures need at a tier, the cheapest informative points first."""
    check_instance(Tier, tier=tier)
    searched = distinct(tier, figures, lambda figure: figure.kind.searches)
    sensed = distinct(tier, figures, lambda figure: figure.senses)
    specs = sorted(curve_runs(tier, figures), key=lambda spec: run_seconds(spec, Device.core()))
    found = [
        Phase("P*", [index.fill(tier.study(one)) for one in searched]),
        Phase("curves", specs=specs),
        Phase("P*_S and P*_D", [index.fill(tier.study(one, sensitivities=True)) for one in sensed]),
    ]
    return [phase for phase in found if phase.studies or phase.specs]


def distinct(
    tier: Tier, figures: Iterable[PaperFigure], wanted: Callable[[PaperFigure], bool]
) -> list[Setup]:
    """Return the settings of some figures, each once, the cheapest first."""
    found = {one.digest: one for figure in figures if wanted(figure) for one in tier.settings(figure)}
    return sorted(found.values(), key=cost_near)


def curve_runs(tier: Tier, figures: Iterable[PaperFigure]) -> list[RunSpec]:
    """Return the runs of all curves of some figures, each once."""
    found: dict[str, RunSpec] = {}
    for figure in figures:
        for setting in tier.settings(figure) if figure.kind.curved else ():
            found |= {spec.hash: spec for spec in tier.curve(figure, setting)}
    return list(found.values())


def reproduce(
    figures: Sequence[PaperFigure],
    tier: Tier,
    store: Store,
    executor: Callable[[], Executor],
    *,
    part: tuple[int, int] | None = None,
    policy: Policy | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> list[Progress]:
    """Compute what the figures need at a tier and the store lacks; the same call resumes.

    `executor` makes who computes, once for each phase. `part`, (i, n), is the i-th of n parts, for a task of a job
    array. `policy` and `watch` are as for :func:`srhm.runner.driver.drive`.
    """
    check_instance(Tier, tier=tier)
    check_instance(Store, store=store)
    done = []
    for number in range(len(phases(figures, tier, RunIndex(())))):
        phase = phases(figures, tier, RunIndex.of(store))[number]  # it takes what the phases before it found
        choose_starts(phase.studies, store)
        sources = all_sources(phase.specs, phase.studies)
        sources = sources if part is None else shard(sources, *part)
        title = f"srhm reproduce --tier {tier.name}: {phase.title}"
        done.append(drive(sources, store, executor(), policy=policy or Policy(), watch=watch, title=title))
    return done
