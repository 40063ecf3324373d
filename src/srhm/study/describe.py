"""What is run, in words."""

from dataclasses import replace
from typing import Any

from ..model.holdout import hold_out_text
from ..model.options import Model
from ..training.task import Classification, task_text
from .custom import CustomNet
from .options import options_of
from .setup import Setup
from .study import Study

_ALWAYS = ("net", "v", "s0", "L", "width")
"""Options that are always written, even with their default values."""


def setup_name(setup: Setup, special: bool = True) -> str:
    """Return a short name of a network on a model; `special` adds the task and what is held out."""
    params = setup.params
    same = f"v=m=n_c={params.v}" if params.v == params.m == params.n_c else (
        f"v={params.v} m={params.m} n_c={params.n_c}"
    )  # fmt: skip
    kind = "" if params.sparsity == "A" else f" sparsity {params.sparsity}"
    kind += " plane" if params.plane else ""
    kind += f" {task_text(setup.task)}" if setup.task != Classification() and special else ""
    kind += f" rules {setup.rule_weights}" if setup.rule_weights else ""
    kind += f" placements {setup.placement_weights}" if setup.placement_weights else ""
    kind += f" classes {setup.class_weights}" if setup.class_weights else ""
    kind += f" without {hold_out_text(setup.hold_out)}" if setup.hold_out and special else ""
    return f"{setup.net.row.label} {same} L={params.L} s={params.s} s0={params.s0}{kind}"


def command_options(setup: Setup) -> dict[str, Any]:
    """Return the options of the model and the setup that differ from their defaults, and those that say what is run.

    `--protocol published` replaces the others where that is shorter.
    """
    training = [options_of(setup)]
    if not isinstance(setup.net, CustomNet):
        training.append({"protocol": "published"} | options_of(setup, published=True))
    chosen = _model_options(setup) | min(training, key=len)
    return {name: chosen[name] for name in _ALWAYS if name in chosen} | chosen


def _model_options(setup: Setup) -> dict[str, Any]:
    model, params = Model.of(setup.params), setup.params
    chosen: dict[str, Any] = {"v": model.v, "s0": model.s0, "L": model.L}
    chosen |= {"s": model.s} if model.s != Model.s else {}
    chosen |= {"n_c": model.n_c} if params.n_c != params.level(params.L).v else {}
    if params != replace(model, m=None).params():
        chosen["m"] = model.m
    chosen |= {"sparsity": model.sparsity} if model.sparsity != "A" else {}
    return chosen | ({"plane": True} if model.plane else {})


def changes(setup: Setup) -> dict[str, Any]:
    """Return how a setup differs from the default one of this network, width and model."""
    shown = {*Model.__dataclass_fields__, *_ALWAYS}
    return {name: value for name, value in command_options(setup).items() if name not in shown}


def change_words(study: Study) -> str:
    """Return in words how a study differs from the default one; empty if it does not."""
    words = [_words(key, value) for key, value in changes(study.setup).items()]
    if study.fix is None:
        words.append("seeds differ by role")
    elif study.fix:
        words.append("same " + " and ".join(study.fix))
    return ", ".join(words)


def _words(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"


def label(study: Study) -> str:
    """Return network, model, width, and the differences from the default study."""
    width = f"width {study.setup.width}" if study.setup.width else ""
    return ", ".join(filter(None, [setup_name(study.setup, special=False), width, change_words(study)]))
