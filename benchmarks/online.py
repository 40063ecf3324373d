"""How many new points does a CNN need that sees each once? python benchmarks/online.py --help.

The networks of docs, open-question.md, trained on points that are drawn anew at every step, until the test error is
below 10%: the limit of infinitely many training points, in which only time is left to limit learning. The points used,
divided by the batch, are steps.

Writes benchmarks/results/online.json, and docs/open-question/online.md; with --draw, the second from the first. It
takes some ten minutes on one core.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

import srhm
from srhm.files import write_atomically
from srhm.model.params import Params
from srhm.nets import build
from srhm.paper.settings import model
from srhm.training import Optimizer, train_online

RESULTS = Path(__file__).parent / "results" / "online.json"
DOCS = Path(__file__).parent.parent / "docs" / "open-question"
WIDTH, SEEDS, TEST, LIMIT = 256, 3, 5000, 0.10
MOST = 4
"""How many times more points than guessed are tried."""


@dataclass(frozen=True)
class Case:
    """CNNs at several s0, at one rate."""

    v: int
    L: int
    rate: float
    s0s: tuple[int, ...]
    guess: int
    """Points that may be enough at s0 = 0; they are doubled until they are."""

    @property
    def name(self) -> str:
        return f"L = {self.L}, v = {self.v}"


CASES = (
    Case(6, 2, 0.03, (1, 2, 3), 30_000),
    Case(6, 2, 0.01, (1, 2, 3), 75_000),
    Case(4, 2, 0.01, (1, 2, 3), 25_000),
    Case(4, 3, 0.01, (1, 2, 3), 50_000),
)


def points_needed(params: Params, rate: float, seed: int, guess: int) -> int | None:
    """Return after how many points the test error falls to 10%, interpolated in ln points; None if it does not."""
    grammar = srhm.Grammar(params, seed)
    stream = srhm.Stream(grammar, seed, "replacement")
    test_set = srhm.Dataset.draw(srhm.Stream(grammar, seed, "replacement", role="test"), TEST)
    points, batch = guess, 4 * params.n_c
    while points <= MOST * guess:
        net = build("cnn", params, WIDTH, seed)
        found = train_online(net, stream, test_set, points=points, optimizer=Optimizer(rate))
        steps = [point["step"] for point in found.record]
        errors = [point["test_error"] for point in found.record]
        after = next((k for k, error in enumerate(errors) if error < LIMIT), None)
        if after:
            share = (errors[after - 1] - LIMIT) / (errors[after - 1] - errors[after])
            return round(batch * steps[after - 1] * (steps[after] / steps[after - 1]) ** share)
        points *= 2
    return None


def mean(values: Sequence[float]) -> tuple[float, float]:
    """Return a mean and half the width of its 90% t-interval."""
    half = stdtrit(len(values) - 1, 0.95) * np.std(values, ddof=1) / len(values) ** 0.5
    return float(np.mean(values)), float(half)


def shown(values: Sequence[int | None]) -> str:
    """Return the geometric mean over seeds, or how many of them did not learn."""
    failed = values.count(None)
    return (
        f"not learned by {failed} of {len(values)}" if failed else f"{np.exp(np.mean(np.log(values))):,.0f}"
    )


def page(cases: Sequence[dict[str, Any]]) -> str:
    """Return the table: points at each s0, and the exponent of s0+1, fitted for each seed by itself."""
    s0s = sorted({int(s0) for case in cases for s0 in case["points"]})
    heads = ["CNN", "rate", *(f"points, s0 = {s0}" for s0 in s0s), "exponent of s0+1", "±"]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    for case in cases:
        points = {int(s0): values for s0, values in case["points"].items()}
        learned = {s0: values for s0, values in points.items() if None not in values}
        cells = [shown(points[s0]) if s0 in points else "" for s0 in s0s]
        x = np.log([s0 + 1 for s0 in learned])
        slopes = [np.polyfit(x, np.log(values), 1)[0] for values in zip(*learned.values(), strict=True)]
        slope, half = mean(slopes)
        lines.append(
            "| "
            + " | ".join([case["name"], f"{case['rate']:g}", *cells, f"{slope:.2f}", f"{half:.2f}"])
            + " |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draw", action="store_true", help="write the table from the results")
    if not parser.parse_args().draw:
        cases = []
        for case in CASES:
            points: dict[int, list[int | None]] = {}
            for s0 in case.s0s:
                params, guess = model(case.v, s0, L=case.L), case.guess * (s0 + 1)
                points[s0] = [points_needed(params, case.rate, seed, guess) for seed in range(SEEDS)]
            cases.append({"name": case.name, "rate": case.rate, "points": points})
            content = {
                "command": "python benchmarks/online.py",
                "version": srhm.__version__,
                "width": WIDTH,
                "cases": cases,
            }
            write_atomically(RESULTS, (json.dumps(content) + "\n").encode())
            print(page(cases), flush=True)
    cases = json.loads(RESULTS.read_text(encoding="utf-8"))["cases"]
    write_atomically(DOCS / "online.md", page(cases).encode())


if __name__ == "__main__":
    main()
