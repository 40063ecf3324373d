"""Options that several commands have, with what their help says."""

from typing import Annotated

from tyro.conf import FlagCreatePairsOff, arg

from ..errors import ArgumentError, check_number
from ..model.options import Model, Weighting

STORE = "srhm-runs/runs.sqlite"
PAPER_STORE = "srhm-runs/paper.sqlite"
RESUMES = "Finished runs are kept; the same command resumes."
"""What a command says that was interrupted and keeps its runs in a store."""

ModelOptions = Annotated[Model, arg(name="")]
WeightOptions = Annotated[Weighting, arg(name="")]
StoreName = Annotated[str, arg(help="File of the finished runs.")]
AsJSON = Annotated[FlagCreatePairsOff[bool], arg(help="Print JSON on standard output.")]
WorkerCount = Annotated[
    int | None,
    arg(
        help="Worker processes, each of one thread. Default: one a core, or one a GPU.", help_behavior_hint=""
    ),
]
EnsembleSize = Annotated[
    int | None,
    arg(
        help="Runs of one shape that a worker computes in one program. Default: 64 on a GPU, else 1.",
        help_behavior_hint="",
    ),
]
On = Annotated[str, arg(help="local, ray or ray://HOST:PORT, as for `srhm grid`.")]
GPUMemory = Annotated[
    float | None,
    arg(
        help="Gigabytes of memory of each GPU of the cluster, of which every run gets a part. Default: runs use CPUs.",
        help_behavior_hint="",
    ),
]


def bytes_of_gpu(gpu_memory: float | None, on: str) -> int | None:
    """Return the memory of each GPU of a cluster in bytes, checked."""
    if gpu_memory is None:
        return None
    memory = round(check_number("gpu_memory", gpu_memory, 0) * 1e9)
    if on == "local":
        raise ArgumentError("gpu_memory", gpu_memory, "is for clusters", "Use --on ray, or leave it out")
    return memory
