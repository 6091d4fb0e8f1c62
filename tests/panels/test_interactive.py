"""Panels without a front end: the newest value wins, a climb starts once and stops, and what goes wrong is one sentence."""

import base64
import io
import re
import threading
import time
from datetime import datetime
from types import SimpleNamespace
from typing import NamedTuple

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from lecture_lib.datasets import images
from lecture_lib.figures import html
from lecture_lib.panels import controls, interactive, panel

GRAY = np.full((64, 64, 3), 0.5, np.float32)


class Climb(NamedTuple):
    images: np.ndarray
    values: np.ndarray
    frames: list


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "waited 10 s in vain"
        time.sleep(0.005)


def climber(calls, *, pause=0.0, fails_at=None, error=None):
    def climb(*, watch, steps=20, start=0.0):
        calls.append(start)
        for step in range(steps + 1):
            if step == fails_at:
                raise error or ValueError("The gradient stopped being finite at this step.")
            reached = Climb(
                np.full((64, 64, 3), step / steps, np.float32), np.arange(step + 1.0), []
            )
            if watch(step, steps, reached):
                break
            time.sleep(pause)
        return reached

    return climb


@pytest.mark.parametrize(
    "given, value",
    [
        ((0, 10), 5),
        ((0.0, 1.0, 0.5), 0.5),
        (["a", "b"], "a"),
        ("as it is", "as it is"),
        (7, 7),
        (GRAY, GRAY),
    ],
)
def test_a_control_is_made_from_what_is_given(given, value):
    np.testing.assert_array_equal(controls.as_control("some_name", given).read(), value)


@pytest.mark.parametrize("given", [("a", "b"), (1,), (5, 1), []])
def test_what_is_no_range_and_no_list_is_named(given):
    with pytest.raises(ValueError, match="some_name"):
        controls.as_control("some_name", given)


def test_a_control_is_labeled_with_its_argument():
    slider = controls.as_control("number_of_steps", (0, 10)).view
    assert slider.description == slider.tooltip == "number of steps"


def test_the_learning_rate_moves_by_factors():
    control = interactive.learning_rate_slider(0.1, low=0.001, high=10)
    assert control.read()() == pytest.approx(0.1)
    assert (10**control.view.min, 10**control.view.max) == pytest.approx((0.001, 10))
    with pytest.raises(ValueError, match="20 is not between"):
        interactive.learning_rate_slider(20)


def test_a_weight_moves_by_factors_and_has_its_argument_as_its_name():
    control = controls.as_control("style_weight", interactive.power_slider(10, low=1, high=1000))
    assert (control.read(), control.view.description, control.view.max) == (
        pytest.approx(10),
        "style weight",
        pytest.approx(3),
    )
    with pytest.raises(ValueError, match="0 is not between"):
        interactive.power_slider(0, low=0, high=1)


def test_the_learning_rate_may_be_moved_while_it_climbs():
    slider, rates = interactive.learning_rate_slider(0.1, low=0.01, high=1), []

    def climb(*, learning_rate, watch):
        for step in range(3):
            watch(step, 2, Climb(GRAY, np.zeros(1), []))
            rates.append(learning_rate())
            slider.view.value = 0.5  # as a hand would, halfway
        return GRAY

    panel = interactive.run_live_panel(climb, alt="gray", first=GRAY, learning_rate=slider)
    panel.buttons["Start"].click()
    wait_until(lambda: "Done" in panel.status.value)
    assert rates == pytest.approx([0.1, 0.5, 0.5])


def test_layers_come_from_a_list_or_a_model():
    model = SimpleNamespace(layers=[SimpleNamespace(name="conv1"), SimpleNamespace(name="conv2")])
    assert interactive.layer_dropdown(["conv1", "conv2"]).view.options == (
        ("conv1", "conv1"),
        ("conv2", "conv2"),
    )
    assert interactive.layer_dropdown(model).read() == "conv2"
    with pytest.raises(ValueError, match="no layer “conv9”"):
        interactive.layer_dropdown(["conv1"], value="conv9")


