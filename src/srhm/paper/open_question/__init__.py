"""Why does P* of a CNN grow as (s0+1)^2, and not with L? The measurements that bear on it (docs, open-question.md)."""

from .arms import ARMS, Arm, arms_named
from .measuring import TIER, ArmResult, arm_results, questions
from .report import page, write_open_question
from .work import compute, plan_of

__all__ = [
    "ARMS",
    "TIER",
    "Arm",
    "ArmResult",
    "arm_results",
    "arms_named",
    "compute",
    "page",
    "plan_of",
    "questions",
    "write_open_question",
]
