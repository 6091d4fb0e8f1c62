"""The course as a student meets it: JupyterLab in a browser, with all panels used by hand.

A copy of a notebook is run from top to bottom. The panels of the whole course stand in one
notebook, cut out as for the demonstration, so that TensorFlow is imported once. Needs Chromium and
Playwright, and says so where one is missing. With the environment variable LECTURE_SCREENSHOTS
naming a folder, a screenshot of every notebook and panel is left there.
"""

import json
import os
import shutil
import signal
import sys

import numpy as np
import pytest
from browsing import (
    TWO_FRAMES,
    changed,
    chosen_picture,
    cut_off,
    needs_chromium,
    new_page,
    picture_of,
    screenshot,
    seen_to_change,
    serious,
    start_and_stop,
    started_chromium,
    status,
    view,
)
from course_files import NOTEBOOKS, ROOT, code_cells
from lab import cell, errors_in, notebook_of, run_all_cells, started_lab, wait_in, write
from PIL import Image
from waiting import wait_until

sys.path.insert(0, str(ROOT / "tools"))

import make_demo

pytestmark = needs_chromium
PANELS = {
    "explore": """
import numpy as np
from lecture_lib.panels import explore, picture_dropdown
def gray(picture, shade):
    if shade > 0.95:
        raise ValueError("That is too bright.")
    return np.clip(np.asarray(picture) * 0 + shade + 0.05 * np.asarray(picture), 0, 1)
pictures = picture_dropdown(["astronaut", "cat"], size=64)
explore(gray, alt="a gray picture", picture=pictures, shade=(0.0, 1.0, 0.1))""",
    "ascent": """
import time
from lecture_lib.core import Ascent
from lecture_lib.panels import run_live
def ascend(speed, watch):
    values = [0.0]
    for step in range(1, 1001):
        time.sleep(0.02)
        values.append(step * speed)
        ascent = Ascent(np.full((1, 64, 64, 3), step / 1000, np.float32), np.array(values), [])
        if watch(step, 1000, ascent):
            break
    return ascent
run_live(ascend, alt="gray that grows brighter", speed=(1, 9))""",
}


def copy_of(path):
    """A notebook as a student's first run meets it: without stored outputs."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [
        {**part, "outputs": [], "execution_count": None} if part["cell_type"] == "code" else part
        for part in notebook["cells"]
    ]
    return {**notebook, "cells": cells}


def cell_with_page(path):
    """A cell that shows the panels of a page, with names of its own."""
    cells = ["".join(part["source"]) for part in code_cells(path)]
    source = "\n".join(cells)
    path.with_suffix(".py").write_text(source, encoding="utf-8")
    return cell(
        f"exec(open('{path.stem}.py', encoding='utf-8').read(), {{'__name__': '{path.stem}'}})"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the notebooks to open, so that those of the clone stay as they are."""
    folder = tmp_path_factory.mktemp("lab")
    notebooks = folder / "notebooks"
    make_demo.make(notebooks / "pages")
    write(notebook_of(map(cell, PANELS.values())), notebooks / "panels.ipynb")
    tell = "import os\nimport numpy as np\nopen('pid', 'w').write(str(os.getpid()))"
    cells = [tell, PANELS["ascent"], PANELS["explore"]]
    write(notebook_of(map(cell, cells)), notebooks / "alive.ipynb")
    pages = [cell_with_page(notebooks / "pages" / path.name) for path in NOTEBOOKS]
    write(notebook_of(pages), notebooks / "pages" / "course.ipynb")
    (notebooks / "slides").mkdir()
    for place in (folder, notebooks):  # the first cell plays ../docs/films
        shutil.copytree(ROOT / "docs" / "films", place / "docs" / "films")
    for path in NOTEBOOKS:
        write(copy_of(path), notebooks / path.name)
        shutil.copy(path, notebooks / "slides")  # with their stored outputs
    return folder


@pytest.fixture(scope="module")
def address(folder):
    """The address of a running JupyterLab, as a format for the name of a notebook."""
    with started_lab(folder) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with started_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(chromium, address, folder):
    """A function from a notebook's name to its page, opened and run from top to bottom once."""
    pages = {}

    def open_and_run(name):
        if name not in pages:
            path = folder / "notebooks" / f"{name}.ipynb"
            assert path.is_file(), f"there is no notebook {name}"
            page = new_page(chromium, width=1400)
            page.goto(address.format(name))
            run_all_cells(page, path)
            screenshot(page, name)
            pages[name] = page
        return pages[name]

    return open_and_run