def test_a_net_that_is_not_here_says_why():
    control = interactive.net_dropdown(
        ["big", "small"], reasons={"big": "it needs a download of 98 MB."}
    )
    assert control.read() == "small"
    control.view.value = "big"
    with pytest.raises(ValueError, match="98 MB"):
        control.read()


def test_a_layer_that_the_chosen_net_lacks_is_marked_and_says_why():
    net = interactive.net_dropdown(["small", "large"])
    lacking = {"small": {"conv9": "not in small; it ends with conv2"}, "large": {}}
    layer = interactive.layer_dropdown(
        ["conv1", "conv9"], value="conv1", net=net, reasons=lacking.get
    )
    assert layer.view.options == (("conv1", "conv1"), ("conv9  (not in small)", "conv9"))
    layer.view.value = "conv9"
    with pytest.raises(
        ValueError, match="^conv9 cannot be used here: not in small; it ends with conv2$"
    ):
        layer.read()
    net.view.value = "large"
    assert (
        layer.view.options == (("conv1", "conv1"), ("conv9", "conv9")) and layer.read() == "conv9"
    )


def test_a_marked_layer_keeps_the_picture_and_another_net_brings_it_back():
    net = interactive.net_dropdown(["small", "large"])
    layer = interactive.layer_dropdown(
        ["conv1", "conv9"],
        value="conv1",
        net=net,
        reasons={"small": {"conv9": "not there"}, "large": {}}.get,
    )
    shown = interactive.explore_panel(
        lambda net, layer: (GRAY, f"{layer} of {net}"), alt="gray", net=net, layer=layer
    )
    before = shown.picture.value
    layer.view.value = "conv9"
    wait_until(lambda: "conv9 cannot be used here: not there" in shown.status.value)
    assert shown.picture.value == before and 'role="alert"' in shown.status.value
    net.view.value = "large"
    wait_until(lambda: "conv9 of large" in shown.status.value)


# Pictures handed on


def png(image):
    return images.encode_png(image)


def hear(control, *pictures, wanted=""):
    """What the browser tells a list of pictures."""
    messenger = control.view.children[-1]
    messenger.set_state(
        {
            "found": [
                {"name": name, "data": base64.b64encode(data).decode()} for name, data in pictures
            ],
            "wanted": wanted,
        }
    )


def test_a_picture_that_was_made_is_handed_on_with_its_words():
    shown = interactive.run_live_panel(
        climber([]), alt="gray that grew", first=GRAY / 2, hand_on={"Explain it": "05_saliency"}
    )
    shown.buttons["Explain it"].click()
    given = shown.exchange.given
    assert (given["name"], given["notebook"]) == ("gray that grew", "05_saliency")
    np.testing.assert_allclose(
        images.decode_image(base64.b64decode(given["data"])), GRAY / 2, atol=1 / 255
    )
    assert (
        'href="05_saliency.ipynb"' in shown.status.value
        and "Open 05 saliency" in shown.status.value
    )


def test_of_a_batch_the_first_picture_is_handed_on():
    batch = np.stack([GRAY, 0 * GRAY])
    shown = interactive.run_live_panel(
        climber([]), alt="two", first=batch, hand_on={"Explain it": "05_saliency"}
    )
    shown.buttons["Explain it"].click()
    np.testing.assert_allclose(
        images.decode_image(base64.b64decode(shown.exchange.given["data"])), GRAY, atol=1 / 255
    )


def test_a_panel_that_looks_at_a_picture_hands_on_the_picture_and_not_its_map():
    pictures = interactive.picture_dropdown(["cat", "coffee"], size=32)
    shown = interactive.explore_panel(
        lambda picture: 0 * picture,
        alt="black",
        hand_on={"Attack it": "12_adversarial"},
        picture=pictures,
    )
    shown.buttons["Attack it"].click()
    handed = images.decode_image(base64.b64decode(shown.exchange.given["data"]))
    np.testing.assert_allclose(handed, images.load_image("cat", size=32), atol=1 / 255)
    assert shown.exchange.given["name"] == "cat"


