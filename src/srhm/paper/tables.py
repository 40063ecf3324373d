"""Tables of a reproduction, in Markdown: every published P* next to ours, exponents, and what is not computed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ..errors import check_instance
from ..measure.correlation import rank_correlation
from ..measure.crossings import SampleComplexity
from ..measure.exponent import Exponent, fit_exponents
from ..nets import FAMILIES, predict
from ..reference.published import published
from ..store.index import RunIndex
from ..study import Run, Setup
from .cost import Device, run_seconds, shown
from .drawings import closed, drawn_studies, label, replicates_of
from .estimate import RUNS_OF_A_SEARCH, search_seconds
from .figures import FIGURES
from .kinds import PaperFigure
from .settings import setup as setup_on
from .sharing import blank_exponent, by_sharing, is_architecture, sharing_of
from .tiers import TIERS, Tier, near, study_of

AGREES = 1.5
"""Within this factor of the paper's value ours agrees: its grids have steps of 1.3 to 1.7."""

_Record = TypeVar("_Record")
Columns: TypeAlias = Mapping[str, Callable[[_Record], str]]
"""What each column of a table says of a record, by its head."""

_ARCHITECTURES = 3
_FEW_REPLICATES = {1: "; one replicate", 2: "; two replicates"}
QUANTITIES = {"P_star": ("error", "P*"), "P_star_S": ("S", "P*_S"), "P_star_D": ("D", "P*_D")}


@dataclass(frozen=True)
class Compared:
    """A published P* (or that of S or D) and ours."""

    figure: str
    setting: Setup
    quantity: str
    """P_star, P_star_S or P_star_D."""
    paper: int | None
    valid: bool
    found: SampleComplexity | None
    seconds: float
    """What measuring it takes on a core, about."""
    grid: tuple[int | None, int | None] | None = None
    """The neighbours of the paper's value on its grid."""

    @property
    def is_measured(self) -> bool:
        """Whether ours is known, and not only a bound."""
        return self.found is not None and self.found.P_star is not None

    @property
    def ratio(self) -> float | None:
        """Ours over the paper's; of a lower bound, if it lies above the paper's."""
        if self.found is None or not self.paper:
            return None
        if self.found.P_star is not None:
            return self.found.P_star / self.paper
        low = self.found.interval[0] if self.found.interval else None
        return low / self.paper if low is not None and low > self.paper else None

    @property
    def ratio_in_words(self) -> str:
        """The ratio, and whether it is a bound; empty where there is nothing to compare."""
        if self.ratio is None or self.found is None:
            return ""
        return f"{self.ratio:.2f}" if self.found.P_star is not None else f"> {self.ratio:.2f}"

    @property
    def agrees(self) -> bool | None:
        """Whether it is within the factor; None where there is nothing to compare."""
        return None if self.ratio is None else 1 / AGREES <= self.ratio <= AGREES


def comparisons(tier: Tier, index: RunIndex) -> list[Compared]:
    """Return every setting of the figures that search P*, with the paper's value, ours, or both.

    Ours is of the replicates that have begun.
    """
    check_instance(Tier, tier=tier)
    found: dict[tuple[str, str], Compared] = {}
    for figure in FIGURES.values():
        if not figure.kind.searches or not figure.in_paper:
            continue
        for setting in figure.settings:
            for quantity in (*(("P_star_S", "P_star_D") if figure.senses else ()), "P_star"):
                paper = published(setting.net.family, setting.params, quantity)  # pyright: ignore[reportArgumentType]
                ours = study_of(setting, tier, index).read(QUANTITIES[quantity][0], begun=True)
                if paper is None and ours is None:
                    continue
                seconds = search_seconds(tier.setup(setting), tier.replicates(setting))
                value, valid = (None, True) if paper is None else (paper.P_star, paper.valid)
                ends = None if paper is None else (paper.low, paper.high)
                key = tier.setup(setting).digest, quantity
                one = Compared(figure.name, setting, quantity, value, valid, ours, seconds, ends)
                found.setdefault(key, one)
    return list(found.values())


