"""Seconds of a training step of the transformer: ours, ours written plainly, and PyTorch, eager and compiled.

Usage: python benchmarks/transformer.py

Width 128, 4 layers, 4 heads, causal, 64 inputs of length 64 with 10 symbols, AdamW in the step, float32; on two
threads and on one. Each version runs in a process of its own, and they take turns of a few steps, ours in one call as
in training; ratios are medians over the turns. Other work on the machine slows threads that wait for one another, so
seconds of processor time are given too; on one thread they do not count waiting.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WIDTH, LAYERS, HEADS, LENGTH, BATCH, SYMBOLS, RATE = 128, 4, 4, 64, 64, 10, 1e-3
STEPS = 3
VERSIONS = ("eager", "srhm", "plain", "compiled")
TURNS = {2: 6, 1: 6}
WORK = f"import sys, {Path(__file__).stem}; {Path(__file__).stem}.take_turns(*sys.argv[1:])"


def symbols() -> Any:
    import numpy as np

    return np.random.default_rng(0).integers(0, SYMBOLS, (BATCH, LENGTH))


def our_step(*, plain: bool) -> Callable[[], None]:
    """A step of the library's network; `plain`: with attention, normalisation and products left to autodiff."""
    import jax
    import jax.numpy as jnp
    import optax

    from srhm import Params
    from srhm.nets import Interface, NetSpec
    from srhm.nets import transformer as module

    if plain:
        names = {"attend": _attention, "normalise": _normalised, "product_of_many": jnp.matmul, "gelu": _gelu}
        for name, function in names.items():
            setattr(module, name, function)
    params = Params(n_c=SYMBOLS, v=SYMBOLS, m=SYMBOLS, s=2, s0=1, L=3)
    interface = Interface(SYMBOLS + 1, LENGTH, SYMBOLS, LENGTH, "causal")
    net = NetSpec("transformer", WIDTH, options={"layers": LAYERS, "heads": HEADS}).build(
        params, interface=interface
    )
    optimizer, x = optax.adamw(RATE), jax.nn.one_hot(symbols(), SYMBOLS + 1)
    targets = jnp.asarray(symbols())

    def loss(net: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(net(x), targets).mean()

    @jax.jit
    def advance(state: Any) -> Any:
        def once(_: int, state: Any) -> Any:
            net, kept = state
            updates, kept = optimizer.update(jax.grad(loss)(net), kept, net)
            return optax.apply_updates(net, updates), kept

        return jax.lax.fori_loop(0, STEPS, once, state)

    state = [(net, optimizer.init(net))]

    def run() -> None:
        state[0] = jax.block_until_ready(advance(state[0]))

    return run


def _attention(causal: bool, entries: Any) -> Any:
    import jax
    import jax.numpy as jnp

    q, k, v = (entries[:, :, number] for number in range(3))
    scores = jnp.einsum("nthc,nshc->nhts", q, k) / q.shape[-1] ** 0.5
    seen = jnp.tril(jnp.ones(scores.shape[2:], bool)) if causal else True
    return jnp.einsum("nhts,nshc->nthc", jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)), v)


def _normalised(x: Any) -> Any:
    import jax

    return jax.nn.standardize(x, axis=-1, epsilon=1e-5)


def _gelu(z: Any) -> Any:
    import jax

    return jax.nn.gelu(z, approximate=False)


def torch_step(*, compiled: bool) -> Callable[[], None]:
    """A step of the same network of PyTorch's own layers, attention and fused AdamW."""
    import torch
    from torch.nn import functional

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(WIDTH) for _ in range(2))
            self.entries, self.projection = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, WIDTH)
            self.up, self.down = torch.nn.Linear(WIDTH, 4 * WIDTH), torch.nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            form = (BATCH, LENGTH, 3, HEADS, WIDTH // HEADS)
            q, k, v = self.entries(self.norms[0](x)).view(form).permute(2, 0, 3, 1, 4)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.projection(y.transpose(1, 2).reshape(x.shape))
            return x + self.down(functional.gelu(self.up(self.norms[1](x))))

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Linear(SYMBOLS + 1, WIDTH, bias=False)
            self.positions = torch.nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
            self.layers = torch.nn.Sequential(*(Layer() for _ in range(LAYERS)))
            self.norm, self.readout = torch.nn.LayerNorm(WIDTH), torch.nn.Linear(WIDTH, SYMBOLS)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.readout(self.norm(self.layers(self.embedding(x) + self.positions)))

    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, fused=True)
    forward: Any = torch.compile(net) if compiled else net
    targets = torch.from_numpy(symbols())
    x = functional.one_hot(targets, SYMBOLS + 1).float()

    def run() -> None:
        for _ in range(STEPS):
            optimizer.zero_grad()
            functional.cross_entropy(forward(x).view(-1, SYMBOLS), targets.view(-1)).backward()
            optimizer.step()

    return run


def take_turns(version: str, threads: str) -> None:
    """Answer every line of standard input with the seconds of a step, and those of processor time."""
    if version in ("eager", "compiled"):
        import torch

        torch.set_num_threads(int(threads))
        run = torch_step(compiled=version == "compiled")
    else:
        run = our_step(plain=version == "plain")
    run()  # compiles, allocates
    print("ready", flush=True)
    for _ in sys.stdin:
        began, worked = time.perf_counter(), time.process_time()
        run()
        times = time.perf_counter() - began, time.process_time() - worked
        print(*(one / STEPS for one in times), flush=True)


def start(version: str, threads: int) -> "subprocess.Popen[str] | None":
    """Start a version and wait until it has compiled; None if it cannot run here."""
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" if threads == 1 else ""
    environment = os.environ | {"XLA_FLAGS": flags, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", WORK, version, str(threads)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=HERE, env=environment, **pipes)
    assert process.stdout is not None
    return process if process.stdout.readline() == "ready\n" else None


def turn(process: "subprocess.Popen[str]") -> tuple[float, ...]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return tuple(map(float, process.stdout.readline().split()))


def measure(threads: int) -> dict:
    """Times of all versions in turns, and their ratios to PyTorch's eager ones."""
    started = {version: start(version, threads) for version in VERSIONS}
    running = {version: process for version, process in started.items() if process is not None}
    turns = [{version: turn(process) for version, process in running.items()} for _ in range(TURNS[threads])]
    for process in running.values():
        process.communicate()
    row: dict = {"threads": threads, "turns": len(turns), "load": round(os.getloadavg()[0], 1)}
    for version in running:
        row[version] = {
            "ms": round(1e3 * statistics.median(one[version][0] for one in turns), 1),
            "processor_ms": round(1e3 * statistics.median(one[version][1] for one in turns), 1),
            "fastest_processor_ms": round(1e3 * min(one[version][1] for one in turns), 1),
            "ratio": round(statistics.median(one[version][0] / one["eager"][0] for one in turns), 2),
            "processor_ratio": round(
                statistics.median(one[version][1] / one["eager"][1] for one in turns), 2
            ),
        }
    return row


def rows() -> list[dict]:
    """Measure on two threads, and on one."""
    found = []
    for threads in TURNS:
        found.append(measure(threads))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    rows()
