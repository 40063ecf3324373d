"""Do the upper layers align before the first layer learns? python benchmarks/alignment.py --help.

The backward signal that reaches a unit of the first layer at an informative patch is the gradient of the output of the
true class, less the mean over classes, by the unit's activation. The same patch is put at each of the s0+1 places that
a feature above can take, all else being equal. Alignment is the mean product of the signals from two different places,
over the mean square of one: 0 if their signs are random, 1 if they are equal. It is followed through training, beside
the sensitivities and the test error.

Writes benchmarks/results/alignment.json, and docs/open-question/alignment.md and alignment.png; with --draw, the last
two from the first. It takes ten minutes on one core.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from scipy.special import stdtrit

import srhm
from srhm.figures.style import DOUBLE_COLUMN, LINE_COLOURS, panel_grid, panel_letters, render, styled
from srhm.files import write_atomically
from srhm.measure.sensitivity import sensitivities, test_error
from srhm.model.derivation import Derivation, child_offsets, expand, placement_of
from srhm.model.encoding import encode
from srhm.nets import Network, build
from srhm.training import Optimizer, Stopping
from srhm.training.loop import advance, start, stopped
from srhm.training.order import class_data

RESULTS = Path(__file__).parent / "results" / "alignment.json"
DOCS = Path(__file__).parent.parent / "docs" / "open-question"
WIDTH, SEEDS, INPUTS, MAX_STEPS = 256, 4, 500, 400_000


@dataclass(frozen=True)
class Case:
    """A CNN on P points, P in units of the P* that was measured for it (docs, open-question.md)."""

    name: str
    params: srhm.Params
    P: int
    rate: float


def model(v: int, s0: int, L: int) -> srhm.Params:
    return srhm.Params(n_c=v, v=v, m=v, s=2, s0=s0, L=L)


CASES = (
    Case("L = 2, s0 = 1, P = 2 P*", model(6, 1, 2), 4000, 0.03),
    Case("L = 2, s0 = 3, P = 2 P*", model(6, 3, 2), 11_400, 0.03),
    Case("L = 2, s0 = 1, P = P*/2", model(6, 1, 2), 1000, 0.03),
    Case("L = 3, s0 = 1, P = 2 P*", model(4, 1, 3), 10_000, 0.01),
)


def moved(grammar: srhm.Grammar, choices: Derivation, level: int, place: int) -> Derivation:
    """Put the first level-`level` feature of every datum at a place of its sub-patch; all other choices stay."""
    params, numbers = grammar.params, list(choices.placements)
    offsets = child_offsets(params, numbers[level - 1])
    offsets[:, 0, 0] = place
    numbers[level - 1] = placement_of(params, offsets)
    return choices._replace(placements=tuple(numbers))


@eqx.filter_jit
def signals(net: Network, x: Any, label: Any, patch: Any) -> Any:
    """Gradient of the true class's output, less the mean over classes, by layer 1 at a patch: [sample, unit]."""
    first = jax.nn.relu(net.layers[0](x))

    def output(first: Any) -> Any:
        top = first
        for layer in net.layers[1:]:
            top = jax.nn.relu(layer(top))
        found = top.mean(axis=1) @ net.readout / net.readout.shape[0]
        return (jnp.take_along_axis(found, label[:, None], axis=1)[:, 0] - found.mean(axis=1)).sum()

    return jnp.take_along_axis(jax.grad(output)(first), patch[:, None, None], axis=1)[:, 0]


def alignment(net: Network, grammar: srhm.Grammar, choices: Derivation, level: int) -> float:
    """Mean product of the signals from two places of a level-`level` feature, over their mean square."""
    params, found = grammar.params, []
    for place in range(params.s0 + 1):
        tree = expand(grammar, moved(grammar, choices, level, place))
        x = encode(params, tree.features[0], tree.positions[0], "whitened", "float32")
        found.append(signals(net, x, jnp.asarray(tree.label), jnp.asarray(tree.positions[1][:, 0])))
    each = np.asarray(found, np.float64)  # [place, sample, unit]
    square, places = (each**2).sum(), len(each)
    return float(((each.sum(axis=0) ** 2).sum() - square) / (places - 1) / square)


def moments(last: int) -> Iterator[int]:
    """Steps at which is looked: 0, then three in each doubling."""
    yield 0
    step = 16.0
    while step < last:
        yield round(step)
        step *= 2 ** (1 / 3)


def follow(case: Case, seed: int) -> list[dict[str, float]]:
    """Train one network, and look."""
    params = case.params
    grammar = srhm.Grammar(params, seed)
    sets = srhm.split(grammar, case.P, 5000, seed)
    net = build("cnn", params, WIDTH, seed)
    state, settings = start(net, Optimizer(), Stopping(loss=1e-3), rate=case.rate * WIDTH, order_seed=seed)
    data = class_data(sets.train, 4)
    choices = sets.test.derivation(0, INPUTS)
    rows, done = [], 0
    for moment in moments(MAX_STEPS):
        if moment:
            static = {"params": params, "encoding": "whitened", "batch_per_class": 4}
            state = advance(state, data, settings, jnp.asarray(moment - done), jnp.asarray(10**6), **static)
            done = moment
        found = sensitivities(state.net, sets.test, inputs=INPUTS)
        row = {"step": moment, "error": test_error(state.net, sets.test)}
        row |= {f"S_{layer + 1}1": float(found.S[layer, 0]) for layer in range(params.L)}
        row |= {f"D_{layer + 1}1": float(found.D[layer, 0]) for layer in range(params.L)}
        for level in range(2, params.L + 1):
            row[f"alignment_{level}"] = alignment(state.net, grammar, choices, level)
        rows.append({key: round(value, 4) for key, value in row.items()})
        if moment and bool(stopped(state, settings)):
            break
    return rows


