"""The expected gradient in closed form if every ReLU is open: a network that is linear on the data.

With the softmax at 1/n_c, the gradient of all data is that of Σ_α <f_α(x) (1/n_c - y_α)>. The outputs of a linear
network are f(x) = f(0) + F x, and the sum is the trace of F X with the n_c inputs X_α = <x (1/n_c - y_α)>
= (<x> - <x | α>) / n_c: minus the covariance of the input at each position with the class. So the gradient of a linear
network depends only on the statistics of single positions.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import check_instance
from ..model.encoding import Encoding, codes
from ..model.grammar import Grammar
from ..nets import Network
from ..nets.design import encoding_for
from ..theory.population import positions
from .moments import first_weight


def open_gradient(
    grammar: Grammar,
    net: Network,
    *,
    where: Callable[[Any], Any] = first_weight,
    encoding: Encoding | None = None,
) -> Any:
    """Return the gradient of all data at small outputs, with every ReLU replaced by the identity.

    For the first-layer weight of an LCN, patch i, place q, channel μ, unit a, it is -(1/√v) Σ_α B_iaα Cov(α, x_iqμ),
    with the response B_iaα of output α to the unit; the CNN sums over patches. It is exact for a network whose ReLUs
    are open on all data, as the argument of the paper assumes (appendix), and a linear approximation for others.
    Biases have gradient zero.

    Parameters
    ----------
    grammar
        The production rules.
    net
        A CNN, LCN or FCN; its biases do not matter.
    where, encoding
        As for :func:`srhm.gradients.gradient_moments`.

    Returns
    -------
    array, or tuple of them
        The gradient of the chosen weights.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.nets import build
    >>> params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=3)
    >>> open_gradient(Grammar(params), build("cnn", params, width=8)).shape
    (16, 8)
    """
    check_instance(Grammar, grammar=grammar)
    grammar.refuse_weights()
    inputs = positions(grammar).given_class @ codes(
        grammar.params, encoding_for(net, encoding, grammar.params)
    )  # [position, class_, channel]
    contrast = (inputs.mean(axis=1, keepdims=True) - inputs).swapaxes(0, 1) / grammar.params.n_c
    chosen = where(net)
    x = jnp.asarray(contrast, jax.tree.leaves(chosen)[0].dtype)
    return jax.grad(lambda part: jnp.trace(_linear(eqx.tree_at(where, net, part), x)))(chosen)


def _linear(net: Network, x: Float[Array, "sample position channel"]) -> Float[Array, "sample class_"]:
    """The outputs without ReLUs and biases."""
    for layer in net.layers:
        x = layer(x) - layer(jnp.zeros_like(x))
    return x.mean(axis=1) @ net.readout / net.readout.shape[0]
