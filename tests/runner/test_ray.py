"""Jobs on Ray: every way in which one can end, on a Ray of this machine and through Ray's client server.

Ray is started on loopback only, with a token of its own, so that nothing is written to the user's home.
"""

import gc
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

import ray_work
from folders import SOURCE, SUPPORT
from srhm.runner.executors import ray_cluster
from srhm.runner.executors.base import Job, Outcome, Resources, Unavailable
from srhm.runner.executors.on_ray import OnRay

ray = pytest.importorskip("ray", reason="Ray, of the extra ray, is not installed")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:ResourceWarning:ray.*"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:ray.*"),
    # Ray leaves the pipes of the processes that it started to the garbage collector.
    pytest.mark.filterwarnings("ignore:subprocess [0-9]+ is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SECONDS = 90.0
"""After which a test has failed, not only a job been slow."""
PATHS = [str(SOURCE), str(SUPPORT)]


@pytest.fixture(scope="module", autouse=True)
def environment():
    """Let workers import the works of the tests, and give the clusters a token."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([*PATHS, os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.delenv("RAY_ADDRESS", raising=False)
        yield patch


@pytest.fixture(scope="module")
def machine(environment):
    """Ray on this machine, started as a user does, with two cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_cluster, "available_cores", lambda: 2)
        executor = OnRay(ray_work.work)
    yield executor
    executor.close()
    del executor
    gc.collect()  # while warnings of this module are ignored


@pytest.fixture
def executor(machine):
    """An executor on the Ray that is running, which it leaves running."""
    executor = OnRay(ray_work.work)
    yield executor
    executor.close()
    assert ray.is_initialized()


def job(number, do, *, limit=None, resources=None, **more):
    content = json.dumps({"do": do} | more)
    return Job(number, content, resources or Resources(), limit)


def ended(executor, count):
    """Wait for so many outcomes, by number."""
    found, deadline = {}, time.monotonic() + 2 * SECONDS
    while len(found) < count and time.monotonic() < deadline:
        found |= {outcome.number: outcome for outcome in executor.wait(1.0)}
    assert len(found) == count
    return found


def until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def failure(outcome):
    assert outcome.result is None
    return outcome.failure.kind, outcome.failure.reason


# How jobs end


def test_a_job_returns_its_result(executor):
    executor.start(job(7, "answer", value="β"))
    assert executor.wait(SECONDS) == [
        Outcome(7, json.dumps({"answer": "β", "environment": {}})),
    ]
    assert executor.wait(5.0) == []  # none is under way


def test_wait_returns_in_time(executor, tmp_path):
    executor.start(job(0, "sleep", file=str(tmp_path / "pid"), seconds=60))
    began = time.monotonic()
    assert executor.wait(0.0) == []
    assert executor.wait(0.3) == []
    assert time.monotonic() - began < 30  # of the 60 that the job takes


@pytest.mark.long
def test_errors_of_the_work_are_told_with_type_message_and_place(executor):
    kinds = ("raise", "memory", "device memory", "exit", "unknown", "answer")
    for number, kind in enumerate(kinds):
        executor.start(job(number, kind))
    found = ended(executor, len(kinds))
    kind, reason = failure(found[0])
    assert kind == "error"
    assert reason.startswith("ValueError: no such thing (ray_work.py, line ")
    assert "ray_work.py" in reason
    assert failure(found[1])[0] == "memory"
    assert failure(found[2])[0] == "memory"
    assert "RESOURCE_EXHAUSTED" in failure(found[2])[1]
    assert failure(found[3])[0] == "error"
    assert found[4].result == "null"
    assert found[5].result is not None


def test_a_killed_worker_costs_its_own_job_only(executor, tmp_path):
    file = tmp_path / "pid"
    executor.start(job(0, "sleep", file=str(file), seconds=1.5))
    executor.start(job(1, "die"))
    found = ended(executor, 2)
    assert failure(found[1])[0] == "killed"
    assert found[0].result == "null"


