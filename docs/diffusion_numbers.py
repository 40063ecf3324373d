"""The numbers of results/transition.jsonl and results/diffusion.json, in docs/diffusion.md."""

import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from denoise_numbers import denoisers
from scipy.stats import t

from srhm import Params
from srhm.theory import belief_transition

RESULTS = Path(__file__).parents[1] / "results"
SPARSE = ((0, "A"), (1, "A"), (2, "A"), (1, "B"), (2, "B"))
"""s0 and sparsity of the models that are compared."""


def runs(what: str) -> list[dict]:
    """Return the runs of one kind, with the strength of their noise."""
    lines = (RESULTS / "transition.jsonl").read_text("utf-8").splitlines()
    found = [one for one in map(json.loads, lines) if one["what"] == what]
    return [one | {"strength": float(one["noise"].partition("(")[2][:-1])} for one in found]


def crossing(strengths: list[float], values: list[float], level: float) -> float:
    """Return where values that rise with the strength reach a level, by linear interpolation; nan if nowhere."""
    for k in range(1, len(values)):
        if values[k - 1] < level <= values[k]:
            part = (level - values[k - 1]) / (values[k] - values[k - 1])
            return strengths[k - 1] + part * (strengths[k] - strengths[k - 1])
    return math.nan


def interval(values: list[float], digits: int = 3) -> str:
    """Return a mean over rule draws and the half-width of its 90% t-interval."""
    kept = np.array(values)
    if np.isnan(kept).any():
        return "not reached"
    half = t.ppf(0.95, len(kept) - 1) * kept.std(ddof=1) / len(kept) ** 0.5
    return f"{kept.mean():.{digits}f} ± {half:.{digits}f}"


def by_seed(found: list[dict]) -> dict[int, list[dict]]:
    """Return runs by the seed of their rules, in the order of the noise."""
    seeds = defaultdict(list)
    for one in sorted(found, key=lambda one: one["strength"]):
        seeds[one["seed"]].append(one)
    return dict(seeds)


def sparse_curves(s0: int, sparsity: str) -> dict[int, list[dict]]:
    """Return the runs of one model by seed."""
    model = {"s0": s0, "sparsity": sparsity}
    return by_seed([one for one in runs("sparsity") if model.items() <= one["model"].items()])


def sparse_row(s0: int, sparsity: str) -> str:
    """Return the thresholds of one model as a row of a table."""
    seeds = sparse_curves(s0, sparsity)
    params = Params(**next(iter(seeds.values()))[0]["model"])
    chance = 1 - 1 / params.n_c
    halves: dict[str, list[float]] = defaultdict(list)
    for curve in seeds.values():
        noise = [one["strength"] for one in curve]
        changed = [one["changed"][-1] for one in curve]
        halves["class"].append(crossing(noise, changed, chance / 2))
        halves["width"].append(
            crossing(noise, changed, 0.75 * chance) - crossing(noise, changed, 0.25 * chance)
        )
        for name, level in (("top", -1), ("input", 0)):
            feature = 1 - 1 / params.level(1).v
            halves[f"features {name}"].append(
                crossing(noise, [1 - one["features_kept"][level] for one in curve], feature / 2)
            )
            lost = 1 - (s0 + 1.0) ** (level if level else -params.L) if s0 else 1.0
            halves[f"places {name}"].append(
                crossing(noise, [1 - one["places_kept"][level] for one in curve], lost / 2)
                if s0
                else math.inf
            )
    cells = [interval(halves["class"]), interval(halves["width"])]
    cells.append(f"{recursion_half(params):.3f}" if sparsity == "A" else "")
    for name in ("features top", "places top", "features input", "places input"):
        cells.append("" if math.inf in halves[name] else interval(halves[name]))
    return f"| {s0} {sparsity if s0 else ''} | {' | '.join(cells)} |"