def test_a_picture_handed_on_stands_at_the_end_of_the_list_and_is_not_chosen():
    control = interactive.picture_dropdown(["cat", "coffee"], value="coffee", size=64)
    hear(control, ("dream", png(GRAY)))
    assert control.view.children[0].options == ("cat", "coffee", "dream (handed on)")
    assert control.view.children[0].value == "coffee"


def test_the_notebook_it_was_meant_for_chooses_it_and_hears_a_newer_one_of_the_same_name():
    control = interactive.picture_dropdown(["cat"], size=64)
    for gray in (GRAY, GRAY / 5):
        hear(control, ("dream", png(gray)), wanted="dream")
        assert control.view.children[0].value == "dream (handed on)"
        np.testing.assert_allclose(control.read(), gray, atol=1 / 255)


@pytest.mark.parametrize(
    "shape, size, expected",
    [
        ((64, 64, 3), 256, (64, 64, 3)),
        ((64, 96, 3), 128, (128, 128, 3)),
        ((300, 300, 3), 256, (256, 256, 3)),
        ((64, 64, 3), (60, 90), (60, 90, 3)),
    ],
)
def test_a_small_square_that_was_handed_on_keeps_every_pixel(shape, size, expected):
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32) / 255
    control = interactive.picture_dropdown(["cat"], size=size)
    hear(control, ("attack", png(picture)), wanted="attack")
    assert control.read().shape == expected
    if shape == expected:
        np.testing.assert_array_equal(control.read(), picture)


@pytest.mark.parametrize(
    "text, index", [("dog", 1), ("2", 2), (" DOG ", 1), ("crane (3)", 3), ("goldf", 0)]
)
def test_a_class_is_found_by_name_number_or_part(text, index):
    control = interactive.class_box(["goldfish", "dog", "crane", "crane"])
    control.view.value = text
    assert control.read() == index


@pytest.mark.parametrize("text", ["", "unicorn", "4", "-1", "crane", "²"])
def test_a_class_that_is_not_there_is_one_sentence(text):
    control = interactive.class_box(["goldfish", "dog", "crane", "crane"], value=1)
    assert control.read() == 1
    control.view.value = text
    with pytest.raises(ValueError, match="No class is called"):
        control.read()


def upload(control, name, data):
    file = {
        "name": name,
        "type": "image/png",
        "size": len(data),
        "content": memoryview(data),
        "last_modified": datetime.now(),
    }
    control.view.children[1].value = (file,)


def test_a_picture_is_chosen_or_uploaded():
    control = interactive.picture_dropdown(["cat", "coffee"], value="coffee", size=32)
    assert control.read().shape == (32, 32, 3)
    red = io.BytesIO()
    Image.new("RGB", (40, 40), (255, 0, 0)).save(red, "PNG")
    upload(control, "mine.png", red.getvalue())
    np.testing.assert_array_equal(control.read()[16, 16], [1, 0, 0])
    blue = io.BytesIO()
    Image.new("RGB", (40, 40), (0, 0, 255)).save(blue, "PNG")
    upload(control, "mine.png", blue.getvalue())
    np.testing.assert_array_equal(control.read()[16, 16], [0, 0, 1])
    upload(control, "notes.png", b"no picture at all")
    with pytest.raises(ValueError, match=r"notes\.png"):
        control.read()
    control.view.children[0].value = "coffee"
    assert control.read().shape == (32, 32, 3)


def test_explore_answers_at_once_with_words_that_are_escaped():
    shown = interactive.explore_panel(
        lambda level: (GRAY * level, f"level {level}"),
        alt=lambda level: f'gray <{level}> & "so"',
        level=(0, 2),
    )
    assert 'alt="gray &lt;1&gt; &amp; &quot;so&quot;"' in shown.picture.value
    assert "level 1" in shown.status.value and 'role="status"' in shown.status.value
    np.testing.assert_array_equal(shown.shown["image"], GRAY)


def test_the_newest_value_wins():
    seen, gate = [], threading.Event()

    def slow(number):
        seen.append(number)
        if number:
            gate.wait(10)
        return GRAY, f"number {number}"

    shown = interactive.explore_panel(slow, alt="gray", number=ipywidgets.IntSlider(0, 0, 1000))
    for number in range(1, 201):
        shown.controls["number"].view.value = number
    gate.set()
    wait_until(lambda: "number 200" in shown.status.value)
    assert seen[0] == 0 and seen[-1] == 200 and len(seen) <= 3


