"""What the scripts next to this write: a JSON file that says how it was made, whole or not at all."""

import json
import platform
from pathlib import Path

import srhm
from srhm.files import write_atomically


def write(script: str, content: dict) -> None:
    """Write the results of a script, ``__file__``, next to it: the command, the versions, and the content."""
    path = Path(script).with_suffix(".json")
    made = {"command": f"python results/{path.stem}.py", "version": srhm.__version__}
    text = json.dumps(made | {"python": platform.python_version()} | content, indent=1)
    write_atomically(path, text.replace("NaN", "null").encode() + b"\n")
