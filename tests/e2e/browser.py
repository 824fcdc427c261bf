"""Chromium without a window, for the tests of the dashboard."""
import base64
import contextlib
import os
import tempfile

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from harness import wait_for


class Browser:
    def __init__(self, profile):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
                         "--disable-background-networking", "--disable-component-update", "--lang=en-US", f"--user-data-dir={profile}"):
            options.add_argument(argument)
        if os.getuid() == 0:
            options.add_argument("--no-sandbox")   # root cannot use the sandbox; the browser opens only pages of these tests
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver", log_path=os.devnull), options=options)
        self.driver.set_page_load_timeout(30)

    def close(self):
        self.driver.quit()

    def look(self, width=1280, height=900, dark=False, still=False):
        """Sets the window's width, the colour scheme, and whether the user wants nothing to move."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                                                  {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}]})

    def open(self, node):
        self.complaints()
        self.driver.get(f"http://127.0.0.1:{node.api_port}/ui/")
        wait_for("the page", lambda: self.text("#verdict"), 20)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """The text of the first match; empty if there is none or it has just been replaced."""
        try:
            return self.driver.find_element(By.CSS_SELECTOR, selector).text
        except (NoSuchElementException, StaleElementReferenceException):
            return ""

    def press(self, words, within="body"):
        next(button for button in self.all(f"{within} button") if button.text.startswith(words)).click()

    def submit(self):
        """Sends the form of the dialog."""
        wait_for("the dialog", lambda: self.all("dialog[open] [type=submit]"), 30)
        self.all("dialog[open] [type=submit]")[0].click()

    def question(self):
        return self.text("dialog")

    def leave(self):
        """Closes the dialog."""
        self.all("dialog .buttons button")[0].click()
        wait_for("the dialog to go", lambda: not self.all("dialog"), 30)

    def log_in(self, user, password):
        wait_for("the password to be asked for", lambda: self.all("dialog .login"), 30)
        for field, text in zip(self.all("dialog .login input"), (user, password)):
            field.clear()
            field.send_keys(text)
        self.submit()

    def fill(self, selector, value):
        """Sets a field as if somebody had typed it, whatever the form that the browser's language gives to dates."""
        self.run("const field = document.querySelector(arguments[0]);"
                 "const proto = Object.getPrototypeOf(field);"
                 "Object.getOwnPropertyDescriptor(proto, 'value').set.call(field, arguments[1]);"
                 "field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}));", selector, value)

    def card(self, node):
        return self.text(f"[data-member='{node}']")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def touch(self, x, y):
        """Touches the window there with a finger, for a moment."""
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
        try:
            self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
            self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        finally:
            self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})

    def complaints(self):
        """The errors that the browser has logged since the last call, such as violations of the page's security policy. Answers
        with an error status are not counted."""
        return [line["message"] for line in self.driver.get_log("browser")
                if line["level"] == "SEVERE" and "Failed to load resource" not in line["message"]]

    def overflow(self):
        """By how many pixels the page is wider than the window."""
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def picture(self, height, path):
        """Saves a picture of the top of the page: the sections that fit completely into this height."""
        self.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        try:
            width, ends = self.run("return [innerWidth, [...document.querySelectorAll('section, .card')].map(one => scrollY + one.getBoundingClientRect().bottom)]")
            fits = max((end for end in ends if end + 12 <= height), default=height - 12) + 12
            clip = {"x": 0, "y": 0, "width": width, "height": fits, "scale": 1}
            shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        finally:
            self.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": False})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def window(self, path):
        """Saves a picture of the window's content."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.driver.get_screenshot_as_png())


@contextlib.contextmanager
def browser():
    with tempfile.TemporaryDirectory(prefix="tamada-browser-", ignore_cleanup_errors=True) as profile:
        one = Browser(profile)
        try:
            yield one
        finally:
            one.close()
