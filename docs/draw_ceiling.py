"""Draw docs/ceiling.png: learning curves of a CNN under noise, above the Bayes error (docs/inference.md).

Usage: python docs/draw_ceiling.py [FILE.png]

Trains 14 networks (two minutes on a core) on clean data, and tests each on inputs that come through three channels.
"""

import sys
from pathlib import Path

import jax
import numpy as np

import srhm
from srhm.figures import Curve, learning_curves
from srhm.figures.style import render
from srhm.inference import Channel, bayes_error, channel_error
from srhm.model.encoding import encode_symbols
from srhm.nets import build
from srhm.training import train

PARAMS = srhm.Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
WIDTH, SEEDS, TESTED = 128, 2, 5000
P = (400, 800, 1600, 3200, 6400, 12800, 25600)
NOISE = (0.0, 0.02, 0.1)


def trained(points: int, seed: int):
    """A CNN trained on clean data, as a classifier of whatever is received, and its grammar."""
    grammar = srhm.Grammar(PARAMS, seed)
    sets = srhm.split(grammar, points, 1000, seed)
    net = build("cnn", PARAMS, WIDTH, seed)
    result = train(net, sets.train, sets.test, order_seed=seed)
    scores = jax.jit(lambda x: result.net(x))
    return (lambda received: np.asarray(scores(encode_symbols(PARAMS, received)))), grammar


def main(file: Path) -> None:
    errors: dict[float, list[float]] = {noise: [] for noise in NOISE}
    for seed in range(SEEDS):
        for points in P:
            classify, grammar = trained(points, seed)
            for noise in NOISE:
                error, _ = channel_error(classify, grammar, Channel(noise), TESTED, seed)
                errors[noise].append(error)
    curves = []
    for noise in NOISE:
        best = [
            bayes_error(srhm.Grammar(PARAMS, seed), Channel(noise), TESTED, seed) for seed in range(SEEDS)
        ]
        value = float(np.mean([one.value for one in best]))
        low, high = (float(np.mean([one.interval[end] for one in best])) for end in (0, 1))
        seeds = [seed for seed in range(SEEDS) for _ in P]
        label = f"noise {noise:g}" if noise else "clean"
        curves.append(
            Curve(label, P * SEEDS, {"error": errors[noise]}, seeds=seeds, ceiling=(value, (low, high)))
        )
        print(label, [round(error, 3) for error in errors[noise]], "Bayes", round(value, 4), (low, high))
    figure = learning_curves(curves, {}, chance=1 - 1 / PARAMS.n_c, title="A CNN trained on clean data")
    file.write_bytes(render(figure, "png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).with_name("ceiling.png"))
