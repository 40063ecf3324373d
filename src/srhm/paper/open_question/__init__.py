"""Why does P* of a CNN grow as (s0+1)^2, and not with L? The measurements that bear on it (docs, open-question.md)."""

from .arms import ARMS, Arm, arms_named
from .measuring import ArmResult, arm_results, studies
from .report import page, write_open_question
from .work import compute, plan_of

__all__ = [
    "ARMS",
    "Arm",
    "ArmResult",
    "arm_results",
    "arms_named",
    "compute",
    "page",
    "plan_of",
    "studies",
    "write_open_question",
]
