"""The files with which a cluster is set up: they have the form that Kubernetes and Slurm expect, and call srhm rightly.

The scripts run here with commands of Slurm and Ray that only write down how they were called.
"""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from folders import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML, of the extra test, is not installed")
jsonschema = pytest.importorskip("jsonschema", reason="jsonschema, of the extra test, is not installed")

CLUSTER = ROOT / "docs" / "cluster"
SCHEMA = json.loads((Path(__file__).parent / "schemas" / "rayjob.json").read_text())


def documents():
    return list(yaml.safe_load_all((CLUSTER / "kuberay.yaml").read_text()))


def ray_job():
    (job,) = [one for one in documents() if one["kind"] == "RayJob"]
    return job


# Kubernetes


def test_the_ray_job_has_the_form_of_the_custom_resource():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(ray_job())


@pytest.mark.parametrize(
    "broken",
    [
        lambda spec: spec.pop("entrypoint"),
        lambda spec: spec.update(entryPoint="srhm"),
        lambda spec: spec.update(shutdownAfterJobFinishes=False),
        lambda spec: spec["rayClusterSpec"]["headGroupSpec"].update(rayStartParams={"num-cpus": 0}),
        lambda spec: spec["rayClusterSpec"]["workerGroupSpecs"][0].update(replicas="4"),
        lambda spec: spec["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"].pop("containers"),
    ],
)
def test_the_schema_refuses_what_kubernetes_would(broken):
    job = ray_job()
    broken(job["spec"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(job, SCHEMA)


def test_the_ray_job_is_consistent():
    """Mounts name volumes, volumes name the claim of the file, and workers are between their bounds."""
    claims = {one["metadata"]["name"] for one in documents() if one["kind"] == "PersistentVolumeClaim"}
    cluster = ray_job()["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in (group["template"]["spec"] for group in groups):
        volumes = {one["name"]: one for one in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
            assert container["resources"]["limits"] == container["resources"]["requests"]
        used = {one["persistentVolumeClaim"]["claimName"] for one in volumes.values() if len(one) > 1
                and "persistentVolumeClaim" in one}  # fmt: skip
        assert used == claims
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    constraints = (ROOT / "constraints.txt").read_text()
    assert f"ray=={cluster['rayVersion']}" in constraints
    images = {one["image"] for group in groups for one in group["template"]["spec"]["containers"]}
    assert len(images) == 1


def test_the_ray_job_runs_the_driver_on_the_cluster_and_keeps_the_store_on_the_volume():
    spec = ray_job()["spec"]
    assert (
        spec["entrypoint"] == "RAY_ADDRESS=auto srhm grid /grid/grid.toml --on ray --store /runs/all.sqlite"
    )
    (head,) = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    assert {"name": "runs", "mountPath": "/runs"} in head["volumeMounts"]
    assert "password" not in json.dumps(spec).lower()


# Slurm


@pytest.mark.parametrize("script", sorted(CLUSTER.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_bash_and_their_options_are_of_sbatch(script):
    subprocess.run(["bash", "-n", str(script)], check=True)
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    options = [line for line in lines if line.startswith("#SBATCH")]
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", line) for line in options)
    # sbatch stops reading at the first command.
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(lines.index(line) < first for line in options)
    assert "#SBATCH --requeue" in options
    assert any(re.fullmatch(r"#SBATCH --signal=(B:)?INT@120", line) for line in options)


_SHIM = """#!/bin/bash
# Arguments as one line, beside the address that Ray would take.
echo "$(basename "$0") $* [${RAY_ADDRESS:-}]" >>"$CALLS"
"""
_SHIMS = {
    "scontrol": 'if [ "$1 $2" = "show hostnames" ]; then printf "%s\\n" node1 node2 node3; fi\n',
    # The step itself: what follows the options of srun.
    "srun": 'while [[ "$1" == --* ]]; do shift; done\nexec "$@"\n',
    "hostname": "echo 10.0.0.1 fd00::1\n",
    # The cluster answers once all three nodes have started.
    "ray": 'if [ "$1" = start ]; then exec sleep 60; fi\n[ "$(grep -c "^ray start" "$CALLS")" = 3 ]\n',
    "srhm": 'echo $$ >"$CALLS.pid"\n${SRHM_SHIM:-exit 0}\n',
}


@pytest.fixture
def shims(tmp_path):
    """Return the environment of a job whose commands write down how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, rest in _SHIMS.items():
        (folder / name).write_text(_SHIM + rest)
        (folder / name).chmod(0o755)
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "SLURM_JOB_ID": "1234567",
        "SLURM_JOB_NODELIST": "node[1-3]",
        "SLURM_CPUS_PER_TASK": "4",
        "SLURM_GPUS_ON_NODE": "2",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_ARRAY_TASK_COUNT": "64",
    }


def calls(shims):
    path = Path(shims["CALLS"])
    return path.read_text().splitlines() if path.exists() else []


def run(script, shims, cwd, **more):
    return subprocess.run(
        ["bash", str(CLUSTER / script), "grid.toml"],
        env=shims | more, cwd=cwd, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def test_an_array_task_runs_its_share_into_its_own_store(shims, tmp_path):
    ended = run("slurm-array.sh", shims, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    arguments = "srhm grid grid.toml --shard 3/64 --store runs/shard-3.sqlite --workers 4"
    assert calls(shims) == [f"srun {arguments} []", f"{arguments} []"]
    assert (tmp_path / "runs").is_dir()


def test_an_array_task_that_fails_says_so(shims, tmp_path):
    assert run("slurm-array.sh", shims, tmp_path, SRHM_SHIM="exit 3").returncode == 3


@pytest.mark.parametrize("script", ["slurm-array.sh", "slurm-ray.sh"])
def test_a_script_without_a_grid_tells_its_usage(script, shims):
    ended = subprocess.run(["bash", str(CLUSTER / script)], env=shims, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "usage: sbatch" in ended.stderr
    assert calls(shims) == []


def test_ray_starts_on_the_private_address_of_the_first_node_then_on_the_others(shims, tmp_path):
    ended = run("slurm-ray.sh", shims, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    made, address = calls(shims), "10.0.0.1:24567"
    head = "ray start --head --node-ip-address=10.0.0.1 --port=24567 --num-cpus=4 --num-gpus=2 \
--include-dashboard=false --disable-usage-stats --block"
    worker = f"ray start --address={address} --num-cpus=4 --num-gpus=2 --disable-usage-stats --block"
    on = "srun --nodes=1 --ntasks=1 --nodelist=node{} --overlap {} [{}]"
    assert made[:3] == [
        "scontrol show hostnames node[1-3] []",
        "srun --nodes=1 --ntasks=1 --nodelist=node1 hostname --ip-address []",
        "hostname --ip-address []",
    ]
    steps = [line for line in made if "--overlap" in line]
    assert sorted(steps) == [
        on.format(1, head, ""),
        on.format(2, worker, address),
        on.format(3, worker, address),
    ]
    assert made[-1] == f"srhm grid grid.toml --on ray --store runs/all.sqlite [{address}]"
    assert f"ray status --address={address} [{address}]" in made


def test_the_exit_status_is_that_of_the_driver(shims, tmp_path):
    assert run("slurm-ray.sh", shims, tmp_path, SRHM_SHIM="exit 5").returncode == 5


def test_near_the_time_limit_the_driver_is_interrupted_and_the_job_queued_again(shims, tmp_path):
    """The driver takes a while for its checkpoints, and the script waits for it before it ends Ray."""
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/bash\ntrap 'sleep 0.5; echo kept >>\"$CALLS\"; exit 130' INT\n"
                    'echo going >>"$CALLS"\nwhile true; do sleep 0.05; done\n')  # fmt: skip
    slow.chmod(0o755)
    process = subprocess.Popen(
        ["bash", str(CLUSTER / "slurm-ray.sh"), "grid.toml"],
        env=shims | {"SRHM_SHIM": f"exec {slow}"}, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while "going" not in calls(shims) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        with suppress(
            ProcessLookupError
        ):  # the driver too, which a script that was killed would leave behind
            os.killpg(process.pid, signal.SIGKILL)
    made = calls(shims)
    assert "time limit is near" in said
    assert made[-2] == "kept"
    assert made[-1].startswith("scontrol requeue 1234567")
