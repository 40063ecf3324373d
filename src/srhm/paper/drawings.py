"""From runs to drawings: each kind of figure takes what a store knows, and the paper's values beside it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..errors import SrhmError, check_instance
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
from ..reference.published import published
from ..reference.thresholds import thresholds
from ..store.index import Shelf
from ..theory import predict
from ..training.protocol import Protocol
from .figures import LARGE_BATCHES, PaperFigure
from .measured import Measured
from .papers_curves import paper_curve, paper_runs
from .settings import Setting, model
from .sharing import by_sharing, sharing_fit
from .tiers import Tier

NAMES = {
    "lcn": "LCN", "cnn": "CNN", "fcn": "FCN", "vgg11": "VGG11", "vgg16": "VGG16", "resnet18": "ResNet18",
    "resnet34": "ResNet34", "efficientnetb0": "EfficientNetB0",
}  # fmt: skip
"""Networks as the paper writes them."""

COMMON_LAYERS = {"1": 4, "17": 3}
"""Which of the five recorded layers of a common network Figures 1 and 17 show: the last node, and depth 0.8."""


def draw(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    """Draw a figure of the paper: ours filled, the paper's open; what was not run has the paper's value alone."""
    check_instance(PaperFigure, figure=figure)
    check_instance(Tier, tier=tier)
    return _KINDS[figure.kind](figure, tier, shelf)


def write_figure(drawn: Figure, path_without_suffix: Path) -> list[Path]:
    """Write a figure as PDF and PNG."""
    return save(drawn, path_without_suffix)


# P* against its scaling law


def scaling_points(
    settings: Sequence[Setting],
    tier: Tier,
    shelf: Shelf,
    panel: Callable[[Setting], str],
    scaling_law: Callable[[Setting], float],
    *,
    with_paper: bool = True,
) -> list[ScalingPoint]:
    """Return the points of settings; those that neither we nor the paper have are left out."""
    points = []
    for setting in settings:
        found, params = Measured.on(shelf, setting, tier).complexity(), setting.params
        paper = published(setting.net, params) if with_paper and not setting.shared_layers else None
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


def label(setting: Setting) -> str:
    """Name a setting within its network."""
    params = setting.params
    words = f"v={params.v}, s={params.s}, s0={params.s0}, L={params.L}"
    for name, value in (("m", params.m), ("n_c", params.n_c)):
        if value != {"m": params.v ** (params.s - 1), "n_c": params.v}[name]:
            words += f", {name}={value}"
    if setting.protocol.batch_per_class != 4:
        words += f", batch {setting.protocol.batch_per_class * params.n_c}"
    if setting.protocol.repeats:
        words += ", published protocol"
    return words + (f", q={setting.q}" if setting.q else "")


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


def _complexity(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    settings = dict.fromkeys((*figure.settings, *figure.stand_in))
    sizes = {setting.protocol.batch_per_class for setting in settings}

    def panel(setting: Setting) -> str:
        of_class = setting.protocol.batch_per_class
        if len(sizes) == 1:
            return NAMES[setting.net]
        if of_class == Protocol().batch_per_class:
            return f"{NAMES[setting.net]}, batch: {of_class} a class"
        points = min(LARGE_BATCHES, key=lambda points: abs(points - of_class * setting.params.n_c))
        return f"{NAMES[setting.net]}, batch: {points}"

    points = scaling_points(
        list(settings), tier, shelf, panel, lambda one: predict(one.net, one.params).scaling_law
    )
    fits = fits_of(points)
    labels = {}
    for setting in settings:
        formula = r"$(s_0+1)^2\, n_c m^L$" if setting.net == "cnn" else r"$s^{L/2}(s_0+1)^L\, n_c m^L$"
        labels[panel(setting)] = f"scaling law {formula}"
    if figure.name == "10":  # its right panel: the same model with s = 2 and 3
        beside = [one for one in _beside_s2(figure.settings) if one.params.L <= 3]
        points += scaling_points(
            beside, tier, shelf, lambda one: "LCN, $v$ = 4, $s_0$ = 1",
            lambda one: predict(one.net, one.params).scaling_law,
        )  # fmt: skip
        labels["LCN, $v$ = 4, $s_0$ = 1"] = r"scaling law $s^{L/2}(s_0+1)^L\, n_c m^L$"
    _check_drawn(figure, points)
    return scaling(points, fits=fits, x_labels=labels, title=_short_title(figure))


def _beside_s2(settings: Sequence[Setting]) -> list[Setting]:
    of_three = [one for one in settings if (one.params.v, one.params.s0) == (4, 1)]
    of_two = [
        one.at(params=type(one.params)(4, 4, 4, 2, 1, one.params.L, one.params.sparsity)) for one in of_three
    ]
    return [*of_two, *of_three]


def _sharing(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    points, labels, fits = [], {}, {}
    for (net, layers), settings in by_sharing(tier).items():
        words = (
            "layers " + " and ".join(map(str, layers))
            if len(layers) > 1
            else "".join(f"layer {k}" for k in layers)
        )
        name = f"{NAMES[net]}: {words or 'nothing'} shared"
        points += scaling_points(
            settings,
            tier,
            shelf,
            lambda one, name=name: name,
            lambda one: one.params.s0 + 1.0,
            with_paper=not layers,
        )
        labels[name] = "$s_0 + 1$"
        fit = sharing_fit(settings, tier, shelf)
        if fit is not None:
            fits[name] = fit
    _check_drawn(figure, points)
    return scaling(points, fits=fits, x_labels=labels, title=_short_title(figure))


def _relevance(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    points = []
    for setting in figure.settings:
        found = estimate_of(Measured.on(shelf, setting, tier).complexity())
        paper = published(setting.net, setting.params)
        if found.value is not None:
            low, high = found.interval or (None, None)
            ends = None if low is None or high is None else (low, high)
            points.append(RelevancePoint(setting.params, found.value, ends))
        elif paper is not None and paper.valid:
            points.append(RelevancePoint(setting.params, paper.P_star, published=True))
    _check_drawn(figure, points)
    return relevance(points, title=_title(figure))


# P* against P*_S and P*_D


def _insensitivity(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    points = []
    for setting in dict.fromkeys((*figure.settings, *figure.stand_in)):
        params, measured = setting.params, Measured.on(shelf, setting, tier)
        ours = {name: estimate_of(measured.complexity(name)) for name in ("error", "S", "D")}
        paper = {
            name: published(setting.net, params, name)  # pyright: ignore[reportArgumentType]
            for name in ("P_star", "P_star_S", "P_star_D")
        }
        value = {name: None if one is None else one.P_star for name, one in paper.items()}
        points.append(
            InsensitivityPoint(
                NAMES[setting.net], label(setting), params.s0, params.v, params.L, params.s,
                P_star=ours["error"], P_star_S=ours["S"], P_star_D=ours["D"] if params.s0 else None,
                paper=value["P_star"], paper_S=value["P_star_S"], paper_D=value["P_star_D"],
            )
        )  # fmt: skip
    _check_drawn(figure, points)
    return insensitivity(points, title=_short_title(figure))


# Curves


def curve_of(measured: Measured, name: str, quantities: Sequence[str], *, compared: bool = True) -> Curve:
    """Return the runs of a setting as a curve; to be compared, with P* and the published points."""
    runs = measured.all_runs
    found = measured.complexity() if compared else None
    paper = {
        name: points for name in quantities if compared and (points := paper_curve(measured.setting, name))
    }
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


def _curves(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    common = figure.name == "9"
    quantities = ["error", *(f"{letter}_{k}1" for letter in "SD" for k in (1, 2, 3))] if common else ["error"]
    drawn = []
    for setting in figure.settings:
        drawn.append(curve_of(Measured.on(shelf, setting, tier), NAMES[setting.net], quantities))
    params = figure.settings[0].params
    limits = {"error": 0.10}
    drawn = [one for one in drawn if one.P or one.paper]
    _check_drawn(figure, drawn)
    return learning_curves(
        drawn, limits, chance=1 - 1 / params.n_c, quantities=quantities, L=None if common else params.L,
        title=_title(figure),
    )  # fmt: skip


_READ = ("error", "S_21", "D_21", "probe_22", "probe_rule_21", "probe_placement_21", "ari_11", "ari_21")


def _representation(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    curves = [
        curve_of(Measured.on(shelf, one, tier), NAMES[one.net], _READ, compared=False)
        for one in figure.settings
    ]
    curves = [one for one in curves if one.P]
    _check_drawn(figure, curves)
    params = figure.settings[0].params
    return learning_curves(
        curves, {"error": 0.10}, chance=1 - 1 / params.n_c, quantities=_READ, L=params.L, title=_title(figure)
    )


def _rescaled(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    stand_in = tier.name == "laptop" and figure.stand_in
    settings = figure.stand_in if stand_in and figure.name in ("12", "15") else figure.settings
    params = settings[0].params
    both, net = figure.name in ("7", "8"), settings[0].net
    if both:
        rows: list[list[str | None]] = [["error"]]
        scale = lambda one: predict(one.net, one.params).scaling_law / _constant(one)  # noqa: E731
        x_label = r"$P / [(s_0+1)^L n_c m^L]$" if net == "lcn" else r"$P / [(s_0+1)^2 n_c m^L]$"
    else:
        rows = [[f"{letter}_{k}{level}" for k in (1, 2, 3)] for letter in "SD" for level in (1, 2)]
        rows.append(["error", None, None])
        power = params.L if net == "lcn" else 2
        scale = lambda one: one.params.n_c * (one.params.s0 + 1.0) ** power  # noqa: E731
        x_label = rf"$(P/n_c) / (s_0+1)^{power}$"
    quantities = [name for row in rows for name in row if name is not None]
    drawn = []
    for setting in settings:
        own = setting.params
        name = f"$s_0$ = {own.s0}" + (f", $L$ = {own.L}" if both else "")
        curve = curve_of(Measured.on(shelf, setting, tier), name, quantities)
        if curve.P or curve.paper:
            drawn.append(RescaledCurve(curve, scale(setting), own.s0, own.L))
    _check_drawn(figure, drawn)
    limits = {"error": 0.10} if both else thresholds(net, settings[-1].params)
    return rescaled(
        drawn, rows, over="both" if both else "rescaled", thresholds=limits, chance=1 - 1 / params.n_c,
        L=params.L if not both else None, x_label=x_label, title=_title(figure),
    )  # fmt: skip


def _constant(setting: Setting) -> float:
    """The factor s^(L/2) of Eq. 3, which the paper's rescaling leaves out."""
    return setting.params.s ** (setting.params.L / 2) if setting.net == "lcn" else 1.0