@pytest.mark.parametrize(
    "error, sentence",
    [
        (ValueError("Give a level below 1.\nmore"), ">Give a level below 1.<"),
        (FileNotFoundError("There is no such picture."), ">There is no such picture.<"),
        (KeyError("layer"), "Something went wrong: KeyError: &#x27;layer&#x27;"),
        (SystemExit(2), "Something went wrong: SystemExit: 2"),
    ],
)
def test_an_error_is_one_sentence_and_the_picture_stays(error, sentence):
    def fragile(level):
        if level == 2:
            raise error
        return GRAY * level / 2

    shown = interactive.explore_panel(fragile, alt="gray", level=ipywidgets.IntSlider(1, 0, 2))
    before = shown.picture.value
    shown.controls["level"].view.value = 2
    wait_until(lambda: "alert" in shown.status.value)
    assert sentence in shown.status.value and shown.picture.value == before
    shown.controls["level"].view.value = 0
    wait_until(lambda: shown.picture.value != before)
    assert "alert" not in shown.status.value


def test_saving_overwrites_nothing_and_says_where(tmp_path, monkeypatch):
    def saliency():
        return GRAY

    monkeypatch.chdir(tmp_path)
    shown = interactive.explore_panel(saliency, alt="gray")
    shown.buttons["Save picture"].click()
    assert "Saved as saliency.png" in shown.status.value
    encoded = re.search(
        'download="saliency.png" href="data:image/png;base64,([^"]+)"', shown.status.value
    ).group(1)
    assert base64.b64decode(encoded) == (tmp_path / "saliency.png").read_bytes()
    shown.buttons["Save picture"].click()
    assert "Saved as saliency-2.png" in shown.status.value
    assert {file.name for file in tmp_path.iterdir()} == {"saliency.png", "saliency-2.png"}


@pytest.mark.parametrize(
    "show",
    [
        lambda: interactive.explore(lambda: GRAY, alt="all gray"),
        lambda: interactive.run_live(climber([]), alt="all gray", first=GRAY),
    ],
)
def test_pages_without_widgets_get_the_first_picture(monkeypatch, show):
    outputs = []
    monkeypatch.setattr(
        panel, "display", lambda data, *, metadata, raw: outputs.append((data, metadata))
    )
    assert show() is None  # nothing is shown twice as a cell's last line
    [(data, metadata)] = outputs
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["text/plain"] == metadata["image/png"]["alt"] == "all gray"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB"))
    assert (
        picture.shape[1] == metadata["image/png"]["width"]
        and (abs(picture.astype(int) - 128) < 3).all()
    )


def test_no_panel_without_words():
    with pytest.raises(ValueError, match="alt="):
        interactive.explore(lambda: GRAY, alt=" ")


def test_five_clicks_start_one_climb_that_ends_with_its_picture():
    calls = []
    shown = interactive.run_live_panel(
        climber(calls, pause=0.01), alt="gray", first=GRAY, start=(0.0, 1.0)
    )
    for _ in range(5):
        shown.buttons["Start"].click()
    wait_until(lambda: "Done; the score went from 0 to 20." in shown.status.value)
    assert calls == [0.5]
    assert shown.progress.value == shown.progress.max == 20
    assert shown.shown["image"].min() == 1
    assert "<polyline" in shown.curve.value
    wait_until(lambda: not shown.buttons["Start"].disabled)
    shown.buttons["Start"].click()
    wait_until(lambda: len(calls) == 2)


def test_stop_ends_a_climb_with_what_it_reached():
    shown = interactive.run_live_panel(
        climber([], pause=0.02), alt="gray", first=GRAY, steps=100_000
    )
    shown.buttons["Start"].click()
    wait_until(lambda: shown.progress.value >= 2)
    shown.buttons["Stop"].click()
    began = time.monotonic()
    wait_until(lambda: "Stopped at step" in shown.status.value)
    assert time.monotonic() - began < 5
    assert shown.progress.value < 100_000
    wait_until(lambda: not shown.buttons["Start"].disabled and shown.buttons["Stop"].disabled)


