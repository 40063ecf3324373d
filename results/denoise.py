"""What denoisers generate: validity by level, copies of training data and rules, through training and over P.

`python results/denoise.py` computes what results/denoise.json lacks, the U-Nets first, and writes it after each run.
There are no blanks, so that the grammar itself judges a sample, rule by rule. The first runs of the transformer were
judged without rules and bound.
"""

import json
import platform
from pathlib import Path

import numpy as np

import srhm
from srhm import Params
from srhm.inference import validity

STORE = "srhm-runs/denoise.sqlite"
OUT = Path(__file__).with_suffix(".json")
PARAMS = Params(v=8, m=3, s=2, s0=0, L=3)
SETTINGS = {
    "batch_per_class": 16,
    "replacement": True,
    "P_test": 1000,
    "max_epochs": 10_000,
    "patience": 1000,
    "select": "last",
    "record": "weights",
}
NETS = {
    "unet": {"width": 64, "max_steps": 4096},
    "transformer": {"width": 64, "layers": 3, "max_steps": 4000},
}
SIZES, SEEDS, COUNT = [128, 512, 1024, 2048, 8192], 3, 500
PLAN = [
    ("unet", "denoise", SIZES),
    ("unet", "denoise(uniform)", [2048]),
    ("transformer", "denoise", [128, 512, 2048, 8192]),
]
FROM = 30
"""The first step that is judged."""


def rules_of(grammar: srhm.Grammar, samples: np.ndarray) -> list[np.ndarray]:
    """Return the number of the rule of each tuple of each level, -1 where it, or a part of it, is not valid."""
    symbols, found = samples, []
    for rules in grammar.rules:
        base = PARAMS.v ** np.arange(PARAMS.s)
        table = np.full(PARAMS.v**PARAMS.s, -1)
        table[(rules @ base).ravel()] = np.arange(rules.size // PARAMS.s)
        tuples = symbols.reshape(len(symbols), -1, PARAMS.s)
        known = (tuples >= 0).all(axis=2)
        number = np.where(known, table[np.where(known, tuples @ base, 0)], -1)
        found.append(number)
        symbols = np.where(number >= 0, number // PARAMS.m, -1)
    return found


def distance(numbers: np.ndarray) -> float | None:
    """Return the total variation distance of the m rules of a symbol to 1/m each, in the mean over valid tuples."""
    counts = np.bincount(numbers[numbers >= 0], minlength=PARAMS.v * PARAMS.m).reshape(-1, PARAMS.m)
    total = counts.sum(axis=1)
    return None if not total.sum() else float(abs(counts - total[:, None] / PARAMS.m).sum() / 2 / total.sum())


def of_valid_parts(rules: list[np.ndarray]) -> list[float | None]:
    """Return the share of valid tuples of each level among those whose parts are all valid."""
    shares, known = [], np.ones(rules[0].shape, bool)
    for one in rules:
        shares.append(float((one[known] >= 0).mean()) if known.any() else None)
        known = (one.reshape(len(one), -1, PARAMS.s) >= 0).all(axis=2) if one.shape[1] > 1 else known
    return shares


def judged(samples: np.ndarray, train: np.ndarray, grammar: srhm.Grammar, exact: list[np.ndarray]) -> dict:
    """Return the share of valid tuples by level, of valid samples and of copies, and how even the rules are.

    A tuple is valid only if its parts are; its share among those whose parts are is given too. Next to the distance of
    the rules is that of as many tuples of samples of the grammar.
    """
    valid, rules = validity(grammar, samples), rules_of(grammar, samples)
    assert np.allclose([(one >= 0).mean() for one in rules], valid.mean(axis=0))
    code = PARAMS.v ** np.arange(PARAMS.d)
    fresh = []
    for one, all_fresh in zip(rules, exact, strict=True):
        count = int((one >= 0).sum())
        parts = [
            all_fresh[k * count : (k + 1) * count] for k in range(min(10, len(all_fresh) // max(count, 1)))
        ]
        fresh.append(float(np.mean([distance(part) for part in parts])) if count else None)
    return {
        "validity": rounded(valid.mean(axis=0)),
        "given_parts": rounded(of_valid_parts(rules)),
        "valid": float((valid[:, -1] == 1).mean()),
        "copies": float(np.isin(samples @ code, train @ code).mean()),
        "rules": rounded(distance(one) for one in rules),
        "rules_of_grammar": rounded(fresh),
    }


def rounded(values) -> list:
    return [None if value is None else float(f"{value:.4g}") for value in values]


def measured(net: str, task: str, P: int, seed: int) -> dict:
    """Return what one network generates at the steps that were recorded."""
    options = {**SETTINGS, **NETS[net], "task": task}
    found = srhm.run(PARAMS, net, P=P, seed=seed, store=STORE, progress=False, **options)
    setup, seeds = found.run.spec.setup, found.run.spec.seeds
    grammar = setup.grammar(seeds.grammar)
    train = srhm.split(grammar, P, setup.P_test, seeds.samples, replacement=True).train.encode("integer")
    fresh = srhm.Dataset.draw(srhm.Stream(grammar, 10**6, "replacement"), 10 * COUNT).encode("integer")
    exact = [one.ravel() for one in rules_of(grammar, fresh)]
    through = []
    for point in found.run.record:
        if point.get("weights") and point["step"] >= FROM:
            kept = {"step": point["step"], "excess": round(point["excess"], 5)}
            if (
                task == "denoise"
            ):  # the bound on -ln p of the test data: the sum over numbers of hidden positions
                kept["bound"] = round(sum(point["loss_by_time"]), 4)
            made = found.generate(COUNT, seed=1, step=point["step"])
            through.append(kept | judged(made, train, grammar, exact))
    last = found.run.record[-1]
    return {
        "net": net, "task": task, "P": P, "seed": seed, "distinct": len(np.unique(train, axis=0)),
        "seconds": round(found.run.seconds["train"], 1),
        "loss_by_time": last["loss_by_time"], "floor_by_time": last["floor_by_time"],
        "through": through,
    }  # fmt: skip


def write(content: dict) -> None:
    """Write the results, a line for each point."""
    head = {name: value for name, value in content.items() if name != "runs"}
    lines = []
    for run in content["runs"]:
        rest = json.dumps({name: value for name, value in run.items() if name != "through"})
        points = ",\n   ".join(json.dumps(point) for point in run["through"])
        lines.append(f'  {rest[:-1]}, "through": [\n   {points}\n  ]}}')
    OUT.write_text(
        json.dumps(head, indent=1)[:-2] + ',\n "runs": [\n' + ",\n".join(lines) + "\n ]\n}\n", "utf-8"
    )


def main() -> None:
    old = json.loads(OUT.read_text("utf-8")) if OUT.exists() else {"runs": []}
    content = {
        "command": "python results/denoise.py",
        "version": srhm.__version__,
        "python": platform.python_version(),
        "settings": SETTINGS,
        "nets": NETS,
        "P_max": PARAMS.P_max,
        "count": COUNT,
        "runs": old["runs"],
    }
    done = {(run["net"], run["task"], run["P"], run["seed"]) for run in content["runs"]}
    for net, task, sizes in PLAN:
        for seed in range(SEEDS):
            for P in sizes:
                if (net, task, P, seed) not in done:
                    content["runs"].append(measured(net, task, P, seed))
                    write(content)


if __name__ == "__main__":
    main()
