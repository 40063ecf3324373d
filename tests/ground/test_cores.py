"""How many cores this process may use: a container's quota counts, of either version of control groups."""

import os

import pytest

from srhm import cores
from srhm.cores import available_cores

V2 = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 {root} /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset"
)
V1_GROUPS = "9:name=systemd:{group}\n3:cpuset:{group}\n1:cpu,cpuacct:{group}\n0::/"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A function that writes the files of a system with eight cores, and returns where they lie."""
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def write(groups, mounts, files):
        everything = {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts}
        for name, text in everything.items() | {(f"sys/fs/cgroup/{k}", v) for k, v in files.items()}:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n", encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("group", "root", "files", "expected"),
    [
        ("/", "/", {"cpu.max": "200000 100000"}, 2),  # a container, which sees its own group as the root
        ("/", "/", {"cpu.max": "max 100000"}, 8),
        ("/", "/", {"cpu.max": "390000 100000"}, 3),
        ("/", "/", {"cpu.max": "50000 100000"}, 1),
        ("/", "/", {"cpu.max": "10000000 100000"}, 8),
        ("/", "/", {}, 8),  # the root of a machine has no such file
        ("/a/b", "/", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("/a/b", "/", {"a/b/cpu.max": "250000 50000", "a/cpu.max": "600000 100000"}, 5),
        ("/a/b", "/", {"a/b/cpu.max": "700000 100000", "a/cpu.max": "600000 100000"}, 6),
        ("/a/b", "/", {"b/cpu.max": "100000 100000"}, 8),  # of another group
        ("/docker/7", "/docker/7", {"cpu.max": "400000 100000"}, 4),
        ("/../other", "/", {"cpu.max": "400000 100000"}, 4),
        ("/", "/", {"cpu.max": "nonsense"}, 8),
    ],
)
def test_quota_of_version_2(system, group, root, files, expected):
    assert available_cores(system(f"0::{group}", V2.format(root=root), files)) == expected


@pytest.mark.parametrize(
    ("group", "root", "files", "expected"),
    [
        ("/", "/", {"": (200000, 100000)}, 2),
        ("/", "/", {"": (-1, 100000)}, 8),
        ("/", "/", {"": (20000, 100000)}, 1),
        ("/a/b", "/", {"": (-1, 100000), "a": (300000, 100000), "a/b": (-1, 100000)}, 3),
        ("/docker/7", "/docker/7", {"": (350000, 100000)}, 3),
        ("/docker/7", "/", {"": (350000, 100000)}, 3),
        ("/a", "/", {}, 8),
    ],
)
def test_quota_of_version_1(system, group, root, files, expected):
    content = {}
    for folder, (quota, period) in files.items():
        content[f"cpu,cpuacct/{folder}/cpu.cfs_quota_us"] = quota
        content[f"cpu,cpuacct/{folder}/cpu.cfs_period_us"] = period
    assert available_cores(system(V1_GROUPS.format(group=group), V1.format(root=root), content)) == expected


def test_no_quota_where_nothing_tells_of_one(tmp_path, monkeypatch):
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert available_cores(tmp_path) == 2
    monkeypatch.delattr(cores.os, "sched_getaffinity")
    assert available_cores(tmp_path) == (os.cpu_count() or 1)


def test_everybody_counts_so(monkeypatch):
    """Workers, Ray and the threads that draw data."""
    from srhm.model import dataset
    from srhm.runner import executors
    from srhm.runner.executors import ray_cluster

    assert {module.available_cores for module in (dataset, executors, ray_cluster)} == {available_cores}
