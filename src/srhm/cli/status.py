"""What stores say of the runs in them: how many are finished, under way and failed, how fast, how long yet."""

import time
from collections.abc import Sequence
from typing import Any

from ..errors import check_instance
from ..runner.progress import Progress, duration
from ..store import Store
from ..study import Study
from .results import pstar_content

_RATE_SECONDS = 600.0
"""Over how long a time the rate is taken."""


def status_content(stores: Sequence[Store], *, failures: bool = False) -> dict[str, Any]:
    """Return what `srhm status --json` prints."""
    finished, failed, running = map(sum, zip(*(store.counts() for store in stores), strict=True))
    drivers = [driver for store in stores if (driver := store.driver()) is not None]
    live = [driver for driver in drivers if driver.alive]
    since = max(time.time() - _RATE_SECONDS, min((driver.started for driver in live), default=0.0))
    recent = sum(store.finished_since(since) for store in stores) if live else 0
    todo = sum(driver.total - driver.done for driver in live)
    done = sum(driver.done - driver.finished_before for driver in live)
    spent = max((time.time() - driver.started for driver in live), default=0.0)
    content: dict[str, Any] = {
        "finished": finished,
        "running": running,
        "failed": failed,
        "runs_per_second": recent / max(time.time() - since, 1.0) if live else 0.0,
        "seconds_left": spent * todo / done if done > 0 else None,
        "drivers": [
            {name: getattr(driver, name) for name in ("title", "host", "pid", "done", "total")}
            | {
                "state": "running" if driver.alive else "killed",
                "seen_seconds_ago": round(time.time() - driver.seen, 1),
            }
            for driver in drivers
        ],
    }
    if failures or content["failed"]:
        shown = [one for store in stores for one in store.failures()]
        content["failures"] = [
            {"kind": one.kind, "reason": one.reason, "attempts": one.attempts, "spec": one.spec.to_dict()}
            for one in (shown if failures else shown[:3])
        ]
    return content


def status_text(content: dict[str, Any]) -> str:
    """Return what `srhm status` prints, from its JSON content."""
    lines = [
        f"{content['finished']:,} finished, {content['running']:,} running, {content['failed']:,} failed"
    ]
    if content["runs_per_second"]:
        pace = f"{content['runs_per_second']:.3g} runs a second"
        left = content["seconds_left"]
        lines[0] += f"; {pace}" + ("" if left is None else f", {duration(left)} left")
    for driver in content["drivers"]:
        where = f"{driver['host']}, process {driver['pid']}"
        lines.append(
            f"  {driver['title'] or 'driver'} on {where}: {driver['state']}, {driver['done']:,} of {driver['total']:,}"
        )
    for one in content.get("failures", []):
        spec = one["spec"]
        what = f"{spec['net']['family']}, P = {spec['P']:,}, seed {spec['seeds']['samples']}"
        lines.append(f"  failed ({one['kind']}, {one['attempts']} tries): {what}: {one['reason']}")
    if 0 < len(content.get("failures", [])) < content["failed"]:
        lines.append("  ... --failures lists all; srhm grid --again tries them again")
    return "\n".join(lines)


def grid_content(progress: Progress, studies: Sequence[Study], place: str) -> dict[str, Any]:
    """Return what `srhm grid --json` prints."""
    check_instance(Progress, progress=progress)
    counts = ("total", "done", "computed", "unused", "failed")
    return {name: getattr(progress, name) for name in counts} | {
        "seconds": round(progress.seconds, 3),
        "failures": list(progress.reasons),
        "pstar": [pstar_content(one, place) for one in studies if any(one.runs)],
        "store": place,
    }


def grid_text(content: dict[str, Any]) -> str:
    """Return what `srhm grid` prints, from its JSON content."""
    lines = []
    for found in content["pstar"]:
        params, P_star, interval = found["params"], found["P_star"], found["interval"] or (None, None)
        model = f"{found['net']} v={params['v']} L={params['L']} s={params['s']} s0={params['s0']}"
        ends = ", ".join("-" if end is None else f"{end:,.0f}" for end in interval)
        value = found["status"] if P_star is None else f"{P_star:,.0f}"
        predicted = "" if found["predicted"] is None else f", predicted {found['predicted']:,.0f}"
        lines.append(f"P* {model}: {value} [{ends}]{predicted}")
    extra = f" and {content['unused']:,} that no search needed" if content["unused"] else ""
    lines.append(
        f"{content['done']:,} of {content['total']:,} done, {content['computed']:,} runs computed now in "
        f"{duration(content['seconds'])}{extra}, {content['failed']:,} failed; store {content['store']}"
    )
    lines += [f"failed: {reason}" for reason in content["failures"]]
    if content["failed"]:
        lines.append("srhm status --failures lists all failures; srhm grid --again tries them again.")
    return "\n".join(lines)
