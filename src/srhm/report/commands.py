"""The command that repeats a run, or the search for P* of which it was a part."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ..study.options import Model, Network
from ..study.runs import RunSpec, Seeds, default_test_points
from ..training.protocol import Protocol, max_epochs, published_rate, stop_loss

_ALWAYS = ("net", "v", "s0", "L", "width")
"""Options that are written even where they are the usual ones: they say what is run."""


def train_command(spec: RunSpec) -> str | None:
    """Return the `srhm train` that is this run, or None if its options cannot say it.

    That is so where the seeds of the roles differ, and for a field of the protocol that has no option.

    Examples
    --------
    >>> from srhm import Params
    >>> train_command(RunSpec(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), "lcn", 500, width=64))
    'srhm train --net lcn --v 6 --s0 1 --L 2 --width 64 --P 500 --seed 0'
    """
    seed = spec.seeds.samples
    options = command_options(spec)
    if options is None or spec.seeds != Seeds.replicate(seed):
        return None
    return _line("train", options | {"P": spec.P, "seed": seed})


def pstar_command(
    spec: RunSpec, seeds: int, fix: tuple[str, ...] = (), start: float | int | None = None
) -> str | None:
    """Return the `srhm pstar` that measures P* of a network on a model, or None if its options cannot say it.

    Parameters
    ----------
    spec
        What is run, up to P and seeds.
    seeds
        Number of replicates.
    fix
        Roles that all replicates share.
    start
        First P to try, which the common networks need.

    Examples
    --------
    >>> from srhm import Params
    >>> pstar_command(RunSpec(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), "lcn", 500, width=64), 3)
    'srhm pstar --net lcn --v 6 --s0 1 --L 2 --width 64 --seeds 3'
    """
    options = command_options(spec)
    if options is None:
        return None
    options |= {"seeds": seeds} | ({"start": start} if start is not None else {})
    return _line("pstar", options) + (" --fix " + " ".join(fix) if fix else "")


def python_command(spec: RunSpec) -> str:
    """Return a command that repeats any run, through the library: for those that no options can say."""
    program = (
        "from srhm.runner.execution import execute\n"
        "from srhm.study.runs import RunSpec\n"
        "from srhm.store import Store\n"
        f"spec = RunSpec.from_dict({spec.to_dict()!r})\n"
        "Store('srhm-runs/runs.sqlite').put(execute(spec))\n"
    )
    return f"python -c {shlex.quote(program)}"


def command_options(spec: RunSpec) -> dict[str, Any] | None:
    """Return the options of the model and the network that differ from their defaults, and those that say what it is.

    None where a field of the protocol has no option. `--protocol published` stands for the others where that is
    shorter.
    """
    training = [_training(spec, published) for published in (False, True)]
    known = [one for one in training if one is not None]
    if not known:
        return None
    shown: dict[str, Any] = {"net": spec.net} | _model(spec) | _network(spec) | min(known, key=len)
    return {name: shown[name] for name in _ALWAYS} | shown


def changes(spec: RunSpec) -> dict[str, Any]:
    """Return what sets a run apart from the usual one of this network, width and model."""
    usual = {*asdict(Model()), *_ALWAYS}
    options = command_options(spec)
    if options is None:
        options = {name: value for name, value in asdict(spec.protocol).items() if value is not None}
    return {name: value for name, value in options.items() if name not in usual}


def _model(spec: RunSpec) -> dict[str, Any]:
    params = spec.params
    usual = asdict(Model()) | {"n_c": params.v, "m": replace(params, m=None).m}
    return {"v": params.v, "s0": params.s0, "L": params.L} | _differing(asdict(params), usual)


def _network(spec: RunSpec) -> dict[str, Any]:
    """The options of a network beside its protocol."""
    usual = asdict(Network(spec.net, P_test=default_test_points(spec.params)))
    content: dict[str, Any] = {
        name: getattr(spec, name)
        for name in ("bias", "init", "variant", "encoding", "P_test", "record", "probe")
    }
    content |= {name: "".join(map(str, getattr(spec, name))) for name in ("shared_layers", "frozen_layers")}
    return {"width": spec.width} | _differing(content, usual)


def _training(spec: RunSpec, published: bool) -> dict[str, Any] | None:
    """The options of the protocol that differ from one of the two named ones; None if one of them has no option."""
    base = Protocol.published(spec.params) if published else Protocol()
    usual = asdict(base) | {
        "learning_rate": published_rate(spec.net, spec.params).value,
        "stop_loss": stop_loss(spec.net, base, shared=bool(spec.shared_layers)),
        "max_epochs": max_epochs(spec.net, base),
        "sensitivity_inputs": base.sensitivity_inputs or 1000,
    }
    differing = _differing(spec.to_dict()["protocol"], usual)
    # An integer momentum, from a file of runs, gives the run another identity than the number that options give.
    if not set(differing) <= set(asdict(Network())) or isinstance(spec.protocol.momentum, int):
        return None
    return ({"protocol": "published"} if published else {}) | differing


def _differing(content: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in usual or value != usual[name]}


def _line(command: str, options: Mapping[str, Any]) -> str:
    words = ["srhm", command]
    for name, value in options.items():
        words.append("--" + name.replace("_", "-"))
        if name in ("record", "probe"):  # flags
            continue
        words.append(
            value if isinstance(value, str) else json.dumps(value) if _is_plain(value) else str(value)
        )
    return shlex.join(words)


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
