"""The numbers of results/denoise.json, in docs/diffusion.md."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parents[1] / "results"
LEARNED = 0.9
"""The share of valid tuples at which a level counts as learned."""
MANY = 0.1
"""The share of valid samples from which copies among them are counted."""
LABELS = {("unet", "denoise"): "U-Net", ("transformer", "denoise"): "transformer"}


def content() -> dict:
    """Return results/denoise.json, its runs by network and task, and by P."""
    found = json.loads((RESULTS / "denoise.json").read_text("utf-8"))
    by_kind: dict = defaultdict(lambda: defaultdict(list))
    for run in sorted(found["runs"], key=lambda run: (run["P"], run["seed"])):
        by_kind[run["net"], run["task"]][run["P"]].append(run)
    return found | {"runs": {kind: dict(runs) for kind, runs in by_kind.items()}}


def copied(points: list[dict]) -> list[float]:
    """Return the share of copies of training data among the valid samples of each point."""
    return [one["copies"] / one["valid"] if one["valid"] else float("nan") for one in points]


def by_chance(found: dict, runs: list[dict]) -> float:
    """Return the same of an exact model."""
    return float(np.mean([run["distinct"] for run in runs])) / found["P_max"]


def reached(runs: list[dict], holds) -> str:
    """Return the first recorded step at which something holds, in the mean over the runs that reach it."""
    first = [next((one["step"] for one in run["through"] if holds(one)), None) for run in runs]
    steps = [step for step in first if step is not None]
    some = f" ({len(steps)} of {len(first)})" if len(steps) < len(first) else ""
    return f"{np.mean(steps):,.0f}{some}" if steps else "never"


def best(run: dict) -> dict:
    """Return the point with the lowest excess of the test loss."""
    return min(run["through"], key=lambda one: one["excess"])


def mean(values, digits: int = 2) -> str:
    """Return a mean as text."""
    return f"{np.mean(list(values)):.{digits}f}"


def numbered(things, name: str) -> str:
    """Return how many there are, with their name."""
    return f"{len(things)} {name}" + ("s" if len(things) != 1 else "")


def main_row(found: dict, label: str, P: int, runs: list[dict]) -> str:
    """Return the steps at which levels become valid, and what is generated after the last step."""
    cells = [reached(runs, lambda one, k=level: one["validity"][k] >= LEARNED) for level in range(3)]
    last = [run["through"][-1] for run in runs]
    cells += [mean(one["excess"] for one in last), mean(one["valid"] for one in last), mean(copied(last))]
    return f"| {label} | {P:,} | {' | '.join(cells)} | {by_chance(found, runs):.2f} |"


def best_row(P: int, runs: list[dict]) -> str:
    """Return the point with the lowest test loss of the runs of one P, and when copies prevail."""
    points = [best(run) for run in runs]
    steps = [one["step"] for one in points]
    ends = max(run["through"][-1]["step"] for run in runs)
    when = f"{np.mean(steps):,.0f}" + (f" ({steps.count(ends)} at the end)" if ends in steps else "")
    half = reached(runs, lambda one: one["valid"] >= MANY and one["copies"] >= one["valid"] / 2)
    given = " / ".join(mean(one["given_parts"][level] for one in points) for level in range(3))
    bounds = mean(one["bound"] - sum(run["floor_by_time"]) for one, run in zip(points, runs, strict=True))
    cells = [when, mean((one["excess"] for one in points), 3), bounds, given, half]
    return f"| {P:,} | {' | '.join(cells)} |"


def rules_row(P: int, runs: list[dict]) -> str:
    """Return how far the rules of valid tuples are from even after the last step, and of samples of the grammar."""
    cells = []
    for level in range(3):
        ours, exact = (
            [one for run in runs if (one := run["through"][-1][name][level]) is not None]
            for name in ("rules", "rules_of_grammar")
        )
        cells.append(f"{np.mean(ours):.3f} ({np.mean(exact):.3f})" if ours else "none")
    return f"| {P:,} | {' | '.join(cells)} |"


def learned(runs: dict) -> str:
    """Return the smallest P at which each level is learned, given its parts, where the test loss is lowest."""
    words = []
    for level in range(3):
        enough = [
            P
            for P, of_P in runs.items()
            if np.mean([best(run)["given_parts"][level] for run in of_P]) >= LEARNED
        ]
        words.append(
            f"level {level + 1} at $P$ = {min(enough):,}" if enough else f"level {level + 1} at none"
        )
    return ", ".join(words)


def growth(runs: dict) -> str:
    """Return by what the step of the lowest test loss grows from the smallest P to the largest that reaches it."""
    steps = {P: [best(run)["step"] for run in of_P] for P, of_P in runs.items()}
    whole = {
        P: float(np.exp(np.mean(np.log(found))))
        for P, found in steps.items()
        if max(found) < max(run["through"][-1]["step"] for run in runs[P])
    }
    low, high = min(whole), max(whole)
    return f"from $P$ = {low:,} to {high:,}, {high // low} times as many, {whole[high] / whole[low]:.0f} times as late"


def uniform_row(P: int, runs: list[dict]) -> str:
    """Return what uniform diffusion generates after the last step."""
    last = [run["through"][-1] for run in runs]
    cells = [reached(runs, lambda one, k=level: one["validity"][k] >= LEARNED) for level in range(3)]
    cells += [
        mean((one["excess"] for one in last), 3),
        mean(one["valid"] for one in last),
        mean(copied(last)),
    ]
    return f"| {P:,} | {' | '.join(cells)} |"


def denoisers() -> dict[str, str]:
    """Return what is said of trained denoisers."""
    found = content()
    runs, nets = found["runs"], found["nets"]
    unet, uniform = runs["unet", "denoise"], runs.get(("unet", "denoise(uniform)"), {})
    rows = [main_row(found, LABELS[kind], P, of_P) for kind in LABELS for P, of_P in runs[kind].items()]
    every = [run for of_kind in runs.values() for of_P in of_kind.values() for run in of_P]
    return {
        "denoise_table": "\n".join(rows),
        "denoise_best": "\n".join(best_row(P, of_P) for P, of_P in unet.items()),
        "denoise_rules": "\n".join(rules_row(P, of_P) for P, of_P in unet.items()),
        "denoise_uniform": "\n".join(uniform_row(P, of_P) for P, of_P in uniform.items()),
        "denoise_uniform_seeds": numbered({run["seed"] for of_P in uniform.values() for run in of_P}, "seed"),
        "denoise_learned": learned(unet),
        "denoise_growth": growth(unet),
        "denoise_count": f"{found['count']}",
        "denoise_steps_unet": f"{nets['unet']['max_steps']:,}",
        "denoise_steps_transformer": f"{nets['transformer']['max_steps']:,}",
        "denoise_seeds": f"{len({run['seed'] for run in every})}",
    }
