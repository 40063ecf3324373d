"""Test error of image networks against their relative stability to smooth deformations, over architectures and P.

    python examples/images.py                                # digits of scikit-learn, minutes
    python examples/images.py fashion_mnist --pool 2         # 14 × 14 pixels; apt install dataset-fashion-mnist
    python examples/images.py cifar10 --path cifar-10-batches-bin

Every run is one line of srhm-runs/images/DATA PIXELS.jsonl, kept when it is finished: the same command again computes
those that are missing. Weights are kept next to it. What was measured is in results/images.json (docs/images.md).
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

import srhm
from srhm import images

FOLDER = Path("srhm-runs/images")
SIZES = {"digits": (100, 500), "fashion_mnist": (1000, 4000), "cifar10": (1000, 4000)}
"""Training points at which all architectures are trained."""
THROUGH = {"digits": (), "fashion_mnist": (250, 500, 2000, 8000), "cifar10": (250, 500, 2000, 8000)}
"""Further ones, for the architectures of `PATHS`."""
PATHS = ("FCN, 2 layers", "VGG11, batch norm")
SEEDS = 3
INPUTS = 1000
"""Test images on which the stability is measured."""
DELTA = {"digits": 0.75, "fashion_mnist": 1.0, "cifar10": 1.0}


class Standardise(nn.Module):
    """Subtracts the mean of the training pixels and divides by their standard deviation."""

    def __init__(self, pixels: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", pixels.mean())
        self.register_buffer("deviation", pixels.std())

    def forward(self, x):
        """Return standardised pixels."""
        return (x - self.mean) / self.deviation


class Residual(nn.Module):
    """Two convolutions with batch normalisation, added to what enters."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(entering, leaving, 3, stride, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU(),
            nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False), nn.BatchNorm2d(leaving),
        )  # fmt: skip
        self.kept = nn.Sequential()
        if stride > 1 or entering != leaving:
            self.kept = nn.Sequential(
                nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving)
            )
        self.relu = nn.ReLU()

    def forward(self, x):
        """Return the next layer."""
        return self.relu(self.change(x) + self.kept(x))


def fully_connected(depth: int, width: int, channels: int, n: int) -> list[nn.Module]:
    """`depth` linear layers, hidden ones of 16 times the base width."""
    layers: list[nn.Module] = [nn.Flatten()]
    entering = channels * n * n
    for _ in range(depth - 1):
        layers += [nn.Linear(entering, 16 * width), nn.ReLU()]
        entering = 16 * width
    return [*layers, nn.Linear(entering, 10)]


