"""Our networks as PyTorch modules with the same weights (docs, pytorch.md).

Parametrisation and divisors are those of docs, networks.md, so that the same learning rate gives the same training.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..errors import ArgumentError, check_choice
from .form import DEFAULT_LAYOUT, LAYOUTS, Layout


def to_torch(net: Any, *, layout: Layout = DEFAULT_LAYOUT) -> torch.nn.Module:
    """Return a network of :func:`srhm.nets.build` as a PyTorch module with the same weights.

    Its submodules ``layers.0``, ``layers.1``, ... are the hidden layers after their ReLU, so all measurements find the
    same layers. Its parameters are those of the network, in the same parametrisation: SGD with the rate with which the
    network was trained, times its width, continues the same training. Parameters of frozen layers require no gradient.

    Parameters
    ----------
    net
        A CNN, an LCN, an FCN or a transformer; standard architectures have no PyTorch form.
    layout
        The layout of the module's inputs: ``"channels_first"`` [sample, channel, position], as data sets have by
        default, or ``"positions_first"`` [sample, position, channel]. A network built for the plane takes pictures too:
        [sample, channel, row, column], or [sample, row, column, channel].

    Returns
    -------
    torch.nn.Module
        A map from dense inputs, in the encoding of the network, to outputs [sample, class_], on the CPU.

    Raises
    ------
    ArgumentError
        If the network has no PyTorch form, or the layout is unknown.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.nets import build
    >>> module = to_torch(build("cnn", Params(v=4, s0=1, L=2), width=8))
    >>> module(torch.zeros(5, 4, 16)).shape
    torch.Size([5, 4])
    """
    if not callable(getattr(net, "to_torch", None)):
        fix = "Give one of srhm.nets.build, a cnn, an lcn, an fcn or a transformer"
        raise ArgumentError("net", type(net).__name__, "has no PyTorch form", fix)
    return net.to_torch(layout=layout)


class TorchNetwork(torch.nn.Module):
    """Hidden layers with their ReLU, and the readout (1/h) beta^T, [h, score], of the last one's mean over positions.

    With several predictions of a sample, `places`, the readout is [h, place * score] and the output
    [sample, place, score].
    Frozen layers are not trained; they count from 1, the readout is one more than there are hidden layers.
    """

    def __init__(
        self,
        layers: Sequence[torch.nn.Module],
        readout: np.ndarray,
        frozen: Sequence[int] = (),
        layout: str = DEFAULT_LAYOUT,
        places: int | None = None,
        pixels: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        check_choice("layout", layout, LAYOUTS, "is not a layout")
        self.layout, self.places = layout, places
        self.pixels: torch.Tensor | None
        self.register_buffer("pixels", None if pixels is None else torch.tensor(pixels), persistent=False)
        self.layers = torch.nn.ModuleList(layers)
        self.readout = parameter(readout)
        for number in frozen:
            part = self.layers[number - 1].parameters() if number <= len(layers) else [self.readout]
            for one in part:
                one.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs [sample, class_], or [sample, place, score], of dense inputs."""
        x = positions_first(x, self.layout, self.pixels)
        for layer in self.layers:
            x = layer(x)
        output = x.mean(dim=1) @ self.readout / len(self.readout)
        return output if self.places is None else output.reshape(len(x), self.places, -1)


class TorchLayer(torch.nn.Module, ABC):
    """What hidden layers share: weights, the ReLU, and biases times a factor: [position, h], [1, h], or None."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray | None, bias_scale: float) -> None:
        super().__init__()
        self.bias_scale = bias_scale
        self.weight = parameter(weight)
        self.bias = None if bias is None else parameter(bias)

    @abstractmethod
    def multiply(self, x: torch.Tensor) -> torch.Tensor:
        """Return the pre-activations without their biases."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the activations [sample, position, channel]."""
        z = self.multiply(x)
        return torch.relu(z if self.bias is None else z + self.bias_scale * self.bias[None])


class PatchLayer(TorchLayer):
    """A layer on patches of p places: one matrix [entry, h] for all, or one for each patch, [patch, entry, h].

    The places of a group are summed first and share one weight; `sharing` numbers the matrix of each patch.
    """

    def __init__(
        self,
        weight: np.ndarray,
        bias: np.ndarray | None,
        bias_scale: float,
        patch: int,
        group: int = 1,
        sharing: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, bias, bias_scale)
        self.patch, self.group = patch, group
        self.sharing: torch.Tensor | None
        number = None if sharing is None else torch.tensor(sharing, dtype=torch.int64)
        self.register_buffer("sharing", number, persistent=False)  # on the device of the weights

    def multiply(self, x: torch.Tensor) -> torch.Tensor:
        """Return (1/sqrt(C_in)) times the sum over place in the patch and channel of w x."""
        sample, position, channel = x.shape
        if self.group > 1:
            x = x.reshape(sample, position // self.group, self.group, channel).sum(dim=2)
        x = x.reshape(sample, position // self.patch, self.patch // self.group * channel)
        weight = self.weight if self.sharing is None else self.weight[self.sharing]
        z = x @ weight if weight.ndim == 2 else torch.einsum("npe,peh->nph", x, weight)
        return z / channel**0.5


class FullLayer(TorchLayer):
    """A layer over all positions: (1/divisor) W x, at one; W is [unit in, unit out], the bias [1, unit out]."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray, bias_scale: float, divisor: float) -> None:
        super().__init__(weight, bias, bias_scale)
        self.divisor = divisor

    def multiply(self, x: torch.Tensor) -> torch.Tensor:
        """Return the products with all inputs."""
        return x.reshape(len(x), 1, -1) @ self.weight / self.divisor


def positions_first(x: torch.Tensor, layout: str, pixels: torch.Tensor | None) -> torch.Tensor:
    """Return dense inputs, or pictures of the plane, as [sample, position, channel] in tree order."""
    if layout == "channels_first":
        x = x.movedim(1, -1)
    return x if pixels is None or x.ndim != 4 else x.flatten(1, 2)[:, pixels]


def parameter(array: Any) -> torch.nn.Parameter:
    """Return an array as a parameter of a module."""
    return torch.nn.Parameter(torch.from_numpy(np.array(array)))
