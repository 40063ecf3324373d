"""Training on a GPU: networks alone, many in one program and in many processes; PyTorch and the bound beside them.

Usage: python benchmarks/gpu.py [machine | steps | kernels | nets | processes] ...

Needs a GPU. All parts unless some are named; each in a process of its own. Writes benchmarks/results/gpu.json. Times
of a step are those of a long call of the compiled loop, with the gathering of batches and the optimizer in it; PyTorch
gets dense batches that lie on the GPU already.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import srhm
from srhm.nets import NetSpec, build
from srhm.runner.execution import _prepare as prepare
from srhm.study import Setup
from srhm.training import Optimizer, Stopping, train_ensemble
from srhm.training.ensemble import _stacked, advance_members
from srhm.training.loop import Program, advance, start
from srhm.training.order import ClassData, class_data

HERE = Path(__file__).parent
PARTS = ("machine", "steps", "kernels", "nets", "processes")

CASES = (("cnn", 2, 2, 10, 512), ("cnn", 3, 4, 10, 512), ("lcn", 3, 1, 6, 512), ("cnn", 3, 2, 10, 64))
"""Network, L, s0, v, width."""
MEMBERS = (1, 8, 64)
SECONDS = 0.4
PROCESSES = (1, 8)


def model(L: int, s0: int, v: int) -> srhm.Params:
    return srhm.Params(n_c=v, v=v, m=v, s=2, s0=s0, L=L)


# --- what the machine can do ---


def per_turn(turn: Callable[[Any], Any], first: Any, turns: int) -> float:
    """Seconds of a turn of a compiled loop, in which each turn needs the one before."""
    loop = jax.jit(lambda carry, n: jax.lax.fori_loop(0, n, lambda i, carry: turn(carry), carry))
    jax.block_until_ready(loop(first, 2))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(loop(first, turns))
        times.append(time.perf_counter() - began)
    return min(times) / turns


def bandwidth() -> float:
    """Bytes a second, read and written, of a = b + s a on arrays of 1 GiB, in place."""
    one = jnp.ones(2**28, jnp.float32)
    return 3 * one.nbytes / per_turn(lambda ab: (ab[1] + 0.5 * ab[0], ab[1]), (one, one), 50)


def product_rate(blocks: int, rows: int, width: int) -> float:
    """FLOPs a second of the forward and both backward products of rows with blocks, as a step does them."""
    keys = jax.random.split(jax.random.key(0), 2)
    x = jax.random.normal(keys[0], (blocks, rows, width))
    w = jax.random.normal(keys[1], (blocks, width, width)) / width**0.5

    def turn(carry: Any) -> Any:
        x, w = carry
        y = jnp.einsum("bri,bio->bro", x, w)
        back = jnp.einsum("bro,bio->bri", y, w)
        slope = jnp.einsum("bri,bro->bio", x, y)
        return back, w + 1e-9 * slope

    return 3 * 2 * blocks * rows * width**2 / per_turn(turn, (x, w), 200)


def machine() -> list[dict]:
    turns = per_turn(lambda x: x * 0.5 + 1, jnp.ones(1000), 10_000)
    large = product_rate(1, 8192, 4096)
    return [
        {
            "what": "machine",
            "device": jax.devices()[0].device_kind,
            "gb_per_s": round(bandwidth() / 1e9),
            "tflops": round(large / 1e12, 1),
            "turn_of_a_loop_us": round(1e6 * turns, 1),
        }
    ]


# --- a step ---


def prepared(net: str, params: srhm.Params, width: int, seed: int) -> tuple[Any, ClassData, Any]:
    sets = srhm.split(srhm.Grammar(params, seed), min(2000, params.P_max - 100), 100, seed)
    rate = (
        NetSpec(net).rate(params).value * width / 100
    )  # slow, so that nothing is learned while the clock runs
    network = build(net, params, width, seed)
    state, settings = start(network, Optimizer(), Stopping(loss=1e-9), rate=rate, order_seed=seed)
    return state, class_data(sets.train, 4), settings


def stepping(net: str, params: srhm.Params, width: int, members: int) -> Callable[[int], None]:
    """Return what makes a number of steps of so many networks."""
    static = {"params": params, "encoding": "whitened", "batch_per_class": 4}
    each = [prepared(net, params, width, seed % 8) for seed in range(members)]
    if members == 1:
        work = lambda steps: advance(*each[0], jnp.asarray(steps), jnp.asarray(10**6), **static)  # noqa: E731
    else:
        states, data, settings = (_stacked(list(kind)) for kind in zip(*each, strict=True))

        def work(steps: int) -> Any:
            limit = jnp.full(members, steps, jnp.int32)
            last = jnp.full_like(limit, 10**6)
            return advance_members(states, data, settings, limit, last, Program(**static))

    return lambda steps: jax.block_until_ready(work(steps).epoch)


def seconds_a_step(work: Callable[[int], None]) -> float:
    work(2)  # compiles
    began = time.perf_counter()
    work(20)
    steps = max(20, round(20 * SECONDS / (time.perf_counter() - began)))
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        work(steps)
        best = min(best, (time.perf_counter() - began) / steps)
    return best


def torch_seconds(net: str, params: srhm.Params, width: int) -> float:
    """A step of the dense network in PyTorch, its kernels recorded once and replayed (a CUDA graph)."""
    import torch
    from steps import TorchNet

    device = torch.device("cuda")
    network = TorchNet(net, params, width, "product").to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4 * width, momentum=0.9)
    sets = srhm.split(srhm.Grammar(params), 4 * params.n_c, 100)
    x = torch.from_numpy(np.ascontiguousarray(sets.train.encode())).to(device)
    labels = torch.from_numpy(sets.train.labels.astype(np.int64)).to(device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=False)
        torch.nn.functional.cross_entropy(network(x), labels).backward()
        optimizer.step()

    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def run(steps: int) -> None:
        for _ in range(steps):
            graph.replay()
        torch.cuda.synchronize()

    return seconds_a_step(run)


def bound(net: str, params: srhm.Params, width: int, members: int, rate: float, bandwidth: float) -> float:
    """The least seconds of a step of all members: FLOPs over rate, or bytes over bandwidth (benchmarks/steps.py)."""
    samples, h, p, s, L = 4 * params.n_c, width, params.patch, params.s, params.L
    local = net == "lcn"
    blank = params.d if local else p
    flops = 2 * 2 * (samples * s**L + blank) * params.v * h + 3 * 2 * samples * h * params.n_c
    parameters, positions = params.v * h * blank + h * params.n_c, params.d // p
    for level in range(2, L + 1):
        blocks = positions if local else p
        flops += 3 * 2 * (samples * s ** (L - level + 1) + positions) * h**2
        parameters += blocks * h**2 + positions * h
        positions //= p
    return members * max(flops / rate, 20 * (parameters + h) / bandwidth)


def steps(cases: Any = CASES, members: Any = MEMBERS, with_torch: bool = True) -> list[dict]:
    moved, found = bandwidth(), []
    for net, L, s0, v, width in cases:
        params = model(L, s0, v)
        row = {"what": "step", "net": net, "L": L, "s0": s0, "v": v, "width": width}
        for count in members:
            seconds = seconds_a_step(stepping(net, params, width, count))
            row[f"ms_of_{count}"] = round(1e3 * seconds, 4)
            blocks = count * (params.d // params.patch if net == "lcn" else params.patch)
            rate = product_rate(blocks, 4 * v * (1 if net == "lcn" else params.s ** (L - 2)), width)
            least = bound(net, params, width, count, rate, moved)
            row[f"bound_ms_of_{count}"] = round(1e3 * least, 4)
            row[f"tflops_of_{count}"] = round(rate / 1e12, 1)
        if with_torch:
            row["torch_ms"] = round(1e3 * torch_seconds(net, params, width), 4)
        found.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    return found


def kernels() -> list[dict]:
    """The longest kernels of a step of the first case, by the device's own clock, for one network and for 64."""
    found = []
    for count in (1, 64):
        work, steps = stepping(*CASES[0][:1], model(*CASES[0][1:4]), CASES[0][4], count), 50
        work(5)
        with tempfile.TemporaryDirectory() as folder:
            with jax.profiler.trace(folder, create_perfetto_trace=True):
                work(steps)
            (file,) = Path(folder).rglob("perfetto_trace.json.gz")
            events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
        streams = {
            (event["pid"], event["tid"])
            for event in events
            if event.get("name") == "thread_name" and "Stream" in event["args"]["name"]
        }
        spent: dict[str, float] = {}
        for event in events:
            if event.get("ph") == "X" and (event["pid"], event["tid"]) in streams:
                spent[event["name"]] = spent.get(event["name"], 0.0) + event["dur"] / steps
        longest = sorted(spent, key=lambda name: -spent[name])[:8]
        found.append(
            {
                "what": "kernels",
                "members": count,
                "all_us": round(sum(spent.values()), 1),
                "longest_us": {name[:60]: round(spent[name], 1) for name in longest},
            }
        )
    return found