def test_stop_before_the_first_step():
    gate = threading.Event()

    def slow_to_start(*, watch):
        gate.wait(10)
        return climber([], pause=0.01)(watch=watch, steps=1000)

    shown = interactive.run_live_panel(slow_to_start, alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    shown.buttons["Stop"].click()
    assert "Stopping" in shown.status.value
    gate.set()
    wait_until(lambda: "Stopped at step 0" in shown.status.value)


def test_an_error_in_a_step_is_one_sentence_and_the_last_picture_stays():
    # Pictures come at the latest a second apart, however slow the machine, so that step 1 or 2 is seen.
    shown = interactive.run_live_panel(climber([], pause=0.6, fails_at=3), alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "alert" in shown.status.value)
    assert "stopped being finite" in shown.status.value
    assert 0 < shown.shown["image"].max() < 0.2
    wait_until(lambda: not shown.buttons["Start"].disabled)


def test_a_step_that_ends_the_program_ends_only_its_climb():
    calls = []
    shown = interactive.run_live_panel(
        climber(calls, fails_at=3, error=SystemExit(2)), alt="gray", first=GRAY
    )
    for count in (1, 2):
        shown.buttons["Start"].click()
        wait_until(
            lambda: (
                len(calls) == count
                and "SystemExit" in shown.status.value
                and not shown.buttons["Start"].disabled
            )
        )


def test_a_batch_is_watched_side_by_side():
    def climb(*, watch):
        reached = Climb(np.zeros((7, 8, 8, 3), np.float32), np.zeros((1, 7)), [])
        watch(0, 0, reached)
        return reached

    shown = interactive.run_live_panel(climb, alt="seven black squares", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "Done" in shown.status.value)
    assert shown.shown["image"].shape == (2 * 8 + 2, 4 * 8 + 3 * 2, 3)
    assert shown.curve.value.count("<polyline") == 7


def test_a_preview_is_drawn_at_most_ten_times_a_second():
    drawn = []
    shown = interactive.run_live_panel(climber([], pause=0.002), alt="gray", first=GRAY, steps=100)
    shown.picture.observe(lambda change: drawn.append(time.monotonic()), names="value")
    shown.buttons["Start"].click()
    wait_until(lambda: "Done" in shown.status.value)
    between = np.diff(drawn)[:-2]  # the last step and the result are always drawn
    assert (between > 0.09).all()


def test_tiles_keep_their_order():
    batch = np.arange(6, dtype=np.float32).reshape(6, 1, 1, 1).repeat(3, axis=3) / 10
    np.testing.assert_array_equal(
        html.tile(batch, gap=1)[::2, ::2, 0], batch[:, 0, 0, 0].reshape(2, 3)
    )


def test_tiles_stand_in_columns_and_are_enlarged_to_a_width():
    batch = np.linspace(0, 1, 6, dtype=np.float32)[:, None, None, None] * np.ones(
        (1, 2, 2, 1), np.float32
    )
    tiled = html.tile(batch, columns=2, gap=1, width=12)
    assert tiled.shape == (3 * 6 + 2, 2 * 6 + 1, 1)
    np.testing.assert_array_equal(tiled[::7, ::7, 0], batch[:, 0, 0, 0].reshape(3, 2))


@pytest.mark.parametrize(
    "width, shown",
    [(64, (384, True)), (28, (364, True)), (224, (384, False)), (1000, (640, False))],
)
def test_small_pictures_grow_by_whole_factors(width, shown):
    assert html.width_on_page(width) == shown


def test_a_climb_may_end_with_a_sentence_of_its_own():
    panel = interactive.run_live_panel(
        lambda watch: (np.full((4, 4, 3), 0.5, np.float32), "Seven steps."), alt="gray"
    )
    panel.buttons["Start"].click()
    deadline = time.monotonic() + 10
    while "Seven steps." not in panel.status.value and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "Done. Seven steps." in panel.status.value
