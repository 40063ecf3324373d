"""Rewrite an archive of runs of version 0.1 in the present form.

Usage: python results/convert.py OLD.jsonl.xz NEW.jsonl.xz

A run's identity is the digest of its specification, whose form has changed: what differs from a default is all that
stands in it now, and the options of a network lie with the network. Every number of a run stays as it is.
"""

import json
import lzma
import sys
from pathlib import Path
from typing import Any

from srhm.model.params import Params
from srhm.nets import NetSpec
from srhm.store import write_archive
from srhm.study import Measuring, Run, Seeds, Setup
from srhm.training.protocol import Optimizer, Stopping

_WORDS = {"reformed": "reshuffled", "final": "last", "usual": "standard"}


def setup_of(spec: dict[str, Any]) -> Setup:
    """Return the setup of a specification of version 0.1."""
    protocol = {name: _WORDS.get(value, value) for name, value in spec["protocol"].items()}
    options = {name: spec.get(name) for name in ("bias", "init", "shared_layers", "frozen_layers", "variant")}
    usual = {
        "bias": "position",
        "init": "normal",
        "shared_layers": (),
        "frozen_layers": (),
        "variant": "usual",
    }
    chosen = {
        name: tuple(value) if isinstance(value, list) else _WORDS.get(value, value)
        for name, value in options.items()
        if value is not None and value != usual[name] and value != []
    }
    return Setup(
        Params(**spec["params"]),
        NetSpec(spec["net"], spec["width"], spec["encoding"], chosen),
        Optimizer(
            rate=protocol["learning_rate"],
            momentum=protocol["momentum"],
            batch_per_class=protocol["batch_per_class"],
            batches=protocol["batches"],
        ),
        Stopping(
            loss=protocol["stop_loss"],
            every=protocol["stop_every"],
            max_epochs=protocol["max_epochs"],
            eval_every=protocol["look_every"],
            select=protocol["report"],
        ),
        Measuring(
            P_test=spec["P_test"],
            sensitivity_inputs=protocol["sensitivity_inputs"],
            cumulative=protocol["cumulative"],
            record=spec["record"],
            probe=spec.get("probe", False),
        ),
        protocol["repeats"],
    )


def converted(old: dict[str, Any]) -> Run:
    """Return a run of version 0.1 in the present form."""
    spec = old.pop("spec")
    del old["hash"]
    return Run(setup_of(spec).at(spec["P"], Seeds(**spec["seeds"])), **old)


def main(source: str, target: str) -> None:
    """Convert a file."""
    with lzma.open(source, "rt", encoding="utf-8") as lines:
        runs = [converted(json.loads(line)) for line in lines]
    print(f"{write_archive(Path(target), runs)} of {len(runs)} runs in {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