def panel_with(page, control, *, live=False):
    """The first panel that has a control, in view and with its first picture shown.

    live: one that waits for Start.
    """
    start = page.get_by_role("button", name="Start", exact=True)
    panels = page.locator(".lecture-panel").filter(has=control)
    panel = (panels.filter(has=start) if live else panels.filter(has_not=start)).first
    panel.scroll_into_view_if_needed()
    panel.locator("img").wait_for()
    page.evaluate(TWO_FRAMES)  # it is laid out where it is now in view
    return panel


def press_until_changed(panel, key):
    """Move the panel's first slider with the keyboard and wait for another picture."""
    before = picture_of(panel)
    panel.get_by_role("slider").first.press(key)
    return changed(panel, before)


COURSE = ["00_start_here", "pages/course"]


@pytest.mark.parametrize("name", ["panels", *COURSE])
def test_a_notebook_runs_from_top_to_bottom(opened, folder, name):
    page = opened(name)
    assert errors_in(folder / "notebooks" / f"{name}.ipynb") == []
    assert page.locator("img:not([alt])").filter(visible=True).count() == 0
    assert page.complaints == []


@pytest.mark.parametrize("name", ["panels", "00_start_here"])
def test_arrow_keys_on_a_slider_change_the_picture(opened, name):
    page = opened(name)
    panel = panel_with(page, page.get_by_role("slider"))
    press_until_changed(panel, "ArrowRight")
    screenshot(page, f"{name}-slider")
    assert page.complaints == []


def test_a_slider_that_is_moved_back_brings_the_picture_back(opened):
    page = opened("panels")
    panel = panel_with(page, page.get_by_role("slider"))
    before = picture_of(panel)
    press_until_changed(panel, "ArrowRight")
    assert press_until_changed(panel, "ArrowLeft") == before


SAID = "el => getComputedStyle(el, '::before').content"  # in place of a panel without a kernel


@pytest.fixture
def alive(opened, folder):
    """A notebook of two panels with a kernel, which may be ended."""
    page = opened("alive")
    if page.locator(".lecture-panel").first.evaluate(SAID) != "none":
        run_anew(page, folder / "notebooks" / "alive.ipynb")
    return page


def run_anew(page, path):
    """Run all cells of a notebook that has run before."""
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.get_by_role("menuitem", name="Clear Outputs of All Cells", exact=True).click()
    run_all_cells(page, path)
    assert errors_in(path) == []


def choose_in_kernel_menu(page, name):
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=name).first.click()


def says_what_to_do(panel):
    """Wait until a panel without a kernel says what to do."""
    wait_until(lambda: "Run All Cells" in panel.evaluate(SAID), "the panel says what to do")


def test_a_kernel_started_anew_is_a_sentence_in_its_panels(alive):
    choose_in_kernel_menu(alive, "Restart Kernel")
    alive.get_by_role("button", name="Confirm Kernel Restart").click()
    for panel in alive.locator(".lecture-panel").all():
        says_what_to_do(panel)
        control = panel.locator(".jupyter-widgets-disconnected").first
        assert control.evaluate(SAID) == "none"  # and no broken link
    screenshot(alive, "restarted")


@pytest.mark.parametrize("moment", ["while it waits", "in the middle of a run"])
def test_a_kernel_that_is_killed_is_a_sentence_in_its_panels(alive, folder, moment):
    panel = alive.locator(".lecture-panel").first
    panel.scroll_into_view_if_needed()
    if moment == "in the middle of a run":
        panel.get_by_role("button", name="Start", exact=True).click()
        wait_until(lambda: status(panel).startswith("Step"), "steps are counted")
    os.kill(int((folder / "notebooks" / "pid").read_text()), signal.SIGKILL)
    says_what_to_do(panel)
    screenshot(alive, f"killed {moment}")
    alive.get_by_role("button", name="Ok", exact=True).click()  # Jupyter has started another one
    run_anew(alive, folder / "notebooks" / "alive.ipynb")
    assert panel.evaluate(SAID) == "none"
    start_and_stop(panel)


def test_a_kernel_that_is_shut_down_is_a_sentence_in_its_panels(alive):
    choose_in_kernel_menu(alive, "Shut Down Kernel")
    says_what_to_do(alive.locator(".lecture-panel").first)
    choose_in_kernel_menu(alive, "Restart Kernel")  # for the tests to come


def test_what_goes_wrong_is_a_sentence_and_the_picture_stays(opened):
    page = opened("panels")
    panel = panel_with(page, page.get_by_role("slider"))
    slider = panel.get_by_role("slider").first
    slider.press("End")
    alert = panel.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == "That is too bright." and panel.locator("img").is_visible()
    slider.press("Home")
    alert.wait_for(state="detached")


