"""Floors of symbol tasks under filtered grammars."""

import numpy as np
import pytest

from srhm import ArgumentError, Grammar, Params, split
from srhm.inference import Masking, class_posterior, filtered, posterior
from srhm.training import Latent


def test_latents_of_a_filtered_grammar():
    """The class, and levels that have symbols; a level that was cut is refused."""
    grammar = Grammar(Params(v=4, m=2, s=2, s0=1, L=3), 0)
    x = split(grammar, P=30, P_test=1).train.encode("integer")
    cut = filtered(grammar, 2)
    evidence = Masking().evidence(grammar.params, x, np.float64)
    assert np.allclose(Latent(4).exact(cut, x)[:, 0], class_posterior(cut, evidence))
    assert np.allclose(Latent(2).exact(cut, x), posterior(grammar, evidence).symbols[1])
    with pytest.raises(ArgumentError, match="level = 3 has no symbols: the grammar is filtered with k = 2"):
        Latent(3).exact(cut, x)