@pytest.mark.long
def test_a_worker_that_is_told_to_end_costs_no_run(executor, tmp_path):
    """By SIGTERM, as on a node that is taken away: its job is tried again."""
    executor.start(job(1, "sleep", file=str(tmp_path / "pid"), seconds=600))
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    failure = ended(executor, 1)[1].failure
    assert failure is not None and failure.kind in ("killed", "lost")


@pytest.mark.long
def test_a_hung_job_is_ended_at_its_limit_and_no_other(executor, tmp_path):
    """The limit counts from when a job begins: those that wait for a core have not used it."""
    files = [tmp_path / f"pid{number}" for number in range(4)]
    executor.start(job(0, "sleep", file=str(files[0]), seconds=600, limit=2.0))
    executor.start(job(1, "sleep", file=str(files[1]), seconds=3, limit=90))
    executor.start(job(2, "sleep", file=str(files[2]), seconds=0.1, limit=4.0))
    executor.start(job(3, "sleep", file=str(files[3]), seconds=0.1, limit=4.0))
    found = ended(executor, 4)
    assert failure(found[0]) == ("timeout", "it took longer than its limit of 2 s")
    assert [found[number] for number in (1, 2, 3)] == [Outcome(number, "null") for number in (1, 2, 3)]


def test_a_job_writes_its_checkpoint_when_its_time_is_over(executor, tmp_path):
    executor.start(job(0, "checkpoint", file=str(tmp_path / "a"), result=False, limit=2.0))
    assert failure(ended(executor, 1)[0])[0] == "timeout"
    assert (tmp_path / "a").read_text() == "kept"


@pytest.mark.long
def test_a_job_that_does_not_hear_that_its_time_is_over_is_ended(executor):
    executor.start(job(0, "deaf", limit=0.5))
    assert failure(ended(executor, 1)[0])[0] == "killed"


def test_what_this_machine_can_never_give_is_said_at_once(executor, machine):
    machine.start(job(0, "answer", resources=Resources(gpu=8)))
    kind, reason = failure(machine.wait(SECONDS)[0])
    assert kind == "error"
    assert reason == "The job asks this machine for 8 of GPU, and has 0"


def test_workers_compute_on_one_thread_on_the_cpu(executor):
    names = ["XLA_FLAGS", "PJRT_NPROC", "OMP_NUM_THREADS", "JAX_PLATFORMS", "JAX_COMPILATION_CACHE_DIR"]
    executor.start(job(0, "answer", names=names, resources=Resources(memory=10**9)))
    (outcome,) = executor.wait(SECONDS)
    seen = json.loads(outcome.result)["environment"]
    assert "intra_op_parallelism_threads=1" in seen["XLA_FLAGS"]
    assert [seen[name] for name in names[1:]] == ["1", "1", "cpu", os.environ["JAX_COMPILATION_CACHE_DIR"]]


def test_many_empty_jobs(machine):
    executor, count = OnRay(ray_work.empty), 20
    todo, results, under_way = list(range(count)), {}, 0
    assert executor.slots == 4
    while todo or under_way:
        while todo and under_way < executor.slots:
            executor.start(Job(todo.pop(), '"x"', limit=60.0))
            under_way += 1
        for outcome in executor.wait(SECONDS):
            results[outcome.number] = outcome.result
            under_way -= 1
    assert results == dict.fromkeys(range(count), '"x"')
    executor.close()


# The end of an executor


def test_interrupted_jobs_write_their_checkpoints_and_results_still_count(machine, tmp_path):
    executor = OnRay(ray_work.work)
    files = [tmp_path / "a", tmp_path / "b"]
    for number, file in enumerate(files):
        executor.start(job(number, "checkpoint", file=str(file), result=number == 0))
    for number in (10, 11):  # wait for a core, and are never begun
        executor.start(job(number, "answer"))
    until(lambda: all(Path(f"{file}.began").exists() for file in files))
    assert executor.close(interrupted=True) == [Outcome(0, '"finished"')]
    assert [file.read_text() for file in files] == ["kept", "kept"]
    assert executor.close(interrupted=True) == []
    assert executor.close() == []
    with pytest.raises(Unavailable, match="was closed"):
        executor.start(job(0, "answer"))


