"""The report in a real browser: its marks mean one thing each, its filter finds what is printed and covers nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from browser import Browser, chromium
from fake_runs import fake_run
from srhm.nets import NetSpec
from srhm.paper import settings
from srhm.report import write_report
from srhm.study import Run, Seeds

pytest.importorskip("plotly")

STANDARD = settings.setup("cnn", settings.model(4, 1))
SPARSER = settings.setup("cnn", settings.model(4, 2))
BOUND = settings.setup("lcn", settings.model(4, 1))
CHANGED = replace(STANDARD, net=NetSpec("cnn", options={"shared_layers": (1,)}))
TEN = settings.setup("lcn", replace(settings.model(4, 1), s0=10))
SETUPS = [CHANGED, STANDARD, SPARSER, BOUND, TEN]  # the first of its colour and shape is not the standard one


def runs() -> Iterator[Run]:
    """Two seeds of each setting whose error crosses its threshold, but for one whose error stays above it."""
    for setup in SETUPS:
        for seed in range(2):
            for P in (100, 180, 190, 210, setup.largest):
                error = 0.5 if setup is BOUND else 0.1 * (200 / P)
                yield fake_run(setup.at(P, Seeds.replicate(seed)), error=error)


pytestmark = pytest.mark.long  # the page is opened once always, in test_report


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path: Path = tmp_path_factory.mktemp("report") / "page.html"
    write_report(path, runs())
    with chromium(path.as_uri()) as browser:
        yield browser


@pytest.fixture
def page(window: Browser) -> Iterator[Browser]:
    """The page, all of it drawn; at the end nothing has been complained of in the console."""
    window.screen(1280)
    window.driver.get("about:blank")
    window.go("")
    window.complaints()
    yield window
    assert window.complaints() == []


def traces(page: Browser, plot: str) -> list[dict[str, Any]]:
    return page.ask(
        "document.getElementById(arguments[0]).data.map(one => ({name: one.name ?? '',"
        " legend: one.showlegend !== false,"
        " x: one.x, y: one.y, symbols: [one.marker?.symbol ?? []].flat()}))",
        f"{plot}-plot",
    )


def test_a_mark_means_one_thing_and_the_legend_says_which(page):
    drawn = traces(page, "pstar")
    legend = {one["name"]: one["symbols"] for one in drawn if one["legend"]}
    assert legend == {
        "P* = scaling law": [],
        "CNN, s₀=1": legend["CNN, s₀=1"],
        "CNN, s₀=2": legend["CNN, s₀=2"],
        "LCN, s₀=1": legend["CNN, s₀=1"],  # the shape says s₀, the colour the network
        "LCN, s₀=10": legend["LCN, s₀=10"],
        "filled: measured": ["circle"],
        "open: published in the paper": ["circle-open"],
        "dot inside: an option is not the default": ["circle-dot"],
        "arrow up: P* is above": ["arrow-bar-up"],
    }
    for name, (symbol,) in list(legend.items())[1:5]:
        assert "-" not in symbol.replace("triangle-", ""), f"{name} is filled and has no dot in the legend"
    marks = [one for one in drawn if not one["legend"]]
    places = {
        kind: [
            (x, y)
            for one in marks
            for x, y, symbol in zip(one["x"], one["y"], one["symbols"] * len(one["x"]), strict=False)
            if symbol.endswith(kind)
        ]
        for kind in ("-open", "-dot", "arrow-bar-up")
    }
    data = {one["id"]: one for one in page.ask("DATA.settings")}
    published = [one["published"]["P_star"] for one in data.values() if one["published"]]
    assert sorted(y for _, y in places["-open"]) == sorted(published) and published
    (dotted,) = [one["P_star"]["error"]["P_star"] for one in data.values() if one["changes"]]
    assert [y for _, y in places["-dot"]] == [dotted]
    (bound,) = [
        one["P_star"]["error"]["low"] for one in data.values() if one["P_star"]["error"]["P_star"] is None
    ]
    (above,) = [y for _, y in places["arrow-bar-up"]]
    assert above > bound == BOUND.largest and any(bound in one["y"] for one in marks)


def test_curves_have_a_mark_for_a_run_and_a_star_for_P_star(page):
    page.driver.execute_script("document.getElementById('curves').scrollIntoView()")
    drawn = traces(page, "curves")
    assert sum(len(one["x"]) for one in drawn if one["name"].endswith(", runs")) == 5 * len(SETUPS) * 2
    assert [one["symbols"] for one in drawn if one["name"].endswith("P*") and not one["legend"]] == [
        ["star"]
    ] * 4
    assert [one["symbols"] for one in drawn if one["symbols"] == ["arrow-bar-right"]] == [["arrow-bar-right"]]
    assert [one["symbols"] for one in drawn if one["name"] == "star: P*" and one["legend"]] == [["star"]]


def found(page: Browser, text: str) -> str:
    """What the filter says of a text."""
    before = page.text("#filtered")
    page.fill("text", "no such word")
    page.until(lambda: page.text("#filtered").startswith("0 of"), "an empty page")
    page.fill("text", text)
    page.until(lambda: not page.text("#filtered").startswith("0 of"), f"the runs of {text}, after {before}")
    return page.text("#filtered")


def test_the_filter_finds_what_the_page_prints(page):
    page.click("#filter summary")
    count = sum(setup.params.s0 == 1 for setup in SETUPS)
    wanted = f"{10 * count} of 50 runs, {count} of 5 settings"
    assert [found(page, text) for text in ("s₀=1", "s0=1", "S0 = 1", "s0=1 p=100", "s0=1 lcn")] == [
        *[wanted] * 3,
        f"{2 * count} of 50 runs, {count} of 5 settings",
        "10 of 50 runs, 1 of 5 settings",
    ]
    assert found(page, "s₀=10") == "10 of 50 runs, 1 of 5 settings"
    assert found(page, "shared_layers=1") == "10 of 50 runs, 1 of 5 settings"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_filter_covers_no_heading_and_little_of_a_screen(page, width):
    page.screen(width)
    page.until(lambda: page.ask("innerWidth") == width, "the screen")
    page.click("#filter summary")
    page.until(lambda: page.ask("document.getElementById('filter').open"), "the filter")
    page.click("nav a[href='#curves']")
    page.until(lambda: page.ask("scrollY") > 0, "the heading")
    below = "document.getElementById('curves-heading').getBoundingClientRect().top - {}"
    filters = "document.getElementById('filter').getBoundingClientRect()"
    page.until(lambda: page.ask(below.format(filters + ".bottom")) >= 0, "a heading below the filter")
    assert page.ask(below.format("innerHeight")) < 0
    height = page.ask(f"{filters}.height / innerHeight")
    assert height < (0.06 if width == 390 else 0.25)
    assert page.ask("document.getElementById('filter').open") == (width != 390)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_read_on_every_screen(page, width, dark):
    page.screen(width, dark=dark)
    page.until(lambda: page.ask("innerWidth") == width, "the screen")
    assert page.ask("document.documentElement.scrollWidth") <= width, "the page is wider than the screen"
    contrast, where = page.weakest_contrast()
    assert contrast >= 4.5, where
    for plot in ("pstar", "curves", "collapse"):
        ground = page.ask("document.getElementById(arguments[0]).layout.paper_bgcolor", f"{plot}-plot")
        assert ground == "rgba(0,0,0,0)"
