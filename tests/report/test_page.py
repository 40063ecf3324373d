"""The page is one file that needs nothing else, says what it was told to, and trusts no text."""

import base64
import io

import matplotlib.image
import pytest
from matplotlib.figure import Figure

from html_pages import Document
from srhm.report.page import Page, Section, Table, write_page

HOSTILE = "<script>alert('x')</script> & \"quoted\" {{ 7 * 7 }} {% endfor %} </title> --> ]]>"


def figure() -> Figure:
    drawn = Figure(figsize=(7, 2))
    drawn.add_subplot().plot([1, 2], [3, 4])
    return drawn


TABLE = Table(
    ["setting", "P*", "ratio", "90% interval"],
    [
        ["CNN, s0 = 1", 1700, 0.61437, "1,580 to 1,840"],
        ["LCN", None, 12345.6, None],
        ["FCN", 12, float("nan"), ""],
    ],
    "P* in training points",
)


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a page and reads it back."""

    def write(page: Page) -> tuple[str, Document]:
        path = tmp_path / "new" / "page.html"
        write_page(path, page)
        assert [one.name for one in path.parent.iterdir()] == ["page.html"]
        text = path.read_text(encoding="utf-8")
        return text, Document(text)

    return write


def whole(**changes) -> Page:
    sections = [
        Section("Curves", "One paragraph.\n\nAnother.", figure(), None, "A falling curve"),
        Section("Values", table=TABLE),
        Section("Words", "Only text."),
    ]
    return Page(**{"title": "Title", "lead": "Lead.", "status": "complete", "sections": sections, **changes})


def test_the_page_says_what_it_was_told_to(written):
    text, document = written(whole())
    assert text.startswith("<!DOCTYPE html>")
    assert document.all("html")[0]["attributes"]["lang"] == "en"
    assert document.texts("title") == document.texts("h1") == ["Title"]
    assert document.texts("h2") == ["Curves", "Values", "Words"]
    assert document.texts("p") == ["Lead.", "complete", "One paragraph.", "Another.", "Only text."]
    assert document.texts("caption") == ["P* in training points"]


def test_the_page_needs_nothing_else(written):
    text, document = written(whole(title="See https://example.org", refresh=5))
    for element in document.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data", "xlink:href"):
            assert (element["attributes"].get(name) or "#").startswith(("#", "data:image/png;base64,")), (
                element
            )
    assert {element["tag"] for element in document.elements}.isdisjoint(
        {"script", "link", "iframe", "object", "base"}
    )
    style = document.texts("style")[0]
    assert "url(" not in style and "@import" not in style and "//" not in style
    (policy,) = (
        element["attributes"]["content"]
        for element in document.all("meta")
        if element["attributes"].get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert text.count("https://") == 2  # the title, twice


def test_a_part_is_drawn_once_for_many_versions_of_a_page(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "srhm.report.page.render", lambda figure, kind, transparent: drawn.append(kind) or b"picture"
    )
    part = Section("Curves", "", figure(), None, "A falling curve")
    for status in ("running", "complete"):
        write_page(tmp_path / "page.html", Page("Title", "Lead", status, [part]))
    assert drawn == ["png"]


def test_the_figure_is_inside_with_words_for_it(written):
    _, document = written(whole())
    (image,) = document.all("img")
    picture = base64.b64decode(image["attributes"]["src"].partition(",")[2], validate=True)
    assert picture.startswith(b"\x89PNG")
    assert image["attributes"]["alt"] == "A falling curve"
    width, height = (int(image["attributes"][name]) for name in ("width", "height"))
    assert width / height == 7 / 2
    assert "figure" in image["inside"]


def test_the_same_page_is_the_same_file(written):
    assert written(whole())[0] == written(whole())[0]


def test_hostile_texts_are_only_texts(written):
    plain = written(whole())[1]
    table = Table([HOSTILE] * 2, [[HOSTILE, HOSTILE]], HOSTILE)
    sections = [
        Section(HOSTILE, HOSTILE, figure(), None, HOSTILE),
        Section(HOSTILE, table=table),
        Section(HOSTILE, HOSTILE),
    ]
    text, document = written(whole(title=HOSTILE, lead=HOSTILE, status=HOSTILE, sections=sections))
    assert "<script" not in text and "49" not in document.texts("h1")[0]
    assert not document.all("script") and {one["tag"] for one in document.elements} == {
        one["tag"] for one in plain.elements
    }
    assert document.texts("h1") == document.texts("title") == [HOSTILE]
    assert document.texts("h2") == [HOSTILE] * 3
    assert document.texts("th") + document.texts("td") == [HOSTILE] * 4
    assert document.texts("caption") == [HOSTILE]
    assert document.all("img")[0]["attributes"]["alt"] == HOSTILE
    assert all(not name.startswith("on") for one in document.elements for name in one["attributes"])


def test_text_that_is_no_unicode_is_still_written(written):
    assert "lone ?" in written(whole(lead="lone \ud800"))[0]


def test_tables_have_headings_and_align_numbers(written):
    _, document = written(whole())
    heads = [one for one in document.all("th") if one["attributes"]["scope"] == "col"]
    rows = [one for one in document.all("th") if one["attributes"]["scope"] == "row"]
    assert [one["text"] for one in heads] == ["setting", "P*", "ratio", "90% interval"]
    assert [one["attributes"].get("class") for one in heads] == [None, "number", "number", None]
    assert [one["text"] for one in rows] == ["CNN, s0 = 1", "LCN", "FCN"]
    cells = document.all("td")
    assert [one["text"] for one in cells] == [
        "1,700", "0.614", "1,580 to 1,840", "–", "12,346", "–", "12", "–", "",
    ]  # fmt: skip
    assert [one["attributes"].get("class") for one in cells] == ["number", "number", None] * 3


def test_a_column_of_nothing_is_not_numeric():
    assert Table(["a", "b"], [["x", None]], "").numeric == [False, False]
    assert Table(["a"], [[True], [2]], "").numeric == [False]
    assert Table(["a"], [], "").numeric == [False]


def test_wide_things_scroll_in_their_own_box_by_keyboard_too(written):
    _, document = written(whole())
    boxes = [one for one in document.elements if one["attributes"].get("class") == "box"]
    assert [one["tag"] for one in boxes] == ["figure", "div"]
    assert all(one["attributes"]["tabindex"] == "0" and one["attributes"]["aria-label"] for one in boxes)
    assert document.all("img")[0]["inside"][-1] == "figure"
    assert document.all("table")[0]["inside"][-1] == "div"
    assert "overflow-x: auto" in document.texts("style")[0]


def test_contents_lead_to_every_part(written):
    _, document = written(whole())
    targets = [one["attributes"]["href"].removeprefix("#") for one in document.all("a")]
    assert targets == [one["attributes"]["id"] for one in document.all("section")]
    assert not written(whole(sections=whole().sections[:2]))[1].all("nav")


def test_a_growing_page_loads_itself_again(written):
    def refreshes(document: Document) -> list[str]:
        metas = [one["attributes"] for one in document.all("meta")]
        return [one["content"] for one in metas if one.get("http-equiv") == "refresh"]

    text, document = written(whole(status="12 runs finished, 3 running", refresh=30))
    assert refreshes(document) == ["30"] and 'class="status growing"' in text
    text, document = written(whole())
    assert refreshes(document) == [] and 'class="status"' in text


def test_light_and_dark(written):
    _, document = written(whole())
    style = document.texts("style")[0]
    assert "prefers-color-scheme: dark" in style
    # A figure has no ground of its own, and is turned from dark on light to light on dark.
    (image,) = document.all("img")
    png = base64.b64decode(image["attributes"]["src"].partition(",")[2])
    pixels = matplotlib.image.imread(io.BytesIO(png))
    assert pixels[0, 0, 3] == 0 and pixels[:, :, 3].max() == 1
    assert "figure img { filter: invert(1)" in style.partition("prefers-color-scheme: dark")[2]


def test_the_page_refuses_what_it_cannot_show(refuses):
    with refuses("alt", "' '", "Say in words what it shows"):
        Section("Curves", figure=figure(), alt=" ")
    with refuses("rows", ["a"], "Give one entry for each column"):
        Table(["one", "two"], [["a"]], "")
    with refuses("refresh", 0, "Use refresh >= 1"):
        Page("title", "lead", "status", refresh=0)
