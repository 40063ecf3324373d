"""The command `srhm theory`."""

import json
from dataclasses import dataclass, field
from typing import Any

from ..errors import in_short
from ..model.options import Model
from .options import ModelOptions
from .printing import as_json, print_result


@dataclass(frozen=True)
class TheoryCommand:
    """What is predicted of a model without training: P* of each network, and when correlations become visible.

    The predicted P* is the scaling law, a formula of the paper, times the constant that the paper's own measurements
    have; the range is that of the constants among its points. Below, the training points from which on the correlation
    with the class of an input feature, and of a lowest tuple, exceeds its sampling noise (docs, statistics.md).
    """

    model: ModelOptions = field(default_factory=Model)
    json: bool = False
    """Print JSON: params, d, P_max (as text above 4300 digits), relevant_fraction, predictions with their
    assumptions, and visible_P."""

    def run(self) -> None:
        """Compute and print."""
        from ..study.overview import summary  # JAX takes a second to import

        content = summary(self.model.params())
        print_result(
            json.dumps(content | {"P_max": as_json(content["P_max"])}) if self.json else _text(content)
        )


def _text(content: dict[str, Any]) -> str:
    lines = [
        f"d = {content['d']:,} inputs, of which a fraction {content['relevant_fraction']:.3g} is informative; "
        f"P_max = {in_short(content['P_max'], ',')} data",
        "",
        f"{'net':<5}{'predicted P*':>13}  {'range':<22}{'scaling law':<28}source"
        if content["predictions"]
        else "P* has no prediction: the paper's formulas are of models whose levels are equal",
    ]
    said: list[str] = []
    for one in content["predictions"]:
        low, high = one["range"]
        span = f"[{low:,.0f}, {high:,.0f}]"
        beyond = "  (above P_max)" if one["P_star"] > content["P_max"] else ""
        lines.append(
            f"{one['net']:<5}{one['P_star']:>13,.0f}  {span:<22}{one['formula']:<28}{one['source']}{beyond}"
        )
        said += [sentence for sentence in one["assumptions"] if sentence not in said]
    lines += ["", "assuming:", *(f"- {sentence}" for sentence in said)] if said else []
    lines += ["", "correlation with the class visible from P of about"]
    lines += [f"{value:>12,.0f}   {what}" for what, value in content["visible_P"].items()]
    return "\n".join(lines)
