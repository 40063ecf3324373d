"""The tree U-Net: convolutions whose patches are those of the model, down to one position and up again, with skips."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ..errors import ArgumentError
from ..model.params import Params
from ..randomness import Key
from .design import Design, entering
from .draws import Normals
from .family import Family, NoOptions, Rate
from .interface import Interface
from .products import product_of_many
from .sublayers import gelu
from .transformer import LinearMap


class UNet(eqx.Module):
    """Layers of kernel = stride = the patch of each level, transposed ones back to the positions of the predictions.

    x_0 = E x + b, x_l = gelu(W_l (patch of x_(l-1)) + b) up to level L, and down again, beginning with y_L = x_L, each
    place of a patch y_(l-1) = gelu(V_l y_l + U_l x_(l-1) + b); a linear readout of each position.
    """

    embedding: LinearMap
    """[C, h]."""
    down: tuple[LinearMap, ...]
    """For each level from the input, [p * h, h], rows ordered by place in the patch, then channel."""
    up: tuple[LinearMap, ...]
    """For each level from the highest, [h, p * h]."""
    skips: tuple[Float[Array, "channel unit"], ...]
    """What is added from the layers of the way down, in the order of `up`, [h, h]."""
    readout: LinearMap
    interface: Interface = eqx.field(static=True)
    """What enters it and what leaves it."""
    design: Design | None = eqx.field(static=True, default=None)
    """What it was built for, if by :func:`srhm.nets.build`."""

    def activations(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> dict[str, Float[Array, "sample ..."]]:
        """Return the layers [sample, position, channel], ``"layer_1"`` and so on down and up, then ``"output"``."""
        inputs: Any = entering(self, x)
        samples, kept = len(inputs), []
        rows = self.embedding(inputs.reshape(-1, inputs.shape[2]))
        levels = [rows]
        for layer in self.down:
            rows = gelu(layer(rows.reshape(-1, len(layer.weight))))
            levels.append(rows)
            kept.append(rows)
        for layer, skip, below in zip(self.up, self.skips, levels[-2::-1], strict=False):
            rows = gelu(layer(rows).reshape(below.shape) + product_of_many(below, skip))
            kept.append(rows)
        found = {f"layer_{k}": one.reshape(samples, -1, one.shape[1]) for k, one in enumerate(kept, start=1)}
        return found | {"output": self.readout(rows).reshape(self.interface.output_shape(samples))}

    def __call__(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> Float[Array, "sample place score"]:
        """Return the outputs of a batch of dense inputs."""
        return self.activations(x)["output"]


def unet(params: Params, width: int, key: Key, interface: Interface, options: NoOptions, dtype: Any) -> UNet:
    """Draw a tree U-Net (docs, networks.md)."""
    normal, patches = Normals(key, dtype), [level.patch for level in params.levels]
    lowest = next((level.level for level in params.levels if level.positions == interface.places), None)
    if lowest is None:
        places = ", ".join(str(level.positions) for level in params.levels)
        problem = "is not the number of positions of a level"
        raise ArgumentError("places", interface.places, problem, f"Use one of {places}")
    rising = patches[lowest - 1 :][::-1]
    embedding = LinearMap.draw(normal, interface.channels, width, 1.0)
    down = [LinearMap.draw(normal, patch * width, width, (2 / (patch * width)) ** 0.5) for patch in patches]
    up = [LinearMap.draw(normal, width, patch * width, width**-0.5) for patch in rising]
    skips = [normal.scaled(width**-0.5, width, width) for _ in rising]
    readout = LinearMap.draw(normal, width, interface.scores)
    return UNet(embedding, tuple(down), tuple(up), tuple(skips), readout, interface)


UNET = Family(
    "unet",
    unet,
    lambda params: Rate(1e-3),
    width=lambda params: 128,
    kinds=("positions",),
    optimizer="adamw",
    max_epochs=1000,
    label="U-Net",
    colour="#9911FF",
    marker="<",
)
"""Its rate is that of AdamW itself, at every width."""
