"""From runs to drawings: each kind of figure takes what a store knows, and the paper's values next to it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from matplotlib.figure import Figure

from ..errors import SrhmError
from ..figures import (
    Curve,
    Estimate,
    NetworkRun,
    ScalingPoint,
    error_against_sensitivity,
    learning_curves,
    scaling,
)
from ..figures.insensitivity import InsensitivityPoint, insensitivity
from ..figures.map import complexity_map
from ..figures.model import generative_model
from ..figures.networks import network_schemes
from ..figures.rescaled import RescaledCurve, rescaled
from ..measure.crossings import SampleComplexity
from ..measure.exponent import Exponent, fit_exponent
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.stream import Stream
from ..nets import FAMILIES
from ..reference.published import Quantity, published, published_curve, published_networks
from ..store.index import RunIndex
from ..study import Setup, Study
from ..training.protocol import Optimizer
from .kinds import (
    Against,
    Complexity,
    Curves,
    Illustration,
    Insensitivity,
    Map,
    PaperFigure,
    Rescaled,
)
from .sharing import blank_exponent
from .tiers import REFERENCE_WIDTH, Tier, study_of

Studies = Callable[[Setup], Study]
"""Gives the study of a setting, with the runs that there are."""
_QUANTITIES: dict[str, Quantity] = {"error": "P_star", "S": "P_star_S", "D": "P_star_D"}
CLOSED = 1.2
"""P_high over P_low of a crossing of the error that enters fits and the bias of a width, at most."""


def draw(figure: PaperFigure, tier: Tier, index: RunIndex) -> Figure:
    """Draw a figure of the paper: ours filled, the paper's open; what was not run has the paper's value alone."""
    if type(figure.kind) not in _KINDS:
        raise SrhmError(f"figure {figure.name} is a table: srhm reproduce {figure.name} writes it")
    drawing = _KINDS[type(figure.kind)]
    return drawing(figure, figure.kind, tier.drawn(figure), drawn_studies(figure, tier, index))


def drawn_studies(figure: PaperFigure, tier: Tier, index: RunIndex) -> Studies:
    """Return what gives the study of a setting of a figure.

    It is that of the tier, or, where P* (or P*_S, P*_D) was not measured at its width, of the widest narrower one at
    which it was. Where the figure fixes P, it is that of the tier.
    """
    tiers = (tier,) if figure.P else tier.widths[tier.widths.index(tier) :]
    wanted = list(_QUANTITIES) if figure.kind.senses else ["error"]

    def known(study: Study) -> tuple[int, bool]:
        return sum(_is_known(study, name) for name in wanted), any(study.runs)

    @cache
    def study(setting: Setup) -> Study:
        found = [study_of(setting, one, index) for one in tiers]
        return max(found, key=known)  # the widest of equals

    return study


def _is_known(study: Study, quantity: str) -> bool:
    found = study.read(quantity, begun=True)
    return found is not None and found.P_star is not None


def closed(study: Study) -> SampleComplexity | None:
    """Return a P* that enters fits: of all replicates, each between neighbours within 20%; None if there is none."""
    found = study.read()
    return found if found is not None and found.bracket is not None and found.bracket <= CLOSED else None


def _check_drawn(figure: PaperFigure, drawn: Sequence[Any]) -> None:
    if not drawn:
        words = "has no runs yet and no published values"
        raise SrhmError(f"figure {figure.name} {words}: srhm reproduce {figure.name} computes it")


# P*


def label(setting: Setup) -> str:
    """Name a setting within its network."""
    params = setting.params
    words = f"v={params.v}, s={params.s}, s0={params.s0}, L={params.L}"
    for name, value in (("m", params.m), ("n_c", params.n_c)):
        if value != {"m": params.v ** (params.s - 1), "n_c": params.v}[name]:
            words += f", {name}={value}"
    if setting.optimizer.batch_per_class != Optimizer().batch_per_class:
        words += f", batch {setting.batch}"
    if setting.replacement:
        words += ", published protocol"
    return "".join([words, *(f", {name}={value}" for name, value in setting.net.chosen.items())])


def estimate_of(found: SampleComplexity | None) -> Estimate:
    """Return a measured P* as a figure takes it."""
    if found is None:
        return Estimate()
    bound = found.interval[0] if found.status == "above" and found.interval else None
    return Estimate(found.P_star, found.interval if found.P_star is not None else None, bound)


def scaling_point(
    setting: Setup,
    found: SampleComplexity | None,
    *,
    panel: str,
    x: float,
    with_paper: bool = True,
    pale: bool = False,
) -> ScalingPoint:
    """Return P* of a setting as measured and as published."""
    point = ScalingPoint(panel, label(setting), setting.params, x, estimate_of(found), pale=pale)
    paper = published(setting.net.family, setting.params) if with_paper else None
    if paper is None:
        return point
    return replace(
        point, paper=paper.P_star, paper_bracket=None if paper.low is None else (paper.low, paper.high)
    )


def fits_of(points: Sequence[ScalingPoint]) -> dict[str, Exponent]:
    """Return the slope of ln P* over the ln of the scaling law in every panel of three measured points or more.

    Points that are drawn pale are left out: the width changes P* of some settings more than of others.
    """
    found = {}
    for net in dict.fromkeys(point.net for point in points):
        own = [point for point in points if point.net == net]
        known = [
            (point.scaling_law, point.ours.value)
            for point in own
            if point.ours.value is not None and not point.pale
        ]
        if len(known) > 2 and len({x for x, _ in known}) > 1:  # two would leave the slope without an interval
            found[net] = fit_exponent([law for law, _ in known], [P_star for _, P_star in known])
    return found


def _complexity(figure: PaperFigure, kind: Complexity, settings: Sequence[Setup], study: Studies) -> Figure:
    points, whole, labels, slopes, fits = [], [], {}, {}, {}
    for panel, own in kind.panels(settings).items():
        plain = not any(one.net.chosen for one in own)
        found = {one: study(one).read(begun=True) for one in own}
        drawn = [
            scaling_point(
                one, found[one], panel=panel, x=kind.x(one), with_paper=plain, pale=_is_narrow(study(one))
            )
            for one in own
        ]
        points += drawn
        whole += [point for one, point in zip(own, drawn, strict=True) if closed(study(one)) is not None]
        labels[panel], slopes[panel] = kind.x_label(own[0]), kind.slope(own[-1])
        wide = {one: P for one, P in found.items() if not _is_narrow(study(one))}
        if kind.every_replicate and (fit := blank_exponent(replicates_of(wide))) is not None:
            fits[panel] = fit
    points = [one for one in points if one.ours.place is not None or one.paper is not None]
    _check_drawn(figure, points)
    if kind.relative:
        y_label = "$P$* / published $P$*"
        return scaling(
            _relative(points), slopes=slopes, x_labels=labels, y_label=y_label, title=figure.heading
        )
    if not kind.every_replicate:
        fits = fits_of(whole)
    pale = _narrow_words(map(study, settings))
    return scaling(points, fits=fits, slopes=slopes, x_labels=labels, pale_name=pale, title=figure.heading)


def _is_narrow(study: Study) -> bool:
    return study.setup.prediction is not None and study.setup.width < REFERENCE_WIDTH


def _narrow_words(studies: Iterable[Study]) -> str:
    """Say which widths those of some studies have whose points are drawn pale."""
    widths = {study.setup.width for study in studies if _is_narrow(study) and study.all_runs}
    return f"ours, width {' or '.join(map(str, sorted(widths)))}"


def _relative(points: Sequence[ScalingPoint]) -> list[ScalingPoint]:
    """Return points over their published values."""
    found = []
    for point in points:
        paper, ours = point.paper, point.ours
        if paper is None:
            continue
        over = lambda value, paper=paper: None if value is None else float(value) / paper  # noqa: E731
        both = lambda ends, over=over: None if ends is None else (over(ends[0]), over(ends[1]))  # noqa: E731
        found.append(
            replace(
                point, ours=Estimate(over(ours.value), both(ours.interval), over(ours.lower_bound)), paper=1.0,
                paper_bracket=both(point.paper_bracket),
            )
        )  # fmt: skip
    return found


def replicates_of(found: dict[Setup, SampleComplexity | None]) -> list[tuple[int, float]]:
    """Return (s0, P*) of every replicate of some settings."""
    return [(one.params.s0, P_star) for one, P in found.items() if P is not None for P_star in P.per_seed]


def _insensitivity(
    figure: PaperFigure, kind: Insensitivity, settings: Sequence[Setup], study: Studies
) -> Figure:
    points = []
    for setting in settings:
        params, runs = setting.params, study(setting)
        ours = {name: estimate_of(runs.read(name, begun=True)) for name in _QUANTITIES}
        values = {name: published(setting.net.family, params, one) for name, one in _QUANTITIES.items()}
        paper = {name: None if value is None else value.P_star for name, value in values.items()}
        points.append(
            InsensitivityPoint(
                setting.net.row.label, label(setting), params,
                P_star=ours["error"], P_star_S=ours["S"], P_star_D=ours["D"] if params.s0 else None,
                paper=paper["error"], paper_S=paper["S"], paper_D=paper["D"],
                pale=_is_narrow(runs),
            )
        )  # fmt: skip
    _check_drawn(figure, points)
    ours = any(
        one.P_star.value and (one.P_star_S.value or (one.P_star_D and one.P_star_D.value)) for one in points
    )
    title = figure.heading + ("" if ours else ": published values alone")
    return insensitivity(points, pale_name=_narrow_words(map(study, settings)), title=title)


# Curves


def curve_of(study: Study, name: str, quantities: Sequence[str], *, compared: bool = True) -> Curve:
    """Return the runs of a setting as a curve; to be compared, with P* and the published points."""
    name += f", width {study.setup.width}" * _is_narrow(study)
    if not compared:
        return Curve.of(study, name, quantities)
    net, params = study.setup.net.family, study.setup.params
    paper = {one: points for one in quantities if (points := published_curve(net, params, one))}
    return Curve.of(study, name, quantities, study.read(begun=True), paper=paper or None)


def _output_layer(settings: Sequence[Setup]) -> int | None:
    """Return the L of which L + 1 is the output; None if it differs, or recorded layers are counted otherwise."""
    found = {one.params.L if one.net.row.last_layer is None else None for one in settings}
    return found.pop() if len(found) == 1 else None


def _curves(figure: PaperFigure, kind: Curves, settings: Sequence[Setup], study: Studies) -> Figure:
    curves = [
        curve_of(study(one), one.net.row.label, kind.quantities, compared=kind.compared) for one in settings
    ]
    curves = [one for one in curves if one.P or one.paper]
    _check_drawn(figure, curves)
    return learning_curves(
        curves,
        chance=_chance(settings[0].params, study(settings[0])),
        quantities=kind.quantities,
        L=_output_layer(settings),
        layers=settings[0].net.row.layers,
        title=figure.full_heading,
    )


def _chance(params: Params, study: Study) -> dict[str, float]:
    """Return what guessing gives: the error, and what probes read of synonyms, places and features."""
    found = {
        "error": 1 - 1 / params.n_c,
        "probe_rule_21": 1 / params.m,
        "probe_placement_21": 1 / params.placements,
    }
    read = [run.metrics.get("probe_chance_2") for _, run in study.all_runs]
    known = [value for value in read if value]
    return found | ({"probe_22": sum(known) / len(known)} if known else {})


def _rescaled(figure: PaperFigure, kind: Rescaled, settings: Sequence[Setup], study: Studies) -> Figure:
    last = settings[-1]
    quantities = [name for row in kind.rows for name in row if name is not None]
    depths = {one.params.L for one in settings}
    curves = []
    for setting in settings:
        params = setting.params
        name = f"$s_0$ = {params.s0}" + (f", $L$ = {params.L}" if len(depths) > 1 else "")
        curve = curve_of(study(setting), name, quantities)
        if curve.P or curve.paper:
            curves.append(RescaledCurve(curve, kind.scale(setting), params.s0, params.L))
    _check_drawn(figure, curves)
    return rescaled(
        curves,
        kind.rows,
        over=kind.over,
        thresholds=last.net.row.thresholds(last.params),
        chance=1 - 1 / last.params.n_c,
        L=_output_layer(settings),
        x_label=kind.x_label(settings[0]),
        title=figure.full_heading,
    )


def network_runs(figure: PaperFigure, settings: Sequence[Setup], study: Studies) -> list[NetworkRun]:
    """Return what a figure of errors against sensitivities shows: the paper's networks, then ours."""
    kind = figure.kind
    assert isinstance(kind, Against)
    runs = [
        NetworkRun(FAMILIES[one.net].label, one.P, one.error, one.S, one.D, "paper")
        for one in published_networks(figure.name)
    ]
    for setting in settings:
        layer = (setting.net.row.last_layer or setting.params.L + 1) + kind.layer
        for _, run in study(setting).all_runs:
            error, S, D = (run.metrics.get(name) for name in ("error", f"S_{layer}1", f"D_{layer}1"))
            if error is not None and S and D and run.spec.P in (*figure.P, *figure.stand_in_P):
                runs.append(NetworkRun(setting.net.row.label, run.spec.P, error, S, D))
    return runs


def _against(figure: PaperFigure, kind: Against, settings: Sequence[Setup], study: Studies) -> Figure:
    runs = network_runs(figure, settings, study)
    _check_drawn(figure, runs)
    words = {"D": "shifts, $D$", "S": "synonyms, $S$"}
    labels = {name: f"sensitivity of {kind.where} to {what}" for name, what in words.items()}
    return error_against_sensitivity(runs, x_labels=labels, title=figure.heading)


# Without runs


def _illustration(
    figure: PaperFigure, kind: Illustration, settings: Sequence[Setup], study: Studies
) -> Figure:
    grammar = Grammar(kind.params, 0)
    draw = generative_model if kind.drawing == "generative_model" else network_schemes
    return draw(grammar, Stream(grammar, 0).take(0, 1))


_KINDS: dict[type, Callable[[PaperFigure, Any, Sequence[Setup], Studies], Figure]] = {
    Complexity: _complexity,
    Insensitivity: _insensitivity,
    Curves: _curves,
    Rescaled: _rescaled,
    Against: _against,
    Map: lambda figure, kind, settings, study: complexity_map(),
    Illustration: _illustration,
}
