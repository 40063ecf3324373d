"""The figure of the transition: what it draws, and what it refuses."""

import numpy as np
import pytest

from srhm import ArgumentError, Dataset, Grammar, Params, Stream
from srhm.figures import noise_transition
from srhm.inference import BeliefNoise, forward_backward


def changes(s0, strengths):
    params = Params(n_c=4, v=4, m=2, s=2, s0=s0, L=2)
    data = Dataset.draw(Stream(Grammar(params, 3), 0, "replacement"), 8)
    return [forward_backward(data, BeliefNoise(epsilon)) for epsilon in strengths]


@pytest.mark.parametrize("s0", [0, 1])
def test_levels_correlations_and_susceptibility_are_drawn(s0):
    found = changes(s0, (0.8, 0.0, 0.5))
    left, middle, right = noise_transition(found, threshold=0.6).axes
    lines = {line.get_label(): line for line in left.lines}
    np.testing.assert_allclose(lines["level 2"].get_xdata(), [0.0, 0.5, 0.8])
    lost = [1 - one.features_kept[1] * one.places_kept[1] for one in (found[1], found[2], found[0])]
    np.testing.assert_allclose(lines["level 2"].get_ydata(), lost)
    np.testing.assert_allclose(lines["class"].get_ydata()[2], found[0].changed[-1])
    assert ("place lost" in [text.get_text() for text in left.get_legend().get_texts()]) == (s0 > 0)
    peak = max((found[0], found[2]), key=lambda one: one.susceptibility)
    (line,) = [one for one in middle.lines if "peak" in one.get_label()]
    ratio = peak.covariance / peak.covariance[0]
    np.testing.assert_allclose(line.get_ydata()[ratio > 1e-5], ratio[ratio > 1e-5])
    np.testing.assert_allclose(
        right.lines[0].get_ydata()[1:].astype(float), [found[2].susceptibility, found[0].susceptibility]
    )


def test_other_changes_are_refused():
    for wrong in (changes(0, (0.5,)), [*changes(0, (0.5,)), *changes(1, (0.6,))]):
        with pytest.raises(ArgumentError, match="are not the changes of one model"):
            noise_transition(wrong)
