"""The predictions of P*: Eq. 3 to 5 agree wherever more than one applies."""

import math

import pytest
from hypothesis import given

from fake_runs import fake_run
from setups import setup
from srhm import Params
from srhm.cli.results import pstar_content, pstar_text
from srhm.cli.status import grid_text
from srhm.nets import predict
from srhm.paper.demo import _results
from srhm.reference.published import entries, published
from srhm.report.content import content_of
from srhm.study import Study
from srhm.study.overview import summary
from srhm.theory import predict_by_relevance
from strategies import any_params


@given(any_params())
def test_eq_5_is_eq_3_in_other_variables(params):
    over_levels = predict("lcn", params)
    numbers = {"n_c": params.n_c, "m": params.m, "s": params.s}
    over_relevance = predict_by_relevance(params.d, params.relevant_fraction, **numbers)
    assert over_relevance.scaling_law == pytest.approx(over_levels.scaling_law, rel=1e-9)
    assert over_relevance.typical_ratio == over_levels.typical_ratio


def test_at_two_levels_eq_3_is_s_times_eq_4_whatever_the_blanks():
    for s0 in range(4):
        params = Params(n_c=6, v=6, m=6, s=2, s0=s0, L=2)
        assert predict("lcn", params).scaling_law == 2 * predict("cnn", params).scaling_law
        assert predict("fcn", params).scaling_law == predict("lcn", params).scaling_law


def test_eq_5_is_a_power_law_between_the_models_too():
    a = math.log(1000) / math.log(5)
    base = predict_by_relevance(50, 0.3, n_c=10, m=1000, s=5).scaling_law
    longer = predict_by_relevance(75, 0.3, n_c=10, m=1000, s=5).scaling_law
    denser = predict_by_relevance(50, 0.6, n_c=10, m=1000, s=5).scaling_law
    more = predict_by_relevance(50, 0.3, n_c=20, m=1000, s=5).scaling_law
    assert math.log(longer / base) / math.log(1.5) == pytest.approx(a + 0.5)
    assert math.log(denser / base) / math.log(2) == pytest.approx(a - 0.5)
    assert more == pytest.approx(2 * base)


def test_a_tree_of_one_level_is_the_least():
    assert predict_by_relevance(20, 0.25, n_c=2, m=3, s=5).scaling_law > 0
    assert predict_by_relevance(35, 1 / 7, n_c=2, m=3, s=5).scaling_law > 0  # 35 / 7 < 5 by rounding


def test_predictions_refuse_what_has_no_value(refuses):
    good = {"d": 20, "F": 0.5, "n_c": 2, "m": 3, "s": 5}
    for name, value, fix in (
        ("d", -1, "Give d as a finite number > 0"),
        ("F", 0, "Give F as a finite number > 0"),
        ("F", 1.5, "Give the informative fraction of the input"),
        ("F", 0.2, "Use F d >= s"),
        ("n_c", 1, "Use n_c >= 2"),
        ("m", 0, "Use m >= 1"),
        ("s", 1, "Use s >= 2"),
    ):
        with refuses(name, value, fix):
            predict_by_relevance(**{**good, name: value})
    with refuses("net", "'vgg11'", "Use 'cnn' or 'lcn' or 'fcn'"):
        predict("vgg11", Params(n_c=6, v=6, m=6, s=2, s0=1, L=2))


@given(any_params())
def test_the_range_of_a_prediction_holds_what_is_expected(params):
    """And every prediction says what it rests on, in whole sentences."""
    for net in ("cnn", "lcn", "fcn"):
        found = predict(net, params)
        low, high = found.interval
        assert low <= found.P_star <= high
        assert low / found.scaling_law == pytest.approx(found.ratios[0]) and high > low
        assert len(found.assumptions) >= 3 and all(one.endswith(".") for one in found.assumptions)


@pytest.mark.parametrize("net", ["lcn", "cnn", "fcn"])
def test_the_range_is_that_of_the_published_points(net):
    """Of the valid ones with s = 2 and 3, to the digits that are given."""
    found, ends = [], []
    for entry in entries():
        if entry["arch"] == net and entry["s"] in (2, 3) and entry["quantity"] == "P_star":
            v, s = entry["v"], entry["s"]
            params = Params(v, v, v ** (s - 1), s, entry["s0"], entry["L"], entry["sparsity"])
            value = published(net, params)
            if value is not None and value.valid:
                prediction = predict(net, params)
                found.append(value.P_star / prediction.scaling_law)
                ends.append(prediction.ratios)
    assert len(found) >= 7
    assert all(low * 0.97 <= one <= high * 1.03 for one, (low, high) in zip(found, ends, strict=True))
    assert min(found) == pytest.approx(min(low for low, _ in ends), rel=0.03)
    assert max(found) == pytest.approx(max(high for _, high in ends), rel=0.03)


def searched(net, s0):
    """A search whose error falls as 1/P, to 10% at 2,000."""
    study = Study(setup(Params(v=6, s0=s0, L=2), net, width=8, P_test=300), replicates=1)
    while (P := study.ask(0)) is not None:
        study.tell(0, fake_run(study.at(P, 0), error=min(0.8, 200 / P)))
    return study


def test_predicted_and_scaling_law_are_two_words_everywhere():
    """One number each for one LCN: in the library, the instances, commands as JSON and text, pages and tables."""
    found = predict("lcn", Params(v=6, s0=1, L=2))
    assert (found.scaling_law, round(found.P_star)) == (1728.0, 2938)
    (theory,) = (one for one in summary(Params(v=6, s0=1, L=2))["predictions"] if one["net"] == "lcn")
    assert (theory["scaling_law"], theory["P_star"]) == (found.scaling_law, found.P_star)

    study = searched("lcn", 1)
    content = pstar_content(study, "store")
    assert (content["scaling_law"], content["predicted"]) == (found.scaling_law, found.P_star)
    assert "predicted  2,938, 1.7 times the scaling law s^(L/2) (s0+1)^L n_c m^L (Eq. 3)" in pstar_text(
        content
    )
    grid = {
        "done": 1,
        "total": 1,
        "computed": 0,
        "unused": 0,
        "seconds": 0,
        "failed": 0,
        "store": "",
        "failures": [],
    }
    assert "predicted 2,938" in grid_text({"pstar": [content]} | grid)

    (setting,) = content_of(study.runs[0], "")["settings"]
    assert (setting["prediction"]["scaling_law"], setting["prediction"]["P_star"]) == (1728, 2937.6)
    table = _results([study])
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["scaling law"] == 1728 and "predicted" not in row
    assert row["ratio"] == pytest.approx(row["P*"] / 1728, abs=0.01)


@pytest.mark.parametrize(("net", "s0", "said"), [("cnn", 1, True), ("cnn", 0, False), ("lcn", 1, False)])
def test_the_demonstration_says_why_cnns_with_blanks_need_fewer_points_than_the_papers(net, s0, said):
    assert ("batch" in _results([searched(net, s0)]).caption) == said
