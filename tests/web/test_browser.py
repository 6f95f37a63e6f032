"""The pages in a real browser: Debian's Chromium, as wide as a phone."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.stores.influx_server import free_port
from tests.web.conftest import TOKEN, Page, write_configuration
from tests.web.test_uploads import CSV
from workflows_dagster.settings.load import load
from workflows_dagster.web.app import create_app
from workflows_dagster.web.state import HouseState

DRIVER, BROWSER = shutil.which("chromedriver"), shutil.which("chromium")
if DRIVER is None or BROWSER is None:
    pytest.skip(
        "no chromium with chromedriver on the PATH: the pages are not tried in a browser", allow_module_level=True
    )


LONGEST = 30
PAGES = [
    "/",
    "/meters",
    "/meters/gas?by=day",
    "/meters/main?explain=2025-02",
    "/readings",
    "/upload",
    "/compare",
    "/costs",
    "/findings",
    "/reports",
    "/settings",
    "/docs",
    "/sign-in",
    "/nowhere",
]


class Browser:
    """A browser of a phone's width over the small house."""

    def __init__(self, driver: webdriver.Chrome, page: Page, address: str) -> None:
        self.driver, self.page, self.address = driver, page, address

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def find(self, css: str) -> WebElement:
        return WebDriverWait(self.driver, LONGEST).until(lambda driver: driver.find_element(By.CSS_SELECTOR, css))

    def wait(self, done: Callable[[], object]) -> None:
        stale = [StaleElementReferenceException]
        WebDriverWait(self.driver, LONGEST, poll_frequency=0.05, ignored_exceptions=stale).until(lambda _: done())

    def sign_in(self) -> None:
        self.open("/sign-in?next=/readings")
        self.find("#token").send_keys(TOKEN)
        self.find("main button").click()
        self.find("#v-gas")

    def type_in(self, value: str, time_: str = "01.03.2025 10:00") -> WebElement:
        """Type a reading of the gas meter in; gives the form."""
        form = self.find("#m-gas form")
        form.find_element(By.NAME, "value").send_keys(value)
        form.find_element(By.TAG_NAME, "summary").click()
        form.find_element(By.NAME, "time").send_keys(time_)
        form.find_element(By.CSS_SELECTOR, "button").click()
        return form

    def offline(self, is_off: bool) -> None:
        conditions = {"offline": is_off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for argument in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        started = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    except WebDriverException as error:
        pytest.skip(f"Chromium does not start here ({error.msg}): no page is tried in a browser")
    yield started
    started.quit()


@pytest.fixture
def browser(driver: webdriver.Chrome, tmp_path: Path, computed_file: Path) -> Iterator[Browser]:
    environ = write_configuration(tmp_path)
    (tmp_path / "data" / computed_file.name).write_bytes(computed_file.read_bytes())
    state = HouseState(environ, load(environ=environ))
    port = free_port()
    app = create_app(state, "127.0.0.1")
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + LONGEST
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    made = Browser(driver, Page(state, None, tmp_path), f"http://localhost:{port}")  # type: ignore[arg-type]
    yield made
    made.offline(False)
    driver.delete_all_cookies()
    server.should_exit = True
    thread.join()


def errors(driver: webdriver.Chrome) -> list[str]:
    """What the browser complains of, a page that is not there aside."""
    return [entry["message"] for entry in driver.get_log("browser") if "404" not in entry["message"]]


def test_no_page_is_wider_than_a_phone_and_none_breaks_its_own_rules(browser: Browser) -> None:
    errors(browser.driver)
    for path in PAGES:
        browser.open(path)
        width = browser.driver.execute_script("return document.documentElement.scrollWidth")
        assert width <= 360, path
    assert errors(browser.driver) == []


def test_a_reading_is_typed_in_and_taken_back(browser: Browser) -> None:
    browser.sign_in()
    form = browser.type_in("455,5")
    browser.wait(lambda: "Stored." in form.text)
    assert browser.page.raw("gas", "m³").iloc[-1] == 455.5
    form.find_element(By.CSS_SELECTOR, ".verdict button").click()
    browser.wait(lambda: "Taken back." in form.text)
    assert len(browser.page.raw("gas", "m³")) == 3


def test_an_implausible_reading_waits_for_a_second_word(browser: Browser) -> None:
    browser.sign_in()
    form = browser.type_in("4555")
    browser.wait(lambda: "Decimal mark missing?" in form.text)
    assert len(browser.page.raw("gas", "m³")) == 3
    form.find_element(By.CSS_SELECTOR, ".verdict button").click()
    browser.wait(lambda: "Stored." in form.text)
    assert browser.page.raw("gas", "m³").iloc[-1] == 4555


def test_without_reception_a_reading_waits_visibly_and_is_sent_once(browser: Browser) -> None:
    browser.sign_in()
    browser.offline(True)
    browser.type_in("455,5")
    box = browser.find("#waiting")
    browser.wait(lambda: "455,5" in box.text)
    assert len(browser.page.raw("gas", "m³")) == 3
    browser.offline(False)
    browser.driver.execute_script("dispatchEvent(new Event('online')); dispatchEvent(new Event('online'))")
    browser.wait(lambda: "Sent: " in box.text)
    kept = "return localStorage.length && localStorage[localStorage.key(0)]"
    browser.wait(lambda: browser.driver.execute_script(kept) == "[]")
    assert browser.page.raw("gas", "m³").tolist()[3:] == [455.5]
    assert browser.page.state.statistics.since_start()["readings_written"] == 1


def test_a_file_is_looked_at_and_then_stored(browser: Browser) -> None:
    browser.sign_in()
    file = browser.page.folder / "gas.csv"
    file.write_bytes(CSV)
    for place, said in ((0, "2 readings would be stored."), (1, "2 readings are stored.")):
        browser.open("/upload")
        browser.find("#file").send_keys(str(file))
        browser.find("#meter option[value=gas]").click()
        browser.driver.find_elements(By.CSS_SELECTOR, "form button[name=store]")[place].click()
        browser.wait(lambda said=said: said in browser.find("main").text)
    assert len(browser.page.raw("gas", "m³")) == 5


def test_a_click_on_a_bar_explains_it_in_place(browser: Browser) -> None:
    browser.open("/meters/gas?by=year")
    bars = browser.find("#bars .u-over")
    webdriver.ActionChains(browser.driver).move_to_element(bars).click().perform()
    browser.wait(lambda: "420.5" in browser.find("#explained pre").get_attribute("textContent"))
    assert browser.driver.current_url.endswith("?by=year")


def test_a_german_browser_gets_german_pages(browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": "de"}})
    try:
        browser.sign_in()
        form = browser.type_in("4555")
        browser.wait(lambda: "Dezimaltrennzeichen" in form.text or "Komma" in form.text)
        browser.open("/meters/gas?by=month")
        assert "Verbrauch" in browser.find("main").text
    finally:
        browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, scheme: str) -> None:
    if not (script := os.environ.get("METERS_AXE")):
        pytest.skip("no axe-core: name its axe.min.js by METERS_AXE")
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    for path in PAGES:
        browser.open(path)
        browser.driver.execute_script(Path(script).read_text(encoding="utf-8"))
        tags = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"
        found = browser.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"axe.run({{runOnly: {tags}}}).then(found => done(found.violations.map("
            "v => [v.id, v.nodes.map(n => n.html.slice(0, 200))])))"
        )
        assert found == [], path