def comparison_table(compared: Iterable[Compared], quantity: str) -> str:
    """Return the table of one quantity: those that were measured."""
    verdicts = {None: "", True: "yes", False: "**no**"}
    columns: Columns[Compared] = {
        "figure": lambda one: one.figure,
        "network": lambda one: one.setting.net.row.label,
        "model": lambda one: label(one.setting),
        f"paper's {QUANTITIES[quantity][1]}": lambda one: "" if one.paper is None else f"{one.paper:,}",
        "ours": lambda one: in_words(one.found)[0],
        "90% interval": lambda one: in_words(one.found)[1],
        "ours / P_max": lambda one: part_of_data(one.found, one.setting),
        "ours / paper": lambda one: one.ratio_in_words,
        "within 1.5": lambda one: verdicts[one.agrees] if one.valid else "paper's is not valid",
    }
    return table_of([one for one in compared if one.quantity == quantity and one.found is not None], columns)


def in_words(found: SampleComplexity | None) -> tuple[str, str]:
    """Return P* and its interval as text; of an unknown one the bound, such as ``"> 320"``."""
    if found is None:
        return "", ""
    low, high = found.interval or (None, None)
    if found.P_star is None:
        bound = low if low is not None else high
        sign = ">" if low is not None else "<"
        return (f"{sign} {bound:,.0f}" if bound is not None else found.status), ""
    ends = " to ".join("?" if end is None else f"{end:,.0f}" for end in (low, high))
    return f"{found.P_star:,.0f}", ends + _FEW_REPLICATES.get(len(found.crossings), "")


def with_interval(found: SampleComplexity | None) -> str:
    """Return P* with its interval in brackets, or what is known of it."""
    P, ends = in_words(found)
    return f"{P} ({ends})" if ends else P


def part_of_data(found: SampleComplexity | None, setting: Setup) -> str:
    """Return P*/P_max as text, empty if P* is not known: near 1 no test set of unseen data is left."""
    return _ratio(found, setting.params.P_max, ".2g")


def _ratio(found: SampleComplexity | None, divisor: int, digits: str = ".2f") -> str:
    return "" if found is None or found.P_star is None else f"{found.P_star / divisor:{digits}}"


def causes_table(tier: Tier, index: RunIndex) -> str:
    """Return the tests of causes: the same settings with an option of the published code, and without."""
    check_instance(Tier, tier=tier)
    rows = []
    for figure in FIGURES.values():
        for setting in figure.settings if figure.causes else ():
            plain = setup_on(setting.net.family, setting.params)
            if setting == plain:
                continue
            for quantity, (short, words) in QUANTITIES.items():
                paper = published(setting.net.family, setting.params, quantity)  # pyright: ignore[reportArgumentType]
                found = [study_of(one, tier, index).read(short) for one in (plain, setting)]
                if paper is None or found[1] is None:
                    continue
                cells = [part_of_data(found[0], plain)]
                for one in found:
                    cells += [with_interval(one), _ratio(one, paper.P_star)]
                rows.append([setting.net.row.label, label(setting), words, f"{paper.P_star:,}", *cells])
    heads = ["network", "model and option", "", "paper's", "ours / P_max"]
    heads += ["ours (90% interval)", "ours / paper", "with the option (90% interval)", "with it / paper"]
    return table(heads, rows)


