"""The part of the data that a process of a distributed run takes."""

import os

import torch.distributed

from ..errors import ArgumentError, check_integer


def rank_and_world(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return the rank of this process and the number of processes. Default: those of `torch.distributed`, else 0, 1.

    If only one of the two is given, they do not fit, or there are several processes according to the environment but
    `torch.distributed` is not initialised, it is an ArgumentError.
    """
    if (rank is None) != (world_size is None):
        name, other = ("rank", "world_size") if rank is None else ("world_size", "rank")
        raise ArgumentError(name, None, f"is missing, but {other} is given", "Give both, or neither")
    if world_size is not None:
        world_size = check_integer("world_size", world_size, minimum=1)
        return check_integer("rank", rank, minimum=0, maximum=world_size - 1), world_size
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    announced = os.environ.get("WORLD_SIZE", "1")
    if announced != "1":  # every process would silently take the same samples
        raise ArgumentError(
            "rank",
            None,
            f"is unknown: the environment has WORLD_SIZE={announced}, but torch.distributed is not initialised",
            "Call torch.distributed.init_process_group before, or give rank and world_size",
        )
    return 0, 1


def check_ranks(rank: int, world_size: int) -> None:
    """Refuse a process that is not the one that :func:`rank_and_world` found: both would take the same samples."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    now = torch.distributed.get_rank(), torch.distributed.get_world_size()
    if now != (rank, world_size):
        problem = (
            f"of {world_size} was right where this was created, but this process is rank {now[0]} of {now[1]}"
        )
        fix = "Create it in each process after torch.distributed.init_process_group, or give rank and world_size"
        raise ArgumentError("rank", rank, problem, fix)
