"""From runs to drawings: each kind of figure takes what a store knows, and the paper's values beside it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..errors import SrhmError
from ..figures import (
    Curve,
    Estimate,
    InsensitivityPoint,
    NetworkRun,
    RelevancePoint,
    RescaledCurve,
    ScalingPoint,
    complexity_map,
    error_against_sensitivity,
    generative_model,
    insensitivity,
    learning_curves,
    network_schemes,
    relevance,
    rescaled,
    save,
    scaling,
)
from ..measure.complexity import SampleComplexity
from ..measure.exponent import Exponent, fit_exponent
from ..model.grammar import Grammar
from ..model.stream import Stream
from ..nets import FAMILIES, predict
from ..reference.published import published
from ..store.index import RunIndex
from ..study import Setup, Study
from ..training.protocol import Optimizer
from .figures import LARGE_BATCHES, PaperFigure
from .papers_curves import paper_curve, paper_runs
from .settings import model, shared_layers
from .sharing import by_sharing, sharing_fit
from .tiers import Tier, study_of


def draw(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    """Draw a figure of the paper: ours filled, the paper's open; what was not run has the paper's value alone."""
    return _KINDS[figure.kind](figure, tier, index)


def write_figure(drawn: Figure, path_without_suffix: Path) -> list[Path]:
    """Write a figure as PDF and PNG."""
    path_without_suffix.parent.mkdir(parents=True, exist_ok=True)
    return save(drawn, path_without_suffix)


# P* against its scaling law


def scaling_points(
    settings: Sequence[Setup],
    tier: Tier,
    index: RunIndex,
    panel: Callable[[Setup], str],
    scaling_law: Callable[[Setup], float],
    *,
    with_paper: bool = True,
) -> list[ScalingPoint]:
    """Return the points of settings; those that neither we nor the paper have are left out."""
    points = []
    for setting in settings:
        found, params = study_of(setting, tier, index).read(), setting.params
        paper = published(setting.net.family, params) if with_paper and not shared_layers(setting) else None
        ours = estimate_of(found)
        if ours.place is None and paper is None:
            continue
        points.append(
            ScalingPoint(
                net=panel(setting),
                label=label(setting),
                scaling_law=scaling_law(setting),
                P_star=ours.value,
                interval=ours.interval,
                paper=None if paper is None else paper.P_star,
                paper_bracket=None if paper is None or paper.low is None else (paper.low, paper.high),
                lower_bound=ours.lower_bound,
                s0=params.s0,
                v=params.v,
                L=params.L,
                s=params.s,
            )
        )
    return points


def label(setting: Setup) -> str:
    """Name a setting within its network."""
    params = setting.params
    words = f"v={params.v}, s={params.s}, s0={params.s0}, L={params.L}"
    for name, value in (("m", params.m), ("n_c", params.n_c)):
        if value != {"m": params.v ** (params.s - 1), "n_c": params.v}[name]:
            words += f", {name}={value}"
    if setting.optimizer.batch_per_class != 4:
        words += f", batch {setting.batch}"
    if setting.replacement:
        words += ", published protocol"
    shared = shared_layers(setting)
    return words + (f", q={len(shared)}" if shared else "")


def estimate_of(found: SampleComplexity | None) -> Estimate:
    """Return a measured P* as a figure takes it."""
    if found is None:
        return Estimate()
    bound = found.interval[0] if found.status == "above" and found.interval else None
    return Estimate(found.P_star, found.interval if found.P_star is not None else None, bound)


def fits_of(points: Sequence[ScalingPoint]) -> dict[str, Exponent]:
    """Return the slope of ln P* over the ln of the scaling law in every panel of three measured points or more."""
    found = {}
    for net in dict.fromkeys(point.net for point in points):
        own = [point for point in points if point.net == net and point.P_star is not None]
        if len(own) >= 3 and len({point.scaling_law for point in own}) >= 2:
            found[net] = fit_exponent([one.scaling_law for one in own], [one.P_star for one in own])  # pyright: ignore
    return found


def _complexity(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    settings = dict.fromkeys((*figure.settings, *figure.stand_in))
    sizes = {setting.optimizer.batch_per_class for setting in settings}

    def panel(setting: Setup) -> str:
        of_class = setting.optimizer.batch_per_class
        if len(sizes) == 1:
            return setting.net.row.label
        if of_class == Optimizer().batch_per_class:
            return f"{setting.net.row.label}, batch: {of_class} a class"
        points = min(LARGE_BATCHES, key=lambda points: abs(points - of_class * setting.params.n_c))
        return f"{setting.net.row.label}, batch: {points}"

    points = scaling_points(
        list(settings), tier, index, panel, lambda one: predict(one.net, one.params).scaling_law
    )
    fits = fits_of(points)
    labels = {}
    for setting in settings:
        formula = predict(setting.net, setting.params).symbols
        labels[panel(setting)] = f"scaling law {formula}"
    if figure.name == "10":  # its right panel: the same model with s = 2 and 3
        beside = [one for one in _beside_s2(figure.settings) if one.params.L <= 3]
        points += scaling_points(
            beside, tier, index, lambda one: "LCN, $v$ = 4, $s_0$ = 1",
            lambda one: predict(one.net, one.params).scaling_law,
        )  # fmt: skip
        labels["LCN, $v$ = 4, $s_0$ = 1"] = f"scaling law {predict(beside[0].net, beside[0].params).symbols}"
    _check_drawn(figure, points)
    return scaling(points, fits=fits, x_labels=labels, title=_short_title(figure))


def _beside_s2(settings: Sequence[Setup]) -> list[Setup]:
    of_three = [one for one in settings if (one.params.v, one.params.s0) == (4, 1)]
    of_two = [
        replace(one, params=model(4, 1, L=one.params.L, sparsity=one.params.sparsity)) for one in of_three
    ]
    return [*of_two, *of_three]


def _sharing(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    points, labels, fits = [], {}, {}
    for (net, layers), settings in by_sharing(tier).items():
        words = (
            "layers " + " and ".join(map(str, layers))
            if len(layers) > 1
            else "".join(f"layer {k}" for k in layers)
        )
        name = f"{FAMILIES[net].label}: {words or 'nothing'} shared"
        points += scaling_points(
            settings,
            tier,
            index,
            lambda one, name=name: name,
            lambda one: one.params.s0 + 1.0,
            with_paper=not layers,
        )
        labels[name] = "$s_0 + 1$"
        fit = sharing_fit(settings, tier, index)
        if fit is not None:
            fits[name] = fit
    _check_drawn(figure, points)
    return scaling(points, fits=fits, x_labels=labels, title=_short_title(figure))


def _relevance(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    points = []
    for setting in figure.settings:
        found = estimate_of(study_of(setting, tier, index).read())
        paper = published(setting.net.family, setting.params)
        if found.value is not None:
            low, high = found.interval or (None, None)
            ends = None if low is None or high is None else (low, high)
            points.append(RelevancePoint(setting.params, found.value, ends))
        elif paper is not None and paper.valid:
            points.append(RelevancePoint(setting.params, paper.P_star, published=True))
    _check_drawn(figure, points)
    return relevance(points, title=_title(figure))


# P* against P*_S and P*_D


def _insensitivity(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    points = []
    for setting in dict.fromkeys((*figure.settings, *figure.stand_in)):
        params, study = setting.params, study_of(setting, tier, index)
        ours = {name: estimate_of(study.read(name)) for name in ("error", "S", "D")}
        paper = {
            name: published(setting.net.family, params, name)  # pyright: ignore[reportArgumentType]
            for name in ("P_star", "P_star_S", "P_star_D")
        }
        value = {name: None if one is None else one.P_star for name, one in paper.items()}
        points.append(
            InsensitivityPoint(
                setting.net.row.label, label(setting), params.s0, params.v, params.L, params.s,
                P_star=ours["error"], P_star_S=ours["S"], P_star_D=ours["D"] if params.s0 else None,
                paper=value["P_star"], paper_S=value["P_star_S"], paper_D=value["P_star_D"],
            )
        )  # fmt: skip
    _check_drawn(figure, points)
    return insensitivity(points, title=_short_title(figure))


# Curves


def curve_of(study: Study, name: str, quantities: Sequence[str], *, compared: bool = True) -> Curve:
    """Return the runs of a setting as a curve; to be compared, with P* and the published points."""
    runs = study.all_runs
    found = study.read() if compared else None
    paper = {name: points for name in quantities if compared and (points := paper_curve(study.setup, name))}
    P_star = None if found is None or found.P_star is None else {"error": found.P_star}
    return Curve(
        label=name,
        P=[run.spec.P for _, run in runs],
        values={quantity: [run.metrics.get(quantity) for _, run in runs] for quantity in quantities},
        P_star=P_star,
        P_star_interval=None if P_star is None or found is None else {"error": found.interval},
        seeds=[seed for seed, _ in runs],
        paper=paper or None,
    )


def _curves(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    common = figure.name == "9"
    quantities = ["error", *(f"{letter}_{k}1" for letter in "SD" for k in (1, 2, 3))] if common else ["error"]
    drawn = []
    for setting in figure.settings:
        drawn.append(curve_of(study_of(setting, tier, index), setting.net.row.label, quantities))
    params = figure.settings[0].params
    limits = {"error": 0.10}
    drawn = [one for one in drawn if one.P or one.paper]
    _check_drawn(figure, drawn)
    return learning_curves(
        drawn, limits, chance=1 - 1 / params.n_c, quantities=quantities, L=None if common else params.L,
        title=_title(figure),
    )  # fmt: skip


_READ = ("error", "S_21", "D_21", "probe_22", "probe_rule_21", "probe_placement_21", "ari_11", "ari_21")


def _representation(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    curves = [
        curve_of(study_of(one, tier, index), one.net.row.label, _READ, compared=False)
        for one in figure.settings
    ]
    curves = [one for one in curves if one.P]
    _check_drawn(figure, curves)
    params = figure.settings[0].params
    return learning_curves(
        curves, {"error": 0.10}, chance=1 - 1 / params.n_c, quantities=_READ, L=params.L, title=_title(figure)
    )


def _rescaled(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    stand_in = tier.name == "laptop" and figure.stand_in
    settings = figure.stand_in if stand_in and figure.name in ("12", "15") else figure.settings
    params = settings[0].params
    both, law = figure.name in ("7", "8"), predict(settings[0].net, params)
    if both:
        rows: list[list[str | None]] = [["error"]]
        scale = lambda one: _without_constant(one)  # noqa: E731
        x_label = rf"$P / [(s_0+1)^{law.blank_symbol} n_c m^L]$"
    else:
        rows = [[f"{letter}_{k}{level}" for k in (1, 2, 3)] for letter in "SD" for level in (1, 2)]
        rows.append(["error", None, None])
        power = law.blank_power
        scale = lambda one: one.params.n_c * (one.params.s0 + 1.0) ** power  # noqa: E731
        x_label = rf"$(P/n_c) / (s_0+1)^{power:g}$"
    quantities = [name for row in rows for name in row if name is not None]
    drawn = []
    for setting in settings:
        own = setting.params
        name = f"$s_0$ = {own.s0}" + (f", $L$ = {own.L}" if both else "")
        curve = curve_of(study_of(setting, tier, index), name, quantities)
        if curve.P or curve.paper:
            drawn.append(RescaledCurve(curve, scale(setting), own.s0, own.L))
    _check_drawn(figure, drawn)
    limits = {"error": 0.10} if both else settings[-1].net.row.thresholds(settings[-1].params)
    return rescaled(
        drawn, rows, over="both" if both else "rescaled", thresholds=limits, chance=1 - 1 / params.n_c,
        L=params.L if not both else None, x_label=x_label, title=_title(figure),
    )  # fmt: skip


def _without_constant(setup: Setup) -> float:
    """Return the prediction without the factor s^(L/2) of Eq. 3, which the paper's rescaling leaves out."""
    law = predict(setup.net, setup.params)
    return law.scaling_law / setup.params.s**law.size_power