def test_a_run_is_started_watched_and_stopped(opened):
    page = opened("panels")
    panel = panel_with(page, page.get_by_role("slider"), live=True)
    before = picture_of(panel)
    start_and_stop(panel)
    assert status(panel).startswith("Stopped") and changed(panel, before)
    assert page.complaints == []


LISTS = {"net", "layer", "picture", "map name", "concept", "rule", "painting", "maximized"}


def change_all(panel, answered):
    """Change every list and class and the last slider, as a reader would.

    answered: is called with the panel and what was seen before, after each change.
    """
    for row in panel.locator(".widget-dropdown").all():
        if row.locator("label").inner_text() in LISTS:
            choose_next(row, panel, answered)
    for box in panel.get_by_role("combobox").and_(panel.locator("input")).all():
        before = view(panel)
        box.fill("obelisk" if box.input_value() != "obelisk" else "teapot")
        box.press("Enter")
        answered(panel, before)
    for slider in panel.get_by_role("slider").all()[-1:]:
        before = view(panel)
        slider.press("ArrowRight" if is_at_its_start(slider) else "Home")
        answered(panel, before)


def is_at_its_start(slider):
    return slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemin")


def choose_next(row, panel, answered):
    """Choose the next entry of a list that is not marked as unusable, if there is another."""
    texts = [text.replace("\xa0", " ") for text in row.locator("option").all_inner_texts()]
    usable = [index for index, text in enumerate(texts) if " (" not in text]
    if len(usable) < 2:
        return
    before = view(panel)
    choice = row.locator("select")
    chosen = usable.index(choice.evaluate("list => list.selectedIndex"))
    choice.select_option(index=usable[(chosen + 1) % len(usable)])
    answered(panel, before)


def panel_in(page, number, button):
    """The panel with a button in the cell of a notebook, in view."""
    button = page.get_by_role("button", name=button, exact=True)
    panels = page.locator(".jp-CodeCell").nth(number).locator(".lecture-panel")
    panel = panels.filter(has=button)
    panel.scroll_into_view_if_needed()
    panel.locator("img").wait_for()
    return panel


def panel_of(page, number):
    """The panels in the cell of a notebook."""
    return page.locator(".jp-CodeCell").nth(number).locator(".lecture-panel")


def seen(panel):
    """Bring a panel into view, and wait until it shows its picture and says what that is."""
    panel.scroll_into_view_if_needed()
    panel.locator("img").wait_for()
    wait_until(lambda: status(panel), "the panel says what its picture is")


def upload_gray(panel, button, shade, *, file):
    """Upload a gray picture by a button of a panel."""
    Image.fromarray(np.full((96, 96, 3), shade, np.uint8)).save(file)
    with panel.page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name=button).click()
    chooser.value.set_files(file)


def test_two_classes_are_taught_from_pictures_that_are_uploaded(opened, tmp_path):
    page = opened("pages/course")
    panel = panel_in(page, 5, "Train")
    panel.get_by_text("learned from 12 officer and 12 astronaut").wait_for()
    assert panel.locator("img").get_attribute("alt").startswith("The picture, and in colors")
    train = panel.get_by_role("button", name="Train", exact=True)
    for count, answer in ((1, "upload 2 at least"), (2, "learned from 2 officer")):
        upload_gray(panel, "Pictures of officer", 80 * count, file=tmp_path / f"{count}.png")
        panel.get_by_text(f"Pictures for “officer”: {count}.").wait_for()
        train.click()
        panel.get_by_text(answer).wait_for()
    train.click()  # once more, on what is known
    page.wait_for_timeout(1000)
    assert panel.get_by_role("alert").count() == 0 and page.complaints == []
    assert serious(page, "[data-windowed-list-index='5'] .lecture-panel") == []
    screenshot(page, "course-teach")


def test_the_class_judges_from_the_first_trial_to_the_last(opened, folder):
    page = opened("pages/course")
    panel = panel_in(page, 15, "Left excites it more")
    panel.get_by_text("Trial 1 of 20.").wait_for()
    assert "references in green frames" in panel.locator("img").get_attribute("alt")
    screenshot(page, "course-judge")
    panel.get_by_role("button", name="Left excites it more").dblclick()
    for number in range(3, 21):  # two clicks were two answers
        panel.get_by_text(f"Trial {number} of 20.").wait_for()
        panel.get_by_role("button", name="Right excites it more").press("Enter")
    link = panel.get_by_role("link", name="Download it")
    link.wait_for()
    panel.get_by_role("button", name="Left excites it more").click()  # there is nothing left
    (file,) = (folder / "my-pictures").glob("judge-*.csv")
    assert len(file.read_text().splitlines()) == 21
    assert link.get_attribute("download") == file.name and "95 % interval" in status(panel)
    assert page.complaints == []