def correlation_table(index: RunIndex) -> str:
    """Return, for every model that three architectures or more have learnt, how error goes with D and S.

    Spearman's rank correlation over all runs, and over those of one P, of the sensitivities of the output to level-1
    changes; the seeds of one architecture at one P are a group. Networks with shared layers are architectures of their
    own; runs with another option of the network, such as frozen layers, are left out.
    """
    rows = []
    for params, runs in index.by_model().items():
        names = [f"{letter}_{{k}}1" for letter in "DS"]
        whole = [
            run
            for run in runs
            if params.s0
            and is_architecture(run.spec.setup)
            and all(run.metrics.get(n.format(k=_output(run))) for n in names)
        ]
        model = f"v={params.v}, s={params.s}, s0={params.s0}, L={params.L}, sparsity {params.sparsity}"
        of_P = {
            f"P = {P:,}": [run for run in whole if run.spec.P == P]
            for P in sorted({run.spec.P for run in whole})
        }
        for which, some in ({"all P": whole} | of_P).items():
            architectures = {(run.spec.net.family, sharing_of(run.spec.setup)) for run in some}
            if len(architectures) < _ARCHITECTURES:
                continue
            cells = []
            for name in names:
                found = rank_correlation(
                    [run.metrics["error"] for run in some],  # pyright: ignore[reportArgumentType]
                    [run.metrics[name.format(k=_output(run))] for run in some],  # pyright: ignore[reportArgumentType]
                    groups=[(run.spec.net.family, sharing_of(run.spec.setup), run.spec.P) for run in some],
                )
                ends = "" if found.interval is None else " ({:.2f} to {:.2f})".format(*found.interval)
                cells.append(f"{found.value:.2f}{ends}")
            rows.append([model, which, str(len(architectures)), str(len(some)), *cells])
    return table(["model", "runs at", "architectures", "runs", "error and D", "error and S"], rows)


def _output(run: Run) -> int:
    """Return which k is the output: the logits of our networks, of the standard ones the last node."""
    return run.spec.net.row.last_layer or run.spec.params.L + 1


# Exponents


@dataclass(frozen=True)
class Power:
    """One exponent of P*, fitted and that of the scaling law."""

    net: str
    what: str
    """Which points were fitted."""
    variable: str
    scaling_law: float
    found: Exponent


def searched() -> list[Setup]:
    """Return the settings of all figures whose P* is searched, without those with an option changed."""
    settings = dict.fromkeys(
        setting for one in FIGURES.values() if one.kind.searches for setting in one.settings
    )
    return [one for one in settings if one == setup_on(one.net.family, one.params)]


def powers(tier: Tier, index: RunIndex) -> list[Power]:
    """Fit P* of each network as a power law in s0+1, m, n_c and s, at each L, with and without s0 = 0.

    The width changes P* of some settings more than of others: of a narrow tier those of width 256 are fitted. P* that
    are known only to a wider bracket than a search leaves are left out.
    """
    check_instance(Tier, tier=tier)
    tier = TIERS["laptop"] if tier.is_narrow else tier
    known = []
    for setting in searched():
        found = closed(study_of(setting, tier, index))
        if found is not None and found.P_star is not None:
            known.append((setting, found.P_star))
    powers = []
    for net in dict.fromkeys(one.net.family for one, _ in known):
        for L in (2, 3):
            own = [pair for pair in known if (pair[0].net.family, pair[0].params.L) == (net, L)]
            blanks = [pair for pair in own if pair[0].params.s0 > 0]
            for words, some in ((f"L = {L}", own), (f"L = {L}, s0 > 0", blanks)):
                powers += _fitted(net, L, words, some)
    return powers


def _fitted(net: str, L: int, words: str, known: Sequence[tuple[Setup, float]]) -> list[Power]:
    """Fit those exponents that the points can separate: of s only where both m and s vary by themselves."""
    law = predict(known[0][0].net, known[0][0].params) if known else None
    if law is None:
        return []
    variables: dict[str, tuple[Callable[[Setup], float], float]] = {
        "s0+1": (lambda one: one.params.s0 + 1.0, law.blank_power),
        "m": (lambda one: float(one.params.m), float(L)),
        "n_c": (lambda one: float(one.params.n_c), 1.0),
        "s": (lambda one: float(one.params.s), law.size_power),
    }
    columns = {name: [of(one) for one, _ in known] for name, (of, _) in variables.items()}
    columns = {name: column for name, column in columns.items() if len(set(column)) > 1}
    if columns.get("m") == columns.get("n_c") and "m" in columns:  # n_c m^L in one
        del columns["n_c"]
        columns["m = n_c"] = columns.pop("m")
        variables["m = n_c"] = (variables["m"][0], L + 1.0)
    if len(known) < len(columns) + 2 or not columns:
        return []
    found = fit_exponents(columns, [P_star for _, P_star in known])
    return [Power(net, words, name, variables[name][1], one) for name, one in found.items()]


