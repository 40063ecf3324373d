"""Which filtered grammar a transformer agrees with, through training and over P: masked symbols, and the class.

`python results/staircase.py` computes the runs (none twice, by the store) and writes results/staircase.json after each.
Agreement with the grammar whose k upper levels are cut is the mean of KL(exact of k || network) over test inputs of the
whole grammar, in nats.
"""

from typing import Any

import numpy as np

import srhm
from srhm import Params
from srhm.inference import filtered
from written import write

STORE = "srhm-runs/staircase.sqlite"
PARAMS = Params(v=8, m=4, s=2, s0=0, L=3)
TASKS = {"masked": "masked(0.125)", "class": "latent(4)"}
SETTINGS = {
    "width": 64,
    "layers": 3,
    "batch_per_class": 16,
    "replacement": True,
    "P_test": 2000,
    "select": "best",
    "eval_every": 4,
}
THROUGH = {"P": 51_200, "patience": 1000, "record": "weights"}
THROUGH_STEPS = {"masked": 12_000, "class": 6_000}
MAX_STEPS = {400: 8_000, 1600: 8_000, 6400: 3_000}
"""By P; on its way at the largest P see THROUGH_STEPS."""
SEEDS = 3


def divergences(found: Any, step: int | None = None) -> list[float]:
    """Return KL(exact of k || network) for k = 0 to L."""
    made, setup = found.predictions(step=step), found.run.spec.setup
    grammar = setup.grammar(found.run.spec.seeds.grammar)
    found = []
    for k in range(PARAMS.L + 1):
        exact = setup.task.exact(filtered(grammar, k), made.symbols)
        counted = made.targets >= 0
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(exact > 0, exact * (np.log(exact) - made.log_probability), 0.0).sum(axis=2)
        found.append(float(each[counted].mean()))
    return found


def main() -> None:
    runs: list[dict] = []
    content = {
        "tasks": TASKS,
        "settings": SETTINGS,
        "max_steps": MAX_STEPS,
        "through": THROUGH | {"max_steps": THROUGH_STEPS},
        "runs": runs,
    }
    plans = [(P, name, seed) for P in [400, 1600, None, 6400] for name in TASKS for seed in range(SEEDS)]
    for P, name, seed in plans:
        own: dict[str, Any] = THROUGH | {"max_steps": THROUGH_STEPS[name]}
        if P is not None:
            own = {"P": P, "max_steps": MAX_STEPS[P], "patience": 10}
        found = srhm.run(
            PARAMS, "transformer", task=TASKS[name], seed=seed, store=STORE, progress=False, **SETTINGS, **own
        )
        metrics = found.run.metrics
        row = {
            "task": name,
            "seed": seed,
            "P": own["P"],
            "loss": metrics["loss"],
            "excess": metrics["excess"],
        }
        row |= {"through": P is None, "seconds": found.run.seconds["train"]}
        if P is None:
            steps = [point["step"] for point in found.run.record if point.get("weights")]
            row |= {"steps": steps, "divergence": [divergences(found, step) for step in steps]}
            row["test_loss"] = [point["test_loss"] for point in found.run.record if point.get("weights")]
        else:
            row["divergence"] = divergences(found)
        runs.append(row)
        write(__file__, content)


if __name__ == "__main__":
    main()
