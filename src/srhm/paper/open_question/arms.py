"""The arms of the experiment: networks that differ in one thing each, and the s0 at which P* is measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import ArgumentError, name_fix
from ...reference.networks import CNN, LCN
from ...study import Setup
from ..settings import model, setup

Group = Literal["depth", "matched", "controls", "rate", "width", "batch", "flow"]

RATE, DEEP_RATE = 0.03, 0.01
"""Learning rates per width of the CNNs with L = 1, 2 and with L = 3 or s = 3: one for all s0 of an arm, since the
published table changes it with s0."""


@dataclass(frozen=True)
class Arm:
    """One network at several s0."""

    name: str
    """Names it at the command line."""
    group: Group
    """Its panel."""
    what: str
    """What it is, in a few words."""
    settings: tuple[Setup, ...]
    """One for each s0."""
    seeds: int = 4
    """Replicates: four; three where others have run them, two where a run takes minutes."""


def _arm(
    name: str, group: Group, what: str, v: int, s0s: Iterable[int], *, net: str = CNN, L: int = 2, s: int = 2,
    rate: float | None = RATE, batch: int = 4, seeds: int = 4, width: int = 256,
    **options: Any,
) -> Arm:  # fmt: skip
    settings = (
        setup(net, model(v, s0, L=L, s=s), width=width, rate=rate, batch=batch, **options) for s0 in s0s
    )
    return Arm(name, group, what, tuple(settings), seeds)


_TABLE: Sequence[Arm] = (
    _arm("L2", "depth", "L = 2, v = 6", 6, (0, 1, 2, 3)),
    _arm("L2-more", "depth", "L = 2, v = 6, more blanks", 6, (3, 5)),
    _arm("L1", "depth", "L = 1, v = 10", 10, (1, 2, 3, 5), L=1),
    _arm("L1-s3", "depth", "L = 1, s = 3, v = 4", 4, (1, 2, 3), L=1, s=3),
    _arm("lcn-L2", "depth", "LCN, L = 2, v = 6", 6, (0, 1, 2), net=LCN, rate=None, seeds=3),
    _arm("lcn-L3", "depth", "LCN, L = 3, v = 4", 4, (0, 1), net=LCN, L=3, rate=None, seeds=3),
    _arm("L2-v4", "matched", "L = 2, v = 4", 4, (0, 1, 2, 3), rate=DEEP_RATE, seeds=3),
    _arm("L3", "matched", "L = 3, v = 4", 4, (0, 1, 2, 3), L=3, rate=DEEP_RATE, seeds=3),
    _arm("L1-s3-v3", "matched", "L = 1, s = 3, v = 3", 3, (3, 5, 6, 8), L=1, s=3, rate=DEEP_RATE),
    _arm("L2-s3", "matched", "L = 2, s = 3, v = 3", 3, (0, 1, 2, 3), s=3, rate=DEEP_RATE),
    _arm("L2-s3-more", "matched", "L = 2, s = 3, v = 3, more blanks", 3, (3, 5, 6), s=3, rate=DEEP_RATE),
    _arm("upper-frozen", "controls", "layer 2 frozen at random", 6, (0, 1), seeds=2, frozen_layers=(2,)),
    _arm("lower-frozen", "controls", "layer 1 frozen at random", 6, (0, 1), seeds=2, frozen_layers=(1,)),
    _arm("lower-shared", "controls", "layer 1 given the true places", 6, (0, 1, 2), shared_layers=(1,)),
    _arm("upper-shared", "controls", "layer 2 given the true places", 6, (0, 1, 2), shared_layers=(2,)),
    _arm("both-shared", "controls", "both given the true places", 6, (0, 1, 2), shared_layers=(1, 2)),
    _arm("upper-aligned", "controls", "layer 2 starts equal over the places", 6, (1, 2, 3), init="aligned"),
    _arm("rate-0.1", "rate", "rate 0.1", 4, (1, 2), rate=0.1, seeds=3),
    _arm("rate-0.03", "rate", "rate 0.03", 4, (1, 2, 4), seeds=3),
    _arm("rate-0.01", "rate", "rate 0.01", 4, (1, 2, 6), rate=0.01, seeds=3),
    _arm("width-64", "width", "width 64", 6, (0, 1, 3), width=64),
    _arm("width-128", "width", "width 128", 6, (0, 1, 3), width=128),
    _arm("width-512", "width", "width 512", 6, (0, 1, 3), width=512),
    _arm("batch-1", "batch", "batch of 6 points", 6, (0, 1, 3), batch=1),
    _arm("batch-16", "batch", "batch of 96 points", 6, (0, 1, 3), batch=16),
    _arm("flow-16", "flow", "batch of 16 points, rate 0.03", 4, (1, 3), seeds=3, width=64),
    _arm(
        "flow-128", "flow", "batch of 128 points, rate 0.1", 4, (1, 3), rate=0.1, batch=32, seeds=3, width=64
    ),
    _arm(
        "flow-all",
        "flow",
        "all points in a batch, rate 0.1",
        4,
        (1, 3),
        rate=0.1,
        batch=1024,
        seeds=3,
        width=64,
    ),
    _arm("flow-all-slow", "flow", "all points, rate 0.03", 4, (1,), batch=1024, seeds=3, width=64),
)

ARMS: dict[str, Arm] = {arm.name: arm for arm in _TABLE}
"""All arms by name. CNNs of width 256 and batches of 4 points a class, unless their words say otherwise."""


def arms_named(names: Iterable[str]) -> list[Arm]:
    """Return arms by name, or all of a group, or for ``"all"`` all, each once; an unknown name is an ArgumentError."""
    found: list[Arm] = []
    for name in names:
        some = [arm for arm in _TABLE if name in ("all", arm.name, arm.group)]
        if not some:
            groups = dict.fromkeys(arm.group for arm in _TABLE)
            fix = name_fix(name, ["all", *groups, *ARMS])
            raise ArgumentError("arms", name, "is not an arm of the experiment", fix)
        found += [arm for arm in some if arm not in found]
    return found
