"""Networks whose weights cost nothing to draw."""

import equinox as eqx
import jax
import numpy as np

from srhm.nets import build


def filled(name, params, width, seed=0, **options):
    """A network as it is built, its weights drawn by NumPy: nothing to compile."""
    random = np.random.default_rng(seed)
    form = eqx.filter_eval_shape(lambda: build(name, params, width, **options))
    return jax.tree.map(lambda leaf: jax.device_put(random.normal(size=leaf.shape).astype(leaf.dtype)), form)
