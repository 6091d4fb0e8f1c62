"""A browser for tests: Chromium driven by Playwright, and what a reader does with a panel in it.

Importing this skips the tests of a file where Playwright is missing.
"""

import contextlib
import os
import shutil

import pytest
from waiting import wait_until

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the browser test needs Playwright: pip install playwright"
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
needs_chromium = pytest.mark.skipif(
    not CHROMIUM,
    reason="the browser test needs Chromium on the PATH, on Debian: apt-get install chromium",
)
FLAGS = [
    "no-sandbox",
    "disable-gpu",
    "disable-background-networking",
    "no-first-run",
    "disable-component-update",
    "disable-sync",
]
# For evaluate(): what has changed in a page is laid out and drawn.
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextlib.contextmanager
def started_chromium(*flags):
    """A running browser; `flags` are further ones, without their two hyphens."""
    with playwright.sync_playwright() as driver:
        arguments = [f"--{flag}" for flag in (*FLAGS, *flags)]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


def new_page(browser, width=1280, height=1000):
    """A page of a window of its own that is patient, and collects complaints."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.context.set_default_timeout(90_000)
    collect_complaints(page)
    return page


def collect_complaints(page):
    """Let a page keep what its console calls an error, as page.complaints."""
    page.complaints = complaints = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))


def screenshot(page, name, **options):
    """Leave a screenshot in the folder that the variable LECTURE_SCREENSHOTS names, if it does."""
    if folder := os.environ.get("LECTURE_SCREENSHOTS"):
        page.screenshot(path=os.path.join(folder, f"{name}.png"), **options)


def serious(page, context=None):
    """What axe finds to be serious or worse, as (rule, HTML)."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="needs axe: pip install axe-playwright-python",
    )
    found = axe.Axe().run(page, context=context).response["violations"]
    return [
        (problem["id"], problem["nodes"][0]["html"][:200])
        for problem in found
        if problem["impact"] in ("serious", "critical")
    ]


# Panels


def panel_of(page, number):
    """The panel in a code cell of a notebook, in view and with its picture."""
    panel = page.locator(".jp-CodeCell").nth(number).locator(".lecture-panel")
    panel.scroll_into_view_if_needed()
    panel.locator("img").wait_for()
    return panel


PIXELS = """(picture) => {
    if (!picture.complete || !picture.naturalWidth || !picture.checkVisibility()) return null;
    const canvas = document.createElement("canvas");
    canvas.width = picture.naturalWidth;
    canvas.height = picture.naturalHeight;
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL();
}"""


def picture_of(panel):
    """The pixels of a panel's picture, or None at the moment when it is exchanged for the next."""
    return panel.locator("img").evaluate(PIXELS)


def status(panel):
    return panel.locator(".lecture-status").inner_text()


def view(panel):
    """What a reader sees of a panel: picture and status line."""
    return picture_of(panel), status(panel)


def changed(panel, before):
    """Wait for another picture than the one before, and return it."""
    return wait_until(
        lambda: (now := picture_of(panel)) != before and now, "the picture has changed"
    )


def seen_to_change(panel, before):
    """Wait until a panel has another answer, not a part of one, and does not complain."""
    wait_until(lambda: has_answered(panel, before), "the panel has answered")
    assert panel.get_by_role("alert").count() == 0, status(panel)


def has_answered(panel, before):
    picture, words = view(panel)
    is_new = picture is not None and (picture, words) != before
    return is_new and not words.startswith("Computing")


def chosen_picture(panel):
    """The text chosen in the list of pictures."""
    label = panel.page.get_by_text("picture", exact=True)
    rows = panel.locator(".widget-dropdown").filter(has=label)
    chosen = rows.locator("select").evaluate("list => list.selectedOptions[0].text")
    return chosen.replace("\xa0", " ")


def start_and_stop(panel):
    """Press Start, see steps counted, press Stop, and see the run end.

    One that is quick may have ended before.
    """
    start = panel.get_by_role("button", name="Start", exact=True)
    stop = panel.get_by_role("button", name="Stop", exact=True)
    before = status(panel)
    start.click()
    wait_until(lambda: counts_steps(panel, before), "steps are counted")
    wait_until(lambda: has_ended(panel, stop), "the run ends")
    wait_until(lambda: start.is_enabled() and stop.is_disabled(), "Start is enabled")


def counts_steps(panel, before):
    words = status(panel)
    return words != before and words.startswith(("Step", "Done"))


def has_ended(panel, stop):
    """Whether a run has ended; one that goes on is stopped."""
    if stop.is_enabled():
        with contextlib.suppress(playwright.TimeoutError):  # it has just ended
            stop.click(timeout=1000)
    return status(panel).startswith(("Stopped at", "Done"))


# Themes and sizes

# Text whose color is too near to what lies behind it, which axe does not look for in an SVG.
PALE_SVG = """(panel) => {
    const numbers = (color) => (color.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const over = (below, [red, green, blue, alpha = 1]) =>
        [red, green, blue].map((value, index) => alpha * value + (1 - alpha) * below[index]);
    const behind = (element) => {
        const parents = [];
        for (let one = element; one; one = one.parentElement) parents.unshift(one);
        return parents.reduce(
            (color, one) => over(color, numbers(getComputedStyle(one).backgroundColor)),
            [255, 255, 255],
        );
    };
    const linear = (value) =>
        value <= 10 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) =>
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    const contrast = (text) => {
        const ground = behind(text);
        const ink = over(ground, numbers(getComputedStyle(text).fill));
        const [low, high] = [luminance(ink), luminance(ground)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    return [...panel.querySelectorAll("svg text")]
        .filter((text) => text.textContent.trim() && contrast(text) < 4.5)
        .map((text) => `${text.textContent.trim()}: ${contrast(text).toFixed(1)}`);
}"""
# Elements that reach out of the panel or hide a part of what they hold.
CUT_OFF = """(panel) => {
    const edge = panel.getBoundingClientRect().right + 1;
    const isCut = (element) => {
        const style = getComputedStyle(element);
        const hides = (overflow) => ["hidden", "clip", "scroll", "auto"].includes(overflow);
        return (
            element.getBoundingClientRect().right > edge ||
            (hides(style.overflowX) && element.scrollWidth > element.clientWidth + 1) ||
            (hides(style.overflowY) && element.scrollHeight > element.clientHeight + 3)
        );
    };
    return [...panel.querySelectorAll("*")]
        .filter((one) => one.checkVisibility() && one.clientWidth > 1)
        .filter((one) => !one.closest("svg, select, input, .js-plotly-plot") && isCut(one))
        .map((one) => `${one.tagName} ${one.className} ${one.innerText.slice(0, 40)}`);
}"""


def pale_svg_texts(panel):
    """The texts in drawings of a panel that stand out from their background by less than 4.5."""
    return panel.evaluate(PALE_SVG)


def cut_off(panel):
    """What reaches out of a panel, or hides a part of what it holds."""
    return panel.evaluate(CUT_OFF)
