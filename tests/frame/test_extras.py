"""The core alone, and with `lab`: all that these are for works, and what needs another extra says so in one line."""

import json
import re
import subprocess
import sys
from importlib import metadata

import pytest

from fake_runs import SPEC, fake_run
from folders import SUPPORT
from srhm.store import Store

LABORATORY = (
    "srhm.lab_extra",
    "srhm.store",
    "srhm.runner",
    "srhm.figures",
    "srhm.report",
    "srhm.paper",
    "srhm.finished",
    "srhm.front",
)
ROOTS = {"srhm.explore": "explore", **dict.fromkeys(LABORATORY, "lab"), "srhm.torch": "torch"}
"""Parts of the package that cannot be imported without an extra; of two, the first."""

STORE = "from srhm.store import Store; "
USES = [
    ("torch", "import srhm; srhm.rhm()"),
    ("table", f"{STORE}Store('runs.sqlite').to_pandas()"),
    ("table", f"{STORE}Store('runs.sqlite').write_parquet('new')"),
    ("report", f"{STORE}import srhm.report as r; r.write_report('new', Store('runs.sqlite').runs())"),
    ("ray", "from srhm.runner.executors import open_executor; open_executor('ray', 1)"),
]
COMMANDS = [
    ("explore", "explore --port 0"),
    ("report", "report new.html --store runs.sqlite"),
    ("table", "export new.parquet --store runs.sqlite"),
    ("table", "export new.csv --store runs.sqlite"),
    ("table", "export-data new --v 4"),
    ("table", "export-data new --v 4 --format hugging_face"),
    ("ray", "grid grid.toml --on ray --store new.sqlite"),
]
USES_OF_THE_CORE = [
    ("lab", "from srhm.nets.weights import save_weights; save_weights('new', None)"),
    ("lab", "from srhm.nets.weights import load_weights; load_weights('new', 64 * '0', None)"),
]
OF_THE_CORE = [("lab", line) for line in ("", "--help", "run --help", "theory --v 4", "no such command")]
"""There is no command line without the laboratory, and it says so, whatever it is asked."""

SKLEARN = {"scikit-learn": "sklearn"}
"""A library that is imported by another name than it is installed by."""


def libraries():
    """Return the libraries of each extra that users install, by the names that they are imported by."""
    found = {}
    for line in metadata.requires("srhm"):
        named = re.match(r"[\w-]+", line)[0]
        for extra in re.findall(r"extra == ['\"](\w+)", line):
            found.setdefault(extra, []).append(SKLEARN.get(named, named))
    return {extra: names for extra, names in found.items() if extra not in ("test", "lint", "docs", "bench")}


@pytest.mark.parametrize(
    ("installed", "uses", "commands"),
    [
        pytest.param((), USES_OF_THE_CORE, OF_THE_CORE, id="the core alone"),
        pytest.param(("lab",), USES, COMMANDS, id="with lab", marks=pytest.mark.long),
    ],
)
def test_what_is_missing_is_told(tmp_path, installed, uses, commands):
    extras = libraries()
    Store(tmp_path / "runs.sqlite").put(fake_run(SPEC))
    (tmp_path / "grid.toml").write_text('[[runs]]\nnet = "cnn"\nv = 4\nwidth = 8\nP = 50\n')
    before = sorted(tmp_path.rglob("*"))
    asked = {
        "hidden": sorted({name for extra in set(extras) - set(installed) for name in extras[extra]}),
        "uses": [code for _, code in uses],
        "commands": [line.split() for _, line in commands],
    }
    script = SUPPORT / "without.py"
    command = [sys.executable, script, json.dumps(asked)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    def expected(extra, text):
        """Whether a text says that a library of the extra is missing, and how to get it."""
        library = "|".join(extras[extra])
        wanted = rf"({library}) is not installed\. Install the extra {extra}, in a clone of srhm: "
        return re.fullmatch(rf"{wanted}pip install -e '\.\[{extra}\]'", text)

    assert {"srhm", "srhm.training.run", "srhm.store.store", "srhm.torch"} < set(found["modules"])
    for module, told in found["modules"].items():
        roots = [root for root in ROOTS if f"{module}.".startswith(f"{root}.")]
        needed = [ROOTS[root] for root in reversed(roots) if ROOTS[root] not in installed]
        if needed:
            assert told[0] == "MissingExtraError" and expected(needed[0], told[1]), (module, told)
        else:
            assert told is None, (module, told)
    for (extra, code), told in zip(uses, found["uses"], strict=True):
        assert told and told[0] == "MissingExtraError" and expected(extra, told[1]), (code, told)
    for (extra, line), (status, out, err) in zip(commands, found["commands"], strict=True):
        assert (status, out) == (1, ""), (line, status, out, err)
        assert err.startswith("srhm: error: ") and err.count("\n") == 1, (line, err)
        assert expected(extra, err.removeprefix("srhm: error: ").strip()), (line, err)
    assert sorted(tmp_path.rglob("*")) == before  # nothing was begun
