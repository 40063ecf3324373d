"""Two processes do not compile one program at the same time, and none waits for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from folders import SUPPORT
from srhm.runner.executors import compiling
from srhm.runner.executors.compiling import LockedCache

ASKS = """
import sys, time
from compile_folder import Programs
from srhm.runner.executors import compiling

sleep = time.sleep
def wait(seconds):
    print("waits", flush=True)
    sleep(seconds)
compiling.time.sleep = wait
program = compiling.LockedCache(Programs(sys.argv[1]), sys.argv[1]).get(sys.argv[2])
print("compiles" if program is None else program.decode(), flush=True)
sys.stdin.read()
"""


def asking(folder: Path, key: str) -> subprocess.Popen:
    """Start a process that asks for a program, then says what it does and waits to be ended."""
    command = [sys.executable, "-c", ASKS, str(folder), key]
    path = os.pathsep.join([str(SUPPORT), *sys.path])
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )


def said(process: subprocess.Popen) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def cache(tmp_path: Path) -> LockedCache:
    from compile_folder import Programs

    return LockedCache(Programs(tmp_path), tmp_path)


@pytest.mark.long
def test_a_program_that_another_process_compiles_is_waited_for(cache: LockedCache, tmp_path: Path) -> None:
    assert cache.get("one") is None  # to be compiled here
    with asking(tmp_path, "one") as waiting, asking(tmp_path, "two") as other:
        assert said(other) == "compiles"  # its own, at the same time
        assert said(waiting) == "waits"
        cache.put("one", b"compiled")
        cache._release_compiled(compiling._COMPILED)
        lines = iter(lambda: said(waiting), None)
        assert next(line for line in lines if line != "waits") == "compiled"
        for process in (waiting, other):
            process.communicate()


def test_one_that_was_killed_leaves_no_lock(cache: LockedCache, tmp_path: Path) -> None:
    with asking(tmp_path, "one") as process:
        assert said(process) == "compiles"
        process.kill()
    assert cache.get("one") is None


@pytest.mark.long
def test_after_a_while_it_is_compiled_here_as_well(
    cache: LockedCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "_WAIT_SECONDS", 0.05)
    with asking(tmp_path, "one") as process:
        assert said(process) == "compiles"
        assert cache.get("one") is None
        process.communicate()


TWICE = """
import sys
from jax import monitoring
from srhm.runner.executors import keep_compiled_programs

events = []
monitoring.register_event_listener(lambda event, **_: events.append(event.rpartition("/")[2]))
keep_compiled_programs()
import jax
print("ready", flush=True)
sys.stdin.readline()
jax.jit(lambda x: jax.numpy.linalg.eigh(x)[0] + jax.numpy.sort(x @ x))(jax.numpy.eye(30))
print(events.count("cache_misses"), events.count("cache_hits"))
"""


def test_of_two_processes_with_nothing_compiled_one_compiles(tmp_path: Path) -> None:
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    started = [subprocess.Popen([sys.executable, "-c", TWICE], **pipes) for _ in range(2)]
    assert [said(process) for process in started] == ["ready", "ready"]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    counts = [tuple(map(int, process.communicate()[0].split())) for process in started]
    programs = sum(path.name.endswith("-cache") for path in tmp_path.iterdir())
    assert programs > 0 and sum(misses for misses, _ in counts) == programs
    assert all(misses + hits == programs for misses, hits in counts)


def test_without_a_file_of_locks_programs_are_kept_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compilation_cache = pytest.importorskip("jax._src.compilation_cache")
    monkeypatch.setattr(compilation_cache, "get_file_cache", lambda path: ({}, path))
    compiling.compile_one_at_a_time()
    locked = compilation_cache.get_file_cache
    compiling.compile_one_at_a_time()
    assert compilation_cache.get_file_cache is locked, "called twice, it locks once"
    assert isinstance(locked(str(tmp_path))[0], LockedCache)
    assert isinstance(locked(str(tmp_path / "missing"))[0], dict)
