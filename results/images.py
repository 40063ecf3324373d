"""Pack the runs of examples/images.py for docs/images.md: of each run its error and the stability of its output.

`python results/images.py [FOLDER]` reads FOLDER/*.jsonl, default srhm-runs/images, and writes results/images.json.
"""

import json
import sys
from pathlib import Path

from written import write

KEPT = ("data", "pixels", "net", "P", "seed", "c", "delta", "weights", "seconds", "inputs", "error")
STABILITY = ("D", "D_error", "G", "G_error", "R", "R_error")


def packed(folder: Path) -> list[dict]:
    """Return the runs of all files, sorted, each once."""
    rows = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            row = json.loads(line)
            found = {name: row[name] for name in KEPT} | {name: row[name][-1] for name in STABILITY}
            rows[tuple(found[name] for name in ("data", "pixels", "P", "net", "seed"))] = found
    return [rows[key] for key in sorted(rows)]


if __name__ == "__main__":
    runs = packed(Path(sys.argv[1] if len(sys.argv) > 1 else "srhm-runs/images"))
    commands = ["python examples/images.py", "python examples/images.py fashion_mnist --pool 2"]
    write(__file__, {"commands": commands, "runs": runs})
    print(f"{len(runs)} runs, {sum(row['seconds'] for row in runs):,.0f} s of training")
