"""Every module of the runner can be the first of it that is imported."""

import subprocess
import sys

CODE = """
import importlib, pkgutil, sys
import srhm.runner
for module in pkgutil.iter_modules(srhm.runner.__path__, "srhm.runner."):
    for name in [name for name in sys.modules if name.startswith("srhm.runner")]:
        del sys.modules[name]
    importlib.import_module(module.name)
    print(module.name)
"""


def test_each_module_of_the_runner_is_imported_by_itself() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "srhm.runner.execution" in done.stdout.splitlines()
