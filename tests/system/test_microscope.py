"""The microscope as a student uses it: in JupyterLab, in a browser, by mouse and by keyboard."""

import pytest
from browsing import (
    changed,
    needs_chromium,
    new_page,
    picture_of,
    screenshot,
    serious,
    started_chromium,
    status,
)
from lab import cell, notebook_of, run_all_cells, started_lab, write
from waiting import wait_until

pytestmark = needs_chromium
CELL = """
from lecture_lib.datasets import photo_names
from lecture_lib.models import layer_names, load_model
from lecture_lib.panels import (
    class_box, explore_channels, layer_dropdown_for, net_dropdown, picture_dropdown
)
def layers_of(name):
    known = layer_names(load_model(name))
    return [layer for layer in known if layer in ("edges", "block2", "block3", "block4")]
net = net_dropdown(["tinynet_robust", "tinynet"])
explore_channels(
    net=net,
    layer=layer_dropdown_for(net, layers_of, value="block3"),
    picture=picture_dropdown(photo_names(), value="coffee", size=128),
    class_name=class_box(load_model("tinynet_robust").class_names, value="espresso"),
)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("microscope")
    (folder / "notebooks").mkdir()
    write(notebook_of([cell(CELL)]), folder / "notebooks" / "panel.ipynb")
    return folder


@pytest.fixture(scope="module")
def page(folder):
    """The page with the panel, which has answered."""
    with started_lab(folder) as address, started_chromium() as browser:
        page = new_page(browser)
        page.goto(address.format("panel"))
        run_all_cells(page, folder / "notebooks" / "panel.ipynb")
        yield page


@pytest.fixture
def panel(page):
    panel = page.locator(".lecture-panel")
    panel.scroll_into_view_if_needed()
    return panel


def chosen(panel):
    """The number of the channel that is marked as chosen."""
    return panel.locator(".tile[aria-selected=true]").get_attribute("data-channel")


def tile(panel, place):
    return panel.locator(".tile").nth(place)


def named_in_table(panel, channel):
    wait_until(
        lambda: f"channel {channel}" in panel.locator(".lecture-facts b").inner_text(),
        f"the table is about channel {channel}",
    )


def chosen_order(panel):
    rows = panel.locator(".widget-dropdown").filter(has=panel.page.get_by_text("order", exact=True))
    chosen = rows.locator("select").evaluate("list => list.selectedOptions[0].text")
    return chosen.replace("\xa0", " ")


def test_all_channels_are_there_and_the_first_has_its_card(page, panel):
    assert panel.locator(".tile").count() == 128
    named_in_table(panel, chosen(panel))
    assert chosen(panel) == tile(panel, 0).get_attribute("data-channel")
    wait_until(lambda: "fires at" in panel.inner_text(), "the survey has arrived", seconds=120)
    screenshot(page, "microscope")
    assert page.complaints == []


def test_a_click_on_a_tile_brings_its_card(page, panel):
    before = picture_of(panel)
    number = tile(panel, 4).get_attribute("data-channel")
    tile(panel, 4).click()
    named_in_table(panel, number)
    assert chosen(panel) == number and changed(panel, before)
    assert page.complaints == []


def test_arrow_keys_and_enter_choose_a_tile(page, panel):
    tile(panel, 0).click()
    named_in_table(panel, chosen(panel))
    wanted = tile(panel, 2).get_attribute("data-channel")
    tiles = panel.get_by_role("listbox")
    tiles.press("ArrowRight")
    tiles.press("ArrowRight")
    assert chosen(panel) != wanted  # only Enter chooses
    tiles.press("Enter")
    named_in_table(panel, wanted)
    assert chosen(panel) == wanted and page.complaints == []


def drag(canvas, start, end):
    """Drag the mouse over a canvas between two places, (x, y) as shares of its sides."""
    frame = canvas.bounding_box()
    mouse = canvas.page.mouse
    places = [
        (frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in (start, end)
    ]
    mouse.move(*places[0])
    mouse.down()
    mouse.move(*places[1])
    mouse.up()


def first_tiles(panel):
    return [tile(panel, place).get_attribute("data-channel") for place in range(8)]


def test_a_box_on_the_picture_brings_the_channels_that_fire_there_to_the_front(page, panel):
    before = first_tiles(panel)
    canvas = panel.locator("canvas")
    drag(canvas, (0.1, 0.1), (0.3, 0.35))
    wait_until(lambda: "in the box" in status(panel), "the status speaks of the box")
    assert chosen_order(panel) == "in the box" and first_tiles(panel) != before
    screenshot(page, "microscope-box")
    assert page.complaints == []


def test_the_box_is_moved_by_keys_and_taken_away_by_escape(page, panel):
    before = first_tiles(panel)
    canvas = panel.locator("canvas")
    canvas.focus()
    for _ in range(8):
        canvas.press("ArrowRight")
    wait_until(lambda: first_tiles(panel) != before, "the box was moved by keys")
    canvas.press("Escape")
    wait_until(lambda: chosen_order(panel) == "strongest here", "without a box another order")
    assert page.complaints == []


def test_a_class_brings_the_channels_that_help_it_to_the_front(page, panel):
    before = first_tiles(panel)
    box = panel.get_by_role("combobox").and_(panel.locator("input")).first
    box.fill("teapot")
    box.press("Enter")
    wait_until(lambda: "the logit of teapot" in status(panel), "the status names the class")
    assert first_tiles(panel) != before and page.complaints == []


def test_a_name_is_kept_and_stands_on_its_tile(page, panel, folder):
    number = chosen(panel)
    name = panel.get_by_role("textbox", name="name").last
    name.fill("round things")
    panel.get_by_role("button", name="Keep name").click()
    wait_until(lambda: "Kept in my-names.csv" in status(panel), "the name is kept")
    assert panel.locator(".tile").filter(has_text="round things").count() == 1
    rows = (folder / "notebooks" / "my-names.csv").read_text(encoding="utf-8").splitlines()
    assert rows[1:] == [f"tinynet_robust,block3,{number},round things"]
    screenshot(page, "microscope-named")
    assert page.complaints == []


def test_nothing_in_it_shuts_people_out(page, panel):
    assert serious(page, ".lecture-panel") == []
