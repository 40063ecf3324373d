"""The transformer: layers of attention and of a perceptron with one hidden layer, added to a stream of vectors."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import ArgumentError, check_instance, check_integer
from ..model.params import Params
from ..randomness import Key
from .design import Design, entering, pixels_of
from .draws import Normals
from .family import Family, Rate
from .interface import Interface
from .products import product_of_many
from .sublayers import attend, gelu, normalise

_MOST_LAYERS = 1000
_SPREAD = 0.02
"""Standard deviation of the weights at the start, as in GPT-2."""

Rows = Float[Array, "row channel"]
"""The vectors of all positions of all samples, sample by sample."""


@dataclass(frozen=True)
class TransformerOptions:
    """The options of a transformer."""

    layers: int = 4
    """Number of layers."""
    heads: int = 4
    """Heads of attention, a divisor of the width."""
    mlp_ratio: int = 4
    """Hidden units of the perceptron of a layer, in units of the width."""
    attention_only: bool = False
    """Layers have no perceptron."""

    def __post_init__(self) -> None:
        for name in ("layers", "heads", "mlp_ratio"):
            most = _MOST_LAYERS if name == "layers" else None
            object.__setattr__(self, name, check_integer(name, getattr(self, name), minimum=1, maximum=most))
        check_instance(bool, attention_only=self.attention_only)


class LinearMap(eqx.Module):
    """W x + b of each row."""

    weight: Float[Array, "channel unit"]
    """[C_in, C_out]; from N(0, 0.02^2), those that add to the stream divided by the root of their number."""
    bias: Float[Array, " unit"]
    """[C_out]; 0 at the start."""

    @classmethod
    def draw(cls, normal: Normals, entering: int, leaving: int, spread: float = _SPREAD) -> "LinearMap":
        """Draw the weights."""
        weight = normal.scaled(spread, entering, leaving)
        return cls(weight, jnp.asarray(np.zeros(leaving, weight.dtype)))

    def __call__(self, x: Rows) -> Float[Array, "row unit"]:
        """Return W x + b."""
        return product_of_many(x, self.weight) + self.bias[None]


class LayerNorm(eqx.Module):
    """(x - mean) / sqrt(variance + 1e-5) * scale + shift over the channels of each row."""

    scale: Float[Array, " channel"]
    """1 at the start."""
    shift: Float[Array, " channel"]
    """0 at the start."""

    @classmethod
    def fresh(cls, channels: int, dtype: Any) -> "LayerNorm":
        """Return a normalisation before training."""
        return cls(*(jnp.asarray(fill(channels, dtype)) for fill in (np.ones, np.zeros)))

    def __call__(self, x: Rows) -> Rows:
        """Normalise each row."""
        return normalise(x) * self.scale[None] + self.shift[None]


class Perceptron(eqx.Module):
    """One hidden layer with GELU, applied to each position."""

    norm: LayerNorm
    up: LinearMap
    down: LinearMap

    def __call__(self, x: Rows) -> Rows:
        """Return what is added to the stream."""
        return self.down(gelu(self.up(self.norm(x))))


class TransformerLayer(eqx.Module):
    """x + attention(norm(x)), and then x + perceptron(norm(x)) if the layer has one."""

    norm: LayerNorm
    entries: LinearMap
    """Queries, keys and values of all heads, one after the other: [h, 3 * h]."""
    projection: LinearMap
    perceptron: Perceptron | None
    heads: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)
    """Whether a position sees only itself and those before."""

    def __call__(self, x: Rows, positions: int) -> Rows:
        """Return the stream after the layer."""
        rows, width = x.shape
        entries = self.entries(self.norm(x)).reshape(-1, positions, 3, self.heads, width // self.heads)
        x = x + self.projection(attend(self.causal, entries).reshape(rows, width))  # pyright: ignore[reportAttributeAccessIssue]
        return x if self.perceptron is None else x + self.perceptron(x)


class Transformer(eqx.Module):
    """A stream of vectors, one a position, to which each layer adds; a normalisation; a linear readout."""

    embedding: Float[Array, "channel unit"]
    """[C, h]."""
    positions: Float[Array, "position unit"]
    """What is added to the stream at each position, [position, h]."""
    layers: tuple[TransformerLayer, ...]
    norm: LayerNorm
    readout: LinearMap
    interface: Interface = eqx.field(static=True)
    """What enters it and what leaves it."""
    design: Design | None = eqx.field(static=True, default=None)
    """What it was built for, if by :func:`srhm.nets.build`."""

    def activations(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> dict[str, Float[Array, "sample ..."]]:
        """Return the stream after each layer, ``"layer_1"`` and so on, then ``"output"``.

        The stream is [sample, position, channel].
        """
        x = entering(self, x)
        shape = x.shape[:2]
        embedded = product_of_many(x.reshape(-1, x.shape[2]), self.embedding)
        stream = (embedded.reshape(*shape, -1) + self.positions[None]).reshape(embedded.shape)
        kept = {}
        for number, layer in enumerate(self.layers, start=1):
            stream = layer(stream, shape[1])
            kept[f"layer_{number}"] = stream.reshape(*shape, -1)
        kept["output"] = self._read(kept[f"layer_{len(self.layers)}"])
        return kept

    def __call__(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> Float[Array, "sample *place score"]:
        """Return the outputs of a batch of dense inputs."""
        return self.activations(x)["output"]

    def to_torch(self, *, layout: str = "channels_first") -> Any:
        """Return a PyTorch module with the same weights; see :func:`srhm.torch.to_torch`.

        Raises
        ------
        ArgumentError
            If the layout is unknown.
        MissingExtraError
            If PyTorch is not installed.
        """
        from ..torch.transformer import TorchTransformer

        return TorchTransformer(self, layout, pixels_of(self))

    def _read(self, stream: Float[Array, "sample position channel"]) -> Float[Array, "sample *place score"]:
        """Return the outputs: of the mean over positions, of the last, of means over runs of them, or of each."""
        samples, positions, width = stream.shape
        kind, places = self.interface.kind, self.interface.places
        if kind == "last":
            stream = stream[:, -1:]
        y = self.norm(stream.reshape(-1, width))
        if kind in ("class", "positions"):
            y = y.reshape(samples * places, positions // places, width).mean(axis=1)
        return self.readout(y).reshape(self.interface.output_shape(samples))


def transformer(
    params: Params, width: int, key: Key, interface: Interface, options: TransformerOptions, dtype: Any
) -> Transformer:
    """Draw a transformer (docs, networks.md)."""
    normal, units = Normals(key, dtype), options.mlp_ratio * width
    added = options.layers * (1 if options.attention_only else 2)
    last = _SPREAD / added**0.5

    def layer() -> TransformerLayer:
        entries = LinearMap.draw(normal, width, 3 * width)
        projection = LinearMap.draw(normal, width, width, last)
        perceptron = None
        if not options.attention_only:
            up = LinearMap.draw(normal, width, units)
            perceptron = Perceptron(
                LayerNorm.fresh(width, dtype), up, LinearMap.draw(normal, units, width, last)
            )
        norm, causal = LayerNorm.fresh(width, dtype), interface.kind == "causal"
        return TransformerLayer(norm, entries, projection, perceptron, options.heads, causal)

    embedding = normal.scaled(_SPREAD, interface.channels, width)
    positions = normal.scaled(_SPREAD, interface.length, width)
    layers = tuple(layer() for _ in range(options.layers))
    readout = LinearMap.draw(normal, width, interface.scores)
    return Transformer(embedding, positions, layers, LayerNorm.fresh(width, dtype), readout, interface)


def _check(params: Params, width: int, options: TransformerOptions) -> None:
    if width % options.heads:
        problem = f"is not a multiple of the {options.heads} heads"
        raise ArgumentError("width", width, problem, f"Use a multiple of {options.heads}, or other heads")


TRANSFORMER = Family(
    "transformer",
    transformer,
    lambda params: Rate(1e-3),
    width=lambda params: 128,
    kinds=("class", "last", "positions", "causal"),
    options=TransformerOptions,
    optimizer="adamw",
    max_epochs=1000,
    check=_check,
    label="Transformer",
    colour="#C41AAE",
    marker="d",
)
"""Its rate is that of AdamW itself, at every width."""
