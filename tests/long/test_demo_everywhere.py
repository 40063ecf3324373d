"""The runs of the demonstration, everywhere: the same rows on local workers, on Ray, and by shards and merge."""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from folders import ROOT
from report import Report
from srhm.store import Store

pytestmark = pytest.mark.long

GRID = ROOT / "examples" / "demo.toml"


def srhm(folder: Path, *arguments: str) -> None:
    """Run a command with a cache of compiled programs that all commands share."""
    changes = {"XDG_CACHE_HOME": str(folder / "cache"), "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment = {k: v for k, v in (os.environ | changes).items() if k != "JAX_COMPILATION_CACHE_DIR"}
    command = [sys.executable, "-m", "srhm.cli", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def rows(store: Path) -> dict[str, Any]:
    return {run.spec.hash: (run.status, run.metrics) for run in Store(store).runs()}


def test_the_demonstration_has_the_same_rows_everywhere(tmp_path: Path, report: Report) -> None:
    for on in ("local", "ray"):
        srhm(tmp_path, "grid", str(GRID), "--on", on, "--workers", "2", "--store", f"{on}.sqlite")
    shards = [f"shard-{number}.sqlite" for number in (1, 2, 3)]
    for number, store in enumerate(shards, start=1):
        srhm(tmp_path, "grid", str(GRID), "--shard", f"{number}/3", "--store", store)
    srhm(tmp_path, "merge", "merged.sqlite", *shards)
    local, ray, merged = (rows(tmp_path / f"{name}.sqlite") for name in ("local", "ray", "merged"))
    assert len(local) > 25
    same = sum(local[key] == ray.get(key) == merged.get(key) for key in local)
    report.add(
        "runs of examples/demo.toml: local workers, Ray, and three shards merged",
        "the same rows, to the bit",
        f"{same} of {len(local)} runs the same",
        same == len(local) == len(ray) == len(merged),
    )
