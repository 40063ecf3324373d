"""The environment that runs compute in: one thread, compiled programs kept."""

import hashlib
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import jax

from ...files import check_folder
from .compiling import compile_one_at_a_time

_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
_KEPT_PROGRAMS = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": 0,
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": 0,
}
"""Which compiled programs are kept: all, since the many small ones of a run take a second together."""


OWN_CHOICES: set[str] = set()
"""Variables that were set here, for this machine; other machines choose their own."""


def one_thread(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which a process computes on one thread, given those that it would have."""
    flags = environment.get("XLA_FLAGS", "")
    if "intra_op_parallelism_threads" not in flags:
        flags = f"{flags} {_ONE_THREAD}".strip()
    # XLA cuts small loops into a piece for each processor it counts, which costs a third of a step, so it counts one.
    names = ("PJRT_NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {"XLA_FLAGS": flags} | {name: environment.get(name, "1") for name in names}


def compute_on_one_thread() -> None:
    """Have this process, and those it spawns, compute on one thread. Call it before JAX first computes."""
    os.environ.update(one_thread(os.environ))


def compute_on_device(number: int) -> None:
    """Have this process compute on one of JAX's devices alone, by its number. Call it before JAX first computes."""
    jax.config.update("jax_cuda_visible_devices", str(number))  # nothing of the others is touched
    devices = jax.devices()
    jax.config.update("jax_default_device", devices[number % len(devices)])


def keep_compiled_programs() -> None:
    """Have this process, and those it spawns, keep compiled programs on disk and use them again.

    No two of them compile one program at the same time: one does, the others wait for it.
    They are kept in `srhm/jax` of the user's cache directory (`XDG_CACHE_HOME`, else `~/.cache`), which may be
    deleted at any time, apart for each kind of processor and version of jaxlib. With
    `JAX_COMPILATION_CACHE_DIR` the user names another folder; `JAX_ENABLE_COMPILATION_CACHE=false` keeps
    nothing, and nothing is kept where the folder cannot be written. Call it before JAX first computes.
    """
    compile_one_at_a_time()
    wanted: bool = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    if not wanted or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home, "srhm", "jax", _fingerprint()).absolute()
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a read-only disk; no home
        return
    for name, value in {"JAX_COMPILATION_CACHE_DIR": str(folder), **_KEPT_PROGRAMS}.items():
        if name not in os.environ:
            OWN_CHOICES.add(name)
            os.environ[name] = str(value)
            jax.config.update(name.lower(), value)


def _fingerprint() -> str:
    """Name what compiled programs depend on: machines of several kinds may share a home."""
    known = [version("jaxlib"), platform.system(), platform.machine(), *_processor()]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]


def _processor() -> list[str]:
    """What Linux says of the kind of the first core, without the clock rates and the like, which change."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return [platform.processor()]
    kinds = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features", "CPU part")
    return [line for line in text.partition("\n\n")[0].splitlines() if line.split("\t")[0].strip() in kinds]
