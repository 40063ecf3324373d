"""The explorer's page: what it shows is what the library computes, and its address is all of its state.

Here the application is asked directly; test_explore_browser.py works its controls in a browser.
"""

import re
import socket
from html import unescape
from itertools import pairwise
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from figure_checks import artists
from html_pages import Document
from srhm import Grammar, Params, Stream, Zipf, encode, expand
from srhm.explore import create_app
from srhm.explore.app import serve
from srhm.explore.content import content, count
from srhm.explore.drawing import tree_figure, tree_svg
from srhm.explore.state import FIELDS, PageState, read, steps_of
from srhm.explore.walk import Step, walk
from srhm.model.options import Model, Weighting
from srhm.model.weights import WEIGHTS
from srhm.nets import predict

HOSTILE = "<script>alert('x')</script>\"&{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def client():
    return create_app().test_client()


def page(client, **query) -> Document:
    answer = client.get("/?" + urlencode(query, doseq=True))
    assert answer.status_code == 200
    return Document(answer.text)


numbers = st.fixed_dictionaries(
    {
        "v": st.integers(2, 5),
        "n_c": st.none() | st.integers(2, 4),
        "m": st.none() | st.integers(1, 2),
        "s": st.integers(2, 3),
        "s0": st.integers(0, 2),
        "L": st.integers(1, 3),
        "sparsity": st.sampled_from("AB"),
    }
).filter(lambda one: one["v"] ** one["s"] >= (one["m"] or 1) * max(one["v"], one["n_c"] or 0))
draws = st.tuples(
    numbers,
    st.integers(0, 3),
    st.integers(0, 10**6),
    st.lists(st.tuples(st.sampled_from(["exchange", "shift"]), st.integers(1, 3)), max_size=4),
    st.tuples(*[st.sampled_from([None, "zipf(0.5)", "lognormal(0.5)"])] * len(WEIGHTS)),
)
"""What :func:`state_of` makes a state of: arguments are checked by code that strategies may not call."""


def state_of(numbers, seed, sample, steps, weights) -> PageState:
    model = Model(**numbers)
    params = model.params()
    can = {"exchange": params.m > 1, "shift": params.s0 > 0}
    walked = tuple(Step(kind, 1 + level % params.L) for kind, level in steps if can[kind])
    texts = dict(zip(WEIGHTS, weights, strict=True))
    return PageState(model, seed, sample % params.P_max, walked, Weighting(**texts))


@given(draws)
def test_the_address_holds_the_whole_state(drawn):
    state = state_of(*drawn)
    found = read(parse_qs(state.query()))
    assert found.state == state and not found.problems


@given(draws)
@settings(max_examples=20)
def test_a_walk_stays_in_its_class_and_each_step_changes_what_it_says(drawn):
    state = state_of(*drawn)
    params = state.params
    found = walk(state.grammar, state.seed, state.sample, state.steps)
    grammar = Grammar(params, state.seed, **state.weights.of(params))
    rule = "permutation" if params.P_max <= 2**62 and not grammar.weighted else "replacement"
    sample = Stream(grammar, state.seed, rule).take(state.sample, 1)
    trees = [expand(found.grammar, one) for one in found.derivations]
    assert len(trees) == len(state.steps) + 1
    assert (trees[0].features[0] == expand(found.grammar, sample).features[0]).all()
    assert {int(tree.label[0]) for tree in trees} == {found.read_class()}
    for step, old, new in zip(state.steps, trees, trees[1:], strict=False):
        symbols = [(a != b).any() for a, b in zip(old.features, new.features, strict=True)]
        places = [(a != b).any() for a, b in zip(old.positions, new.positions, strict=True)]
        moving, staying = (symbols, places) if step.kind == "exchange" else (places, symbols)
        assert moving[step.level - 1] and not any(moving[step.level :]) and not any(staying)
    assert (found.after.positions[0] == trees[-1].positions[0]).all()