# --- table and figure ---

Rows = Sequence[dict[str, float]]


def halfway(rows: Rows, key: str) -> float:
    """The step at which a quantity is half-way from its first to its last value; between looks linear in ln step."""
    values = np.array([row[key] for row in rows])
    share = (values - values[0]) / (values[-1] - values[0])
    after = int(np.argmax(share >= 0.5))
    low, high = share[after - 1], share[after]
    before, at = (np.log(max(rows[n]["step"], 1)) for n in (after - 1, after))
    return float(np.exp(before + (0.5 - low) / (high - low) * (at - before)))


def then(rows: Rows, key: str, step: float) -> float:
    """The value of a quantity at a step, linear in ln step between looks."""
    steps = np.log([max(row["step"], 1) for row in rows])
    return float(np.interp(np.log(step), steps, [row[key] for row in rows]))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean of the logarithms, and half the width of its 90% t-interval."""
    logs = np.log(values)
    return logs.mean(), float(stdtrit(len(logs) - 1, 0.95) * logs.std(ddof=1) / len(logs) ** 0.5)


def upper(rows: Rows) -> list[str]:
    return sorted(key for key in rows[0] if key.startswith("alignment"))


def shown(values: Sequence[float], form: str = ".2f") -> str:
    mean, half = interval(values)
    return f"{np.exp(mean):{form}} ({np.exp(mean - half):{form}} to {np.exp(mean + half):{form}})"


def page(cases: Sequence[dict[str, Any]]) -> str:
    """The table: alignment at the start and at the end, and when it, D, S and the error are half-way."""
    heads = [
        "CNN",
        "places of level",
        "alignment at the start",
        "at the end",
        "test error at the end",
        "steps to half the alignment",
        "D half-way, in units of these",
        "S half-way",
        "error half-way",
        "alignment when S is half-way",
    ]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    for case in cases:
        runs, top = case["runs"], case["L"]
        for key in upper(runs[0]):
            start, end = (np.mean([rows[n][key] for rows in runs]) for n in (0, -1))
            steps = [halfway(rows, key) for rows in runs]
            learned = all(rows[-1]["error"] < 0.05 for rows in runs)
            later = [
                shown([halfway(rows, other) / step for rows, step in zip(runs, steps, strict=True)])
                if learned
                else "not learned"
                for other in (f"D_{top}1", f"S_{top}1", "error")
            ]
            aligned = [then(rows, key, halfway(rows, f"S_{top}1")) for rows in runs] if learned else []
            error = np.mean([rows[-1]["error"] for rows in runs])
            cells = [case["name"], key[-1], f"{start:.2f}", f"{end:.2f}", f"{100 * error:.1f}%",
                     shown(steps, ",.0f"), *later, f"{np.mean(aligned):.2f}" if aligned else ""]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def relative(rows: Rows, key: str) -> np.ndarray:
    values = np.array([row[key] for row in rows])
    return values / values[0]


@styled
def draw(cases: Sequence[dict[str, Any]]) -> Any:
    """A panel for each case: alignment, and error, S and D in units of their values at the start, over steps."""
    figure, panels = panel_grid(len(cases), 2, DOUBLE_COLUMN, 2.5, 0.3)
    for panel, case in zip(panels, cases, strict=True):
        top = case["L"]
        for number, rows in enumerate(case["runs"]):
            steps = [max(row["step"], 8) for row in rows]
            curves = [(key, [row[key] for row in rows]) for key in upper(rows)]
            curves += [(key, relative(rows, key)) for key in (f"D_{top}1", f"S_{top}1", "error")]
            for (key, values), line in zip(curves, _lines(len(upper(rows))), strict=True):
                panel.plot(steps, values, alpha=0.75, label=_words(key) if number == 0 else None, **line)
        _axes(panel, case["name"])
    most = max(panels, key=lambda panel: len(panel.get_legend_handles_labels()[0]))
    figure.legend(*most.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=6.8)
    panel_letters(panels)
    return figure


def _lines(alignments: int) -> list[dict[str, Any]]:
    bold = [{"color": LINE_COLOURS[0], "linestyle": style, "linewidth": 1.8} for style in ("-", (0, (1, 1)))]
    return [*bold[:alignments], *({"color": LINE_COLOURS[n], "linewidth": 1.0} for n in (1, 2, 3))]


def _words(key: str) -> str:
    name, _, number = key.partition("_")
    if name == "alignment":
        return f"alignment over places of level {number}"
    return {"D": "shifts, D", "S": "synonyms, S", "error": "test error"}[name] + ", relative to the start"


def _axes(panel: Axes, title: str) -> None:
    panel.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    panel.set(xscale="log", ylim=(-0.12, 1.08), xlabel="step", ylabel="alignment; relative value")
    panel.set_title(title.replace("s0", "$s_0$").replace("P", "$P$"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draw", action="store_true", help="write the table and the figure from the results")
    if not parser.parse_args().draw:
        cases = []
        for case in CASES:
            runs = [follow(case, seed) for seed in range(SEEDS)]
            cases.append({"name": case.name, "L": case.params.L, "s0": case.params.s0, "v": case.params.v,
                          "P": case.P, "rate": case.rate, "runs": runs})  # fmt: skip
            print(page(cases), flush=True)
        content = {
            "command": "python benchmarks/alignment.py",
            "version": srhm.__version__,
            "width": WIDTH,
            "cases": cases,
        }
        write_atomically(RESULTS, (json.dumps(content) + "\n").encode())
    cases = json.loads(RESULTS.read_text(encoding="utf-8"))["cases"]
    write_atomically(DOCS / "alignment.md", page(cases).encode())
    write_atomically(DOCS / "alignment.png", render(draw(cases), "png"))


if __name__ == "__main__":
    main()
