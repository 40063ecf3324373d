"""P* of two learners of scikit-learn that see no hierarchy: a support vector machine and a random forest.

    python examples/sklearn_svc_forest.py

An estimator is measured as it is: inputs are flat, and its only layer is its decision function or, where it has none,
its class probabilities. Such learners need many points: the threshold is 40% here, so that this takes a few minutes.
"""

from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC

import srhm
from srhm.measure import sensitivities

MODEL = srhm.Params(n_c=8, v=8, m=4, s=2, s0=1, L=2)
SETTINGS: dict[str, Any] = {
    "start": 1500,
    "seeds": 3,
    "thresholds": {"error": 0.40},
    "P_test": 1000,
    "encoding": "onehot",
}


def flat(dataset):
    """Return the inputs of a set as scikit-learn takes them, [sample, position x channel]."""
    return dataset.encode("onehot").reshape(len(dataset), -1)


def svc(dataset, seed):
    """Fit a support vector machine with a polynomial kernel of degree s^L, the number of informative leaves."""
    degree = dataset.params.num_leaves
    return SVC(kernel="poly", degree=degree, coef0=1.0, C=10.0).fit(flat(dataset), dataset.labels)


def forest(dataset, seed, trees=100):
    """Fit a random forest."""
    return RandomForestClassifier(trees, random_state=seed).fit(flat(dataset), dataset.labels)


def main(params=MODEL, **changes):
    """Measure P* of both, and how sensitive their outputs are at 500 points, and print it."""
    settings, found = SETTINGS | changes, {}
    sets = srhm.split(srhm.Grammar(params, seed=0), min(500, params.P_max // 2), settings["P_test"], seed=0)
    for train in (svc, forest):
        found[train.__name__] = one = srhm.pstar(params, train, **settings).complexity()
        print(f"{train.__name__}: P* {one.P_star}, {one.interval_kind} {one.interval}, {one.status}")
        measured = sensitivities(train(sets.train, 0), sets.test, encoding="onehot")
        print("  output, S of each level:", *(f"{value:.2f}" for value in measured.S[0]))
    return found


if __name__ == "__main__":
    main()
