"""The report shows every run and nothing else, its commands repeat what they stand beside, and it needs no network."""

import base64
import hashlib
import json
import math
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake_runs import fake_run
from html_pages import Document
from setups import run_spec
from srhm import Params, SrhmError
from srhm.cli import main
from srhm.figures import Curve
from srhm.nets import predict
from srhm.paper import settings
from srhm.paper.tiers import Tier, study_of
from srhm.report import write_report
from srhm.report.commands import run_command
from srhm.report.content import content_of
from srhm.report.html import report_html
from srhm.report.palette import palettes
from srhm.store import Store
from srhm.store.index import RunIndex
from srhm.study import Run, RunSpec, Seeds, studies_of

HOSTILE = "</script><img src=x onerror=alert(1)><!-- & \"'\u2028 {{ 7 * 7 }} https://example.org"
TIER = Tier("laptop", 8, 1e9)
SETUP = settings.setup("lcn", settings.model(4, 1))
SPEC = TIER.setup(SETUP).at(4)
WIDER = replace(TIER, width=9).setup(SETUP).at(4)
P_STARS = {"error": 500.0, "S_21": 300.0, "D_21": 200.0}
THRESHOLDS = {"error": 0.10, "S_21": 0.30, "D_21": 0.10}


def measured_at(P: int, shift: float) -> dict[str, float]:
    """Metrics that fall linearly in ln P, and come to their thresholds at P_STARS * shift."""
    return {
        name: max(0.0, THRESHOLDS[name] - 0.1 * math.log(P / (P_star * shift)))
        for name, P_star in P_STARS.items()
    }


def curve(spec: RunSpec = SPEC, shifts: tuple[float, ...] = (0.9, 1.0, 1.2)) -> list[Run]:
    """Runs of replicates whose P* are known."""
    return [
        fake_run(spec.at(P, Seeds.replicate(seed)), **measured_at(P, shift))
        for seed, shift in enumerate(shifts)
        for P in (100, 180, 270, 310, 450, 480, 520, 580, 900)
    ]


def page(runs: list[Run], title: str = "Title") -> str:
    return report_html(content_of(runs, title))


@pytest.fixture(autouse=True)
def library(request, monkeypatch):
    """A word in place of the plotting library, which is not what is tested, but where a test says so."""
    if "real_library" not in request.fixturenames:
        monkeypatch.setattr("srhm.report.html.plotting_library", lambda: "/* Plotly */")


@pytest.fixture
def real_library():
    """The plotting library itself."""
    pytest.importorskip("plotly")


# What the runs are about


def test_runs_of_replicates_belong_together():
    runs = curve()
    (one,) = studies_of(random.Random(1).sample(runs, len(runs)))
    assert one.fix == () and one.seeds == [Seeds.replicate(number) for number in range(3)]
    assert [[run.spec.P for run in of_seed] for of_seed in one.runs] == [
        sorted(run.spec.P for run in runs[start : start + 9]) for start in (0, 9, 18)
    ]
    wider = curve(WIDER)
    assert [one.setup.width for one in studies_of([*wider, *runs])] == [9, 8]
    assert [one["width"] for one in content_of([*wider, *runs], "")["settings"]] == [8, 9]


def test_shared_roles_and_odd_seeds_are_apart():
    def run(seeds: Seeds) -> Run:
        return fake_run(SPEC.at(90, seeds))

    zero, pure = Seeds(), Seeds.replicate(2)
    fixed = [Seeds.replicate(number, ("grammar",)) for number in (1, 2)]
    odd = Seeds(1, 2, 3, 4)
    found = {one.fix: one.seeds for one in studies_of([run(seeds) for seeds in (zero, pure, *fixed, odd)])}
    assert found == {(): [zero, pure], ("grammar",): [zero, *fixed], None: [odd]}
    assert {one.fix: one.seeds for one in studies_of([run(zero), run(odd)])} == {(): [zero], None: [odd]}
    content = content_of([run(seeds) for seeds in (zero, pure, *fixed, odd)], "")
    commands = {one["changes"]: one["command"] for one in content["settings"]}
    assert commands["same grammar"].endswith("--seeds 3 --fix grammar")
    assert commands["seeds differ by role"] is None
    assert len({one["id"] for one in content["settings"]}) == 3
    assert len(content["runs"]) == 5 and max(len(one["settings"]) for one in content["runs"]) == 2


