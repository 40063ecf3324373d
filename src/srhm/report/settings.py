"""What the runs of a store are about: a network on a model with its replicates, and P* read off them."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import ArgumentError
from ..measure.complexity import SampleComplexity
from ..reference.thresholds import thresholds
from ..study.describe import name
from ..study.expected import expected_P
from ..study.questions import read_off
from ..study.runs import ROLES, Run, RunSpec, Seeds, kind_of
from .commands import changes


@dataclass(frozen=True)
class Studied:
    """A network on a model, and all its runs in a store."""

    spec: RunSpec
    """The runs, up to P and seeds."""
    fix: tuple[str, ...] | None
    """Roles whose seed all replicates share; None where the seeds are not those of replicates."""
    seeds: list[Seeds]
    """The seeds of each replicate."""
    runs: list[list[Run]]
    """The runs of each replicate, in order of P."""

    @property
    def id(self) -> str:
        """A name for addresses, the same wherever the same is run."""
        seeds = "seeds" if self.fix is None else "-".join(self.fix)
        return kind_of(self.spec)[:12] + (f"-{seeds}" if seeds else "")

    @property
    def label(self) -> str:
        """Network, model, width, and what else is not usual."""
        return ", ".join(
            [name(self.spec), f"width {self.spec.width}", *([self.changes] if self.changes else [])]
        )

    @property
    def changes(self) -> str:
        """What is not usual, in words; empty if nothing."""
        words = [
            key if value is True else f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in changes(self.spec).items()
        ]
        if self.fix is None:
            words.append("seeds differ by role")
        elif self.fix:
            words.append("same " + " and ".join(self.fix))
        return ", ".join(words)

    @property
    def expected(self) -> float:
        """Where P* is expected: as published or predicted, else in the middle of the runs."""
        try:
            return expected_P(self.spec.net, self.spec.params, self.spec.shared_layers)
        except ArgumentError:  # the paper says nothing of this network
            logs = [math.log(run.spec.P) for runs in self.runs for run in runs]
            return math.exp(sum(logs) / len(logs))

    def complexities(self) -> dict[str, SampleComplexity | None]:
        """Return P* of the error, and of S and D at the paper's layers where they were measured, by metric.

        None where the runs do not tell.
        """
        spec = self.spec
        measured = {metric for runs in self.runs for run in runs for metric in run.metrics}
        return {
            quantity: read_off(spec, self.runs, quantity, threshold, self.expected)
            for quantity, threshold in thresholds(spec.net, spec.params).items()
            if quantity == "error" or quantity in measured
        }


def studied(runs: Iterable[Run]) -> list[Studied]:
    """Return what runs are about, in order of network, model and width.

    Runs that differ in P and seeds alone belong together, if their seeds are those of replicates with the same
    shared roles. Replicate 0, whose seeds are all 0, is one of every such set.
    """
    kinds: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        kinds[kind_of(run.spec)].append(run)
    found = [one for of_kind in kinds.values() for one in _of_kind(of_kind)]
    return sorted(found, key=_order)


def _of_kind(runs: list[Run]) -> list[Studied]:
    by_seeds: dict[Seeds, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.spec.P, run.spec.hash)):
        by_seeds[run.spec.seeds].append(run)
    sets: dict[tuple[str, ...] | None, list[Seeds]] = defaultdict(list)
    zero = by_seeds.get(Seeds())
    for seeds in by_seeds:
        if seeds != Seeds():
            sets[_shared(seeds)].append(seeds)
    if zero and not any(fix is not None for fix in sets):
        sets[()] = []
    spec = runs[0].spec.at(runs[0].spec.params.n_c, Seeds())
    found = []
    for fix, own in sets.items():
        seeds = sorted([Seeds(), *own] if zero and fix is not None else own, key=_numbers)
        found.append(Studied(spec, fix, seeds, [by_seeds[one] for one in seeds]))
    return found


def _shared(seeds: Seeds) -> tuple[str, ...] | None:
    """Return the roles that are fixed in a replicate with these seeds; None if no replicate has them."""
    fix = tuple(role for role in ROLES if getattr(seeds, role) == 0)
    return fix if len(set(_numbers(seeds)) - {0}) == 1 else None


def _numbers(seeds: Seeds) -> tuple[int, ...]:
    return tuple(getattr(seeds, role) for role in ROLES)


def _order(one: Studied) -> tuple:
    params, spec = one.spec.params, one.spec
    model = params.L, params.s, params.sparsity, params.v, params.n_c, params.m, params.s0
    return spec.net, *model, spec.width, one.changes, one.id
