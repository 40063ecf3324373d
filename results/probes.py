"""How much of the exact posteriors of the latents a language model of this data holds, layer by layer.

`python results/probes.py` trains the transformer of results/sequences.toml, three seeds, and writes
results/probes.json, with an untrained network of the same shape as a control.
"""

import numpy as np

import srhm
from srhm import Params
from srhm.measure import posterior_probes
from written import write

STORE = "srhm-runs/probes.sqlite"
PARAMS = Params(v=8, m=2, s=2, s0=0, L=3)
SETTINGS = {"task": "next(first=False)", "layers": 2, "P_test": 102, "max_steps": 4000, "patience": 1000}
SEEDS, INPUTS = 3, 1024


def measured(seed: int) -> dict:
    """Return the probes of one network on strings of its grammar, and of the same before training."""
    found = srhm.run(
        PARAMS, "transformer", P=922, seed=seed, select="last", store=STORE, progress=False, **SETTINGS
    )
    grammar = found.run.spec.setup.grammar(seed)
    strings = srhm.split(grammar, P=2, P_test=INPUTS, seed=1, replacement=True).test
    row = {"seed": seed, "loss": found.run.metrics["loss"], "excess": found.run.metrics["excess"]}
    trained, drawn = found.network(), found.run.spec.setup.network(seed)
    for name, network in (("trained", trained), ("untrained", drawn)):
        table = posterior_probes(network, strings, inputs=INPUTS)
        shared = posterior_probes(network, strings, inputs=INPUTS // 2, shared=True)
        row[name] = {
            "shared": np.round(shared.pooled, 4).tolist(),
            "layers": table.layers,
            "seen": table.seen,
            "R2": np.round(table.R2, 4).tolist(),
            "control": np.round(table.control, 4).tolist(),
            "pooled": np.round(table.pooled, 4).tolist(),
        }
    return row


if __name__ == "__main__":
    write(__file__, {"runs": [measured(seed) for seed in range(SEEDS)]})
