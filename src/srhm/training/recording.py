"""The steps at which a run is recorded, and what its record can hold."""

from typing import Any

import numpy as np

from ..errors import ArgumentError


def next_record(step: int) -> int:
    """Return the first of the steps round(2^(k/2)) after `step`."""
    power = 0
    while round(2 ** (power / 2)) <= step:
        power += 1
    return round(2 ** (power / 2))


def is_recorded(step: int) -> bool:
    """Return whether a step is one of the steps round(2^(k/2))."""
    return step > 0 and next_record(step - 1) == step


def plain(name: str, value: Any) -> Any:
    """Return what a record measured as numbers, texts and lists, which a checkpoint can hold."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(name, one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(name, one) for key, one in value.items()}
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "biufV" or not hasattr(value, "dtype"):
        problem = f"was returned as {name!r}, and is neither a number nor a text"
        raise ArgumentError("record", value, problem, "Return numbers, texts and lists of them by name")
    return (numbers.astype(float) if numbers.dtype.kind == "V" else numbers).tolist()