# --- whole networks ---


def nets(counts: Sequence[int] = (1, 64)) -> list[dict]:
    """Networks trained a second at width 512, until their loss is below 1e-3: one, and 64 in one program."""
    params, found = model(2, 1, 6), []
    for count in counts:
        setup = Setup(params, NetSpec("cnn", width=512))
        jobs = [prepare(setup.at(1500, seed)).job for seed in range(count)]
        began = time.perf_counter()
        train_ensemble(jobs)  # compiles
        first = time.perf_counter() - began
        began = time.perf_counter()
        results = train_ensemble(jobs)
        seconds = time.perf_counter() - began
        found.append(
            {
                "what": "nets",
                "members": count,
                "seconds_with_compilation": round(first, 2),
                "seconds": round(seconds, 2),
                "nets_per_second": round(count / seconds, 3),
                "steps": sum(result.steps for result in results),
                "error": round(float(np.mean([result.test_error for result in results])), 4),
                "status": sorted({result.status for result in results}),
            }
        )
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


# --- many processes on one GPU ---


def loop_until(ready: Path, seconds: float) -> None:
    """Make steps, once all are ready, for some seconds, and print how many."""
    net, L, s0, v, width = CASES[0]
    work = stepping(net, model(L, s0, v), width, 1)
    work(200)
    print("ready", flush=True)
    while not ready.exists():
        time.sleep(0.01)
    began, made = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        work(200)
        made += 200
    print(made / (time.perf_counter() - began), flush=True)


def processes() -> list[dict]:
    """Steps a second of one network in each of some processes that share the GPU."""
    found = []
    for count in PROCESSES:
        ready = Path(f"/tmp/srhm-ready-{os.getpid()}-{count}")
        environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        command = [sys.executable, str(HERE / "gpu.py"), "loop", str(ready)]
        started = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        for one in started:
            assert one.stdout is not None
            one.stdout.readline()
        ready.touch()
        rates = [float(one.communicate()[0]) for one in started]
        found.append({"what": "processes", "processes": count, "steps_per_second": round(sum(rates))})
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def measured(part: str) -> list[dict]:
    code = f"import json, gpu; print(json.dumps(gpu.{part}()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else []


def main(parts: list[str]) -> None:
    began = time.perf_counter()
    rows = [row for part in parts or PARTS for row in measured(part)]
    content = {
        "command": " ".join(["python", "benchmarks/gpu.py", *parts]),
        "version": srhm.__version__,
        "jax": jax.__version__,
        "seconds": round(time.perf_counter() - began),
        "rows": rows,
    }
    (HERE / "results" / "gpu.json").write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(content, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["loop"]:
        loop_until(Path(sys.argv[2]), 4.0)
    else:
        main(sys.argv[1:])
