"""The computation of the experiment: what is missing in a store, then the tables and the figure."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import check_instance
from ...runner.driver import drive
from ...runner.executors import Executor
from ...runner.progress import Progress
from ...runner.searches import all_sources
from ...store import Store
from ...store.index import RunIndex
from ..cost import shown
from .arms import ARMS, Arm
from .measuring import arm_results, studies
from .report import cost, write_open_question


def plan_of(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return for each arm its name, group, description, s0 and the time it takes on one core, as JSON data."""
    return [
        {
            "name": arm.name,
            "group": arm.group,
            "what": arm.what,
            "s0": [setting.params.s0 for setting in arm.settings],
            "core_seconds": round(cost(arm)),
            "core_time": shown(cost(arm)),
        }
        for arm in arms
    ]


def compute(
    arms: Sequence[Arm],
    store: Store,
    executor: Callable[[], Executor] | None,
    folder: Path,
    watch: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Compute what the store lacks of some arms, the cheapest first, and write what it knows of all into a folder.

    `executor` makes who computes; None computes nothing. Returned are the numbers of runs computed and failed, and the
    files written.
    """
    check_instance(Store, store=store)
    done = None
    if executor is not None:
        index = RunIndex.of(store)
        sources = all_sources((), map(index.fill, studies(arms)))
        done = drive(sources, store, executor(), watch=watch, title="srhm open-question")
    results = arm_results(ARMS.values(), RunIndex.of(store))
    files = [str(path) for path in write_open_question(results, folder)]
    computed, failed = (0, 0) if done is None else (done.computed, done.failed)
    return {"computed": computed, "failed": failed, "files": files}