@pytest.mark.parametrize("kind", ["exchange", "shift"])
def test_no_step_is_in_vain(kind):
    """One node with two choices: a choice drawn anew is the old one half of the times, 2^-20 for no time of 20."""
    params = Params(2, 2, 2, 2, 1, 1) if kind == "exchange" else Params(2, 2, 1, 2, 1, 1)
    found = walk(Grammar(params, 0), 0, 0, [Step(kind, 1)] * 20)
    part = "rules" if kind == "exchange" else "placements"
    choices = [int(getattr(one, part)[0][0, 0]) for one in found.derivations]
    assert len(choices) == 21 and all(old != new for old, new in pairwise(choices))


@given(draws)
@settings(max_examples=10)
def test_the_code_on_the_page_gives_the_tree_on_the_page(drawn):
    state = state_of(*drawn)
    names: dict = {}
    exec(content(state)["code"], names)
    found = walk(state.grammar, state.seed, state.sample, state.steps)
    for part in ("features", "positions"):
        for ours, theirs in zip(getattr(found.after, part), getattr(names["tree"], part), strict=True):
            assert np.array_equal(ours, theirs)


def test_the_page_shows_uneven_weights(client):
    weights = {"rule_weights": "2:3,1,2,2", "placement_weights": "1:1,0,3,4", "class_weights": "zipf(1)"}
    shown = page(client, v=4, s0=1, L=2, seed=3, **weights)
    classes, below = (shown.by_id(f"rules-{level}")["text"] for level in (2, 1))
    assert all(f"{share}%" in classes for share in ("37.5", "12.5", "25"))
    chance = Grammar(Params(4, 4, 4, 2, 1, 2), class_weights=Zipf(1)).class_probability
    for c, p in enumerate(chance):
        assert re.search(rf"class {c}\s*{100 * p:.3g}%", classes)
    assert "%" not in below and "replacement" in shown.by_id("code")["text"]
    (line,) = [one["text"] for one in shown.elements if one["text"].startswith("Places in the patch")]
    assert line == "Places in the patch: (0, 2) 12.5%, (0, 3) 0%, (1, 2) 37.5%, (1, 3) 50%"
    assert all(one.get("id") != "predictions" for one in shown.elements)
    plain = page(client, v=4, s0=1, L=2, seed=3)
    assert all("%" not in plain.by_id(f"rules-{level}")["text"] for level in (1, 2))


@pytest.mark.parametrize(
    ("name", "text", "fix"),
    [
        ("rule_weights", "3:zipf(1)", "Use levels 1 to 2"),
        ("class_weights", "1:3,1,2,2", "Give Zipf(a), LogNormal(sigma), or numbers [class_]"),
        ("placement_weights", "1," * 600, "Use a law such as zipf(1)"),
    ],
)
def test_weights_that_do_not_fit_are_reported_next_to_their_field(name, text, fix):
    found = read({"v": ["4"], name: [text]})
    assert found.state is None and fix in found.problems[name]


def test_the_page_shows_what_the_library_computes(client):
    shown = page(client, v=4, s0=1, L=2, seed=3, sample=5)
    params = Params(4, 4, 4, 2, 1, 2)
    grammar = Grammar(params, 3)
    tree = expand(grammar, Stream(grammar, 3).take(5, 1))
    label = int(tree.label[0])
    assert shown.by_id("status")["text"].startswith(f"Class {label}, read as class {label}")
    assert (
        "16,384 different data"
        in next(one for one in shown.elements if "numbers" in one.get("class", ""))["text"]
    )
    rows = shown.by_id("predictions")["text"].split("\n")
    for net in ("cnn", "lcn", "fcn"):
        (row,) = [row for row in rows if row.startswith(net.upper())]
        assert f"{float(f'{predict(net, params).P_star:.3g}'):,.0f}" in row
        for sentence in predict(net, params).assumptions:
            plain = re.sub(r"[\^_()]", "", sentence)
            assert any(
                plain in re.sub(r"[\^_()]", "", one["text"]) for one in shown.elements if one["tag"] == "li"
            )
    tuples = [one["text"] for one in shown.elements if "tuple" in one.get("class", "").split()]
    wanted = [level.reshape(-1, 2).tolist() for level in (grammar.rules[1], grammar.rules[0])]
    assert [list(map(int, re.findall(r"\d", rule))) for rule in tuples] == [*wanted[0], *wanted[1]]
    used = [one["text"] for one in shown.elements if "used" in one.get("class", "").split()]
    assert len(used) == params.num_nodes


