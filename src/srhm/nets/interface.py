"""What enters a network and what leaves it: the inputs and the predictions of a task."""

from dataclasses import dataclass
from typing import Literal, get_args

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import ArgumentError, check_choice, check_instance, check_integer
from ..model.encoding import Encoding, channels
from ..model.params import Params

Kind = Literal["class", "last", "positions", "causal"]
"""What a network predicts; see :attr:`Interface.kind`."""

KINDS: dict[Kind, str] = {
    "class": "classes",
    "last": "last symbols",
    "positions": "symbols at hidden positions and latents",
    "causal": "every next symbol",
}
"""In words."""


@dataclass(frozen=True)
class Interface:
    """What enters a network and what leaves it.

    Raises
    ------
    ArgumentError
        If a number is below 1, the kind is unknown, or the places do not fit it.

    Examples
    --------
    >>> latents = Interface(channels=5, length=16, scores=5, places=4, kind="positions")
    >>> latents.output_shape(10), latents.numbers
    ((10, 4, 5), 20)
    """

    channels: int
    """Channels of the inputs: those of the encoding, and that of a mask, of a beginning-of-sequence symbol or of the
    noise level."""
    length: int
    """Positions of the inputs."""
    scores: int
    """Scores of a prediction: the number of classes, or of symbols of a level, the blank last."""
    places: int = 1
    """Predictions of a sample."""
    kind: Kind = "class"
    """What is predicted:

    - ``"class"``: one thing, from the whole input;
    - ``"last"``: what is at the last position, which is hidden in the input;
    - ``"positions"``: place i of the predictions belongs to the i-th of `places` equal runs of positions, and
      each is made from the whole input;
    - ``"causal"``: prediction t is made from positions 1 to t alone. What it predicts is the caller's choice."""

    def __post_init__(self) -> None:
        for name in ("channels", "length", "scores", "places"):
            object.__setattr__(self, name, check_integer(name, getattr(self, name), minimum=1))
        check_choice("kind", self.kind, get_args(Kind), "is not a kind of prediction")
        fits = {"positions": self.length % self.places == 0, "causal": self.places == self.length}
        if not fits.get(self.kind, self.places == 1):
            fix = {"positions": f"Use a divisor of {self.length}", "causal": f"Use {self.length}"}
            problem = f"does not fit {KINDS[self.kind]} of inputs of length {self.length}"
            raise ArgumentError("places", self.places, problem, fix.get(self.kind, "Use 1"))

    @classmethod
    def of_classes(cls, params: Params, encoding: Encoding = "whitened") -> "Interface":
        """Return that of classification: the samples of a model in an encoding, and their classes."""
        check_instance(Params, params=params)
        return cls(channels(params, encoding), params.d, params.n_c)

    def enter(self, x: Float[Array, "sample position channel"]) -> Float[Array, "sample length entering"]:
        """Return dense inputs of the encoding as they enter: shifted, or the last one hidden.

        A missing channel is zero: nothing is masked, or there is no noise.
        """
        missing = self.channels - x.shape[-1]
        x = jnp.pad(x, ((0, 0), (0, 0), (0, missing))) if missing else x
        hidden = jnp.zeros_like(x[:, :1]).at[:, :, -1].set(1)
        if self.kind == "last":
            return jnp.concatenate([x[:, :-1], hidden], axis=1)
        if self.kind == "causal":
            before = x[:, :-1]
            return jnp.concatenate([hidden, before], axis=1) if self.length == x.shape[1] else before
        return x

    def output_shape(self, samples: int) -> tuple[int, ...]:
        """Return the shape of the output for some samples: [sample, score] or [sample, place, score]."""
        one = self.kind in ("class", "last")
        return (samples, self.scores) if one else (samples, self.places, self.scores)

    @property
    def numbers(self) -> int:
        """Numbers of the output of a sample."""
        return self.places * self.scores
