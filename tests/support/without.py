"""What the package does without some libraries, told as JSON: `python without.py '{"hidden": [...], ...}'`."""

import contextlib
import importlib
import io
import json
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import srhm

ROOT = Path(srhm.__file__).parent


class Hiding(PathFinder):
    """Finds no library that is hidden, as if it were not installed."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in asked["hidden"]
        return None if hidden else super().find_spec(name, path, target)


def modules():
    """Return the name of every module, but those of the commands, which the command line alone imports."""
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT.parent).with_suffix("").parts
        if parts[1] not in ("cli", "__main__") and "migrations" not in parts:
            yield ".".join(parts).removesuffix(".__init__")


def told(do):
    """Return what is raised, as its type and text, or None."""
    try:
        do()
    except Exception as error:
        return [type(error).__name__, str(error)]


def command(arguments):
    """Return the exit status of a command, and what it writes."""
    from srhm.cli import main

    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as ended:
            status = ended.code
        except BaseException as error:
            status = repr(error)
    return [status, out.getvalue(), err.getvalue()]


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    assert not set(asked["hidden"]) & set(sys.modules)
    sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
    found = {
        "modules": {name: told(lambda name=name: importlib.import_module(name)) for name in modules()},
        "uses": [told(lambda code=code: exec(code, {})) for code in asked["uses"]],
        "commands": [command(arguments) for arguments in asked["commands"]],
    }
    print(json.dumps(found))
