"""Uneven synonyms: the test error of a CNN against P where rule k of the highest level has the weight (k + 1)^-2.

`python results/zipf.py` computes the runs (none twice) and writes results/zipf.json, which docs/model.md shows. Errors
are of all test inputs, of those that the training set does not have, and of those whose class used each rule.
"""

from dataclasses import asdict

import numpy as np

import srhm
from srhm import Grammar, Params, Zipf, split
from srhm.measure import layers_of
from written import write

PARAMS = Params(v=16, n_c=16, m=16, s=2, s0=0, L=2)
WEIGHTS = {2: Zipf(1)}
P_TEST, SEEDS, WIDTH = 20_000, 3, 128
SIZES = [250 * 2**k for k in range(9)]
STORE = "srhm-runs/zipf.sqlite"


def rows(dataset: srhm.Dataset) -> np.ndarray:
    """Return each input as one number."""
    return dataset.features.astype(np.int64) @ PARAMS.v ** np.arange(PARAMS.d)


def measured(P: int, seed: int) -> dict:
    """Return the errors of one run."""
    settings = {"width": WIDTH, "P_test": P_TEST, "rule_weights": WEIGHTS, "store": STORE}
    found = srhm.run(PARAMS, "cnn", P=P, seed=seed, **settings)
    seeds = found.run.spec.seeds
    sets = split(Grammar(PARAMS, seeds.grammar, rule_weights=WEIGHTS), P, P_TEST, seeds.samples)
    scores = list(layers_of(found.network())(sets.test.encode()).values())[-1]
    wrong = np.asarray(scores).argmax(axis=1) != sets.test.labels
    assert abs(wrong.mean() - found.error) < 1e-3, "these are not the test points of the run"
    unseen = ~np.isin(rows(sets.test), rows(sets.train))
    rule = sets.test.derivation().rules[-1][:, 0]
    by_rule = [int(wrong[rule == k].sum()) for k in range(PARAMS.level(2).m)]
    counts = np.bincount(rule, minlength=PARAMS.level(2).m).tolist()
    return {
        "P": P,
        "seed": seed,
        "status": found.status,
        "wrong": int(wrong.sum()),
        "unseen": int(unseen.sum()),
        "wrong_unseen": int(wrong[unseen].sum()),
        "by_rule": by_rule,
        "of_rule": counts,
    }


if __name__ == "__main__":
    found = [measured(P, seed) for P in SIZES for seed in range(SEEDS)]
    content = {
        "params": asdict(PARAMS),
        "rule_weights": "2:zipf(1)",
        "width": WIDTH,
        "P_test": P_TEST,
        "runs": found,
    }
    write(__file__, content)