def power_table(powers: Iterable[Power]) -> str:
    """Return the exponents next to those of the scaling law."""

    def within(one: Power) -> str:
        ends = one.found.interval
        return "yes" if ends is not None and ends[0] <= one.scaling_law <= ends[1] else "no"

    columns: Columns[Power] = {
        "network": lambda one: FAMILIES[one.net].label,
        "points with": lambda one: one.what,
        "exponent of": lambda one: one.variable,
        "scaling law": lambda one: f"{one.scaling_law:g}",
        "fitted": lambda one: f"{one.found.slope:.2f}",
        "90% interval": lambda one: (
            "{:.2f} to {:.2f}".format(*one.found.interval) if one.found.interval else ""
        ),
        "scaling law within": within,
        "points": lambda one: str(one.found.points),
    }
    return table_of(powers, columns)


def sharing_table(tier: Tier, index: RunIndex) -> str:
    """Return P* and the exponent of s0+1 for each choice of shared layers."""
    check_instance(Tier, tier=tier)
    settings = tier.drawn(FIGURES["sharing"])
    s0s = sorted({one.params.s0 for one in settings})
    rows, plain = [], {}
    for (net, layers), own in by_sharing(settings).items():
        found = {one: study_of(one, tier, index).read() for one in own}
        known = {one.params.s0: f"{P.P_star:,.0f}" for one, P in found.items() if P and P.P_star is not None}
        pairs = replicates_of(found)
        slopes = [blank_exponent(pair for pair in pairs if pair[0] >= least) for least in (0, 1)]
        by_s0 = {one.params.s0: P.per_seed for one, P in found.items() if P and P.per_seed}
        plain.setdefault(net, by_s0)  # the first of a network has no shared layer
        saved = blank_exponent(_over(plain[net], by_s0)) if layers else None
        words = [
            f"{one.slope:.2f} ({one.interval[0]:.2f} to {one.interval[1]:.2f})"
            if one and one.interval
            else ""
            for one in (*slopes, saved)
        ]
        shared = " and ".join(map(str, layers)) or "none"
        rows.append([FAMILIES[net].label, shared, *(known.get(s0, "") for s0 in s0s), *words])
    heads = ["network", "shared layers", *(f"P*, s0 = {s0}" for s0 in s0s)]
    return table([*heads, "exponent of s0+1", "the same, s0 > 0", "sharing lowers it by"], rows)


def _over(
    first: Mapping[int, Sequence[float]], second: Mapping[int, Sequence[float]]
) -> Iterator[tuple[int, float]]:
    """Yield (s0, P* of the first over P* of the second) of every replicate at the s0 that both have."""
    for s0 in sorted(first.keys() & second.keys()):
        yield from ((s0, a / b) for a, b in zip(first[s0], second[s0], strict=False))


def table_of(records: Iterable[_Record], columns: "Columns[_Record]") -> str:
    """Return a Markdown table with a row for each record, by what each column says of it."""
    return table(list(columns), [[cell(one) for cell in columns.values()] for one in records])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def figure_table(figures: Sequence[PaperFigure], tier: Tier, index: RunIndex) -> str:
    """Return how many settings of each figure have runs, how many of these at narrower widths than the tier's alone,
    and what the rest takes at the full tier.
    """
    check_instance(Tier, tier=tier)
    rows = []
    full = TIERS["full"]
    for figure in figures:
        if not figure.settings:
            continue
        wanted, study = tier.drawn(figure), drawn_studies(figure, tier, index)
        done = [one for one in wanted if study(one).all_runs]
        narrower = sum(study(one).setup != tier.setup(one) for one in done)
        left = [one for one in figure.settings if one not in done]
        each = RUNS_OF_A_SEARCH if figure.kind.searches else 6.0
        seconds = each * full.seeds * sum(run_seconds(near(full.setup(one)), Device.core()) for one in left)
        count = f"{len(done)} of {len(wanted)}" + (" stand-ins" if wanted != figure.settings else "")
        rest = shown(seconds) if left else ""
        rows.append([figure.name, figure.title, count, str(narrower) if narrower else "", rest])
    heads = [
        "figure",
        "what",
        "settings with runs",
        "of these, at a narrower width",
        "the rest on a core, about",
    ]
    return table(heads, rows)
