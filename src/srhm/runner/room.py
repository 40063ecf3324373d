"""Whether the data and the network of a run fit the memory of this machine."""

from ..errors import check_instance
from ..memory import check_memory
from ..model.dataset import bytes_of
from ..study import RunSpec
from ..study.custom import CustomNet

FLOAT = 4
"""Bytes of a number."""


def check_room(spec: RunSpec) -> None:
    """Refuse a run whose data and network cannot be in main memory, before anything is drawn.

    The error names the largest part: the width, P or P_test.
    """
    check_instance(RunSpec, spec=spec)
    data = data_bytes(spec)
    net = (
        0
        if isinstance(spec.net, CustomNet)
        else FLOAT * spec.net.cost(spec.params, spec.setup.interface).parameters
    )
    if net > data:
        name, value, what = "width", spec.setup.width, "a network"
    else:
        name, value = max((("P", spec.P), ("P_test", spec.setup.P_test)), key=lambda part: part[1])
        what = "data sets"
    check_memory(name, value, data + net, what, f"Use a smaller {name}")


def data_bytes(spec: RunSpec) -> int:
    """Bytes of training and test set, and of test inputs without what is held out."""
    sets = 1 if spec.setup.hold_out is None else 2
    return bytes_of(spec.params, spec.P + sets * spec.setup.P_test)
