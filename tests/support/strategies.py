"""Random models for Hypothesis."""

from itertools import product

from hypothesis import strategies as st

from srhm import Params


def _fits(n_c, v, m, s, L):
    return max(n_c, v if L > 1 else 0) * m <= v**s


_SMALL = [
    params
    for sparsity, L, s0, s, n_c, v, m in product(
        "AB", (1, 2, 3), (0, 1, 2), (2, 3), (2, 3, 4, 5), (2, 3, 4), (1, 2, 3)
    )
    if _fits(n_c, v, m, s, L) and (params := Params(n_c, v, m, s, s0, L, sparsity)).P_max <= 3000
]


def small_params():
    """Return models of at most 3000 data, both sparsities, L = 1 to 3."""
    return st.sampled_from(_SMALL)


@st.composite
def large_params(draw):
    """Return models of up to 64 leaves and 5000 inputs; P_max runs from a handful to 10^100."""
    s = draw(st.integers(2, 4))
    L = draw(st.integers(1, {2: 6, 3: 3, 4: 3}[s]))
    s0 = draw(st.sampled_from([s0 for s0 in (0, 1, 2, 3, 5, 8) if (s * (s0 + 1)) ** L <= 5000]))
    v = draw(st.integers(2, 32))
    n_c = draw(st.integers(2, min(20, v**s)))
    m = draw(st.integers(1, min(64, v**s // (max(n_c, v) if L > 1 else n_c))))
    return Params(n_c, v, m, s, s0, L, draw(st.sampled_from("AB")))


def huge_params():
    """Return models whose ranks do not fit 64 bits."""
    return large_params().filter(lambda params: params.P_max > 2**64)


def any_params():
    """Return models of any size."""
    return st.one_of(small_params(), large_params())
