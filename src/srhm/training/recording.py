"""The steps at which a run is recorded."""


def next_record(step: int) -> int:
    """Return the first of the steps round(2^(k/2)) after `step`."""
    power = 0
    while round(2 ** (power / 2)) <= step:
        power += 1
    return round(2 ** (power / 2))


def is_recorded(step: int) -> bool:
    """Return whether a step is one of the steps round(2^(k/2))."""
    return step > 0 and next_record(step - 1) == step