def test_a_closed_executor_leaves_no_job_behind(machine, tmp_path):
    executor, file = OnRay(ray_work.work), tmp_path / "pid"
    executor.start(job(0, "sleep", file=str(file), seconds=600))
    until(lambda: file.exists() and file.read_text())
    assert executor.close() == []
    until(lambda: not alive(int(file.read_text())))


# What cannot work


def test_arguments_are_checked(refuses, machine):
    with refuses("slots", 0, "Use slots >= 1"):
        OnRay(ray_work.work, slots=0)
    function = lambda content: content  # noqa: E731
    fix = "Put it into a file of its own as a function with a name and import it, or compute here with workers=1"
    with refuses("work", repr(function), fix):
        OnRay(function)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[ray\]'"):
        OnRay(ray_work.work)


def silent():
    """A server that takes connections and says nothing."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_a_cluster_that_does_not_answer_is_named(form, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with silent() as server:
        address = form.format(server.getsockname()[1])
    with pytest.raises(Unavailable, match=f"No Ray cluster answers at {address}"):
        OnRay(ray_work.work, address=address)


def test_what_is_no_cluster_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(ray_cluster, "_CONNECT_SECONDS", 2.0)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with silent() as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"at {address} did not let us in within 2 s"):
            OnRay(ray_work.work, address=address)


@pytest.mark.parametrize("address", ["somewhere", "ray://:1", "host:0", "host:99999", "http://host"])
def test_addresses_are_checked(refuses, monkeypatch, address):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with refuses("address", repr(address), "Use auto, HOST:PORT or ray://HOST:PORT"):
        OnRay(ray_work.work, address=address)


# Processes and what they listen on


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def listening(pids):
    """Addresses on which processes listen, from what Linux says of them."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(fields[1].partition(":")[0])
    return found


def descendants(pid):
    children = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    found, todo = [], [pid]
    while todo:
        found += (below := children.get(todo.pop(), []))
        todo += below
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux alone tells who listens where")
def test_ray_listens_on_loopback_only(executor):
    executor.start(job(0, "answer"))
    ended(executor, 1)
    found = listening([os.getpid(), *descendants(os.getpid())])
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    assert len(found) >= 4  # the two services of the node, a worker, this process
    assert set(found) <= loopback


DRIVER = """
import sys
import ray_work
from srhm.runner.executors import ray_cluster
from srhm.runner.executors.base import Job
from srhm.runner.executors.on_ray import OnRay
ray_cluster.available_cores = lambda: 1
executor = OnRay(ray_work.work, address=None)
executor.start(Job(0, sys.argv[1]))
executor.wait()
"""


@pytest.mark.long
def test_the_jobs_of_a_killed_driver_end_by_themselves(environment, tmp_path):
    file = tmp_path / "pid"
    content = json.dumps({"do": "sleep", "file": str(file), "seconds": 600})
    with subprocess.Popen([sys.executable, "-c", DRIVER, content], start_new_session=True) as driver:
        try:
            until(lambda: file.exists() and file.read_text())
            processes = descendants(driver.pid)
        finally:
            driver.kill()
    pid = int(file.read_text())
    assert pid in processes
    until(lambda: not alive(pid))
    for left in processes:  # two agents of Ray try for a minute to tell the dead node of its death
        with suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)


# A cluster that is running elsewhere


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def head(environment, tmp_path_factory):
    """A head node of its own, bound to loopback, with a client server; ended with all that it started."""
    gcs, client = free_port(), free_port()
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2"),
        *(f"--port={gcs}", f"--ray-client-server-port={client}", "--node-ip-address=127.0.0.1"),
        *("--include-dashboard=false", "--disable-usage-stats"),
    ]
    alone = os.environ | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=alone, start_new_session=True, **quiet) as process:
        try:
            until(lambda: ray_cluster._listens(("127.0.0.1", client)))
            yield gcs, client, process
        finally:
            left = descendants(process.pid)
            for pid in [process.pid, *left]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