MAP_PANELS = {5: "saliency", 6: "guided", 7: "Grad-CAM"}


@pytest.mark.parametrize("number", MAP_PANELS, ids=MAP_PANELS.values())
def test_a_second_picture_is_compared_and_left(opened, number):
    page = opened("pages/course")
    panel = panel_of(page, number).filter(has_text="compare with")
    seen(panel)
    second = panel.locator(".widget-dropdown").filter(has_text="compare with").locator("select")
    before = view(panel)
    second.select_option("cat")
    panel.get_by_text("Right: ").wait_for()
    alt = panel.locator("img").get_attribute("alt")
    assert "those of a second picture" in alt and cut_off(panel) == []
    screenshot(page, f"course-compare-{number}")
    second.select_option("none")
    wait_until(lambda: view(panel) == before, "one is left")
    assert panel.get_by_role("alert").count() == 0 and page.complaints == []


@pytest.mark.parametrize("number", range(len(NOTEBOOKS)), ids=[path.stem for path in NOTEBOOKS])
def test_the_panel_of_every_notebook_answers_its_controls(opened, number):
    page = opened("pages/course")
    panel = page.locator(".jp-CodeCell").nth(number).locator(".lecture-panel").first
    panel.scroll_into_view_if_needed()
    panel.locator("img").wait_for()
    is_live = panel.get_by_role("button", name="Start", exact=True).count() > 0
    change_all(panel, (lambda panel, before: None) if is_live else seen_to_change)
    if is_live:
        before = picture_of(panel)
        start_and_stop(panel)
        changed(panel, before)
    screenshot(page, f"course-{NOTEBOOKS[number].stem}")
    assert panel.get_by_role("alert").count() == 0 and page.complaints == []


def test_a_picture_is_handed_on_to_another_notebook(opened, folder):
    page = opened("pages/course")
    panel = page.locator(".jp-CodeCell").nth(12).locator(".lecture-panel").first
    panel.scroll_into_view_if_needed()
    panel.get_by_role("button", name="Explain: saliency").press("Enter")
    link = panel.get_by_role("link", name="Open 05 saliency")
    link.press("Enter")
    page.get_by_role("tab", name="05_saliency.ipynb", selected=True).wait_for()
    run_all_cells(page, folder / "notebooks" / "pages" / "05_saliency.ipynb")
    panel = page.locator(".lecture-panel").filter(visible=True).filter(has_text="noise").first
    lists = panel.get_by_role("combobox")
    handed_on = lists.filter(has_text="The photograph while it is attacked (handed on)")
    handed_on.first.wait_for()
    wait_until(lambda: "handed on" in chosen_picture(panel), "the picture is chosen")
    screenshot(page, "handed-on")
    assert panel.get_by_role("alert").count() == 0 and page.complaints == []


@pytest.mark.parametrize("name", ["panels", "00_start_here"])
def test_a_picture_is_uploaded(opened, name, tmp_path):
    page = opened(name)
    panel = panel_with(page, page.get_by_role("button", name="Upload a picture"))
    stripes = np.indices((96, 96)).sum(0) // 8 % 2 * 255
    Image.fromarray(stripes.astype(np.uint8)).convert("RGB").save(tmp_path / "stripes.png")
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Upload a picture").click()
    before = picture_of(panel)
    chooser.value.set_files(tmp_path / "stripes.png")
    panel.get_by_role("combobox").filter(has_text="stripes.png (uploaded)").wait_for()
    changed(panel, before)
    screenshot(page, f"{name}-upload")
    assert page.complaints == []


@pytest.mark.parametrize("name", ["panels", "pages/course"])
def test_nothing_in_a_panel_shuts_people_out(opened, name):
    page = opened(name)
    panel_with(page, page.get_by_role("slider"))
    assert serious(page, ".lecture-panel") == []


def test_the_buttons_of_plotly_do_not_lie_over_the_names_of_a_map(opened):
    page = opened("pages/course")
    page.get_by_role("tab", name="course.ipynb").click()  # another one may lie over it
    cell = page.locator(".jp-CodeCell").nth(3)
    panel = cell.locator(".lecture-panel").filter(has=page.locator(".js-plotly-plot")).first
    panel.locator("img").scroll_into_view_if_needed()
    panel.locator(".js-plotly-plot").hover(position={"x": 60, "y": 400})
    screenshot(page, "map")
    assert page.locator(".lecture-panel .modebar").filter(visible=True).count() == 0