# The numbers


def test_every_run_is_in_the_data_with_its_numbers():
    odd = {"nothing": None, "error": math.nan, "train_loss": 1.23456789e-5, "epochs": 123456789}
    runs = [*curve(), fake_run(SPEC.at(95), **odd)]
    content = content_of(runs, "")
    shown = {one["hash"]: one for one in content["runs"]}
    assert len(shown) == len(content["runs"]) == len(runs)
    for run in runs:
        one = shown[run.spec.hash]
        assert (one["P"], one["seed"], one["status"]) == (run.spec.P, str(run.spec.seeds.samples), run.status)
        assert one["command"] == run_command(run.spec)
        for name, value in zip(content["metrics"], one["metrics"], strict=True):
            expected = run.metrics.get(name)
            if expected is None or not math.isfinite(expected):
                assert value is None
            else:
                assert value == pytest.approx(expected, rel=5e-6)
    assert shown[runs[-1].spec.hash]["metrics"][content["metrics"].index("epochs")] == 123456789
    (setting,) = content["settings"]
    assert sorted(number for of_seed in setting["replicates"] for number in of_seed) == list(range(len(runs)))


def test_P_star_is_the_one_that_figures_show():
    runs = curve()
    study = study_of(SETUP, TIER, RunIndex(runs))
    (setting,) = content_of(runs, "")["settings"]
    assert set(setting["P_star"]) == set(P_STARS)
    for name, shown in setting["P_star"].items():
        found = study.read(name.partition("_")[0])
        assert found is not None and found.interval is not None
        assert [shown["P_star"], shown["low"], shown["high"]] == pytest.approx(
            [found.P_star, *found.interval], rel=5e-6
        )
        # Linear in ln P, so that interpolation is exact: the geometric mean of the three P* put in.
        assert shown["P_star"] == pytest.approx(P_STARS[name] * (0.9 * 1.0 * 1.2) ** (1 / 3), rel=5e-6)
    assert setting["prediction"]["scaling_law"] == predict("lcn", SPEC.params).scaling_law
    assert setting["published"]["P_star"] > 0


def test_P_star_that_is_not_known_is_not_shown():
    runs = [run for run in curve() if run.spec.P < 200]
    (setting,) = content_of(runs, "")["settings"]
    assert setting["P_star"]["error"] is None
    assert "–</td>" in page(runs)


def test_tasks_of_symbols_have_no_P_star():
    """They have no threshold by default; the page shows their runs, next to others, and a dash."""
    spec = run_spec(Params(v=8, m=2, s0=0, L=3), "transformer", P=90, task="next")
    text = page([*curve(), fake_run(spec, loss=1.2, excess=0.3)])
    (row,) = re.findall(r'<th scope="row"><a href="[^"]*">Transformer.*?</tr>', text, re.S)
    assert re.findall(r'<td class="number">(.*?)</td>', row)[1:] == ["–"] * 8


def test_medians_are_those_of_the_figures():
    runs = curve()
    (setting,) = content_of(runs, "")["settings"]
    drawn = Curve(
        "",
        [run.spec.P for run in runs],
        {"S_21": [run.metrics["S_21"] for run in runs]},
        seeds=[run.spec.seeds.samples for run in runs],
    )
    for shown, expected in zip(setting["medians"]["S_21"], drawn.median("S_21"), strict=True):
        assert shown == pytest.approx(expected.tolist(), rel=5e-6)


