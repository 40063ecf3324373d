"""P* of an ordinary two-dimensional CNN in PyTorch on pictures, and what its layers are insensitive to.

    python examples/torch_plane.py

Inputs are pictures of 16 x 16 pixels, [sample, channel, row, column]. The windows of 3 x 3 know nothing of the squares
that the model is made of. The CNN of `srhm pstar --plane` does: its kernel and stride are the patch of 4 x 4. Both have
the same rules, training and test points, replicate by replicate. What they measure is in docs/plane.md.
"""

from typing import Any

import torch
from torch import nn

import srhm
from srhm.torch import BalancedBatchSampler, ModuleLayers, TorchDataset

MODEL = srhm.Params(v=4, m=4, s=4, s0=3, L=2, plane=True)
SETTINGS: dict[str, Any] = {
    "start": 1800,
    "seeds": 3,
    "P_test": 1000,
}


class CNN(nn.Module):
    """Convolutions of 3 x 3 with ReLU, pools of 2 x 2 between them, a mean over pixels, a linear readout."""

    def __init__(self, channels, width, classes, depth=3):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width if layer else channels, width, 3, padding=1) for layer in range(depth)
        )
        self.relus = nn.ModuleList(nn.ReLU() for _ in range(depth))  # modules have names to measure them by
        self.readout = nn.Linear(width, classes)

    def forward(self, x):
        """Return the scores of pictures [sample, channel, row, column]."""
        for layer, (convolution, relu) in enumerate(zip(self.convolutions, self.relus, strict=True)):
            x = relu(convolution(x if layer == 0 else nn.functional.max_pool2d(x, 2)))
        return self.readout(x.mean(dim=(2, 3)))


def train(dataset, seed, width=32, max_epochs=100):
    """Train the CNN with Adam until the loss of an epoch is below 0.01; return it with its hidden layers by name."""
    with torch.random.fork_rng(devices=[]):  # PyTorch's layers draw from its global generator
        torch.random.default_generator.manual_seed(seed)
        net = CNN(dataset.params.v, width, dataset.params.n_c)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    x, y = TorchDataset(dataset)[:]
    batches = BalancedBatchSampler(y, batch_per_class=16, seed=seed)
    for _ in range(max_epochs):
        loss_sum = 0.0
        for rows in batches:
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += len(rows) * loss.item()
        if loss_sum < 1e-2 * len(dataset):
            break
    return ModuleLayers(net, [f"relus.{layer}" for layer in range(len(net.relus))])


def main(params=MODEL, **changes):
    """Measure P* and print it, and S and D of every layer for the largest training set."""
    found = srhm.pstar(params, train, **SETTINGS | changes)
    reached = found.complexity()
    print(f"P* {reached.P_star}, {reached.interval_kind} {reached.interval}, {reached.status}")
    last = max(found.runs, key=lambda run: run.spec.P)
    for layer in range(1, 5):  # the fourth is the output
        for level in range(1, params.L + 1):
            shown = [f"{letter} {last.metrics[f'{letter}_{layer}{level}']:.2f}" for letter in "SD"]
            print(f"P = {last.spec.P}, layer {layer}, level {level}:", *shown)
    return found


if __name__ == "__main__":
    main()
