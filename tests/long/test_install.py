"""In fresh environments the page on installing does what it says: the core alone, with `lab`, and everything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from folders import ROOT

pytestmark = pytest.mark.long

PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
MISSING = "{} is not installed. Install the extra {}, in a clone of srhm: pip install -e '.[{}]'"
HELP, ASKED = "usage: srhm", "srhm: error: " + MISSING
DATA = ("export-data", "data", "--v", "4", "--P", "100", "--P_test", "100")
SECTIONS = {
    "The core": {
        ("srhm", "--help"): ASKED.format("sqlalchemy", "lab", "lab"),
        ("python", "-c", "import srhm.torch"): MISSING.format("torch", "torch", "torch"),
    },
    "With the laboratory": {
        ("srhm", "--help"): HELP,
        ("srhm", "run", "--v", "4", "--s0", "0", "--P", "40", "--width", "8", "--max_epochs", "1"): "error",
        ("srhm", "explore", "--port", "0"): ASKED.format("flask", "explore", "explore"),
        ("srhm", *DATA): ASKED.format("pyarrow", "table", "table"),
    },
    "Everything": {
        ("srhm", "--help"): HELP,
        ("srhm", *DATA): "data",
        (
            "python",
            "-c",
            "import ray, plotly, flask, waitress, sklearn, srhm.torch, srhm.explore; print('all are there')",
        ): "all are there",
    },
}
"""What each section of the page promises, by a command and a part of what that prints."""


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_on_installing(tmp_path: Path, section: str) -> None:
    clone, venv = tmp_path / "srhm", tmp_path / "venv"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = kept | {
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "PIP_CONSTRAINT": " ".join([str(ROOT / "constraints.txt"), os.environ.get("PIP_CONSTRAINT", "")]),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }

    text = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert text is not None
    for block in re.findall(r"```sh\n(.*?)```", text[1], re.S):
        done = subprocess.run(
            ["bash", "-ec", block], cwd=clone, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for command, wanted in SECTIONS[section].items():
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
        assert wanted in done.stdout + done.stderr, (command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr or command[0] == "python", (command, done.stderr)