@pytest.mark.parametrize("net", ["cnn", "lcn", "fcn"])
def test_the_exponents_are_those_of_the_scaling_law(net):
    ratios = []
    for n_c, m, s0 in [(2, 2, 0), (6, 2, 0), (2, 5, 1), (3, 1, 4)]:
        params = Params(n_c, 6, m, 2, s0, 3)
        spec = settings.setup(net, params, width=8).at(n_c)
        (shown,) = content_of([fake_run(spec)], "")["settings"]
        a, b, c = shown["exponents"]
        ratios.append(predict(net, params).scaling_law / ((s0 + 1) ** a * m**b * n_c**c))
    assert ratios == pytest.approx([ratios[0]] * 4)
    (shown,) = content_of([fake_run(settings.setup("vgg11", settings.model(4, 2)).at(40))], "")["settings"]
    assert shown["exponents"] is None


# The page


def data_of(document: Document) -> dict[str, Any]:
    return json.loads(document.all("script")[0]["text"])


def test_the_page_holds_the_data_and_the_table_of_P_star():
    runs = [*curve(), *curve(WIDER)]
    content = content_of(runs, "Title")
    document = Document(report_html(content))
    assert data_of(document) == {**content, "palettes": palettes()}
    assert document.all("title")[0]["text"] == document.all("h1")[0]["text"] == "Title"
    rows = [row["text"].split("\n") for row in document.all("tr") if "data-setting" in row["attributes"]]
    cells = [[cell for cell in row if cell] for row in rows]
    assert [row[0] for row in cells] == [one["label"] for one in content["settings"]]
    found = content["settings"][0]["P_star"]
    numbers = [found["error"]["P_star"], found["error"]["low"], found["error"]["high"], 512]
    assert cells[0][1:6] == ["3", *(f"{number:,.0f}" for number in numbers)]
    assert cells[0][8:] == [f"{found[name]['P_star']:,.0f}" for name in ("S_21", "D_21")]


def test_the_page_needs_nothing_else():
    document = Document(page([*curve(), fake_run(SPEC.at(95))], HOSTILE))
    for one in document.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data", "xlink:href", "formaction"):
            assert (one["attributes"].get(name) or "#").startswith("#"), one
    assert {one["tag"] for one in document.elements}.isdisjoint({"link", "iframe", "object", "base", "img"})
    style = document.all("style")[0]["text"]
    assert "url(" not in style and "@import" not in style and "//" not in style
    for script in document.all("script")[1:]:
        assert not re.search(r"https?:|\bfetch\(|XMLHttpRequest|innerHTML|\beval\(", script["text"])


def test_the_page_runs_its_own_scripts_only():
    document = Document(page(curve()))
    (policy,) = (
        one["attributes"]["content"]
        for one in document.all("meta")
        if one["attributes"].get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
    digests = [
        base64.b64encode(hashlib.sha256(script["text"].encode()).digest()).decode()
        for script in document.all("script")[1:]
    ]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert "connect-src" not in rules


def test_hostile_texts_are_only_texts():
    run = fake_run(SPEC.at(95), **{HOSTILE: 1.0})
    run = replace(run, device=HOSTILE, versions={HOSTILE: HOSTILE})
    plain, document = Document(page([fake_run(SPEC.at(95))])), Document(page([run], HOSTILE))
    assert [one["tag"] for one in document.elements] == [one["tag"] for one in plain.elements]
    assert document.all("h1")[0]["text"] == HOSTILE
    assert HOSTILE in data_of(document)["metrics"] and HOSTILE not in data_of(document)["drawn"]
    assert data_of(document)["environments"] == [{"device": HOSTILE, "versions": {HOSTILE: HOSTILE}}]


def test_the_same_runs_make_the_same_bytes(tmp_path):
    runs = [*curve(), *curve(WIDER)]
    assert write_report(tmp_path / "one.html", runs) == len(runs)
    write_report(tmp_path / "new" / "two.html", random.Random(2).sample(runs, len(runs)))
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "new" / "two.html").read_bytes()


