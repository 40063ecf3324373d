"""P* of a small Transformer encoder in PyTorch, and what its layers have become insensitive to.

    python examples/torch_transformer.py

Inputs are tokens: the feature at each position, and one token more for a blank. Layers are measured by their names in
the module.
"""

from typing import Any

import torch
from torch import nn

import srhm
from srhm.measure import sensitivities
from srhm.torch import BalancedBatchSampler, ModuleLayers, TorchDataset

MODEL = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
SETTINGS: dict[str, Any] = {
    "start": 500,
    "seeds": 3,
    "encoding": "integer",
}


class Encoder(nn.Module):
    """An embedding of tokens and positions, layers of attention, a mean over positions and a linear readout."""

    def __init__(self, params, width, depth):
        super().__init__()
        self.embedding = nn.Embedding(params.v + 1, width)
        self.places = nn.Parameter(torch.zeros(params.d, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.readout = nn.Linear(width, params.n_c)

    def forward(self, x):
        """Return the outputs of features [sample, position], -1 for a blank."""
        tokens = self.embedding(x + 1) + self.places
        return self.readout(self.encoder(tokens).mean(1))


def train(dataset, seed, width=32, depth=2, max_epochs=300):
    """Train the encoder with Adam and return it with its layers by name."""
    with torch.random.fork_rng(devices=[]):  # PyTorch's layers draw from its global generator
        torch.random.default_generator.manual_seed(seed)
        net = Encoder(dataset.params, width, depth)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    x, y = TorchDataset(dataset, encoding="integer")[:]
    batches = BalancedBatchSampler(y, batch_per_class=4, seed=seed)
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
    return ModuleLayers(net, [f"encoder.layers.{number}" for number in range(depth)])


def main(params=MODEL, options=None, **changes):
    """Measure P*, then the sensitivities of one network trained on as many points, and print them."""
    settings = SETTINGS | {"options": options or {}} | changes
    found = srhm.pstar(params, train, **settings).complexity()
    print(f"P* {found.P_star}, {found.interval_kind} {found.interval}, {found.status}")
    P = round(found.P_star or settings["start"])
    sets = srhm.split(srhm.Grammar(params, seed=0), P, min(1000, params.P_max - P), seed=0)
    measured = sensitivities(train(sets.train, 0, **settings["options"]), sets.test, encoding="integer")
    for layer, row in zip(measured.layers, measured.S, strict=True):
        print(f"S of {layer}:", *(f"level {level} {value:.2f}" for level, value in enumerate(row, start=1)))
    return found, measured


if __name__ == "__main__":
    main()