def test_pictures_have_words(client):
    shown = page(client, v=4, s0=1, L=2, steps="p1-t2")
    images = [one for one in shown.elements if one["tag"] == "img"]
    assert len(images) == 2
    for image, steps in zip(images, ("p1", "p1-t2"), strict=True):
        state = PageState(Model(v=4), steps=steps_of(steps))
        tree = walk(state.grammar, 0, 0, state.steps).after
        places = zip(tree.features[0][0], tree.positions[0][0], strict=True)
        words = ", ".join(f"{feature} at {place}" for feature, place in places)
        assert f"level 1 (input): {words} (positions 0 to 15)" in image["alt"]
        answer = client.get(unescape(image["src"]))
        assert answer.mimetype == "image/svg+xml"
        assert ElementTree.fromstring(answer.data).tag.endswith("svg")
        assert client.get(unescape(image["src"])).data == answer.data


def test_models_in_the_plane_are_shown_as_pictures(client):
    numbers = {"v": 3, "m": 2, "s": 4, "s0": "3,0", "plane": "True"}
    shown = page(client, **numbers, steps="t1")
    state = PageState(Model(v=3, m=2, s=4, s0="3,0", plane=True), steps=steps_of("t1"))
    tree, params = walk(state.grammar, 0, 0, state.steps).after, state.params
    picture = encode(params, tree.features[0], tree.positions[0], "integer")[0]
    lines = [" ".join("." if one < 0 else str(one) for one in row) for row in picture]
    assert "\n".join(lines) in [one["text"] for one in shown.elements if one["tag"] == "code"]
    words = [f"{feature} at {tuple(np.argwhere(params.raster() == place)[0].tolist())}"
             for feature, place in zip(tree.features[0][0], tree.positions[0][0], strict=True)]  # fmt: skip
    (image,) = [one for one in shown.elements if one["tag"] == "img"][1:]
    assert f"level 1 (input): {', '.join(words)} (rows and columns 0 to 7)" in image["alt"]
    assert ElementTree.fromstring(client.get(unescape(image["src"])).data).tag.endswith("svg")
    assert f"params = {params!r}" in shown.by_id("code")["text"] and "plane=True" in repr(params)
    assert "plane" not in PageState().query() and read({"plane": ["True"]}).problems.keys() == {"s"}


@pytest.mark.parametrize("steps", ["p1", "p2", "t1", "t2"])
def test_what_changed_is_marked(steps):
    state = PageState(Model(v=4, s0=2), steps=steps_of(steps))
    found = walk(state.grammar, 0, 0, state.steps)
    old, new, level = found.before, found.after, state.steps[0].level
    figure = tree_figure(state.params, new, old, state.steps[0])
    changed = {
        (below, int(place))
        for below in range(1, 3)
        for place, a, b, c in zip(
            new.positions[below - 1][0],
            new.features[below - 1][0],
            old.features[below - 1][0],
            old.positions[below - 1][0],
            strict=True,
        )
        if a != b or c != place
    }
    marks = {
        tuple(map(int, gid.split("/")[2:4]))
        for kind in ("changed", "moved")
        for gid in artists(figure, f"0/{kind}/")
    }
    assert marks == changed
    arrows = {tuple(map(int, gid.split("/")[2:4])) for gid in artists(figure, "0/arrow/")}
    assert arrows == {one for one in changed if one[0] == level and steps[0] == "t"}
    assert tree_svg(state) != tree_svg(state, False)


def test_the_papers_longest_inputs_are_drawn(client):
    state = PageState(Model(v=6, s0=2, L=3), steps=steps_of("p3-t2"))
    assert state.params.d == 216
    shown = page(client, v=6, s0=2, L=3, steps="p3-t2")
    images = [one for one in shown.elements if one["tag"] == "img"]
    assert [one["class"] for one in images] == ["", "long"] * 2, "the whole, and one to be read"
    tree = walk(state.grammar, 0, 0, state.steps).after
    figure = tree_figure(state.params, tree)
    tiles = {*artists(figure, "0/feature/1/"), *artists(figure, "0/blank/1/")}
    assert len(tiles) == 216 and len(artists(figure, "0/number/1/")) == 8
    assert int(images[1]["width"]) / 216 > 11  # CSS pixels of a tile, for a digit


