"""Runs of the paper's settings by a law that we choose, in place of training."""

import json
from dataclasses import replace

from fake_runs import fake_run
from srhm.paper.sharing import sharing_of
from srhm.paper.tiers import TIERS, Tier
from srhm.runner.work import RunJob, finished
from srhm.study import Run, RunSpec, Setup

LAPTOP = TIERS["laptop"]
SPREAD = (0.95, 1.0, 1.05)
"""P* of each replicate over that of all."""


def true_P_star(spec: RunSpec) -> float:
    """A law that we choose: Eq. 3 or 4 times 1.5, and each shared layer takes a factor s0+1."""
    params, blanks, shared = spec.params, spec.params.s0 + 1, len(sharing_of(spec.setup))
    if spec.net.family == "cnn":
        return 1.5 * blanks ** (2 - shared) * params.n_c * params.m**params.L
    half = params.s ** (params.L / 2)
    return 1.5 * half * blanks ** (params.L - shared) * params.n_c * params.m**params.L


def oracle(spec: RunSpec) -> Run:
    """A run whose error crosses 10% at that P*, S at twice and D at half of it."""
    P_star = true_P_star(spec) * SPREAD[spec.seeds.network % 3]
    k, output = (2, 3) if spec.net.family in ("cnn", "lcn") else (3, 3)
    x = spec.P / P_star
    metrics = {"error": min(0.75, 0.1 / x**2), "best_test_error": 0.1, "steps": 100}
    limits = {"lcn": (0.3, 0.1), "cnn": (0.4, 0.2), "fcn": (0.2, 0.2)}[spec.net.family]
    for layer in range(1, output + 1):
        for level in range(1, spec.params.L + 1):
            metrics[f"S_{layer}{level}"] = limits[0] * 2 / x if layer >= k else 0.8
            if spec.params.s0:
                metrics[f"D_{layer}{level}"] = limits[1] / (2 * x) if layer >= k else 0.1
    return replace(fake_run(spec), metrics=fake_run(spec).metrics | metrics)


def work(content: str) -> str:
    return finished(oracle(RunJob.from_dict(json.loads(content)).spec))


def runs_of(setup: Setup, tier: Tier = LAPTOP) -> list[Run]:
    """Runs about P*, neighbours within 10% at the crossing, as a search leaves them."""
    setup = tier.setup(setup)
    least, P_star = setup.params.n_c, true_P_star(setup.at(setup.params.n_c))
    return [
        oracle(setup.at(min(max(least, round(P_star * factor)), setup.largest), seed))
        for seed in range(tier.seeds)
        for factor in (0.25, 0.5, 0.9, 0.98, 1.02, 1.1, 2.0, 4.0)
    ]