def recursion_half(params: Params) -> float:
    """Return the noise at which the recursion of as many levels changes half the classes that chance would."""
    found, low, high = belief_transition(params), 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        changed = 1 - found.levels(middle)[-1, 0]
        low, high = (middle, high) if changed < (1 - 1 / params.n_c) / 2 else (low, middle)
    return low


def depth_fits(recursion: bool = False) -> dict[str, list[float]]:
    """Return threshold, slope and nu of each draw of the rules, from how curves of the class sharpen with L.

    If a deviation from the threshold grows by the slope from level to level, the curve of L levels is a function of
    (epsilon - threshold) slope^L: its width falls as slope^-L, and its middle is at the threshold but for a part
    proportional to the width. The same can be done with the curves of the recursion, for its own finite levels.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for curves in [_recursion_runs()] if recursion else by_seed(runs("depth")).values():
        depths = sorted({one["model"]["L"] for one in curves})
        middles, widths = [], []
        for L in depths:
            curve = [one for one in curves if one["model"]["L"] == L]
            noise, changed = [one["strength"] for one in curve], [one["changed"][-1] for one in curve]
            low, middle, high = (crossing(noise, changed, share * (1 - 1 / 32)) for share in (0.4, 0.6, 0.8))
            middles.append(middle)
            widths.append(high - low)
        if len(depths) < 5 or np.isnan(widths).any():  # its runs are not complete
            continue
        slope = math.exp(-np.polyfit(depths, np.log(widths), 1)[0])
        found["threshold"].append(np.polyfit(widths, middles, 1)[1])
        found["slope"].append(slope)
        found["nu"].append(math.log(2) / math.log(slope))
    return found


def _recursion_runs() -> list[dict]:
    """Return the runs that the recursion would have in place of the exact posterior."""
    found = belief_transition(Params(n_c=32, v=32, m=8, s=2, s0=0, L=10))
    noise = sorted({one["strength"] for one in runs("depth")})
    return [
        {"model": {"L": L}, "strength": one, "changed": [1 - found.levels(one, L)[-1, 0]]}
        for L in range(6, 11)
        for one in noise
    ]


def numbers() -> dict[str, str]:
    """Return the text of each <<name>> of the page."""
    published = belief_transition(Params(n_c=32, v=32, m=8, s=2, s0=0, L=9))
    fits, same = depth_fits(), depth_fits(recursion=True)
    masked = []
    for L in (8, 9):
        found = [one for one in runs("masking") if one["model"]["L"] == L]
        peak = max(found, key=lambda one: one["susceptibility"])
        masked.append(f"{peak['strength']:.2f} at $L = {L}$")
    command = json.loads((RESULTS / "diffusion.json").read_text("utf-8"))
    peak = max(command["strengths"], key=lambda one: one["susceptibility"])
    return {
        "belief_threshold": f"{published.epsilon:.4f}",
        "belief_slope": f"{published.slope:.4f}",
        "belief_nu": f"{published.nu:.4f}",
        "depth_threshold": interval(fits["threshold"], 4),
        "depth_slope": interval(fits["slope"]),
        "depth_nu": interval(fits["nu"], 2),
        "depth_recursion": f"{same['threshold'][0]:.4f}, {same['slope'][0]:.3f} and {same['nu'][0]:.2f}",
        "depth_draws": f"{len(fits['nu'])}",
        "belief_sparse": "\n".join(sparse_row(*one) for one in SPARSE),
        "masking_peak": " and ".join(masked),
        "diffusion_peak": f"{peak['susceptibility']:.1f} at $\\varepsilon = {peak['strength']:.2f}$",
        "recursion_sparse": ", ".join(
            f"{belief_transition(Params(n_c=32, v=32, m=8, s=2, s0=s0, L=2)).epsilon:.3f} at $s_0 = {s0}$"
            for s0 in (0, 1, 2, 4)
        ),
        "places_sparse": ", ".join(
            f"{belief_transition(Params(n_c=32, v=32, m=8, s=2, s0=s0, L=2)).places:.3f} at $s_0 = {s0}$"
            for s0 in (2, 4)
        ),
    } | denoisers()
