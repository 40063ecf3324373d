"""Standard architectures: seconds of a training step beside PyTorch, and convolutions as products beside XLA's own.

Usage: python benchmarks/common.py

At the paper's v = m = n_c = 10, L = s = s0 = 2: batches of 40, length 36, 10 channels. As in steps.py, ours is
measured inside the compiled training loop, on one core, in float32, and variants take turns.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from steps import our_step, take_turns  # sets up one core, before JAX starts

import srhm
from srhm.nets import standard
from srhm.nets.standard.convolution import Convolution

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
import torch_nets

PARAMS = srhm.Params(n_c=10, v=10, m=10, s=2, s0=2, L=2)
BATCH = 40
CONVOLUTIONS = ((36, 64, 64), (18, 128, 128), (9, 256, 256), (5, 512, 512), (2, 512, 512))
"""Positions and channels in and out, kernel 3."""


def torch_step(name: str) -> Callable[[int], None]:
    net = torch_nets.build(name, "standard", 64, 10, 10)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-5, momentum=0.9)
    x, labels = torch.randn(BATCH, 10, 36), torch.arange(BATCH) % 10

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x)[0], labels).backward()
            optimizer.step()

    return run


def network(name: str, sets: srhm.model.splitting.Split) -> dict:
    ours = our_step(name, PARAMS, 64, sets)
    began = time.perf_counter()
    ours(1)
    first = time.perf_counter() - began
    seconds = take_turns({"srhm": ours, "torch": torch_step(name)})
    return {
        "net": name,
        "srhm_ms": round(1e3 * seconds["srhm"], 1),
        "torch_ms": round(1e3 * seconds["torch"], 1),
        "times_faster_than_torch": round(seconds["torch"] / seconds["srhm"], 2),
        "first_call_s": round(first, 1),
    }


def convolution(positions: int, entering: int, leaving: int) -> dict:
    """Forward and both backward products, as our layers and as XLA's convolution."""
    random = np.random.default_rng(0)
    x, slope = (
        jnp.asarray(random.normal(size=(BATCH, positions, c)), jnp.float32) for c in (entering, leaving)
    )
    weight = jnp.asarray(random.normal(size=(3 * entering, leaving)), jnp.float32)

    def xla(x: jax.Array, weight: jax.Array) -> jax.Array:
        kernel, form = weight.reshape(3, entering, leaving), ("NWC", "WIO", "NWC")
        return jax.lax.conv_general_dilated(x, kernel, (1,), [(1, 1)], dimension_numbers=form)

    def repeated(layer: Callable) -> Callable[[int], None]:
        def once(_: int, arrays: tuple) -> tuple:
            slopes = jax.vjp(layer, *arrays)[1](slope)
            return tuple(one + 1e-9 * other for one, other in zip(arrays, slopes, strict=True))

        many = jax.jit(lambda steps: jax.lax.fori_loop(0, steps, once, (x, weight)))
        return lambda steps: jax.block_until_ready(many(steps))

    ours = lambda x, weight: Convolution(weight, None, 3, 1)(x)  # noqa: E731
    seconds = take_turns({"product": repeated(ours), "xla": repeated(xla)})
    return {
        "positions": positions,
        "channels": [entering, leaving],
        "product_ms": round(1e3 * seconds["product"], 2),
        "xla_ms": round(1e3 * seconds["xla"], 2),
        "times_faster_than_xla": round(seconds["xla"] / seconds["product"], 1),
    }


def rows() -> list[dict]:
    """Measure all."""
    sets = srhm.split(srhm.Grammar(PARAMS), 2000, 100)
    found = []
    for measure, cases in (
        (lambda name: network(name, sets), [row.name for row in standard.ROWS]),
        (lambda form: convolution(*form), CONVOLUTIONS),
    ):
        for case in cases:
            found.append(measure(case))
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    rows()
