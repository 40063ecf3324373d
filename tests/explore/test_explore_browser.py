"""The explorer in a real browser: every control, bad values, the back button, sharing, keyboard, phone, dark."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode

import pytest
from selenium.webdriver.common.keys import Keys

from browser import LONGEST, Browser, chromium
from srhm.explore.state import PageState
from srhm.explore.walk import Step, walk
from srhm.model.options import Model

COMMAND = """
from srhm.cli import main
main(["explore", "--port", "0", "--no-browser", "--v", "4"])
"""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.fullmatch(r"Explore the model at (http://127\.0\.0\.1:\d+)/\?v=4&\S*\n", said)
        assert found, said or process.communicate(timeout=LONGEST)
        assert process.stdout.readline() == "Ctrl-C ends this.\n"
        yield found[1], process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def window(server) -> Iterator[Browser]:
    with chromium(server[0]) as browser:
        yield browser


@pytest.fixture
def page(window: Browser) -> Iterator[Browser]:
    """The page of the default model; at the end nothing has been complained of in the console."""
    window.screen(1280)
    window.go("/")
    window.complaints()
    yield window
    assert window.complaints() == []


def shown(page: Browser) -> dict[str, str]:
    """What state the results are of; nothing while there is a problem."""
    return dict(parse_qsl(page.ask("document.querySelector('#results')?.dataset.state ?? ''")))


def wait_for(page: Browser, **wanted: str) -> None:
    """Wait until the results are of a state and their drawings are there."""

    def there() -> bool:
        state = shown(page)
        settled = page.ask(
            "!document.querySelector('.htmx-request') && [...document.images].every(i => i.naturalWidth)"
        )
        return bool(state) and settled and all(state.get(name, "") == value for name, value in wanted.items())

    page.until(there, f"the results of {wanted}")


def fields(page: Browser) -> dict[str, str]:
    return page.ask("Object.fromEntries([...new FormData(document.querySelector('#controls'))])")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("v", "5"), ("sparsity", "B"), ("sample", "11")),
        *(
            pytest.param(*one, marks=pytest.mark.long)
            for one in (("n_c", "3"), ("m", "2"), ("s", "3"), ("s0", "2"), ("L", "1"), ("seed", "9"))
        ),
    ],
)
def test_every_field_changes_what_is_shown(page, name, value):
    before = page.text("#results")
    page.fill(name, value)
    wait_for(page, **{name: value})
    assert page.query()[name] == value and fields(page)[name] == value
    model = Model(
        **{name: value if name == "sparsity" else int(value)} if name not in ("seed", "sample") else {}
    )
    state = PageState(model, **({name: int(value)} if name in ("seed", "sample") else {}))
    assert f"{state.params.P_max:,} different data" in page.text("#results")
    assert page.text("#status").startswith(
        f"Class {int(walk(state.grammar, state.seed, state.sample).after.label[0])},"
    )
    assert page.text("#results") != before
    assert page.find("#n_c").get_attribute("placeholder") == str(state.params.n_c)


def test_steps_stay_in_the_class_and_can_be_undone(page):
    steps: list[str] = []
    for kind, level in (("exchange", 1), ("shift", 2), ("exchange", 2), ("shift", 1)):
        page.click(f"#{kind}-{level}")
        steps.append(str(Step(kind, level)))
        wait_for(page, steps="-".join(steps))
        assert page.query()["steps"] == "-".join(steps)
        state = PageState(
            Model(), 0, 0, tuple(Step("exchange" if s[0] == "p" else "shift", int(s[1])) for s in steps)
        )
        tree = walk(state.grammar, 0, 0, state.steps).after
        dense = ["."] * state.params.d
        for feature, place in zip(tree.features[0][0], tree.positions[0][0], strict=True):
            dense[place] = str(feature)
        assert page.ask("[...document.querySelectorAll('.input code')].at(-1).textContent") == " ".join(dense)
        label = int(tree.label[0])
        assert page.text("#status").startswith(
            f"Class {label}, read as class {label} from the input alone. By"
        )
        assert len(page.ask("[...document.images].map(i => i.alt)")) == 2
    page.click(".trail li:nth-child(2) button")
    wait_for(page, steps="p1")
    page.click(".trail li:first-child button")
    wait_for(page, steps="")
    assert page.ask("document.images.length") == 1


@pytest.mark.long
def test_other_data_and_other_rules(page):
    page.click("#shift-1")
    wait_for(page, steps="t1")
    page.click("button[value=sample]")
    wait_for(page, sample="1", steps="")
    assert page.find("#sample").get_property("value") == "1"
    page.click("button[value=rules]")
    wait_for(page, sample="1", seed="1")
    assert page.find("#seed").get_property("value") == "1"
    assert page.query()["seed"] == "1" and "next" not in page.query()


@pytest.mark.long
def test_a_field_left_half_way_counts_with_the_button(page):
    """Typed and not yet shown, then a button at once: both count."""
    field = page.find("#v")
    field.click()
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("3")
    page.click("button[value=sample]")
    wait_for(page, v="3", sample="1")


@pytest.mark.long
def test_what_is_typed_meanwhile_stays(page):
    """The text of a field is not lost when the answer to the change of another one comes."""
    page.driver.execute_script(
        """
        const [changed, typed] = ["v", "n_c"].map(id => document.getElementById(id));
        changed.value = "5";
        changed.dispatchEvent(new Event("change", {bubbles: true}));
        typed.focus();
        typed.value = "4";  // before any answer can come: this script is not interrupted
        """
    )
    wait_for(page, v="5", n_c="")
    assert page.find("#n_c").get_property("value") == "4"
    page.press(Keys.ENTER)
    wait_for(page, v="5", n_c="4")


@pytest.mark.long
def test_back_and_forward(page):
    page.fill("v", "5")
    wait_for(page, v="5")
    page.fill("sparsity", "B")
    wait_for(page, sparsity="B")
    page.click("#exchange-1")
    wait_for(page, steps="p1")
    page.fill("m", "99")
    page.until(lambda: page.text("#problem-m"), "a problem")
    there = [
        {"v": "5", "sparsity": "B", "steps": "p1"},
        {"v": "5", "sparsity": "B"},
        {"v": "5", "sparsity": "A"},
    ]
    for wanted in there:
        page.driver.back()
        wait_for(page, **({"steps": ""} | wanted))
        assert {name: fields(page)[name] for name in ("v", "sparsity", "m")} == {
            "v": "5", "sparsity": wanted["sparsity"], "m": "",
        }  # fmt: skip
        assert page.text("#problem-m") == ""
    page.driver.back()
    wait_for(page, v="6")
    assert fields(page)["v"] == "6"
    page.driver.forward()
    wait_for(page, v="5", sparsity="A")
    assert fields(page)["v"] == "5"


def test_bad_values_are_told_and_mended(page):
    for name, bad, message, good in (
        ("v", "1", "v = 1 is below 2. Use v >= 2.", "7"),
        ("m", "50", "Use m <= 7.", "3"),
        ("s0", "", "s0 = '' is not an integer. Give s0 as an int.", "0"),
        ("sample", "-4", "sample = -4 is below 0. Use sample >= 0.", "2"),
    ):
        page.fill(name, bad)
        page.until(lambda name=name: page.text(f"#problem-{name}"), "a problem")
        assert page.text(f"#problem-{name}").endswith(message)
        assert page.find(f"#problem-{name}").is_displayed()
        assert page.find("#" + name).get_attribute("aria-invalid") == "true"
        assert page.find("#" + name).get_property("value") == bad
        assert "errors" in page.text("#status") and not shown(page)
        page.fill(name, good)
        wait_for(page, **{name: good})
        assert page.text(f"#problem-{name}") == "" and not page.find("#" + name).get_attribute("aria-invalid")
    assert not page.find("#shift-1").is_enabled() and "there are no blanks" in page.text(".actions")
    page.go("/?v=six&steps=p1")
    assert page.find("#v").get_property("value") == "six"
    page.fill("v", "4")
    wait_for(page, v="4")


@pytest.mark.long
def test_the_address_is_enough(page):
    page.fill("L", "3")
    wait_for(page, L="3")
    page.click("#exchange-3")
    wait_for(page, steps="p3")
    address, words = page.ask("location.href"), page.text("#page")
    page.driver.switch_to.new_window("tab")
    try:
        page.driver.get(address)
        wait_for(page, steps="p3")
        assert page.text("#page") == words
    finally:
        page.driver.close()
        page.driver.switch_to.window(page.driver.window_handles[0])


def test_the_keyboard_is_enough(page):
    page.ask("document.querySelector('#v').focus()")
    page.press(Keys.END, Keys.BACKSPACE, "5", Keys.ENTER)
    wait_for(page, v="5")
    assert page.ask("document.activeElement.id") == "v", "the focus was lost"
    page.press(Keys.END, Keys.BACKSPACE, "6", Keys.ENTER)
    wait_for(page, v="6")
    page.press(Keys.TAB, "4", Keys.ENTER)
    wait_for(page, v="6", n_c="4")
    assert page.ask("document.activeElement.id") == "n_c"
    reached = []
    for _ in range(60):
        page.press(Keys.TAB)
        reached.append(page.ask("document.activeElement.id || document.activeElement.tagName"))
        if reached[-1] == "shift-2":
            break
    assert {
        "m",
        "s",
        "s0",
        "L",
        "sparsity",
        "seed",
        "sample",
        "exchange-1",
        "exchange-2",
        "shift-1",
        "shift-2",
    } <= {*reached}
    assert page.ask("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press(Keys.SPACE)
    wait_for(page, steps="t2")
    assert page.ask("document.activeElement.id") == "shift-2"


@pytest.mark.long
def test_it_works_without_scripts(page):
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.go("/")
        field = page.find("#v")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys("3", Keys.ENTER)
        page.until(lambda: "v=3" in page.driver.current_url, "the form")
        page.find("#exchange-1").click()
        page.until(lambda: "steps=p1" in page.driver.current_url, "the step")
        assert page.find(".trail").is_displayed()
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize(
    ("width", "dark"),
    [
        (390, True),
        *(pytest.param(*one, marks=pytest.mark.long) for one in ((390, False), (1280, False), (1280, True))),
    ],
)
def test_it_can_be_read_on_every_screen(page, width, dark):
    page.screen(width, dark=dark)
    for query in ({"steps": "p1-t1"}, {"v": "12", "L": "3", "steps": "p3"}, {"v": "1"}):
        page.go("/?" + urlencode(query))
        if "v" not in query or query["v"] != "1":
            wait_for(page, **query)
        assert page.ask("document.documentElement.scrollWidth") == width, "the page is wider than the screen"
        contrast, where = page.weakest_contrast()
        assert contrast >= 4.5, where
    ground = page.ask("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 300) == dark


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_tree_scrolls_at_its_size(page, width):
    page.screen(width)
    page.go("/?v=6&s0=2&L=3")
    wait_for(page, L="3")
    box = "document.querySelector('figure .scroll')"
    image = f"{box}.querySelector('img')"
    assert page.ask(f"{image}.clientWidth == {image}.width && {image}.clientWidth / 216 > 11")
    assert page.ask(f"{box}.scrollWidth > {box}.clientWidth")
    assert page.ask("document.documentElement.scrollWidth") == width
    assert page.find(".overview").is_displayed() == (width == 1280)


def test_nothing_is_asked_of_another_machine(page):
    page.click("#shift-1")
    wait_for(page, steps="t1")
    asked = page.ask("performance.getEntriesByType('resource').map(entry => new URL(entry.name).origin)")
    assert len(asked) >= 6 and set(asked) == {page.address}


def test_ctrl_c_ends_it(server):
    """The last test of the module: the server is gone after it."""
    address, process = server
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, out, err) == (0, "Ended.\n", "")
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", int(address.split(":")[-1]))),
    ):
        pass
