"""A headless Chromium, driven by Selenium: what tests of pages ask, without a fixed pause anywhere."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

LONGEST = 120
"""Seconds that a condition may take before a test gives up: far more than it needs."""

OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # there is no network
)

LINEAR = """
const linear = text => { const [r, g, b, a] = text.match(/[\\d.]+/g).map(Number);
  const part = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  return a === 0 ? null : 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b); };
"""


class Browser:
    """A window on the pages of one server."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver, self.address = driver, address

    def go(self, path: str) -> None:
        self.driver.get(self.address + path)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        return WebDriverWait(self.driver, LONGEST, 0.05).until(lambda _: condition(), f"waited for {what}")

    def ask(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script("return " + script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.ask("document.querySelector(arguments[0])?.textContent.trim() ?? ''", selector)

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def fill(self, name: str, text: str) -> None:
        """Put text in place of what a field holds, and leave the field by the keyboard."""
        field = self.find("#" + name)
        if field.tag_name == "select":
            Select(field).select_by_value(text)
        else:
            field.click()
            field.send_keys(Keys.CONTROL, "a")
            field.send_keys(text or Keys.DELETE, Keys.TAB)

    def click(self, selector: str) -> None:
        """Click as a person does, wherever on the page it is."""
        element = self.find(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def query(self) -> dict[str, str]:
        """What the address holds."""
        return dict(parse_qsl(self.ask("location.search").removeprefix("?"), keep_blank_values=True))

    def screen(self, width: int, *, dark: bool = False) -> None:
        """Be a screen of some width, in CSS pixels, light or dark."""
        media = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def complaints(self) -> list[str]:
        """What the console holds since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]

    def weakest_contrast(self) -> tuple[float, str]:
        """The least contrast (WCAG) of a text with the ground below it, and the text."""
        return tuple(
            self.driver.execute_script(
                LINEAR
                + """
                let least = [99, ""];
                for (const element of document.querySelectorAll("body *")) {
                  if (![...element.childNodes].some(node => node.nodeType === 3 && node.nodeValue.trim())) continue;
                  if (!element.checkVisibility() || element.matches(":disabled, .blank")) continue;
                  let ground = null;
                  for (let below = element; below && ground === null; below = below.parentElement)
                    ground = linear(getComputedStyle(below).backgroundColor);
                  const ink = linear(getComputedStyle(element).color);
                  const [low, high] = [ink, ground ?? 1].sort((a, b) => a - b);
                  const contrast = (high + 0.05) / (low + 0.05);
                  if (contrast < least[0]) least = [contrast, element.outerHTML.slice(0, 100)];
                }
                return least;"""
            )
        )


@contextmanager
def chromium(address: str) -> Iterator[Browser]:
    """Open a window, or skip the test where this machine has no browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip(
            "no Chromium with chromedriver on this machine (Debian: apt-get install chromium chromium-driver)"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for option in OPTIONS:
        options.add_argument(option)
    window = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(window, address)
    finally:
        window.quit()
