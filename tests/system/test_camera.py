"""The camera of a panel in a browser whose camera plays a film of photographs.

Most in JupyterLab, one panel in Voila. Needs Chromium and Playwright, and says so where one is
missing.
"""

import pytest
from browsing import (
    changed,
    needs_chromium,
    new_page,
    panel_of,
    picture_of,
    screenshot,
    serious,
    status,
)
from camera_film import KEEP_STREAMS, PHOTOS, chromium_with_camera, lights, still_film
from lab import cell, errors_in, notebook_of, run_all_cells, started_lab, write
from servers import free_port, served
from waiting import wait_until

from lecture_lib.datasets.images import load_image
from lecture_lib.models.inference import top_classes
from lecture_lib.models.zoo import load_model

pytestmark = needs_chromium
CELLS = [
    """
from functools import partial
from lecture_lib.models import load_model
from lecture_lib.panels import channel_tiles, classes_and_map, live_camera
model = load_model("efficientnet_lite0")
live_camera(partial(classes_and_map, model), alt="A picture and where its class is seen")""",
    """
tiles = partial(channel_tiles, model)
live_camera(tiles, alt="The channels of a layer", layer=["stem_relu", "block5_depthwise_relu"])""",
    """
from lecture_lib.panels import explore, picture_dropdown
pictures = picture_dropdown(["astronaut", "cat"], size=64)
explore(lambda picture, shade: picture * shade, alt="a dark picture", picture=pictures,
        shade=(0.1, 1.0, 0.1))""",
]
# What the page's classes were, each time another one came first.
NOTE_CLASSES = """(panel) => {
  window.classes = [];
  new MutationObserver(() => {
    const bar = panel.querySelector(".lecture-bar");
    const name = bar && bar.firstChild.textContent.trim();
    if (name && name !== window.classes.at(-1)) window.classes.push(name);
  }).observe(panel, { childList: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("camera")
    (folder / "notebooks").mkdir()
    write(notebook_of(map(cell, CELLS)), folder / "notebooks" / "camera.ipynb")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with started_lab(folder) as address:
        yield address


@pytest.fixture(scope="module")
def chromium(folder):
    with chromium_with_camera(still_film(folder / "film.mjpeg")) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(chromium, address, folder):
    page = new_page(chromium, height=900)
    page.add_init_script(KEEP_STREAMS)
    page.goto(address.format("camera"))
    run_all_cells(page, folder / "notebooks" / "camera.ipynb")
    assert errors_in(folder / "notebooks" / "camera.ipynb") == []
    return page


def press(panel, name):
    panel.get_by_role("button", name=name, exact=True).press("Enter")


def stays(panel):
    """Whether the picture of a panel is the same for a second, as none is of a camera's."""
    before = picture_of(panel)
    panel.page.wait_for_timeout(1000)
    return picture_of(panel) == before


def rate(panel):
    """Answers a second and the milliseconds of one in the middle, as the panel counts them."""
    data = panel.locator(".lecture-camera").evaluate("element => ({...element.dataset})")
    return float(data.get("perSecond", 0)), float(data.get("milliseconds", 0))


@pytest.fixture(scope="module")
def expected():
    """What the network says of the film's photographs, one after another."""
    model = load_model("efficientnet_lite0")
    images = [load_image(photo, size=model.image_size) for photo in PHOTOS]
    return [top_classes(model, image, count=1)[0].class_name for image in images]


def in_order(names, wanted):
    """Whether the wanted names come in their order, whatever comes between them."""
    rest = iter(names)
    return all(name in rest for name in wanted)


# A live panel


def test_the_classes_that_the_film_shows_appear_in_order(page, expected):
    assert len(set(expected)) == len(expected)
    panel = panel_of(page, 0)
    assert expected[0] in status(panel)  # of the photograph, before the camera starts
    panel.evaluate(NOTE_CLASSES)
    press(panel, "Start camera")
    twice = [*expected, *expected]
    wait_until(
        lambda: in_order(page.evaluate("window.classes"), twice[1:]),
        f"{twice} are seen",
        seconds=180,
    )
    assert lights(page) == ["live"]
    wait_until(lambda: rate(panel)[0] > 2, "two frames a second are answered")
    screenshot(page, "camera-live")
    assert serious(page, ".lecture-panel") == []


def test_stop_ends_the_track_and_keeps_the_last_picture(page):
    panel = panel_of(page, 0)
    press(panel, "Stop camera")
    wait_until(lambda: set(lights(page)) == {"ended"}, "the light is out")
    wait_until(lambda: stays(panel), "the picture stays")
    assert "%" in status(panel)
    start = panel.get_by_role("button", name="Start camera", exact=True)
    assert start.evaluate("button => button === document.activeElement")
    assert panel.locator("video").is_hidden()
    assert page.complaints == []