@pytest.mark.parametrize("dark", [False, True])
def test_a_tree_has_no_ground_of_its_own_and_is_seen_on_that_of_the_page(client, dark):
    shown = page(client, v=4, steps="p1-t1")
    source = [one for one in shown.elements if one["tag"] == "source"][-1]
    (image,) = [one for one in shown.elements if one["tag"] == "img"][1:]
    assert source["media"] == "(prefers-color-scheme: dark)"
    address = unescape(source["srcset"] if dark else image["src"])
    assert address.endswith("&dark=1") == dark
    drawn = client.get(address).text
    root = ElementTree.fromstring(drawn)
    grounds = [one for one in root.iter() if one.get("id") == "patch_1"]
    assert grounds and all(
        "fill: none" in str(path.get("style")) for path in grounds[0].iter() if path.get("d")
    )
    assert (
        ("stroke: #222222" in drawn) != dark and ("#f1f1f1" in drawn) != dark and ("#e6007e" in drawn) != dark
    )


BAD = [
    ({"v": "abc"}, "v", "v = 'abc' is not an integer. Give v as an int."),
    ({"v": ""}, "v", "v = '' is not an integer. Give v as an int."),
    ({"v": "1"}, "v", "v = 1 is below 2. Use v >= 2."),
    ({"n_c": "1"}, "n_c", "n_c = 1 is below 2. Use n_c >= 2."),
    ({"m": "7"}, "m", "Use m <= 6."),
    ({"s": "2.5"}, "s", "s = '2.5' is not an integer. Give s as an int."),
    ({"s": "63"}, "s", "more than 2^62. Use a smaller s or v."),
    ({"s0": "-1"}, "s0", "s0 = -1 is below 0. Use s0 >= 0."),
    ({"L": "0"}, "L", "L = 0 is below 1. Use L >= 1."),
    ({"L": "9" * 5000}, "L", "is not an integer. Give L as an int."),
    ({"sparsity": "C"}, "sparsity", "sparsity = 'C' is not a kind of sparsity. Use 'A' or 'B'."),
    ({"seed": "-1"}, "seed", "seed = -1 is below 0. Use seed >= 0."),
    ({"seed": str(2**64)}, "seed", "Use seed <= 18446744073709551615."),
    ({"sample": "82944"}, "sample", "sample = 82944 is above 82943. Use sample <= 82943."),
    ({"v": ["3", "4"]}, "v", "v = ['3', '4'] is given more than once. Give it once."),
    ({"v": HOSTILE}, "v", "is not an integer. Give v as an int."),
    ({"sparsity": HOSTILE}, "sparsity", "is not a kind of sparsity. Use 'A' or 'B'."),
    ({"steps": HOSTILE}, None, "Use p1-t2 to exchange at level 1, then shift at level 2."),
    ({"steps": "p3"}, None, "steps = 'p3' is a step at level 3 of L = 2. Use levels 1 to L."),
    ({"steps": "p1", "m": "1"}, None, "cannot change anything: with m = 1 there are no synonyms. Leave it out."),
    ({"steps": "t1", "s0": "0"}, None, "cannot change anything: with s0 = 0 there are no blanks. Leave it out."),
    ({"steps": "-".join(["p1"] * 41)}, None, "steps = 41 are more than 40. Begin with another sample."),
    ({"nonsense": HOSTILE}, None, f"is not known here. Use one of {', '.join(FIELDS)}, steps."),
    ({"next": HOSTILE}, None, "is not a next state. Use 'sample' or 'rules'."),
    ({"v": "1000"}, "m", "Use a smaller m, v or L."),
    ({"v": "100000"}, "m", "2^31 or more. Use a smaller m."),
    ({"v": "2", "s0": "0", "L": "20"}, "L", "too many for a page. Use a smaller L, s or s0."),
    ({"v": "2", "s0": "30000", "L": "1"}, "L", "too many for a page. Use a smaller L, s or s0."),
    ({"v": "2", "s0": "900000", "L": "1"}, "s0", "2^31 or more. Use a smaller s0."),
    ({"v": "2", "L": "40"}, "L", "2^31 or more. Use a smaller L, s or s0."),
]  # fmt: skip


