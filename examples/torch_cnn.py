"""P* of a convolutional network of your own, in PyTorch, parametrised as the paper's: beside that of `srhm pstar`.

    python examples/torch_cnn.py

Every weight starts as N(0, 1); layers divide by sqrt(channels in), the readout by the width h, and the learning rate is
multiplied by h (mean-field scaling). Batches hold 4 points of each class, and training ends when the mean loss of
an epoch is below 1e-3. Replicate by replicate, `srhm pstar --net cnn` has the same rules, training and test points, but
other initial weights. What both measure stands in docs/any_network.md.
"""

from typing import Any

import torch
from torch import nn

import srhm
from srhm.nets import NetSpec
from srhm.torch import BalancedBatchSampler, TorchDataset

MODEL = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
SETTINGS: dict[str, Any] = {
    "start": 800,
    "seeds": 3,
    "thresholds": {"error": 0.10, "S_21": 0.40},  # S_21: of the second hidden layer, to synonyms of level 1
}


class CNN(nn.Module):
    """L convolutions whose kernel and stride are the patch, ReLU, a mean over positions, a linear readout."""

    def __init__(self, params, width):
        super().__init__()
        self.params, self.width = params, width
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        entering, positions = params.v, params.d
        for _ in range(params.L):
            positions //= params.patch
            self.weights.append(torch.empty(width, entering, params.patch))
            self.biases.append(
                torch.empty(width, positions)
            )  # one for each position, as in the published code
            entering = width
        self.readout = nn.Parameter(torch.empty(width, params.n_c))
        self.relus = nn.ModuleList(
            nn.ReLU() for _ in range(params.L)
        )  # modules have names to measure them by

    def forward(self, x):
        """Return the outputs of inputs [sample, channel, position]."""
        for weight, bias, relu in zip(self.weights, self.biases, self.relus, strict=True):
            z = nn.functional.conv1d(x, weight, stride=self.params.patch) / x.shape[1] ** 0.5
            x = relu(z + 0.1 * bias)
        return x.mean(2) @ self.readout / self.width


def train(dataset, seed, width=64, max_epochs=10_000):
    """Train the CNN on a set and return it."""
    net = CNN(dataset.params, width)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    rate = NetSpec("cnn").rate(dataset.params).value * width
    optimizer = torch.optim.SGD(net.parameters(), rate, momentum=0.9)
    x, y = TorchDataset(dataset)[:]  # a few hundred points: all of them at once
    batches = BalancedBatchSampler(y, batch_per_class=4, seed=seed)
    for _ in range(max_epochs):
        loss_sum = 0.0
        for rows in batches:
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += len(rows) * loss.item()
        if loss_sum < 1e-3 * len(dataset):
            break
    return net


def main(params=MODEL, **changes):
    """Measure P* and print it."""
    settings = SETTINGS | changes
    found = srhm.pstar(params, train, **settings)
    for one in map(found.complexity, settings["thresholds"]):
        print(
            f"{one.quantity} = {one.threshold:g}: P* {one.P_star}, {one.interval_kind} {one.interval}, {one.status}"
        )
    return found


if __name__ == "__main__":
    main()