def test_all_channels_of_a_layer_are_seen_live_and_the_layer_can_be_changed(page):
    panel = panel_of(page, 1)
    before = picture_of(panel)
    press(panel, "Start camera")
    first = changed(panel, before)
    panel.locator(".widget-dropdown select").select_option("block5_depthwise_relu")
    wait_until(lambda: "240 channels" in status(panel), "there are more channels")
    assert changed(panel, first)
    wait_until(lambda: rate(panel)[0] > 2, "tiles are live")
    screenshot(page, "camera-channels")
    press(panel, "Stop camera")
    assert page.complaints == []


# A list of pictures


def test_a_picture_is_taken_for_any_list_and_mirrored(page):
    panel = panel_of(page, 2)
    before = picture_of(panel)
    press(panel, "Start camera")
    press(panel, "Take a picture")
    panel.get_by_role("combobox").filter(has_text="camera").wait_for()
    taken = changed(panel, before)
    page.wait_for_timeout(500)
    assert picture_of(panel) == taken  # a picture that was taken stays
    panel.get_by_role("checkbox", name="Mirror").check()
    press(panel, "Take a picture")
    changed(panel, taken)
    screenshot(page, "camera-list")


def test_a_list_goes_live_until_another_picture_is_chosen(page):
    panel = panel_of(page, 2)
    panel.get_by_role("checkbox", name="Live").check()
    seen = picture_of(panel)
    for _ in range(3):
        seen = changed(panel, seen)
    panel.locator(".widget-dropdown select").select_option("cat")
    panel.get_by_role("alert").filter(has_text="Another picture was chosen").wait_for()
    assert set(lights(page)) == {"ended"}
    wait_until(lambda: stays(panel), "the picture stays")
    assert page.complaints == []


@pytest.fixture
def voila(tmp_path):
    """The address of a page with a list of pictures."""
    pytest.importorskip("voila", reason="pages without code need Voila")
    write(notebook_of([cell(CELLS[2])]), tmp_path / "page.ipynb")
    port = free_port()
    command = ["voila", "page.ipynb", "--no-browser", f"--port={port}", "--Voila.port_retries=0"]
    url = f"http://127.0.0.1:{port}/"
    with served(command, f"{url}voila/static/voila.js", folder=tmp_path, cwd=tmp_path):
        yield url


def test_a_picture_is_taken_on_a_page_of_voila(chromium, voila):
    page = new_page(chromium)
    page.goto(voila, timeout=90_000)
    panel = page.locator(".lecture-panel")
    panel.locator("img").wait_for()
    before = picture_of(panel)
    press(panel, "Start camera")
    press(panel, "Take a picture")
    changed(panel, before)
    assert serious(page, ".lecture-panel") == [] and panel.get_by_role("alert").count() == 0
    page.close()


# Where there is no camera, and where the light has to go out


def test_the_light_goes_out_when_the_page_is_hidden(page):
    panel = panel_of(page, 0)
    press(panel, "Start camera")
    wait_until(lambda: "live" in lights(page), "the light is on")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange')); delete document.hidden"
    )
    wait_until(lambda: set(lights(page)) == {"ended"}, "the light is out")


REFUSALS = {
    "NotAllowedError": "not allowed to use the camera; allow it",
    "NotFoundError": "No camera was found",
    "NotReadableError": "close the other program",
}


@pytest.mark.parametrize("error", REFUSALS)
def test_why_there_is_no_camera_is_one_sentence_with_a_way_out(page, error):
    panel = panel_of(page, 0)
    page.evaluate(
        f"""() => {{
            window.ask = navigator.mediaDevices.getUserMedia;
            navigator.mediaDevices.getUserMedia = async () => {{
                throw new DOMException("", "{error}");
            }};
        }}"""
    )
    press(panel, "Start camera")
    alert = panel.get_by_role("alert")
    alert.filter(has_text=REFUSALS[error]).wait_for()
    assert "upload" not in alert.inner_text() and panel.locator("img").is_visible()
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = window.ask; }")


def test_a_page_that_is_not_secure_says_so(page):
    panel = panel_of(page, 2)
    page.evaluate(
        "Object.defineProperty(navigator, 'mediaDevices', { get: () => undefined, "
        "configurable: true })"
    )
    press(panel, "Start camera")
    panel.get_by_role("alert").filter(has_text="https").filter(has_text="upload").wait_for()
    page.evaluate("delete navigator.mediaDevices")


def test_the_light_goes_out_when_the_kernel_is_restarted(page):
    panel = panel_of(page, 0)
    press(panel, "Start camera")
    wait_until(lambda: "live" in lights(page), "the light is on")
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Restart Kernel…", exact=True).click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    wait_until(lambda: set(lights(page)) == {"ended"}, "the light is out")
    panel.get_by_role("alert").filter(has_text="run the cell again").wait_for()
    page.get_by_text("| Idle").wait_for()  # the server ends once the kernel is there