def lenet(width: int, channels: int, n: int) -> list[nn.Module]:
    """LeCun et al. 1998, with rectified linear units and maxima."""
    layers: list[nn.Module] = [nn.Conv2d(channels, 6 * width // 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(6 * width // 16, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    layers += [nn.Linear(width * (n // 4) ** 2, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()]
    return [*layers, nn.Linear(84, 10)]


def alexnet(width: int, channels: int, n: int) -> list[nn.Module]:
    """Krizhevsky et al. 2012 with kernels of 3, for small images: five convolutions, a quarter as wide."""
    layers: list[nn.Module] = []
    entering = channels
    for leaving, pools in (
        (width, True),
        (3 * width, True),
        (6 * width, False),
        (4 * width, False),
        (4 * width, True),
    ):
        layers += [nn.Conv2d(entering, leaving, 3, padding=1), nn.ReLU(), *[nn.MaxPool2d(2)] * pools]
        entering = leaving
    features = entering * (n // 8) ** 2
    layers += [nn.Flatten(), nn.Linear(features, 16 * width), nn.ReLU(), nn.Linear(16 * width, 10)]
    return layers


def vgg11(width: int, channels: int, n: int, normalised: bool) -> list[nn.Module]:
    """Simonyan & Zisserman 2015, a quarter as wide at the base width 16; no maxima are taken of one pixel."""
    layers: list[nn.Module] = []
    entering = channels
    for factor, pools in ((1, 1), (2, 1), (4, 0), (4, 1), (8, 0), (8, 1), (8, 0), (8, 1)):
        layers += [nn.Conv2d(entering, factor * width, 3, padding=1, bias=not normalised)]
        layers += [nn.BatchNorm2d(factor * width)] * normalised + [nn.ReLU()]
        if pools and n > 1:
            layers, n = [*layers, nn.MaxPool2d(2)], n // 2
        entering = factor * width
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(entering, 10)]


def resnet18(width: int, channels: int) -> list[nn.Module]:
    """He et al. 2016 for small images: a first convolution of 3, no maxima."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    entering = width
    for factor in (1, 2, 4, 8):
        for block in range(2):
            layers.append(Residual(entering, factor * width, 2 if factor > 1 and block == 0 else 1))
            entering = factor * width
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(entering, 10)]


NETS = {
    "FCN, 2 layers": lambda width, channels, n: fully_connected(2, width, channels, n),
    "FCN, 4 layers": lambda width, channels, n: fully_connected(4, width, channels, n),
    "LeNet": lenet,
    "AlexNet": alexnet,
    "VGG11": lambda width, channels, n: vgg11(width, channels, n, False),
    "VGG11, batch norm": lambda width, channels, n: vgg11(width, channels, n, True),
    "ResNet18": lambda width, channels, n: resnet18(width, channels),
}


def build(name: str, dataset: Any, seed: int, width: int = 16) -> nn.Module:
    """Return a network with weights N(0, 2/fan-in), biases 0, and a readout of 1/fan-in, drawn with a seed."""
    channels, n = dataset.images.shape[1:3]
    layers = NETS[name](width, channels, n)
    net = nn.Sequential(Standardise(torch.from_numpy(dataset.images)), *layers)
    generator = torch.Generator().manual_seed(seed)
    for part in net.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            gain = 1.0 if part is layers[-1] else 2.0
            nn.init.normal_(part.weight, 0.0, math.sqrt(gain / part.weight[0].numel()), generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return net


def train(dataset, seed, net="LeNet", width=16, epochs=None, batch=64, rate=None):
    """Train a network on a set of images by gradient descent with momentum 0.9, and return it.

    The learning rate falls to 0 along a cosine from 0.05 with batch normalisation, else 0.02; epochs are 60, 30 from
    P = 4,000 on.
    """
    found = build(net, dataset, seed, width)
    normalised = any(isinstance(part, nn.BatchNorm2d) for part in found.modules())
    rate = rate or (0.05 if normalised else 0.02)
    P = len(dataset)
    epochs = epochs or (60 if P < 4000 else 30)
    optimizer = torch.optim.SGD(found.parameters(), rate, momentum=0.9, weight_decay=5e-4)
    steps = -(-P // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    x, y = torch.from_numpy(dataset.images), torch.from_numpy(dataset.labels)
    generator = torch.Generator().manual_seed(seed + 2**32)
    found.train()
    for _ in range(epochs):
        for rows in torch.randperm(P, generator=generator).split(batch):
            if len(rows) < 2:
                continue  # batch normalisation needs two
            loss = nn.functional.cross_entropy(found(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return found.eval()


def error_of(net: nn.Module, dataset: Any) -> float:
    """Return the fraction of a set on the wrong class."""
    x, y = torch.from_numpy(dataset.images), torch.from_numpy(dataset.labels)
    with torch.no_grad():
        wrong = [(net(x[rows]).argmax(1) != y[rows]).sum() for rows in torch.arange(len(y)).split(500)]
    return float(sum(wrong)) / len(y)


def measure(net: nn.Module, test: Any, deformation: Any, seed: int) -> dict[str, Any]:
    """Return the test error, and D, G and R of the output and of every layer."""
    found = images.relative_stability(net, test.images[:INPUTS], deformation, seed=seed)
    row: dict[str, Any] = {"error": error_of(net, test), "inputs": found.inputs, "layers": list(found.layers)}
    for name in ("D", "D_error", "G", "G_error", "R", "R_error"):
        row[name] = [float(f"{value:.4g}") for value in getattr(found, name)]
    return row


def runs(data: str) -> list[tuple[int, int, str]]:
    """Return seed, P and network of all runs: one seed of all comes before the next."""
    both = [(P, net) for P in SIZES[data] for net in NETS] + [
        (P, net) for P in THROUGH[data] for net in PATHS
    ]
    return [(seed, P, net) for seed in range(SEEDS) for P, net in both]


def main(data="digits", path=None, pool=1, folder=FOLDER, chosen=None, **options) -> list[dict[str, Any]]:
    """Compute the runs that are missing, and return all, a dictionary each."""
    split = getattr(images, data)(*([] if path is None else [path]))
    pixels = split.train.images.shape[-1] // pool
    train_set, test_set = (part.pooled(pool) for part in split)
    deformation = images.Deformation(c=3, delta=DELTA[data])
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{data} {pixels}.jsonl"
    rows = [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept.exists() else []
    known = {(row["seed"], row["P"], row["net"]) for row in rows}
    for seed, P, name in chosen or runs(data):
        if (seed, P, name) in known:
            continue
        began = time.process_time()
        net = train(train_set.draw(P, seed), seed, net=name, **options)
        seconds = time.process_time() - began
        # Weights first: of a run that has a line they are there.
        save_file(net.state_dict(), folder / f"{data} {pixels}, {name}, {P}, {seed}.safetensors")
        row = {
            "data": data,
            "pixels": pixels,
            "net": name,
            "P": P,
            "seed": seed,
            "delta": DELTA[data],
            "c": 3,
        }
        row |= {"weights": sum(one.numel() for one in net.parameters()), "seconds": round(seconds, 1)}
        row |= measure(net, test_set, deformation, seed) | {"version": srhm.__version__}
        rows.append(row)
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        R, error = row["R"][-1], row["R_error"][-1]
        text = f"error {row['error']:.4f}, R {R:.3g} ± {error:.1g}, G {row['G'][-1]:.3g} ({seconds:.0f} s)"
        print(f"{name}, P = {P:,}, seed {seed}: {text}", flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("data", nargs="?", default="digits", choices=tuple(SIZES))
    parser.add_argument("--path", help="folder of the files; digits need none")
    parser.add_argument("--pool", type=int, default=1, help="take means over so many pixels a side")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    main(asked.data, asked.path, asked.pool)
