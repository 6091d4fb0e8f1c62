"""Panels and figures in JupyterLab's dark theme, in a narrow window, and at 150 %."""

import pytest
from browsing import (
    cut_off,
    needs_chromium,
    new_page,
    pale_svg_texts,
    screenshot,
    serious,
    start_and_stop,
    started_chromium,
)
from lab import cell, notebook_of, run_all_cells, started_lab, write

pytestmark = needs_chromium
SETUP = """
import time
from typing import NamedTuple
import numpy as np
from lecture_lib.models.inference import Guess
from lecture_lib.panels import explore, explore_map, picture_dropdown, run_live
class Reached(NamedTuple):
    images: np.ndarray
    values: np.ndarray
    frames: list
GRAY = np.full((1, 128, 128, 3), 0.5, np.float32)
LONG = "The class of a name as long as that of a black-and-tan coonhound, or longer still"
def gray(picture, shade):
    if shade > 0.95:
        raise ValueError("That is too bright; " + 6 * "choose a lower shade, ")
    wide = np.concatenate([picture * shade, picture], axis=1)
    return wide, [Guess(0, LONG, 0.7), Guess(1, "cat", 0.3)]
def ascend(speed, watch):
    for step in range(1, 1001):
        time.sleep(0.02)
        reached = Reached(GRAY * step / 1000, np.arange(step + 1.0) * speed, [])
        if watch(step, 1000, reached):
            break
    return reached
hand_on = {"Explain: saliency": "05_saliency", "Attack this picture": "12_adversarial"}"""
CELLS = {
    "answers": """
pictures = picture_dropdown(["astronaut", "cat"], size=320)
explore(gray, alt="gray", picture=pictures, shade=(0.0, 1.0, 0.1), hand_on=hand_on)""",
    "ascent": "run_live(ascend, alt='brighter gray', speed=(1, 9), hand_on=hand_on)",
    "map of dots": """
points = np.random.default_rng(0).random((40, 2))
def dot(number):
    return GRAY[0], f"number {number}"
explore_map(points, dot, labels=np.arange(40) % 4, names=["cat", "dog", "cow", "hen"], alt="gray")
""",
    "judge": """
from lecture_lib.class_visualization.trials import Trial
from lecture_lib.panels import judge_channels
one = np.full((4, 64, 64, 3), 0.5, np.float32)
session = judge_channels([Trial(1, "natural", one, one, one[0], one[0])])""",
    "figure": """
from lecture_lib.figures import show_map
show_map(GRAY[0], np.linspace(0, 1, 400).reshape(20, 20), title="a map", alt="gray and a map")""",
}
SETTINGS = "themes.jupyterlab-settings"
# Of the window, in pixels; of 1280, 150 % leaves 853.
WIDTHS = {"wide": 1280, "150 %": 853, "narrow": 700}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A notebook of panels in the dark theme, run from top to bottom."""
    folder = tmp_path_factory.mktemp("themes")
    (folder / "notebooks").mkdir()
    path = folder / "notebooks" / "panels.ipynb"
    write(notebook_of(map(cell, [SETUP, *CELLS.values()])), path)
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    write({"theme": "JupyterLab Dark", "adaptive-theme": False}, settings / SETTINGS)
    with started_lab(folder) as address, started_chromium() as browser:
        page = new_page(browser)
        page.goto(address.format("panels"))
        run_all_cells(page, path)
        page.keyboard.press("Control+b")  # the list of files takes room that a narrow window lacks
        yield page


def panel_of(page, name):
    """The panel of a cell, in view."""
    number = 1 + list(CELLS).index(name)
    panel = page.locator(".jp-CodeCell").nth(number).locator(".lecture-panel")
    panel.scroll_into_view_if_needed()
    panel.locator("img").wait_for()
    return panel


PANELS = [name for name in CELLS if name != "figure"]


@pytest.fixture(scope="module")
def used(page):
    """The page after its panels have run, complained, and handed a picture on."""
    start_and_stop(panel_of(page, "ascent"))
    panel_of(page, "ascent").get_by_role("button", name="Explain: saliency").click()
    page.get_by_role("link", name="Open 05 saliency").wait_for()
    return page


def test_the_theme_is_dark(page):
    dark = "document.body.dataset.jpThemeLight"
    assert page.evaluate(dark) == "false"
    assert page.complaints == []


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_can_be_read_in_the_dark(used, name):
    panel = panel_of(used, name)
    screenshot(used, f"dark-{name}")
    assert serious(used, ".lecture-panel") == []
    assert pale_svg_texts(panel) == []


def test_what_went_wrong_can_be_read_in_the_dark(used):
    panel = panel_of(used, "answers")
    panel.get_by_role("slider").press("End")
    panel.get_by_role("alert").wait_for()
    screenshot(used, "dark-alert")
    assert serious(used, ".lecture-panel") == [] and cut_off(panel) == []
    panel.get_by_role("slider").press("Home")
    panel.get_by_role("alert").wait_for(state="detached")


def test_a_figure_keeps_its_white_ground_so_that_its_ink_can_be_read(used):
    picture = used.locator(".jp-CodeCell").last.locator("img")
    picture.scroll_into_view_if_needed()
    corner = """(picture) => {
        const canvas = document.createElement("canvas");
        canvas.width = picture.naturalWidth;
        const pen = canvas.getContext("2d");
        pen.drawImage(picture, 0, 0);
        return [...pen.getImageData(picture.naturalWidth / 2, 1, 1, 1).data];
    }"""
    assert min(picture.evaluate(corner)) > 245


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)  # the slower one
def test_nothing_of_a_panel_is_cut_off(used, name, width):
    if used.viewport_size["width"] != width:
        used.set_viewport_size({"width": width, "height": 1000})
        used.wait_for_timeout(700)
    panel = panel_of(used, name)
    screenshot(used, f"width-{width}-{name}")
    assert cut_off(panel) == []
    words = panel.locator(".lecture-status").last
    assert words.evaluate("(line) => line.scrollWidth <= line.clientWidth")
