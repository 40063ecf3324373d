"""The command that repeats a run, or the search for P* of which it was a part."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ..study import RunSpec, Seeds, Setup
from ..study.describe import command_options


def run_command(spec: RunSpec) -> str | None:
    """Return the `srhm run` that is this run, or None if the seeds of its roles differ.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.nets import NetSpec
    >>> run_command(Setup(Params(v=6, s0=1, L=2), NetSpec("lcn", width=64)).at(500))
    'srhm run --net lcn --v 6 --s0 1 --L 2 --width 64 --P 500 --seed 0'
    """
    seed = spec.seeds.samples
    if spec.seeds != Seeds.replicate(seed):
        return None
    return _line("run", command_options(spec.setup) | {"P": spec.P, "seed": seed})


def pstar_command(
    setup: Setup, seeds: int, fix: tuple[str, ...] = (), start: float | int | None = None
) -> str:
    """Return the `srhm pstar` that measures P* of a setup.

    Parameters
    ----------
    setup
        What is run.
    seeds
        Number of replicates.
    fix
        Roles that all replicates share.
    start
        First P to try, which a family without a prediction needs.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.nets import NetSpec
    >>> pstar_command(Setup(Params(v=6, s0=1, L=2), NetSpec("lcn", width=64)), 3)
    'srhm pstar --net lcn --v 6 --s0 1 --L 2 --width 64 --seeds 3'
    """
    options = command_options(setup) | {"seeds": seeds} | ({"start": start} if start is not None else {})
    return _line("pstar", options) + (" --fix " + " ".join(fix) if fix else "")


def python_command(spec: RunSpec) -> str:
    """Return a command that repeats any run, through the library: for those that no options can say."""
    program = (
        "from srhm.runner.execution import execute\n"
        "from srhm.study import RunSpec\n"
        "from srhm.store import Store\n"
        f"spec = RunSpec.from_dict({spec.to_dict()!r})\n"
        "Store('srhm-runs/runs.sqlite').put(execute(spec))\n"
    )
    return f"python -c {shlex.quote(program)}"


def _line(command: str, options: Mapping[str, Any]) -> str:
    words = ["srhm", command]
    for name, value in options.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
            continue
        words.append(f"--{option}")
        words.append(value if isinstance(value, str) else json.dumps(value))
    return shlex.join(words)
