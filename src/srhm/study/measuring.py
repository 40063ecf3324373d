"""What is measured of a trained network, and what is recorded on its way."""

from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError, check_choice, check_integer

QUANTITIES = ("error", "S", "D", "probes", "weights")
"""What can be recorded during training: the test error, the sensitivities, probes and clusters, and the weights."""

SENSITIVITY_INPUTS = 1000
"""Default number of test inputs for S and D; the whole test set if it is smaller."""


@dataclass(frozen=True)
class Measuring:
    """What is measured of a trained network, and on which data.

    Raises
    ------
    ArgumentError
        If a field is out of range.
    """

    P_test: int | None = None
    """Number of test points. Default: min(10,000, P_max / 5), and no more than have what is held out."""
    sensitivity_inputs: int = SENSITIVITY_INPUTS
    """Number of test inputs for S and D; the whole test set if it is smaller."""
    cumulative: bool = False
    """Sensitivities that re-draw all levels 1 to l instead of only level l (published)."""
    record: tuple[str, ...] = ()
    """What is recorded besides the loss at the log-spaced steps round(2^(k/2)) and at the end: some of error, S, D,
    probes (with clusters) and weights, with commas, such as error,S,D. The error is always among them; true means only
    the error."""
    probe: bool = False
    """Also measure what linear probes read from each layer, and whether its clusters are the synonyms."""

    def __post_init__(self) -> None:
        inputs = check_integer("sensitivity_inputs", self.sensitivity_inputs, minimum=3)
        object.__setattr__(self, "sensitivity_inputs", inputs)
        if self.P_test is not None:
            object.__setattr__(self, "P_test", check_integer("P_test", self.P_test, minimum=3))
        for name in ("cumulative", "probe"):
            check_flag(name, getattr(self, name))
        object.__setattr__(self, "record", _recorded(self.record))

    @property
    def records_weights(self) -> bool:
        """Whether weights are recorded; they are then kept."""
        return "weights" in self.record


def _recorded(record: Any) -> tuple[str, ...]:
    """Return the recorded quantities in their order, from text, a list, or true or false."""
    if isinstance(record, bool):
        return QUANTITIES[:1] if record else ()
    names = record.replace(",", " ").split() if isinstance(record, str) else record
    if not isinstance(names, list | tuple):
        raise ArgumentError("record", record, "are not names of quantities", "Use for example 'error,S,D'")
    for name in names:
        check_choice("record", name, QUANTITIES, "is not recorded")
    return tuple(name for name in QUANTITIES if name in names or (name == "error" and names))


def check_flag(name: str, value: Any) -> None:
    """Raise an :class:`~srhm.ArgumentError` if a value is neither true nor false."""
    if not isinstance(value, bool):
        raise ArgumentError(name, value, "is neither true nor false", "Use True or False")
