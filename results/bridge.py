"""Whether stability to smooth deformations of a picture of the model falls with the error, as that to shifts does.

`python results/bridge.py [SEED ...]` trains the CNN of examples/torch_plane.py on P pictures, and measures its test
error, S and D of the model, and D, G and R of smooth deformations; a run is a line of srhm-runs/bridge-SEED.jsonl.
`python results/bridge.py pack` writes results/bridge.json, which docs/images.md shows.
"""

import json
import sys
import time
from pathlib import Path

import torch

import srhm
from srhm.images import Deformation, relative_stability
from srhm.measure import sensitivities
from srhm.measure.sensitivity import test_error
from srhm.study import Seeds
from srhm.torch import TorchDataset
from written import write

sys.path.append(str(Path(__file__).parents[1] / "examples"))
from torch_plane import MODEL, train

SIZES, P_TEST, SEEDS = (225, 450, 900, 1800, 3600), 1000, 3
DEFORMATION = Deformation(c=3, delta=1.0)
FOLDER = Path("srhm-runs")


def measured(P: int, seed: int) -> dict:
    """Return one run: of hidden layers and the output, last, what they are sensitive to."""
    seeds = Seeds.replicate(seed)
    sets = srhm.split(srhm.Grammar(MODEL, seeds.grammar), P, P_TEST, seeds.samples)
    began = time.process_time()
    net = train(sets.train, seeds.network)
    seconds = time.process_time() - began
    found = sensitivities(net, sets.test, inputs=P_TEST, seed=seeds.samples)
    pictures, _ = TorchDataset(sets.test)[:]
    smooth = relative_stability(net, pictures, DEFORMATION, seed=seed)
    row = {"P": P, "seed": seed, "seconds": round(seconds, 1), "error": test_error(net, sets.test)}
    row |= {"shifts": found.D[:, 0], "shifts_error": found.D_error[:, 0], "synonyms": found.S[:, 0]}
    row |= {name: getattr(smooth, name) for name in ("D", "G", "R", "R_error")}
    return {
        name: [float(f"{one:.4g}") for one in value] if hasattr(value, "tolist") else value
        for name, value in row.items()
    }


def main(seeds: list[int]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for seed in seeds:
        kept = FOLDER / f"bridge-{seed}.jsonl"
        lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
        known = {json.loads(line)["P"] for line in lines}
        for P in SIZES:
            if P not in known:
                row = measured(P, seed)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)


def pack() -> None:
    lines = [
        line
        for file in sorted(FOLDER.glob("bridge-*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]
    write(__file__, {"runs": [json.loads(line) for line in lines]})


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] == ["pack"]:
        pack()
    else:
        main([int(one) for one in sys.argv[1:]] or list(range(SEEDS)))
