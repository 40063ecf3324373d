"""The command `srhm diffusion`."""

import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from tyro.conf import arg

from ..errors import ArgumentError, check_integer, check_number
from ..files import check_output
from ..inference.forward_backward import Changes, forward_backward
from ..inference.noise import PROCESSES
from ..model.dataset import Dataset
from ..model.grammar import Grammar
from ..model.options import Model, Weighting
from ..model.stream import Stream
from ..theory.transition import belief_transition
from .options import ModelOptions, WeightOptions
from .printing import print_result


@dataclass(frozen=True)
class DiffusionCommand:
    """Show how noise destroys the levels of a model, and where: forward-backward experiments without training.

    Noise acts on samples and the exact posterior denoises them. Printed for each strength of the noise: the share of
    the features of each level, and of the classes, that change; of features among blanks also the share whose place is
    lost; the susceptibility, that is, how many inputs change together; and the length over which they do. Of belief
    noise the transition of the recursion over levels, at infinite depth, is printed too (docs, diffusion.md). An
    example: srhm diffusion --v 32 --m 8 --s0 0 --L 8.
    """

    model: ModelOptions = field(default_factory=Model)
    weights: WeightOptions = field(default_factory=Weighting)
    noise: Literal["belief", "uniform", "masking"] = "belief"
    """belief: each input passes on a weakened belief in its symbol; uniform: it is replaced by a uniform draw; masking:
    it is hidden."""
    strengths: Annotated[int, arg(help="Number of strengths of the noise.")] = 20
    low: float = 0.05
    """Lowest strength: epsilon, or the probability that an input is masked."""
    high: float = 0.95
    """Highest strength."""
    count: int = 64
    """Number of samples."""
    draws: int | None = None
    """Draws of the noise for each sample. Default: 4; belief draws nothing."""
    seed: int = 0
    """Seed of rules, data and noise."""
    out: Path | None = None
    """Draw a figure: FILE writes FILE.pdf and FILE.png."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Compute, print and draw."""
        params = self.model.params()
        check_integer("strengths", self.strengths, minimum=2)
        low = check_number("low", self.low)
        if not 0 <= low < check_number("high", self.high) <= 1:
            raise ArgumentError(
                "low", self.low, "and high are not a range of noise", "Use 0 <= low < high <= 1"
            )
        process, found = PROCESSES[self.noise](), []
        if self.draws is not None and not process.draws:
            raise ArgumentError(
                "draws", self.draws, f"is not used: {self.noise} noise draws nothing", "Leave it out"
            )
        draws = 4 if self.draws is None else check_integer("draws", self.draws, minimum=1)
        if self.out is not None:
            check_output("out", self.out)
        grammar = Grammar(params, self.seed, **self.weights.of(params))
        data = Dataset.draw(
            Stream(grammar, self.seed, "replacement"), check_integer("count", self.count, minimum=2)
        )
        step = (self.high - self.low) / (self.strengths - 1)
        digits = max(4, min(8, math.ceil(-math.log10(step)) + 1))
        for strength in np.linspace(self.low, self.high, self.strengths).round(digits).tolist():
            found.append(
                forward_backward(data, process.at(strength), draws if process.draws else 1, self.seed)
            )
            if sys.stderr.isatty():
                print(f"{len(found)} of {self.strengths} strengths", end="\r", file=sys.stderr, flush=True)
        predicted = {} if process.draws or grammar.weighted else _predicted(params)
        if self.out is not None:
            from ..figures.style import save
            from ..figures.transition import noise_transition

            save(noise_transition(found, threshold=predicted.get("epsilon")), self.out)
        content = {"params": params.to_dict(), "noise": self.noise, "predicted": predicted}
        content |= {"strengths": [_row(one) for one in found]}
        print_result(json.dumps(content) if self.json else _text(content))


def _predicted(params: Any) -> dict[str, float | None]:
    """The transition of the recursion, if there is one for the model."""
    try:
        found = belief_transition(params)
    except ArgumentError:
        return {}
    slope = found.slope if found.slope == found.slope else None
    return {
        "epsilon": found.epsilon,
        "places": found.places,
        "slope": slope,
        "nu": found.nu if slope else None,
    }


def _row(found: Changes) -> dict[str, Any]:
    lost = 1 - found.features_kept * found.places_kept
    numbers = {"susceptibility": found.susceptibility, "correlation_length": found.correlation_length}
    return {
        "strength": found.process.strength,
        "changed": [*lost.tolist(), float(found.changed[-1])],
        "places_lost": (1 - found.places_kept).tolist(),
        "distance": found.distance.tolist(),
        "covariance": found.covariance.tolist(),
        **{name: None if value != value else value for name, value in numbers.items()},
    }


def _text(content: dict[str, Any]) -> str:
    rows, L = content["strengths"], len(content["strengths"][0]["places_lost"])
    blanks = any(max(row["places_lost"]) > 1e-4 for row in rows)
    heads = [f"level {level}" for level in range(1, L + 1)]
    columns = ["noise", *heads, "class", *(f"place {level}" for level in range(1, L + 1) if blanks)]
    lines = ["features that change, by level", ""]
    lines.append(" ".join(f"{one:>8}" for one in [*columns, "suscept.", "length"]))
    for row in rows:
        places = row["places_lost"] if blanks else []
        cells = [f"{one:>8.3f}" for one in (row["strength"], *row["changed"], *places)]
        ends = (row["susceptibility"], row["correlation_length"])
        lines.append(" ".join([*cells, *(f"{'-' if one is None else f'{one:.2f}':>8}" for one in ends)]))
    peak = max(rows, key=lambda row: row["susceptibility"] or 0.0)
    if peak["susceptibility"] is not None:
        lines += [
            "",
            f"the susceptibility is largest, {peak['susceptibility']:.2f}, at {peak['strength']:.3f}",
        ]
    if predicted := content["predicted"]:
        lines.append(f"the recursion has its transition at {predicted['epsilon']:.4f}")
        if predicted["slope"]:
            lines[-1] += f", slope {predicted['slope']:.4f}, nu {predicted['nu']:.4f}"
        if predicted["places"] < 1:
            lines.append(f"and places are lost from {predicted['places']:.4f} on")
    return "\n".join(lines)
