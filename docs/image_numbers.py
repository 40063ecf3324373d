"""The numbers of results/images.json, in docs/images.md; conf.py puts them in."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srhm.measure import fit_exponent, rank_correlation
from srhm.measure.correlation import RankCorrelation
from srhm.measure.exponent import Exponent

RESULTS = Path(__file__).parents[1] / "results" / "images.json"
NAMES = {"digits": "digits", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
PUBLISHED = 0.2, 0.5
"""Prefactor and exponent of the test error against R over architectures on CIFAR-10 (Petrini et al. 2021)."""


QUANTITIES = ("shifts", "synonyms", "R", "D", "G")
"""What results/bridge.json has of each layer; the output is the last."""


def bridge() -> dict[int, list[dict]]:
    """Return the runs of results/bridge.json by P, with the numbers of the output alone."""
    found = defaultdict(list)
    for row in json.loads(RESULTS.with_name("bridge.json").read_text("utf-8"))["runs"]:
        found[row["P"]].append(row | {name: row[name][-1] for name in QUANTITIES})
    return dict(sorted(found.items()))


def bridge_table(runs: dict[int, list[dict]]) -> dict[str, str]:
    """Return the means over seeds by P, and the rank correlations of the error over all runs of one P as a group."""
    rows = [
        f"| {P:,} | "
        + " | ".join(f"{np.mean([row[name] for row in of_P]):.3f}" for name in ("error", *QUANTITIES))
        + " |"
        for P, of_P in runs.items()
    ]
    every = [row for of_P in runs.values() for row in of_P]
    errors, groups = [row["error"] for row in every], [row["seed"] for row in every]
    found = {
        "bridge_table": "\n".join(rows),
        "bridge_seeds": f"{min(map(len, runs.values()))}",
        "bridge_runs": f"{len(every)}",
    }
    for name in QUANTITIES:
        value = rank_correlation([row[name] for row in every], errors, groups=groups).value
        found[f"bridge_{name}"] = f"{value:.2f}"
    return found


@dataclass(frozen=True)
class Trained:
    """All runs of one data set at one P."""

    data: str
    pixels: int
    P: int
    rows: list[dict]

    @property
    def nets(self) -> list[str]:
        """The networks, in the order of their mean error."""
        found = dict.fromkeys(row["net"] for row in self.rows)
        return sorted(found, key=lambda net: self.mean("error", net))

    @property
    def seeds(self) -> int:
        """Seeds of every network."""
        return min(sum(row["net"] == net for row in self.rows) for net in self.nets)

    def mean(self, name: str, net: str) -> float:
        """Return the geometric mean over seeds."""
        return float(np.exp(np.mean([np.log(row[name]) for row in self.rows if row["net"] == net])))

    def correlation(self, name: str) -> RankCorrelation:
        """Return the rank correlation of the error with D, G or R over all runs; those of a network are one group."""
        columns = [[row[one] for row in self.rows] for one in (name, "error")]
        return rank_correlation(*columns, groups=[row["net"] for row in self.rows])

    def fit(self, name: str = "R") -> Exponent:
        """Return the power law of the error over the networks, from means over seeds."""
        return fit_exponent(*([self.mean(one, net) for net in self.nets] for one in (name, "error")))


def read() -> list[dict]:
    return json.loads(RESULTS.read_text("utf-8"))["runs"]


def sets(least: int = 5) -> list[Trained]:
    """Return the runs by data and P, where at least so many networks were trained."""
    found = defaultdict(list)
    for row in read():
        found[row["data"], row["pixels"], row["P"]].append(row)
    every = [Trained(*key, rows) for key, rows in sorted(found.items())]
    return [one for one in every if len(one.nets) >= least]


def paths(data: str = "fashion_mnist") -> dict[str, dict[int, list[dict]]]:
    """Return the runs of the networks that were trained at more than two P, by network and P."""
    found: dict[str, dict[int, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for row in read():
        if row["data"] == data:
            found[row["net"]][row["P"]].append(row)
    return {net: dict(sorted(of_P.items())) for net, of_P in found.items() if len(of_P) > 2}


def falls() -> dict[str, str]:
    """Return by how much the error and R of the networks of :func:`paths` fall from the smallest P to the largest."""
    found, names = {}, {"FCN, 2 layers": "fcn", "VGG11, batch norm": "vgg"}
    for net, of_P in paths().items():
        ends = [of_P[min(of_P)], of_P[max(of_P)]]
        for name in ("error", "R"):
            first, last = (np.mean([row[name] for row in rows]) for rows in ends)
            found[f"image_{names[net]}_{name}"] = f"{100 * (1 - last / first):.0f}%"
    return found | {"image_first_P": f"{min(of_P):,}", "image_last_P": f"{max(of_P):,}"}


def in_words(found: RankCorrelation) -> str:
    if found.interval is None:
        return f"{found.value:.2f}"
    return f"{found.value:.2f} ({found.interval[0]:.2f} to {found.interval[1]:.2f})"


def slope_of(found: Exponent) -> str:
    assert found.interval is not None  # three networks at least
    return f"{found.slope:.2f} ({found.interval[0]:.2f} to {found.interval[1]:.2f})"


def numbers() -> dict[str, str]:
    """Return the text of each <<name>>: tables, and the figures of the text."""
    correlations, networks = [], []
    for one in sets():
        cells = [in_words(one.correlation(name)) for name in "RGD"]
        head = f"| {NAMES[one.data]}, {one.pixels} × {one.pixels} | {one.P:,} | {one.seeds} |"
        correlations.append(" ".join([head, " | ".join(cells), "|", slope_of(one.fit()), "|"]))
    for one in sets():
        for net in one.nets:
            values = " | ".join(f"{one.mean(name, net):.3g}" for name in ("error", "R", "G", "D"))
            networks.append(f"| {NAMES[one.data]} | {one.P:,} | {net} | {values} |")
    through = [
        f"| {net} | {P:,} | {np.mean([row['error'] for row in rows]):.3f} | {np.mean([row['R'] for row in rows]):.2f} |"
        f" {np.mean([row['G'] for row in rows]):.3f} | {len(rows)} |"
        for net, of_P in paths().items()
        for P, rows in of_P.items()
    ]
    seconds = sum(row["seconds"] for row in read())
    main = next(one for one in sets() if (one.data, one.P) == ("fashion_mnist", 1000))
    means = [main.mean("error", net) for net in main.nets]
    later = next(one for one in sets() if (one.data, one.P) == ("fashion_mnist", 4000))
    found = {
        "image_least": f"{means[0]:.3f}",
        "image_most": f"{means[-1]:.3f}",
        "image_exponent": slope_of(main.fit()),
        "image_correlation": in_words(main.correlation("R")),
        "image_later": in_words(later.correlation("R")),
        "image_later_noise": in_words(later.correlation("G")),
        "image_later_exponent": slope_of(later.fit()),
        "image_correlations": "\n".join(correlations),
        "image_networks": "\n".join(networks),
        "image_paths": "\n".join(through),
        "image_minutes": f"{seconds / 60:.0f}",
        "image_runs": f"{len(read())}",
    }
    return found | falls() | bridge_table(bridge())


if __name__ == "__main__":
    for name, text in numbers().items():
        print(f"{name}\n{text}\n")