def test_controls_have_names_and_the_scripts_find_their_elements():
    document = Document(page(curve()))
    ids = [one["attributes"]["id"] for one in document.elements if "id" in one["attributes"]]
    assert len(set(ids)) == len(ids)
    used = set(re.findall(r'\$\("([\w-]+)"\)', document.all("script")[-1]["text"]))
    assert used - set(ids) == set()
    labels = [one["text"].strip() for one in document.all("label")]
    assert len(labels) == len(document.all("select")) + len(document.all("input")) and all(labels)
    assert all(one["text"].strip() for one in document.all("button"))
    # A browser does not open what a summary folds when a control inside it, an output too, is clicked.
    folded = [one for one in document.elements if "summary" in one["inside"]]
    assert folded and {one["tag"] for one in folded} <= {"span"}


# Colours


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    white = np.array([0.9505, 1.0, 1.089])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / white
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


BLINDNESS = {  # Machado, Oliveira, Fernandes 2009, severity 1, in linear sRGB
    "none": np.eye(3),
    "red": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "green": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "blue": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


@pytest.mark.parametrize("sees", BLINDNESS)
@pytest.mark.parametrize("ground", ["light", "dark"])
def test_colours_are_apart_under_every_colour_blindness(ground, sees):
    """Distances are of CIE 1976, in which 2.3 is just noticeable."""
    shown = palettes()[ground]
    for colours in (shown["lines"], list(shown["nets"].values())):
        seen = [lab(BLINDNESS[sees] @ linear(colour)) for colour in colours]
        assert min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)) > 14


# The command, the library, and a browser


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Store(tmp_path / "runs.sqlite").put_many(curve())
    return tmp_path


def test_the_command_writes_the_page(place, capsys):
    main(["report", "page.html", "--store", "runs.sqlite", "--title", "Mine"])
    assert capsys.readouterr().out.startswith("wrote 27 runs to page.html")
    assert (place / "page.html").read_text("utf-8") == page(curve(), "Mine")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["page.txt", "--store", "runs.sqlite"], "out = 'page.txt' does not end in .html"),
        (["page.html", "--store", "other.sqlite"], "does not exist"),
        (["folder.html", "--store", "runs.sqlite"], "out = 'folder.html' is a folder"),
    ],
)
def test_the_command_refuses(place, capsys, arguments, message):
    (place / "folder.html").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["report", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (place / "page.html").exists()


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(SrhmError, match=r"pip install -e '\.\[report\]'"):
        page(curve())


def test_the_library_fits_the_page(real_library):
    """It cannot end its own script element, and knows the switches by which we keep it from sending charts."""
    text = page(curve())
    library = Document(text).all("script")[1]["text"]
    assert len(library) > 1_000_000 and "plotly.js v" in library[:200]
    for switch in ("showSendToCloud", "displaylogo", "plotlyServerURL"):
        assert switch in library and f"{switch}: " in text


def test_a_browser_shows_all_of_it(real_library, tmp_path):
    """Figures are drawn, a page of runs is listed, and the address of a run opens its command; no script fails."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("Chromium is not installed")
    runs = [*curve(), *curve(WIDER)]
    write_report(tmp_path / "page.html", runs, HOSTILE)
    address = f"{(tmp_path / 'page.html').as_uri()}#run={runs[0].spec.hash[:16]}"
    command = [
        browser,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'user'}",
    ]
    done = subprocess.run(
        [*command, "--enable-logging=stderr", "--dump-dom", address],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Uncaught" not in done.stderr and "Content Security Policy" not in done.stderr, done.stderr
    dom = done.stdout
    for figure in ("pstar", "curves", "collapse", "heat"):
        drawn = dom.split(f'id="{figure}-plot"')[1].split("</figure>")[0]
        assert "main-svg" in drawn, f"{figure} is empty"
    assert dom.count("#run=") == 50  # a page of the 54
    assert "1–50 of 54" in dom
    opened = dom.split('id="details"')[1].split("</dialog>")[0]
    assert str(run_command(runs[0].spec)) in opened
    assert re.search(r'id="details"[^>]* open', dom)