# Slides


FURTHEST = """() => {
    const slide = [...document.querySelectorAll(".reveal .slides section.present")].at(-1);
    const parts = [...slide.querySelectorAll("img, pre, table, p, .jp-Cell")];
    const shown = parts.filter((part) => part.offsetParent);
    const boxes = shown.map((part) => part.getBoundingClientRect());
    const right = Math.max(0, ...boxes.map((box) => box.right));
    const bottom = Math.max(0, ...boxes.map((box) => box.bottom));
    return [location.hash, right, bottom];
}"""


# The slides are laid out, with their equations and pictures, and nothing moves any longer.
ARE_SHOWN = """() => {
    const words = [...document.querySelectorAll(".jp-MarkdownCell .jp-RenderedMarkdown")];
    return (
        document.querySelector(".reveal.ready section.present") !== null &&
        document.querySelector(".jp-MarkdownCell:not(.jp-mod-rendered)") === null &&
        !words.some((one) => one.textContent.includes("$")) &&
        [...document.images].every((one) => one.complete) &&
        document.fonts.status === "loaded" &&
        !document.getAnimations().some((one) => one instanceof CSSTransition)
    );
}"""


@pytest.fixture(scope="module")
def slides(chromium, address):
    """A function that shows a notebook as slides on a screen of 1280 × 720, opened once."""
    pytest.importorskip("jupyterlab_rise", reason="slides need jupyterlab-rise")
    window = chromium.new_context(viewport={"width": 1280, "height": 720})
    window.set_default_timeout(90_000)
    pages = {}

    def show(name):
        if name not in pages:
            pages[name] = window.new_page()
            pages[name].goto(address.format(name).replace("/lab/tree/", "/rise/"))
            wait_in(pages[name], ARE_SHOWN)
        return pages[name]

    yield show
    window.close()


@pytest.mark.parametrize(
    "name", ["02_activations", "05_saliency", "12_adversarial", "15_scoreboard"]
)
def test_nothing_overflows_a_slide(slides, name):
    page = slides(f"slides/{name}")
    seen = {}
    while (found := page.evaluate(FURTHEST))[0] not in seen:
        seen[found[0]] = found[1:]
        page.keyboard.press("Space")
        page.evaluate(TWO_FRAMES)  # slides change without a transition
    assert len(seen) > 15
    assert {slide: ends for slide, ends in seen.items() if ends[0] > 1280 or ends[1] > 720} == {}


def test_the_longest_first_slide_has_room_for_its_film(slides):
    page = slides("slides/16_microscope")
    _, right, bottom = page.evaluate(FURTHEST)
    film = page.locator(".reveal section.present video").bounding_box()
    assert right <= 1280 and bottom <= 720
    assert film["width"] > 300 and film["height"] > 300
    assert film["x"] + film["width"] <= 1280 and film["y"] + film["height"] <= 720


def test_a_button_opens_the_first_slide_in_a_tab_of_its_own(opened):
    pytest.importorskip("jupyterlab_rise", reason="slides need jupyterlab-rise")
    page = opened("00_start_here")
    page.locator(".jp-CodeCell").last.click()  # as after Run All, the last cell is the chosen one
    with page.expect_popup() as opening:
        page.get_by_role("button", name="Slides", exact=True).click()
    tab = opening.value
    slide = tab.locator(".reveal section.present").last
    slide.get_by_role("heading", name="00 Start here").wait_for()
    screen = tab.evaluate("[innerWidth, innerHeight]")
    shown = tab.locator(".reveal").bounding_box()
    assert [shown["width"], shown["height"]] == screen
    screenshot(tab, "first-slide")
    tab.close()


def test_a_panel_lives_on_its_slide(opened, slides):
    opened("panels")  # which its kernel keeps
    page = slides("panels")
    panel = page.locator(".lecture-panel").first
    panel.locator("img").wait_for()
    before = view(panel)
    panel.locator("select").first.select_option("cat")
    seen_to_change(panel, before)
    screenshot(page, "slide-with-panel")


def test_the_ten_minutes_are_the_speakers_notes_of_every_slide(slides):
    page = slides("slides/05_saliency")
    page.wait_for_selector("section[data-notes]", state="attached")
    notes = page.evaluate(
        "[...document.querySelectorAll('.reveal .slides section')].map((one) => one.dataset.notes)"
    )
    assert len(notes) > 15 and all(note.startswith("(0) ") for note in notes)
    assert "At the panel:" in notes[0]