@pytest.mark.parametrize(("query", "field", "message"), BAD, ids=lambda value: str(value)[:40])
def test_bad_values_are_told_beside_their_field(client, unchecked, query, field, message):
    shown = page(client, **query)
    told = [one for one in shown.elements if "problem" in one.get("class", "").split() and one["text"]]
    assert len(told) == 1 and told[0]["role"] == "alert"
    assert told[0]["text"].endswith(message)
    if field is None:
        assert "notice" in told[0]["class"]
    else:
        assert told[0]["id"] == f"problem-{field}"
        assert shown.by_id(field)["aria-invalid"] == "true"
        assert told[0]["id"] in shown.by_id(field)["aria-describedby"].split()
    assert [one["tag"] for one in shown.elements].count("script") == 1, "text of the address became a script"
    for name, value in query.items():
        if name in FIELDS and name != "sparsity":  # what was typed is still there, to be mended
            assert shown.by_id(name)["value"] == (value if isinstance(value, str) else value[-1])
    assert client.get("/tree.svg?" + urlencode(query, doseq=True)).status_code == (
        200 if "next" in query else 404
    )


def test_every_problem_is_told_at_once(client):
    shown = page(client, v="x", s0="y", seed="-3", sample="1e3")
    for name in ("v", "s0", "seed", "sample"):
        assert shown.by_id(f"problem-{name}")["text"]


def test_large_models_stay_short(client):
    for query in ({"v": 300, "m": 20}, {"v": 10, "s": 3, "L": 3}, {"v": 2, "s0": 0, "L": 11}):
        answer = client.get("/?" + urlencode(query))
        assert "or more" in answer.text or "more" in answer.text
        assert len(answer.data) < 60_000
        Document(answer.text)
    assert "too long to draw" in answer.text and "<img" not in answer.text
    assert client.get("/tree.svg?v=2&s0=0&L=11").status_code == 404


def test_going_on(client):
    assert client.get("/?v=3&sample=7&next=sample").headers["Location"].endswith("&seed=0&sample=8")
    last = Model(v=2, s0=0, L=1).params().P_max - 1
    answer = client.get(f"/?v=2&s0=0&L=1&sample={last}&next=sample&steps=p1")
    assert answer.status_code == 303 and answer.headers["Location"].endswith("&sample=0")
    assert client.get("/?v=3&seed=1&next=rules").headers["Location"].endswith("&seed=2&sample=0")


def test_nothing_is_loaded_from_elsewhere(client):
    answer = client.get("/?steps=p1")
    asked = [
        one.get(name)
        for one in Document(answer.text).elements
        for name in ("src", "href", "action", "hx-get")
    ]
    asked = [address for address in asked if address]
    assert len(asked) > 5
    for address in asked:
        assert address.startswith(("/", "#")) and not address.startswith("//")
        if address.startswith("/"):
            with client.get(unescape(address)) as found:
                assert found.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_fields_have_labels(client):
    elements = page(client).elements
    labelled = {one["for"] for one in elements if one["tag"] == "label" and one["text"].strip()}
    assert labelled == {one["id"] for one in elements if one["tag"] in ("input", "select")} == set(FIELDS)
    assert all(one["text"].strip() for one in elements if one["tag"] in ("button", "summary", "legend"))
    ids = [one["id"] for one in elements if "id" in one]
    assert len(set(ids)) == len(ids)


def test_count():
    assert [count(n) for n in (0.5, 82944, 10**15, 10**5000, 7 * 10**20)] == [
        "0", "82,944", "1 × 10^15", "1 × 10^5000", "7 × 10^20",
    ]  # fmt: skip


def test_a_taken_port_is_told(refuses):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with refuses("port", port, "Name another, or 0 for a free one"):
            serve(PageState(), port=port, browser=False)
    with refuses("port", 65536, "Use port <= 65535"):
        serve(PageState(), port=65536, browser=False)
