"""The standard architectures written in PyTorch, independently of ours: what the tests compare with.

The modules stand in the order in which ours hold theirs, so that weights are copied one after the other.
"""

import torch
from torch import nn


def unit(entering, leaving, kernel, stride=1, bias=False, groups=1):
    """A convolution and its normalisation."""
    convolution = nn.Conv1d(entering, leaving, kernel, stride, kernel // 2, groups=groups, bias=bias)
    return nn.Sequential(convolution, nn.BatchNorm1d(leaving))


class TorchVGG(nn.Module):
    def __init__(self, plan, channels, n_c):
        super().__init__()
        self.units, self.pool_after = nn.ModuleList(), []
        for leaving in plan:
            if leaving == "M":
                self.pool_after.append(len(self.units))
                continue
            self.units.append(unit(channels, leaving, 3, bias=True))
            channels = leaving
        self.readout = nn.Linear(channels, n_c)

    def forward(self, x):
        nodes = []
        for number, one in enumerate(self.units, start=1):
            x = torch.relu(one(x))
            nodes.append(x)
            if number in self.pool_after:
                x = nn.functional.max_pool1d(x, 2)
        return self.readout(x.flatten(1)), nodes


class TorchBlock(nn.Module):
    def __init__(self, entering, leaving, stride):
        super().__init__()
        self.first, self.second = unit(entering, leaving, 3, stride), unit(leaving, leaving, 3)
        changes = stride != 1 or entering != leaving
        self.shortcut = unit(entering, leaving, 1, stride) if changes else nn.Identity()

    def forward(self, x, nodes):
        y = torch.relu(self.first(x))
        z = torch.relu(self.second(y) + self.shortcut(x))
        nodes += [y, z]
        return z


class TorchResNet(nn.Module):
    def __init__(self, blocks, width, channels, n_c, pool):
        super().__init__()
        self.stem, self.blocks, self.pool = unit(channels, width, 3), nn.ModuleList(), pool
        entering = width
        for stage, count in enumerate(blocks):
            for number in range(count):
                stride = 2 if stage > 0 and number == 0 else 1
                self.blocks.append(TorchBlock(entering, width * 2**stage, stride))
                entering = width * 2**stage
        self.readout = nn.Linear(entering, n_c)

    def forward(self, x):
        nodes = [torch.relu(self.stem(x))]
        x = nodes[0]
        for block in self.blocks:
            x = block(x, nodes)
        x = nn.functional.avg_pool1d(x, 4).flatten(1) if self.pool == 4 else x.mean(2)
        return self.readout(x), nodes


def vgg(name, width, channels, n_c):
    plans = {
        "vgg11": (1, "M", 2, "M", 4, 4, "M", 8, 8, "M", 8, 8, "M"),
        "vgg16": (1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8, "M"),
    }
    return TorchVGG([one if one == "M" else one * width for one in plans[name]], channels, n_c)


def resnet(name, width, channels, n_c, pool=None):
    blocks = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
    return TorchResNet(blocks[name], width, channels, n_c, pool)


class TorchGatedBlock(nn.Module):
    def __init__(self, entering, expansion, leaving, kernel, stride, squeezed):
        super().__init__()
        inner = expansion * entering
        self.expand = unit(entering, inner, 1) if expansion > 1 else None
        self.depthwise = unit(inner, inner, kernel, stride, groups=inner)
        self.squeeze, self.excite = nn.Conv1d(inner, squeezed, 1), nn.Conv1d(squeezed, inner, 1)
        self.project = unit(inner, leaving, 1)
        self.adds = stride == 1 and entering == leaving

    def forward(self, x, nodes):
        y = x if self.expand is None else swish(self.expand(x), nodes)
        y = swish(self.depthwise(y), nodes)
        gate = torch.sigmoid(self.excite(swish(self.squeeze(y.mean(2, keepdim=True)), nodes)))
        nodes.append(gate)
        z = self.project(y * gate)
        return x + z if self.adds else z


def swish(x, nodes):
    nodes.append(torch.sigmoid(x))
    return x * nodes[-1]


class TorchEfficientNet(nn.Module):
    """Without its drops, which no two programs draw alike."""

    def __init__(self, width, channels, n_c):
        super().__init__()
        entering = 32 * width // 64
        self.stem, self.blocks = unit(channels, entering, 3), nn.ModuleList()
        stages = zip(
            (1, 2, 2, 3, 3, 4, 1), (1, 6, 6, 6, 6, 6, 6), (16, 24, 40, 80, 112, 192, 320),
            (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1), strict=True,
        )  # fmt: skip
        for count, expansion, usual, kernel, stride in stages:
            leaving = usual * width // 64
            for number in range(count):
                step, squeezed = stride if number == 0 else 1, max(1, int(entering * 0.25))
                self.blocks.append(TorchGatedBlock(entering, expansion, leaving, kernel, step, squeezed))
                entering = leaving
        self.readout = nn.Linear(entering, n_c)

    def forward(self, x):
        nodes = []
        x = swish(self.stem(x), nodes)
        for block in self.blocks:
            x = block(x, nodes)
        return self.readout(x.mean(2)), nodes


def build(name, variant, width, channels, n_c):
    if name == "efficientnetb0":
        return TorchEfficientNet(width, channels, n_c)
    if name.startswith("vgg"):
        return vgg(name, width, channels, n_c)
    return resnet(name, width, channels, n_c, pool=4 if variant == "published" else None)