# The model and the networks


def _drawing(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    grammar = Grammar(model(4, 1), 0)
    derivation = Stream(grammar, 0).take(0, 1)
    if figure.name == "3":
        return network_schemes(grammar, derivation)
    return generative_model(grammar, derivation)


# Error against sensitivity


def _against(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    runs = paper_runs(figure)
    for setting in figure.settings:
        for _, run in study_of(setting, tier, index).all_runs:
            S, D = (run.metrics.get(f"{letter}_{_layer(figure, setting)}1") for letter in "SD")
            error = run.metrics.get("error")
            if error is not None and S and D and run.spec.P in (*figure.P, *figure.stand_in_P):
                runs.append(NetworkRun(setting.net.row.label, run.spec.P, error, S, D))
    _check_drawn(figure, runs)
    where = "the last layer" if figure.name == "1" else "an internal layer"
    labels = {"D": f"sensitivity of {where} to shifts, $D$", "S": f"sensitivity of {where} to synonyms, $S$"}
    return error_against_sensitivity(runs, x_labels=labels, title=_short_title(figure))


def _layer(figure: PaperFigure, setup: Setup) -> int:
    """The output, or the last hidden layer; of a standard architecture the last node, or depth 0.8."""
    output = setup.net.row.last_layer or setup.params.L + 1
    return output if figure.name == "1" else output - 1


def _check_drawn(figure: PaperFigure, drawn: Sequence[Any]) -> None:
    if not drawn:
        words = "has no runs yet and no published values"
        raise SrhmError(f"figure {figure.name} {words}: srhm reproduce {figure.name} computes it")


def _short_title(figure: PaperFigure) -> str:
    """Name a figure whose panels say the rest, and whose key leaves little room."""
    return f"Figure {figure.name}" if figure.name[0].isdigit() else figure.name.capitalize()


def _title(figure: PaperFigure) -> str:
    number = f"Figure {figure.name}: " if figure.name[0].isdigit() else ""
    return number + figure.title


_KINDS: dict[str, Callable[[PaperFigure, Tier, RunIndex], Any]] = {
    "complexity": _complexity,
    "insensitivity": _insensitivity,
    "curves": _curves,
    "rescaled": _rescaled,
    "against": _against,
    "sharing": _sharing,
    "representation": _representation,
    "relevance": _relevance,
    "map": lambda figure, tier, index: complexity_map(),
    "drawing": _drawing,
}