# The model and the networks


def _drawing(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    grammar = Grammar(model(4, 1), 0)
    derivation = Stream(grammar, 0).take(0, 1)
    if figure.name == "3":
        return network_schemes(grammar, derivation)
    return generative_model(grammar, derivation)


# Error against sensitivity


def _against(figure: PaperFigure, tier: Tier, shelf: Shelf) -> Figure:
    runs = paper_runs(figure, NAMES)
    for setting in figure.settings:
        for _, run in Measured.on(shelf, setting, tier).all_runs:
            S, D = (run.metrics.get(f"{letter}_{_layer(figure, setting)}1") for letter in "SD")
            error = run.metrics.get("error")
            if error is not None and S and D and run.spec.P in (*figure.P, *figure.stand_in_P):
                runs.append(NetworkRun(NAMES[setting.net], run.spec.P, error, S, D))
    _check_drawn(figure, runs)
    where = "the last layer" if figure.name == "1" else "an internal layer"
    labels = {"D": f"sensitivity of {where} to shifts, $D$", "S": f"sensitivity of {where} to synonyms, $S$"}
    return error_against_sensitivity(runs, x_labels=labels, title=_short_title(figure))


def _layer(figure: PaperFigure, setting: Setting) -> int:
    if setting.net in ("cnn", "lcn", "fcn"):
        return setting.params.L + (figure.name == "1")  # the output, or the last hidden layer
    return COMMON_LAYERS[figure.name]


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


_KINDS: dict[str, Callable[[PaperFigure, Tier, Shelf], Any]] = {
    "complexity": _complexity,
    "insensitivity": _insensitivity,
    "curves": _curves,
    "rescaled": _rescaled,
    "against": _against,
    "sharing": _sharing,
    "representation": _representation,
    "relevance": _relevance,
    "map": lambda figure, tier, shelf: complexity_map(),
    "drawing": _drawing,
}
