"""Every block of the README runs as it is printed, in order, in one folder that has of a clone what it needs."""

import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from folders import ROOT

CLONE = ("Makefile", "pyproject.toml", "constraints.txt", "results")

REPLACED = {
    "make demo": "make -n demo",  # what it would do
    "make test": "make -n test",
    '"cnn", width=64)': '"cnn", width=8, seeds=1, max_epochs=9)',
    "P=1000, width=64": "P=100, width=8, max_epochs=9",
    "P=2000, P_test=5000": "P=200, P_test=500",
    "P=900, P_test=100, max_steps=1000": "P=90, P_test=10, max_steps=9, width=8",
    "srhm explore": "srhm explore --help",  # which else serves until Ctrl-C
    "run --net lcn --v 4 --s0 1 --width 64 --P 1500": "run --net lcn --v 4 --s0 0 --P 100 --width 8 --max-epochs 9",
    "--s0 1 --width 64 --seeds 3": "--s0 0 --seeds 1 --width 8 --max-epochs 9",
    "s0 = 1\nwidth = 64\nP = [500, 1000, 2000]\nseeds = 2": "s0 = 0\nwidth = 8\nP = 100\nseeds = 1",
}
"""The one rule: what takes long has small numbers put in, or is asked what it would do. Nothing else is changed."""


def blocks() -> list[tuple[str, str]]:
    """Return the language and the code of every block, with what is replaced."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for printed, small in REPLACED.items():
        assert printed in text, f"{printed} is not in the README"
        text = text.replace(printed, small)
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def test_every_block_runs(tmp_path: Path) -> None:
    for name in CLONE:
        if not (ROOT / name).exists():
            pytest.skip(f"{name} of the repository is not here")
        (tmp_path / name).symlink_to(ROOT / name)
    found = blocks()
    assert {language for language, _ in found} == {"python", "sh"} and len(found) >= 8
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment = kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for language, group in groupby(
        found, key=lambda block: block[0]
    ):  # blocks of Python go on from one another
        code = "\n".join(text for _, text in group)
        command = {"python": [sys.executable, "-c", code], "sh": ["bash", "-exc", code]}[language]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr and "Warning" not in done.stderr, done.stderr
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"report.html", "figures/figure_4B.pdf", "srhm-runs/runs.sqlite"} <= written
