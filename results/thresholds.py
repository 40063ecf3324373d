"""What predicting the last symbol takes: loss against P of a transformer and a tree CNN, and covariances of symbols.

`python results/thresholds.py` computes the runs (none twice, by the store) and writes results/thresholds.json, which
docs/learned.md shows: after every run, so that what is finished can be read while the rest is computed. Part "L=3" has
no blanks; part "sparse" has s0 = 0, 1, 2 at L = 2, where the loss is also taken over the samples with an informative
symbol at the last position.
"""

import time

import numpy as np

import srhm
from srhm import Grammar, Params
from srhm.inference import next_symbol, surprisal
from srhm.theory import symbol_pairs
from written import write

STORE = "srhm-runs/thresholds.sqlite"
NETS = {
    "cnn": {"width": 128, "method": "adam", "learning_rate": 0.02},
    "transformer": {"width": 64, "layers": 3},
}
COMMON = {"task": "next(last)", "batch_per_class": 8, "patience": 8, "eval_every": 5, "replacement": True}
SEEDS = 3
PARTS = {
    "L=3": {
        "models": [Params(v=16, m=4, s=2, s0=0, L=3)],
        "sizes": [25 * 2**k for k in range(13)],
        "nets": {"cnn": {"max_steps": 20_000}, "transformer": {"max_steps": 8_000}},
        "fewer": {"transformer": [25, 50, 100, 200, 400, 1600, 6400, 25_600, 102_400]},
    },
    "sparse": {
        "models": [Params(v=16, m=4, s=2, s0=s0, L=2) for s0 in (0, 1, 2)],
        "sizes": [50 * 2**k for k in range(11)],
        "nets": {"cnn": {"max_steps": 10_000}},
    },
}
P_TEST = 4_000


def floors(params: Params, seed: int) -> dict:
    """Return the exact losses at the last position of all sub-trees, and what the covariances predict."""
    grammar = Grammar(params, seed)
    x = srhm.split(grammar, P=2, P_test=P_TEST, seed=seed, replacement=True).test.encode("integer")
    last = [surprisal(next_symbol(grammar, x, levels=level), x)[:, -1] for level in range(params.L + 1)]
    informative = x[:, -1] >= 0
    return {
        "grammar": seed,
        "floors": [float(one.mean()) for one in last],
        "informative_floors": [float(one[informative].mean()) for one in last],
        "visible_P": [symbol_pairs(grammar, level, last=True).visible_P for level in range(1, params.L + 1)],
    }


def measured(params: Params, net: str, P: int, seed: int, own: dict) -> dict:
    """Return the losses of one run."""
    settings = NETS[net] | COMMON | own | {"P_test": P_TEST, "store": STORE}
    began = time.process_time()
    found = srhm.run(params, net, P=P, seed=seed, progress=False, **settings)
    predictions = found.predictions()
    targets = predictions.targets
    chosen = np.take_along_axis(predictions.log_probability, targets[:, :, None], axis=2)[:, 0, 0]
    informative = targets[:, 0] < params.v
    return {
        "net": net,
        "s0": params.s0,
        "P": P,
        "seed": seed,
        "status": found.status,
        "loss": float(-chosen.mean()),
        "informative_loss": float(-chosen[informative].mean()),
        "steps": found.run.metrics["steps"],
        "seconds": found.run.seconds["train"] or time.process_time() - began,
    }


def main() -> None:
    content = {
        "nets": NETS,
        "settings": COMMON | {"P_test": P_TEST},
        "parts": {},
    }
    for part, plan in PARTS.items():
        models = [
            {
                "s0": params.s0,
                "L": params.L,
                "P_max": params.P_max,
                "exact": [floors(params, s) for s in range(SEEDS)],
            }
            for params in plan["models"]
        ]
        content["parts"][part] = {"models": models, "nets": plan["nets"], "runs": []}
    # The cheap ones first, of both parts.
    plans = [
        (P, part, params, net, seed)
        for part, plan in PARTS.items()
        for params in plan["models"]
        for net in plan["nets"]
        for P in plan.get("fewer", {}).get(net, plan["sizes"])
        for seed in range(SEEDS)
    ]
    plans.sort(key=lambda one: (one[3] == "transformer", one[0]))
    for P, part, params, net, seed in plans:
        row = measured(params, net, P, seed, PARTS[part]["nets"][net])
        content["parts"][part]["runs"].append(row)
        write(__file__, content)


if __name__ == "__main__":
    main()