ELSEWHERE = """
import json, sys
import ray_work
from srhm.runner.executors.base import Job
from srhm.runner.executors.on_ray import OnRay
executor = OnRay(ray_work.work, address=sys.argv[1])
executor.start(Job(0, '{"do": "answer", "value": 5}', limit=30.0))
executor.start(Job(1, '{"do": "raise"}'))
found = []
while len(found) < 2:
    found += executor.wait(10.0)
found.sort(key=lambda outcome: outcome.number)
print(executor.slots, json.loads(found[0].result)["answer"], found[1].failure.kind)
executor.start(Job(2, json.dumps({"do": "sleep", "file": sys.argv[2], "seconds": 600})))
if len(sys.argv) > 3:
    print("ready", flush=True)
    print(*(outcome.failure.kind for outcome in executor.wait(60.0)))
print(executor.close(), executor.close())
"""


def elsewhere(address, file, *more):
    command = [sys.executable, "-W", "error", "-c", ELSEWHERE, address, str(file), *more]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | {"RAY_AUTH_MODE": "token"}, **pipe)


@pytest.mark.long
def test_jobs_through_the_client_server_and_on_the_cluster(head, tmp_path):
    """In processes of their own: Ray lets one have a single connection."""
    gcs, client, _ = head
    addresses = [f"ray://127.0.0.1:{client}", f"127.0.0.1:{gcs}"]
    drivers = [elsewhere(address, tmp_path / str(number)) for number, address in enumerate(addresses)]
    for driver in drivers:
        said, error = driver.communicate(timeout=6 * SECONDS)
        assert said == "4 5 error\n[] []\n", error


@pytest.mark.parametrize(("failures", "attempts"), [(0, 1), (1, 2), (4, 5), (9, 5)])
@pytest.mark.parametrize(
    "told", ["Starting Ray client server failed", "psutil.ZombieProcess: PID still exists"]
)
def test_a_client_server_that_could_not_start_a_process_is_asked_again(monkeypatch, failures, attempts, told):
    made = connections(
        monkeypatch, failures, ConnectionAbortedError(f"Initialization failure from server: {told}")
    )
    if failures < attempts:
        ray_cluster.Cluster("ray://host:1")
    else:
        with pytest.raises(Unavailable, match=f"cannot be used: Initialization failure from server: {told}"):
            ray_cluster.Cluster("ray://host:1")
    assert made == ["ray://host:1"] * attempts


@pytest.mark.long
def test_a_client_server_that_fails_otherwise_is_not_asked_again(monkeypatch):
    made = connections(monkeypatch, 1, ConnectionError("other versions"))
    with pytest.raises(Unavailable, match="cannot be used: other versions"):
        ray_cluster.Cluster("ray://host:1")
    assert made == ["ray://host:1"]


def connections(monkeypatch, failures, error):
    """Return the addresses that will have been connected to; so many connections will fail."""
    made = []

    def init(address, **_):
        made.append(address)
        if len(made) <= failures:
            raise error

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray_cluster, "_listens", lambda *_: True)
    return made


@pytest.mark.long
def test_a_lost_cluster_loses_its_jobs(head, tmp_path):
    """Last, for it ends the cluster."""
    gcs, _, process = head
    with elsewhere(f"127.0.0.1:{gcs}", tmp_path / "pid", "stay") as driver:
        watch = threading.Timer(6 * SECONDS, driver.kill)
        watch.start()
        assert driver.stdout.readline() == "4 5 error\n"
        assert driver.stdout.readline() == "ready\n"
        until((tmp_path / "pid").exists)
        for pid in [process.pid, *descendants(process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        said, _ = driver.communicate(timeout=6 * SECONDS)
        watch.cancel()
    assert said == "lost\n[] []\n"
