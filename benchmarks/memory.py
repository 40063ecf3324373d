"""Peak memory of training on a million points: P = 10^6, L = 3, s0 = 2, v = 10, CNN of width 512."""

import json
import resource

import srhm
from srhm.nets import build
from srhm.training import train


def rows(seconds: float = 20) -> dict:
    """Train for a while, look at the test error, and say what memory it took."""
    params = srhm.Params(n_c=10, v=10, m=10, s=2, s0=2, L=3)
    sets = srhm.split(srhm.Grammar(params), 10**6, 10_000)
    net = build("cnn", params, 512)
    result = train(net, sets.train, sets.test, rate=0.01, budget=seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "what": "training set of 10^6 points, CNN of width 512, L=3, s0=2, v=10",
        "peak_gb": round(peak / 1e9, 2),
        "training_set_mb": round(sets.train.nbytes / 1e6, 1),
        "steps": result.steps,
    }


if __name__ == "__main__":
    print(json.dumps(rows()))
