"""Measure the test error of CNNs trained with noise, and without, next to the Bayes error (docs/inference.md).

Usage: python results/noise.py

Writes results/noise.json, a run at a time, and resumes from it: 24 trainings, a few minutes on a core.
"""

import json
from pathlib import Path

import srhm
from srhm.inference import UniformNoise, bayes_error
from srhm.measure import test_error
from srhm.nets import build
from srhm.training import Classification, Optimizer, Stopping, train
from written import write

FILE = Path(__file__).with_suffix(".json")
PARAMS = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
WIDTH, SEEDS, P, TESTED, EPOCHS = 128, 3, 12_000, 4000, 60
NOISE = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6)


def measure(seed: int, trained: float) -> dict:
    """Train at some noise; test there, or, if trained on clean inputs, at all noise levels."""
    grammar = srhm.Grammar(PARAMS, seed)
    sets = srhm.split(grammar, P, TESTED, seed)
    how = {}
    if trained:  # at a constant rate the steps of noisy batches leave the error 0.02 to 0.04 higher
        how = {
            "task": Classification(UniformNoise(trained)),
            "optimizer": Optimizer(schedule="cosine"),
            "stopping": Stopping(max_epochs=EPOCHS, patience=EPOCHS),
        }
    result = train(build("cnn", PARAMS, WIDTH, seed), sets.train, sets.test, order_seed=seed, **how)
    noise = [UniformNoise(one) for one in ([trained] if trained else (0.0, *NOISE))]
    test = srhm.split(grammar, PARAMS.n_c, 20_000, seed, replacement=True).test
    return {
        "seed": seed,
        "trained": trained,
        "status": result.status,
        "epochs": result.epochs,
        "seconds": round(result.seconds, 1),
        "noise": [one.epsilon for one in noise],
        "error": [test_error(result.net, test, noise=one, seed=seed) for one in noise],
        "bayes": [bayes_error(grammar, one, 20_000, seed).value for one in noise],
    }


def main() -> None:
    runs = json.loads(FILE.read_text("utf-8"))["runs"] if FILE.exists() else []
    done = {(run["seed"], run["trained"]) for run in runs}
    for seed in range(SEEDS):
        for trained in (0.0, *NOISE):
            if (seed, trained) not in done:
                runs.append(measure(seed, trained))
                write(__file__, {"runs": runs})
                print(
                    {
                        name: runs[-1][name]
                        for name in ("seed", "trained", "epochs", "seconds", "error", "bayes")
                    }
                )


if __name__ == "__main__":
    main()
