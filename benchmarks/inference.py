"""Exact inference: seconds of 10,000 inputs, and how many times faster than one by one and than brute force.

Usage: python benchmarks/inference.py

Times are seconds of work, added over cores, so that a machine that others use as well hurts them little; the
shortest of several, taken in turn.
"""

import json
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import srhm
from srhm.inference import UniformNoise, class_posterior, most_probable, next_symbol, posterior

MODEL = dict(n_c=10, v=10, m=10, s=2, s0=2, L=3)
SMALL = srhm.Params(n_c=2, v=3, m=2, s=2, s0=1, L=2)
NOISE = UniformNoise(0.1)
COUNT, REPEATS = 1000, 5
QUESTIONS = {"class posterior": class_posterior, "posterior": posterior, "most probable": most_probable}


def evidence_of(grammar: srhm.Grammar, count: int) -> np.ndarray:
    """What is received of some inputs."""
    inputs = srhm.Dataset.draw(srhm.Stream(grammar, 0, "replacement"), count).encode("integer")
    return NOISE.evidence(grammar.params, NOISE.corrupt(grammar.params, inputs))


def shortest(*works: Callable[[], object]) -> list[float]:
    """Seconds of work of each, after one repetition that is not counted."""
    times = []
    for _ in range(REPEATS + 1):
        times.append([])
        for work in works:
            began = time.process_time()
            jax.block_until_ready(work())
            times[-1].append(time.process_time() - began)
    return np.min(times[1:], axis=0).tolist()


def ten_thousand(sparsity: srhm.model.params.Sparsity) -> list[dict]:
    """Seconds of each question, by NumPy and compiled, and of a thousand inputs one by one."""
    grammar = srhm.Grammar(srhm.Params(**MODEL, sparsity=sparsity))
    evidence = evidence_of(grammar, COUNT)
    compiled = jnp.asarray(evidence)
    rows = []
    for what, question in QUESTIONS.items():
        batch, on_jax, alone = shortest(
            lambda question=question: question(grammar, evidence),
            lambda question=question: question(grammar, compiled),
            lambda question=question: [question(grammar, evidence[row : row + 1]) for row in range(20)],
        )
        rows.append(
            {
                "what": what,
                "sparsity": sparsity,
                "numpy_s": round(10_000 / COUNT * batch, 2),
                "jax_s": round(10_000 / COUNT * on_jax, 2),
                "times_faster_than_one_by_one": round(COUNT / 20 * alone / batch, 1),
            }
        )
    return rows


def brute_force() -> dict:
    """The class posterior and ln p(received) of a small model, by the sum over all its derivations."""
    grammar = srhm.Grammar(SMALL)
    evidence = evidence_of(grammar, COUNT)
    every = srhm.enumerate_all(SMALL)
    tree = srhm.expand(grammar, every)
    inputs = srhm.encode(SMALL, tree.features[0], tree.positions[0], "integer")
    ours = evidence, np.arange(SMALL.d), np.where(inputs < 0, SMALL.v, inputs)

    def enumerated() -> np.ndarray:
        parts = []
        for one in ours[0]:
            p = np.exp(one[ours[1], ours[2]].sum(axis=1))
            parts.append(np.bincount(every.label, p) / p.sum())
        return np.array(parts)

    np.testing.assert_allclose(enumerated(), class_posterior(grammar, evidence), atol=1e-5)
    exact, fast = shortest(enumerated, lambda: class_posterior(grammar, evidence))
    return {"what": "brute force", "P_max": SMALL.P_max, "times_faster": round(exact / fast, 1)}


def next_symbols() -> dict:
    """The distribution of every next symbol of 10,000 inputs with d = 64."""
    grammar = srhm.Grammar(srhm.Params(v=10, s=2, s0=1, L=3))
    inputs = srhm.Dataset.draw(srhm.Stream(grammar, 0, "replacement"), COUNT).encode("integer")
    compiled = jnp.asarray(inputs)
    double, single, on_jax = shortest(
        lambda: next_symbol(grammar, inputs),
        lambda: next_symbol(grammar, inputs, dtype=np.float32),
        lambda: next_symbol(grammar, compiled),
    )
    return {
        "what": "next symbols",
        "d": grammar.params.d,
        "numpy_s": round(10_000 / COUNT * double, 2),
        "numpy_float32_s": round(10_000 / COUNT * single, 2),
        "jax_s": round(10_000 / COUNT * on_jax, 2),
    }


def rows() -> list[dict]:
    return [*ten_thousand("A"), *ten_thousand("B"), next_symbols(), brute_force()]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
