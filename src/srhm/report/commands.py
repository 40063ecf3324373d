"""The command that repeats a run, or the search for P* of which it was a part."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ..study import RunSpec, Seeds, Setup
from ..study.custom import CustomNet
from ..study.describe import command_options
from ..study.options import options_of


def run_command(spec: RunSpec) -> str | None:
    """Return the `srhm run` that is this run, or None if the seeds of its roles differ; of a function of the user's
    the call.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.nets import NetSpec
    >>> run_command(Setup(Params(v=6, s0=1, L=2), NetSpec("lcn", width=64)).at(500))
    'srhm run --net lcn --v 6 --s0 1 --L 2 --width 64 --P 500 --seed 0'
    """
    seed = spec.seeds.samples
    if isinstance(spec.net, CustomNet):
        which = seed if spec.seeds == Seeds.replicate(seed) else spec.seeds
        return _call("run", spec.setup, {"P": spec.P, "seed": which})
    if spec.seeds != Seeds.replicate(seed):
        return None
    return _line("run", command_options(spec.setup) | {"P": spec.P, "seed": seed})


def pstar_command(
    setup: Setup, seeds: int, fix: tuple[str, ...] = (), start: float | int | None = None
) -> str:
    """Return the `srhm pstar` that measures P* of a setup; of a function of the user's the call in Python.

    `fix` names the roles that all replicates share; a family without a prediction needs the first P to try, `start`.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.nets import NetSpec
    >>> pstar_command(Setup(Params(v=6, s0=1, L=2), NetSpec("lcn", width=64)), 3)
    'srhm pstar --net lcn --v 6 --s0 1 --L 2 --width 64 --seeds 3'
    """
    if isinstance(setup.net, CustomNet):
        return _call("pstar", setup, {"start": start, "seeds": seeds} | ({"fix": fix} if fix else {}))
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


def _call(function: str, setup: Setup, rest: dict[str, Any]) -> str:
    """Return a call of the front door for a function of the user's, `train`, which only its author has."""
    net = setup.net
    measured = {name: value for name, value in options_of(setup).items() if name not in ("net", *net.chosen)}
    options = {"options": net.chosen} if net.chosen else {}
    words = rest | {"name": net.family} | measured | options
    arguments = ", ".join(f"{name}={value!r}" for name, value in words.items())
    return f"srhm.{function}(srhm.{setup.params!r}, train, {arguments})"
