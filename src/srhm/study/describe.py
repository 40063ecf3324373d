"""What is run, in words."""

from .runs import RunSpec


def name(spec: RunSpec) -> str:
    """Return a short name of a network on a model."""
    params = spec.params
    same = f"v=m=n_c={params.v}" if params.v == params.m == params.n_c else (
        f"v={params.v} m={params.m} n_c={params.n_c}"
    )  # fmt: skip
    kind = "" if params.sparsity == "A" else f" sparsity {params.sparsity}"
    return f"{spec.net.upper()} {same} L={params.L} s={params.s} s0={params.s0}{kind}"
