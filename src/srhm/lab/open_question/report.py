"""The tables and the figure of the experiment."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ...exponent import Exponent
from ...files import write_atomically
from ..figures import ScalingPoint, save, scaling
from ..reproduction.cost import Device, run_seconds, shown
from ..reproduction.drawings import estimate_of
from ..reproduction.estimate import RUNS_OF_A_SEARCH
from ..reproduction.tables import table
from .arms import Arm
from .measuring import TIER, ArmResult

_GROUPS = {
    "depth": "Depth and patch size",
    "controls": "Controlled runs, CNN, L = 2, v = 6",
    "rate": "Learning rate, CNN, L = 2, v = 4",
    "width": "Width, CNN, L = 2, v = 6",
    "batch": "Batch, CNN, L = 2, v = 6",
}


def cost(arm: Arm) -> float:
    """Return the seconds that an arm takes on one core, about."""
    return sum(
        arm.seeds * RUNS_OF_A_SEARCH * run_seconds(TIER.near(setting), Device.core())
        for setting in arm.settings
    )


def page(results: Sequence[ArmResult]) -> str:
    """Return the measurements in Markdown: for every arm P* at each s0, and the exponent of s0+1."""
    parts = []
    for group, heading in _GROUPS.items():
        own = [one for one in results if one.arm.group == group]
        if not own:
            continue
        s0s = sorted({s0 for one in own for s0 in one.P_star})
        heads = ["network", *(f"P*, s0 = {s0}" for s0 in s0s), "exponent, s0 > 0", "±", "with s0 = 0", "dead"]
        parts += [f"## {heading}", table(heads, [_row(one, s0s) for one in own])]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _row(result: ArmResult, s0s: Sequence[int]) -> list[str]:
    cells = []
    for s0 in s0s:
        found = result.P_star.get(s0)
        if found is None or found.P_star is None:
            cells.append("not run, about " + shown(cost(result.arm)) if s0 in result.P_star else "")
        elif found.interval is None:
            cells.append(f"{found.P_star:,.0f}")
        else:
            cells.append(f"{found.P_star:,.0f} ({found.interval[0]:,.0f} to {found.interval[1]:,.0f})")
    half = "" if result.half_width is None else f"{result.half_width:.2f}"
    zero = 0 in result.P_star
    slopes = [_slope(result.exponent), half, _slope(result.exponent_with_zero) if zero else ""]
    return [result.arm.what, *cells, *slopes, str(result.dead) if result.dead else ""]


def _slope(found: Exponent | None) -> str:
    return "" if found is None else f"{found.slope:.2f}"


def draw_open_question(results: Sequence[ArmResult]) -> Figure:
    """Draw P* against s0+1, a panel for each arm, with the fitted exponent over s0 > 0."""
    points, fits, labels = [], {}, {}
    for result in results:
        name = ("" if result.arm.settings[0].net == "lcn" else "CNN: ") + result.arm.what
        for setting in result.arm.settings:
            ours, params = estimate_of(result.P_star[setting.params.s0]), setting.params
            if ours.value is not None:
                points.append(
                    ScalingPoint(
                        net=name, label=f"s0={params.s0}", prediction=params.s0 + 1.0, P_star=ours.value,
                        interval=ours.interval, paper=None, paper_bracket=None, lower_bound=ours.lower_bound,
                        s0=params.s0, v=params.v, L=params.L, s=params.s,
                    )
                )  # fmt: skip
        labels[name] = "$s_0 + 1$"
        if result.exponent is not None:
            fits[name] = result.exponent
    return scaling(
        points, fits=fits, x_labels=labels, title="P* over s0+1: four replicates, fits over s0 > 0"
    )


def write_open_question(results: Sequence[ArmResult], folder: Path) -> list[Path]:
    """Write exponents.md and the figure of the arms that have runs; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "exponents.md"
    write_atomically(path, page(results).encode())
    known = [one for one in results if any(found and found.P_star for found in one.P_star.values())]
    return [path, *(save(draw_open_question(known), folder / "exponents") if known else [])]
