"""Seconds of a training step: ours, plain PyTorch, the published code's layer, and the bound of the machine.

Usage: python benchmarks/steps.py [number of a row ...]

All on the same threads, in float32, with the optimizer in the step. Ours is measured inside the compiled
training loop, with the gathering of batches and the order of epochs; PyTorch gets dense batches that lie in
memory already. Variants take turns, and each counts by its fastest round.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import jax
import jax.numpy as jnp
import numpy as np
import torch
from machine import product_rate, triad_bandwidth

import srhm
from srhm.nets import NetSpec, build
from srhm.nets.blocks import choose_capacities
from srhm.training import Optimizer, Stopping
from srhm.training.loop import advance, start
from srhm.training.order import class_data

torch.set_num_threads(1)

ROWS = (
    ("cnn", 2, 2, 10, 512, ("convolution", "product", "published"), True),
    ("cnn", 3, 4, 10, 512, ("convolution", "product"), True),
    ("cnn", 3, 2, 10, 64, ("convolution", "product"), True),
    ("cnn", 2, 2, 10, 64, ("convolution", "product"), True),
    ("cnn", 3, 1, 10, 512, (), True),
    ("cnn", 3, 2, 10, 512, ("product",), True),
    ("cnn", 3, 6, 10, 512, (), True),
    ("lcn", 3, 1, 6, 512, ("product",), True),
    ("cnn", 2, 0, 6, 256, ("product",), True),
    ("lcn", 2, 1, 4, 256, ("product",), True),
)
"""Network, L, s0, v, width, ways of PyTorch, and whether the bound is stated."""

ROUNDS = 3
SECONDS = 1.0
"""Of each variant in each round."""


def model(L: int, s0: int, v: int) -> srhm.Params:
    return srhm.Params(n_c=v, v=v, m=v, s=2, s0=s0, L=L)


def our_step(
    net: str, params: srhm.Params, width: int, sets: srhm.model.splitting.Split
) -> Callable[[int], None]:
    network = build(net, params, width)
    rate = (
        NetSpec(net).rate(params).value * width / 100
    )  # slow, so that nothing is learned while the clock runs
    state, settings = start(network, Optimizer(), Stopping(loss=1e-9), rate=rate, order_seed=0)
    data = class_data(sets.train, 4)

    def run(steps: int) -> None:
        end = advance(
            state, data, settings, jnp.asarray(steps), jnp.asarray(10**6),
            params=params, encoding="whitened", batch_per_class=4,
        )  # fmt: skip
        jax.block_until_ready(end.epoch)

    return run


class TorchNet(torch.nn.Module):
    """The same network in plain PyTorch: as convolutions, as reshape and product, or as published.

    The published layer forms the product of inputs and weights over [sample, out, in, position, patch] and
    sums it, which is the arithmetic of the code of the paper.
    """

    def __init__(self, net: str, params: srhm.Params, width: int, way: str) -> None:
        super().__init__()
        self.patch, self.width, self.local, self.way = params.patch, width, net == "lcn", way
        entering, positions = params.v, params.d
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for _ in range(params.L):
            positions //= self.patch
            flat = (self.patch * entering, width)
            shape = {
                "convolution": (width, entering, self.patch),
                "published": (width, entering, 1, self.patch),
                "product": (positions, *flat) if self.local else flat,
            }[way]
            self.weights.append(torch.nn.Parameter(torch.randn(*shape)))
            bias = (positions, width) if way == "product" else (width, positions)
            self.biases.append(torch.nn.Parameter(torch.randn(*bias)))
            entering = width
        self.readout = torch.nn.Parameter(torch.randn(width, params.n_c))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = torch.relu(self._layer(x, weight) + 0.1 * bias)
        return x.mean(dim=1 if self.way == "product" else 2) @ self.readout / self.width

    def _layer(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        if self.way == "convolution":
            return torch.nn.functional.conv1d(x, weight, stride=self.patch) / x.shape[1] ** 0.5
        if self.way == "published":
            patches = x.reshape(x.shape[0], 1, x.shape[1], -1, self.patch)
            return (patches * weight).sum(dim=(-1, 2)) / x.shape[1] ** 0.5
        divisor, patches = x.shape[2] ** 0.5, x.reshape(x.shape[0], x.shape[1] // self.patch, -1)
        if self.local:
            return torch.bmm(patches.transpose(0, 1), weight).transpose(0, 1) / divisor
        return patches @ weight / divisor


def torch_step(
    net: str, params: srhm.Params, width: int, sets: srhm.model.splitting.Split, way: str
) -> Callable[[int], None]:
    network = TorchNet(net, params, width, way)
    rate = NetSpec(net).rate(params).value * width / 100
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
    size = 4 * params.n_c
    x = torch.from_numpy(np.ascontiguousarray(sets.train.encode()[: 10 * size]))
    x = x if way == "product" else x.transpose(1, 2).contiguous()
    labels = torch.from_numpy(sets.train.labels[: 10 * size].astype(np.int64))

    def run(steps: int) -> None:
        for step in range(steps):
            rows = slice(step % 10 * size, (step % 10 + 1) * size)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x[rows]), labels[rows]).backward()
            optimizer.step()

    return run


def take_turns(variants: dict[str, Callable[[int], None]]) -> dict[str, float]:
    """Seconds a step of each variant: the fastest of a few rounds, in which all take turns."""
    steps = {}
    for name, run in variants.items():
        run(1)  # compiles, allocates
        began = time.perf_counter()
        run(2)
        steps[name] = max(1, round(2 * SECONDS / (time.perf_counter() - began)))
    best = dict.fromkeys(variants, float("inf"))
    for _ in range(ROUNDS):
        for name, run in variants.items():
            began = time.perf_counter()
            run(steps[name])
            best[name] = min(best[name], (time.perf_counter() - began) / steps[name])
    return best


def bound(net: str, params: srhm.Params, width: int, bandwidth: float) -> dict:
    """The least seconds of a step: FLOPs over the rate of its largest product, or bytes over bandwidth.

    FLOPs are those of the informative (patch, child) pairs and of one blank sample, forward and both backward
    products; bytes are 20 a parameter: weight, momentum and gradient read, weight and momentum written.
    """
    samples, h, p, s, L = 4 * params.n_c, width, params.patch, params.s, params.L
    local = net == "lcn"
    blank = params.d if local else p
    flops = 2 * 2 * (samples * s**L + blank) * params.v * h  # the first layer needs no gradient of its input
    flops += 3 * 2 * samples * h * params.n_c
    largest, parameters, positions = None, params.v * h * blank + h * params.n_c, params.d // p
    for level in range(2, L + 1):
        pairs, blocks = samples * s ** (L - level + 1), positions if local else p
        flops += 3 * 2 * (pairs + (positions if params.s0 else 0)) * h**2
        if largest is None:
            most = samples if local else pairs // s
            extra = positions // blocks if params.s0 else 0  # the blank sample's
            largest = blocks, choose_capacities(pairs, blocks, most, extra)[0] + extra
        parameters += blocks * h**2 + positions * h
        positions //= p
    assert largest is not None
    rate = product_rate(*largest, h)
    size = 20 * (parameters + h)
    return {
        "flops": flops,
        "rate_gflops": round(rate / 1e9, 1),
        "bytes": size,
        "products_ms": round(1e3 * flops / rate, 3),
        "traffic_ms": round(1e3 * size / bandwidth, 3),
        "bound_ms": round(1e3 * max(flops / rate, size / bandwidth), 3),
    }


def measure(
    net: str, L: int, s0: int, v: int, width: int, ways: tuple[str, ...], bandwidth: float | None
) -> dict:
    """One row: ours, PyTorch in some ways, and the bound if a bandwidth is given."""
    params = model(L, s0, v)
    sets = srhm.split(srhm.Grammar(params), min(2000, params.P_max - 100), 100)
    variants = {"srhm": our_step(net, params, width, sets)}
    variants |= {way: torch_step(net, params, width, sets, way) for way in ways}
    row: dict = {"net": net, "L": L, "s0": s0, "v": v, "width": width}
    row |= {f"{name}_ms": round(1e3 * seconds, 3) for name, seconds in take_turns(variants).items()}
    torch_ways = [row[f"{way}_ms"] for way in ways if way != "published"]
    if torch_ways:
        row["times_faster_than_torch"] = round(min(torch_ways) / row["srhm_ms"], 2)
    if "published" in ways:
        row["times_faster_than_published_layer"] = round(row["published_ms"] / row["srhm_ms"], 1)
    if bandwidth is not None:
        row |= bound(net, params, width, bandwidth)
        row["fraction_of_bound"] = round(row["bound_ms"] / row["srhm_ms"], 2)
        row["fraction_without_overlap"] = round((row["products_ms"] + row["traffic_ms"]) / row["srhm_ms"], 2)
    return row


def rows(chosen: Sequence[int] = ()) -> list[dict]:
    """Measure the chosen rows, all unless any are."""
    bandwidth = triad_bandwidth()
    found = [{"what": "triad", "gb_per_s": round(bandwidth / 1e9, 1)}]
    for number, (net, L, s0, v, width, ways, bounded) in enumerate(ROWS):
        if not chosen or number in chosen:
            found.append(measure(net, L, s0, v, width, ways, bandwidth if bounded else None))
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    rows([int(argument) for argument in sys.argv[1:]])
