"""Our transformer as a PyTorch module with the same weights."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ..errors import check_choice
from .form import DEFAULT_LAYOUT, LAYOUTS
from .networks import parameter, positions_first


class TorchTransformer(torch.nn.Module):
    """The transformer of docs, networks.md; ``layers.0`` and so on return the stream after each layer."""

    def __init__(self, net: Any, layout: str = DEFAULT_LAYOUT, pixels: np.ndarray | None = None) -> None:
        super().__init__()
        check_choice("layout", layout, LAYOUTS, "is not a layout")
        self.pixels: torch.Tensor | None
        self.register_buffer("pixels", None if pixels is None else torch.tensor(pixels), persistent=False)
        self.layout, self.interface = layout, net.interface
        self.embedding, self.positions = parameter(net.embedding), parameter(net.positions)
        self.layers = torch.nn.ModuleList(TorchTransformerLayer(layer) for layer in net.layers)
        self.scale, self.shift = parameter(net.norm.scale), parameter(net.norm.shift)
        self.readout, self.bias = parameter(net.readout.weight), parameter(net.readout.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs of dense inputs."""
        x = positions_first(x, self.layout, self.pixels)
        x = x @ self.embedding + self.positions
        for layer in self.layers:
            x = layer(x)
        kind, places = self.interface.kind, self.interface.places
        if kind == "last":
            x = x[:, -1:]
        x = normalised(x, self.scale, self.shift)
        if kind in ("class", "positions"):
            x = x.reshape(len(x), places, x.shape[1] // places, -1).mean(dim=2)
        return (x @ self.readout + self.bias).reshape(self.interface.output_shape(len(x)))


class TorchTransformerLayer(torch.nn.Module):
    """A layer of attention, and of a perceptron if it has one; its weights are its own, not of modules inside."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.heads, self.causal, self.has_perceptron = layer.heads, layer.causal, layer.perceptron is not None
        self.norm_scale, self.norm_shift = parameter(layer.norm.scale), parameter(layer.norm.shift)
        self.entries_weight, self.entries_bias = _of_map(layer.entries)
        self.projection_weight, self.projection_bias = _of_map(layer.projection)
        if layer.perceptron is not None:
            norm = layer.perceptron.norm
            self.perceptron_scale, self.perceptron_shift = parameter(norm.scale), parameter(norm.shift)
            self.up_weight, self.up_bias = _of_map(layer.perceptron.up)
            self.down_weight, self.down_bias = _of_map(layer.perceptron.down)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the stream after the layer, [sample, position, channel]."""
        samples, positions, width = x.shape
        y = normalised(x, self.norm_scale, self.norm_shift) @ self.entries_weight + self.entries_bias
        q, k, v = y.view(samples, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        y = y.transpose(1, 2).reshape(samples, positions, width)
        x = x + y @ self.projection_weight + self.projection_bias
        if not self.has_perceptron:
            return x
        y = normalised(x, self.perceptron_scale, self.perceptron_shift)
        y = functional.gelu(y @ self.up_weight + self.up_bias)
        return x + y @ self.down_weight + self.down_bias


def normalised(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Return the layer normalisation of the channels."""
    return functional.layer_norm(x, scale.shape, scale, shift, 1e-5)


def _of_map(linear: Any) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
    return parameter(linear.weight), parameter(linear.bias)
