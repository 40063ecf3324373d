"""Settings of every test: executed annotations, strict promotion, reproducible examples.

A new seed is never drawn: statistical tests have fixed seeds, so they pass or fail once and for all with the
random streams. The false-alarm rate that such a test states is the probability that a correct package had
failed it when its streams were chosen.
"""

import ctypes
import gc
import importlib.util
import os
import shutil
import signal
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import hypothesis

# Compiled programs are kept for all the processes of these tests; nothing is written to the user's cache.
if KEEPS_PROGRAMS := "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="srhm-tests-")
# Else a program is known by the folder as well, and is not found in a copy.
os.environ["JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES"] = "none"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "0"
# All compute on one thread, here and in the processes started, as the command line does: on more threads XLA adds up in
# another order, and the last bits differ. A command that a test has run would set this for the workers of later tests.
#
# XLA optimises nothing that takes longer than it saves here: a step of training is compiled in a quarter of the time.
# `make test-long` compiles as users do. XLA stops reading at what is not a flag, so that comes last.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
)
os.environ["PJRT_NPROC"] = "1"

import jax
import jaxtyping
import pytest

import typechecking  # noqa: F401, which changes what the hook decorates

# Before the first import of srhm: every annotation of the modules that annotate arrays is checked whenever its function
# is called. Others are left to the static checker: a call in the laboratory costs less than its check.
SOURCE = Path(importlib.util.find_spec("srhm").submodule_search_locations[0])
ANNOTATED = [file.relative_to(SOURCE) for file in SOURCE.rglob("*.py") if "jaxtyping" in file.read_text()]
jaxtyping.install_import_hook(
    sorted(".".join(("srhm", *file.with_suffix("").parts)) for file in ANNOTATED), "typechecking.check"
)

# What a shell runs in its background ignores Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile(
    "reproducible", derandomize=True, deadline=None, max_examples=50, database=None
)
hypothesis.settings.load_profile("reproducible")


def pytest_collection_finish():
    """Leave what the imports made, millions of objects, out of every later search for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


LEFT = [0.0]
"""Memory of this process, in MB, when its compiled programs were last forgotten."""


def pytest_runtest_logfinish():
    """Forget compiled programs beyond 1000 MB, once they have come to 200: the tests compile thousands."""
    if in_use() > max(1000, LEFT[0] + 200):
        jax.clear_caches()
        gc.collect()
        with suppress(OSError, AttributeError):  # the C library of other systems has none
            ctypes.CDLL("libc.so.6").malloc_trim(0)  # what is freed does not leave the process by itself
        LEFT[0] = in_use()


def in_use() -> float:
    """Return the memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def pytest_unconfigure():
    """Delete the compiled programs, in the process that has started the others."""
    if KEEPS_PROGRAMS:
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture(scope="session")
def compiled_apart(tmp_path_factory):
    """A copy of the compiled programs, for processes that are killed: they may leave cut what they write."""
    folder = tmp_path_factory.mktemp("compiled")
    shutil.copytree(os.environ["JAX_COMPILATION_CACHE_DIR"], folder, dirs_exist_ok=True)
    return {"JAX_COMPILATION_CACHE_DIR": str(folder)}


@pytest.fixture
def unchecked(monkeypatch):
    """Do not execute annotations in a test, as users do not."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def refuses(unchecked):
    """Return a context in which an ArgumentError must name the argument, its value and the fix.

    Annotations are not executed meanwhile: a user's wrong type has to meet the error of the package.
    """
    from srhm import ArgumentError

    @contextmanager
    def context(argument, value, fix):
        with pytest.raises(ArgumentError) as caught:
            yield
        message = str(caught.value)
        assert caught.value.argument == argument
        assert message.startswith(f"{argument} = {value}"), message
        assert message.endswith(f". {fix}."), message

    return context
