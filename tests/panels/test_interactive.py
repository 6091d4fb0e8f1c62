"""Panels without a front end: the newest value wins, a run starts once and can be stopped."""

import base64
import io
import logging
import re
import threading
import time
from datetime import datetime, timezone

import ipywidgets
import numpy as np
import pytest
from panel_tools import GRAY, Reached, ascent_of_steps
from PIL import Image
from waiting import wait_until

from lecture_lib.datasets.images import decode_image, load_image
from lecture_lib.datasets.saving import encode_png
from lecture_lib.models.parts import between_parts
from lecture_lib.panels import panel
from lecture_lib.panels.controls import (
    class_box,
    learning_rate_slider,
    net_dropdown,
)
from lecture_lib.panels.image_picker import picture_dropdown
from lecture_lib.panels.interactive import explore, explore_panel
from lecture_lib.panels.runs import run_live, run_live_panel


def test_the_learning_rate_may_be_moved_during_the_ascent():
    slider = learning_rate_slider(0.1, low=0.01, high=1)
    rates = []

    def ascend(*, learning_rate, watch):
        for step in range(3):
            watch(step, 2, Reached(GRAY, np.zeros(1), []))
            rates.append(learning_rate())
            slider.view.value = 0.5  # as a hand would, halfway
        return GRAY

    panel = run_live_panel(ascend, alt="gray", first=GRAY, learning_rate=slider)
    panel.buttons["Start"].click()
    wait_until(lambda: "Done" in panel.status.value)
    assert rates == pytest.approx([0.1, 0.5, 0.5])


def test_a_picture_that_was_made_is_handed_on_with_its_words():
    shown = run_live_panel(
        ascent_of_steps([]),
        alt="gray that grew",
        first=GRAY / 2,
        hand_on={"Explain it": "05_saliency"},
    )
    shown.buttons["Explain it"].click()
    given = shown.exchange.given
    assert (given["name"], given["notebook"]) == ("gray that grew", "05_saliency")
    handed = decode_image(base64.b64decode(given["data"]))
    np.testing.assert_allclose(handed, GRAY / 2, atol=1 / 255)
    assert 'href="05_saliency.ipynb"' in shown.status.value
    assert "Open 05 saliency" in shown.status.value


def test_of_a_batch_the_first_picture_is_handed_on():
    batch = np.stack([GRAY, 0 * GRAY])
    shown = run_live_panel(
        ascent_of_steps([]), alt="two", first=batch, hand_on={"Explain it": "05_saliency"}
    )
    shown.buttons["Explain it"].click()
    handed = decode_image(base64.b64decode(shown.exchange.given["data"]))
    np.testing.assert_allclose(handed, GRAY, atol=1 / 255)


def test_a_panel_that_looks_at_a_picture_hands_on_the_picture_and_not_its_map():
    pictures = picture_dropdown(["cat", "coffee"], size=32)
    shown = explore_panel(
        lambda picture: 0 * picture,
        alt="black",
        hand_on={"Attack it": "12_adversarial"},
        picture=pictures,
    )
    shown.buttons["Attack it"].click()
    handed = decode_image(base64.b64decode(shown.exchange.given["data"]))
    np.testing.assert_allclose(handed, load_image("cat", size=32), atol=1 / 255)
    assert shown.exchange.given["name"] == "cat"


def test_explore_answers_at_once_with_words_that_are_escaped():
    shown = explore_panel(
        lambda level: (GRAY * level, f"level {level}"),
        alt=lambda level: f'gray <{level}> & "so"',
        level=(0, 2),
    )
    assert 'alt="gray &lt;1&gt; &amp; &quot;so&quot;"' in shown.picture.value
    assert "level 1" in shown.status.value and 'role="status"' in shown.status.value
    np.testing.assert_array_equal(shown.shown["image"], GRAY)


def test_what_the_status_says_stays_when_the_list_of_pictures_grows():
    pictures = picture_dropdown(["cat", "coffee"], size=32, value="coffee")
    calls = []
    shown = explore_panel(
        lambda picture: (calls.append(1) or picture, "an answer"),
        alt="a photograph",
        hand_on={"Attack it": "12_adversarial"},
        picture=pictures,
    )
    shown.buttons["Attack it"].click()
    assert "Open 12 adversarial" in shown.status.value
    # A busy computer: between two steps of the list's change the answering thread has its turn.
    pictures.sources[0].observe(lambda change: time.sleep(0.1), names="value")
    messenger = pictures.view.children[-1]  # the browser tells every list what it keeps
    messenger.found = [{"name": "coffee", "data": shown.exchange.given["data"]}]
    assert len(pictures.sources[0].options) == 3
    time.sleep(0.3)
    assert "Open 12 adversarial" in shown.status.value
    assert len(calls) == 1
    pictures.sources[0].value = "cat"  # what the reader does is answered
    wait_until(lambda: "an answer" in shown.status.value)


def test_another_file_of_the_same_name_is_a_new_picture():
    pictures = picture_dropdown(["cat"], size=32)
    shown = explore_panel(lambda picture: picture, alt="a photograph", picture=pictures)
    upload = pictures.view.children[1].children[0]
    for level in (0.2, 0.8):
        image = np.full((32, 32, 3), level, np.float32)
        content = encode_png(image)
        file = {"name": "a.png", "type": "image/png", "size": len(content), "content": content}
        upload.value = [{**file, "last_modified": datetime.now(timezone.utc)}]
        wait_until(lambda image=image: abs(shown.shown["image"].mean() - image.mean()) < 0.01)


def test_a_slow_answer_is_announced_over_the_dimmed_picture():
    gate = threading.Event()

    def slow(number):
        if number:
            gate.wait(10)
        return GRAY, f"number {number}"

    shown = explore_panel(slow, alt="gray", number=ipywidgets.IntSlider(0, 0, 9))
    shown.controls["number"].view.value = 5
    wait_until(lambda: "Computing" in shown.status.value)
    assert "lecture-waiting" in shown.picture._dom_classes
    gate.set()
    wait_until(lambda: "number 5" in shown.status.value)
    assert "lecture-waiting" not in shown.picture._dom_classes


def test_the_newest_value_wins():
    seen = []
    gate = threading.Event()

    def slow(number):
        seen.append(number)
        if number:
            gate.wait(10)
        return GRAY, f"number {number}"

    shown = explore_panel(slow, alt="gray", number=ipywidgets.IntSlider(0, 0, 1000))
    for number in range(1, 201):
        shown.controls["number"].view.value = number
    gate.set()
    wait_until(lambda: "number 200" in shown.status.value)
    assert seen[0] == 0 and seen[-1] == 200 and len(seen) <= 3


def test_a_zero_in_a_panels_words_has_no_sign():
    text = f"from {-1e-9:.3f} to 0.5"
    shown = explore_panel(lambda: (GRAY, text), alt="gray")
    assert (
        ">from 0.000 to 0.5<" in shown.status.value and shown.shown["text"] == "from 0.000 to 0.5"
    )


# Answers of many parts


def in_parts(parts, *, pause=0.02, count=50, fails=False):
    """A function for a panel whose answer takes many parts, which it notes as (number, part)."""

    def answer(number):
        if number:
            for part in range(count):
                parts.append((number, part))
                time.sleep(pause)
                between_parts(part + 1, count)
            if fails and number == 5:
                raise ValueError("Five is too much.")
        return GRAY * number / 9, f"number {number}"

    return answer


def moved_in_the_middle(shown, parts, *, after=20):
    """Choose 5, and 7 when the answer to 5 is on its way; return what was drawn after that."""
    shown.controls["number"].view.value = 5
    wait_until(lambda: len(parts) >= after)
    drawn = []
    shown.picture.observe(lambda change: drawn.append(shown.status.value), names="value")
    shown.controls["number"].view.value = 7
    return drawn


def test_a_slow_answer_is_left_for_a_newer_one_between_two_parts():
    parts = []
    shown = explore_panel(in_parts(parts), alt="gray", number=ipywidgets.IntSlider(0, 0, 9))
    drawn = moved_in_the_middle(shown, parts)
    wait_until(lambda: "number 7" in shown.status.value)
    assert 20 <= sum(number == 5 for number, _ in parts) < 40  # of fifty
    assert sum(number == 7 for number, _ in parts) == 50
    assert len(drawn) == 1  # the picture of 7, and nothing older
    np.testing.assert_allclose(shown.shown["image"], GRAY * 7 / 9)
    assert "lecture-waiting" not in shown.picture._dom_classes


def test_a_slow_answer_says_how_far_it_is():
    parts = []
    shown = explore_panel(in_parts(parts), alt="gray", number=ipywidgets.IntSlider(0, 0, 9))
    said = []
    shown.status.observe(lambda change: said.append(change["new"]), names="value")
    shown.controls["number"].view.value = 5
    wait_until(lambda: "number 5" in shown.status.value)
    counts = [int(count) for text in said for count in re.findall(r"… (\d+) of 50", text)]
    assert len(counts) > 3 and counts == sorted(counts)


def test_what_goes_wrong_in_an_answer_that_nobody_waits_for_is_not_shown():
    parts = []
    answer = in_parts(parts, pause=0.005, count=20, fails=True)  # too short to be left
    shown = explore_panel(answer, alt="gray", number=ipywidgets.IntSlider(0, 0, 9))
    said = []
    shown.status.observe(lambda change: said.append(change["new"]), names="value")
    moved_in_the_middle(shown, parts, after=3)
    wait_until(lambda: "number 7" in shown.status.value)
    assert [text for text in said if "alert" in text] == []


def test_an_answer_that_is_nearly_there_is_shown_before_the_newer_one():
    parts = []
    answer = in_parts(parts, pause=0.005, count=20)
    shown = explore_panel(answer, alt="gray", number=ipywidgets.IntSlider(0, 0, 9))
    drawn = moved_in_the_middle(shown, parts, after=3)
    wait_until(lambda: "number 7" in shown.status.value)
    assert len(drawn) == 2 and len(parts) == 40


def test_back_at_the_picture_on_view_its_words_come_back_and_nothing_is_computed():
    parts = []
    shown = explore_panel(in_parts(parts), alt="gray", number=ipywidgets.IntSlider(0, 0, 9))
    before = shown.status.value
    shown.controls["number"].view.value = 5
    wait_until(lambda: "Computing" in shown.status.value)
    shown.controls["number"].view.value = 0
    wait_until(lambda: shown.status.value == before)
    assert "lecture-waiting" not in shown.picture._dom_classes
    assert len(parts) < 40


def test_a_list_that_gets_new_entries_does_not_end_an_answer():
    pictures = picture_dropdown(["cat", "coffee"], size=32)
    parts = []
    answer = in_parts(parts, count=40)
    shown = explore_panel(
        lambda number, picture: answer(number),
        alt="gray",
        number=ipywidgets.IntSlider(0, 0, 9),
        picture=pictures,
    )
    shown.controls["number"].view.value = 5
    wait_until(lambda: len(parts) > 15)
    given = base64.b64encode(encode_png(GRAY)).decode()
    pictures.view.children[-1].found = [{"name": "gray", "data": given}]
    wait_until(lambda: "number 5" in shown.status.value)
    assert len(parts) == 40


def test_what_a_function_has_reached_is_seen_before_it_is_there():
    def grow(level, watch):
        for step in range(1, 21):
            time.sleep(0.05)
            watch(step, 20, Reached(GRAY * level * step / 20, np.zeros(1), []))
        return GRAY * level

    slider = ipywidgets.IntSlider(0, 0, 2)
    shown = explore_panel(grow, alt=lambda level: f"level {level}", level=slider)
    seen = []
    shown.picture.observe(lambda change: seen.append(change["new"]), names="value")
    slider.value = 2
    wait_until(lambda: 0 < shown.shown["image"].max() < 1)
    slider.value = 1
    wait_until(lambda: "Computing" not in shown.status.value)
    np.testing.assert_array_equal(shown.shown["image"], GRAY)
    levels = [int(re.search(r"level (\d)", picture).group(1)) for picture in seen]
    assert levels == sorted(levels, reverse=True) and set(levels) == {2, 1}
    assert levels.count(2) < 10 and "lecture-waiting" not in shown.picture._dom_classes


@pytest.mark.parametrize(
    "error, sentence",
    [
        (ValueError("Give a level below 1.\nmore"), ">Give a level below 1.<"),
        (FileNotFoundError("There is no such picture."), ">There is no such picture.<"),
        (KeyError("layer"), "Something went wrong: KeyError: &#x27;layer&#x27;"),
        (SystemExit(2), "Something went wrong: SystemExit: 2"),
        (MemoryError(), "There was not enough memory for this. Choose a smaller size"),
    ],
)
def test_an_error_is_one_sentence_and_the_picture_stays(error, sentence):
    def fragile(level):
        if level == 2:
            raise error
        return GRAY * level / 2

    shown = explore_panel(fragile, alt="gray", level=ipywidgets.IntSlider(1, 0, 2))
    before = shown.picture.value
    shown.controls["level"].view.value = 2
    wait_until(lambda: "alert" in shown.status.value)
    assert sentence in shown.status.value and shown.picture.value == before
    shown.controls["level"].view.value = 0
    wait_until(lambda: shown.picture.value != before)
    assert "alert" not in shown.status.value


@pytest.mark.parametrize(
    "error, level",
    [
        (ValueError("Give a level below 1."), logging.DEBUG),
        (FileNotFoundError("There is no such picture."), logging.DEBUG),
        (KeyError("layer"), logging.ERROR),
        (SystemExit(2), logging.ERROR),
    ],
)
def test_the_traceback_of_an_error_is_kept_in_the_log(caplog, error, level):
    def fragile():
        raise error

    caplog.set_level(logging.DEBUG, logger="lecture_lib")
    explore_panel(fragile, alt="gray")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("lecture_lib", level)
    assert record.exc_info[1] is error
    assert "in fragile\n" in caplog.text


def test_the_traceback_of_an_error_in_a_run_is_kept_in_the_log(caplog):
    run = ascent_of_steps([], fails_at=3, error=KeyError("layer"))
    shown = run_live_panel(run, alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "KeyError" in shown.status.value)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "KeyError" in caplog.text and "in run\n" in caplog.text


def test_an_expected_error_prints_nothing_onto_the_page(capfd):
    def fragile():
        raise ValueError("Give a level below 1.")

    shown = explore_panel(fragile, alt="gray")
    assert "Give a level below 1." in shown.status.value
    assert capfd.readouterr() == ("", "")


def test_saving_overwrites_nothing_and_says_where(tmp_path, monkeypatch):
    def saliency():
        return GRAY

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    shown = explore_panel(saliency, alt="gray")
    shown.buttons["Save picture"].click()
    assert "Saved as saliency.png in the folder my-pictures." in shown.status.value
    encoded = re.search(
        'download="saliency.png" href="data:image/png;base64,([^"]+)"', shown.status.value
    ).group(1)
    folder = tmp_path / "my-pictures"
    assert base64.b64decode(encoded) == (folder / "saliency.png").read_bytes()
    shown.buttons["Save picture"].click()
    assert "Saved as saliency-2.png" in shown.status.value
    assert {file.name for file in folder.iterdir()} == {"saliency.png", "saliency-2.png"}


def saved_name(shown):
    shown.buttons["Save picture"].click()
    return re.search("Saved as ([^ ]+)", shown.status.value).group(1)


def test_a_saved_picture_is_named_after_the_choices_that_it_shows(tmp_path, monkeypatch):
    def explain(class_index, noise, model):
        return GRAY * noise

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPY_SESSION_NAME", "/anywhere/notebooks/05_saliency.ipynb")
    classes = class_box(["goldfish", "great white shark"])
    shown = explore_panel(
        explain, alt="gray", class_index=classes, noise=(0.0, 1.0, 0.1), model="a constant"
    )
    assert saved_name(shown) == "05_saliency-goldfish-noise-0.5.png"
    classes.view.value = "great white shark"
    wait_until(lambda: "great white shark" in shown.shown["choices"])
    assert saved_name(shown) == "05_saliency-great-white-shark-noise-0.5.png"
    # The picture stays as it is while there is no answer, and so does its name.
    classes.view.value = "unicorn"
    wait_until(lambda: "alert" in shown.status.value)
    assert saved_name(shown) == "05_saliency-great-white-shark-noise-0.5-2.png"


def test_a_saved_picture_of_a_run_is_named_after_its_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    shown = run_live_panel(ascent_of_steps([]), alt="gray", first=GRAY, steps=[7, 9])
    assert saved_name(shown) == "run-start.png"
    shown.buttons["Start"].click()
    wait_until(lambda: "Done" in shown.status.value)
    assert saved_name(shown) == "run-steps-7-step-7.png"


@pytest.mark.parametrize(
    "show",
    [
        lambda: explore(lambda: GRAY, alt="all gray"),
        lambda: run_live(ascent_of_steps([]), alt="all gray", first=GRAY),
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
    assert data["text/plain"] == metadata["image/jpeg"]["alt"] == "all gray"
    picture = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"]))).convert("RGB")
    )
    assert (
        picture.shape[1] == metadata["image/jpeg"]["width"]
        and (abs(picture.astype(int) - 128) < 3).all()
    )


def test_no_panel_without_words():
    with pytest.raises(ValueError, match="alt="):
        explore(lambda: GRAY, alt=" ")


def test_five_clicks_start_one_run_that_ends_with_its_picture():
    calls = []
    shown = run_live_panel(
        ascent_of_steps(calls, pause=0.01), alt="gray", first=GRAY, start=(0.0, 1.0)
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


def test_stop_ends_a_run_with_what_it_reached():
    shown = run_live_panel(ascent_of_steps([], pause=0.02), alt="gray", first=GRAY, steps=100_000)
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
        return ascent_of_steps([], pause=0.01)(watch=watch, steps=1000)

    shown = run_live_panel(slow_to_start, alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    shown.buttons["Stop"].click()
    assert "Stopping" in shown.status.value
    gate.set()
    wait_until(lambda: "Stopped at step 0" in shown.status.value)


def test_an_error_in_a_step_is_one_sentence_and_the_last_picture_stays():
    # Pictures come at the latest a second apart, however slow the machine is: step 1 or 2 is seen.
    shown = run_live_panel(ascent_of_steps([], pause=0.6, fails_at=3), alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "alert" in shown.status.value)
    assert "stopped being finite" in shown.status.value
    assert 0 < shown.shown["image"].max() < 0.2
    wait_until(lambda: not shown.buttons["Start"].disabled)


def test_a_step_that_ends_the_program_ends_only_its_run():
    calls = []
    shown = run_live_panel(
        ascent_of_steps(calls, fails_at=3, error=SystemExit(2)), alt="gray", first=GRAY
    )
    for count in (1, 2):
        shown.buttons["Start"].click()
        wait_until(lambda count=count: len(calls) == count)
        wait_until(lambda: "SystemExit" in shown.status.value)
        wait_until(lambda: not shown.buttons["Start"].disabled)


def test_a_batch_is_watched_side_by_side():
    def ascend(*, watch):
        reached = Reached(np.zeros((7, 8, 8, 3), np.float32), np.zeros((1, 7)), [])
        watch(0, 0, reached)
        return reached

    shown = run_live_panel(ascend, alt="seven black squares", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "Done" in shown.status.value)
    assert shown.shown["image"].shape == (2 * 8 + 2, 4 * 8 + 3 * 2, 3)
    assert shown.curve.value.count("<polyline") == 7


def test_a_preview_is_drawn_at_most_ten_times_a_second():
    drawn = []
    shown = run_live_panel(ascent_of_steps([], pause=0.002), alt="gray", first=GRAY, steps=100)
    shown.picture.observe(lambda change: drawn.append(time.monotonic()), names="value")
    shown.buttons["Start"].click()
    wait_until(lambda: "Done" in shown.status.value)
    between = np.diff(drawn)[:-2]  # the last step and the result are always drawn
    assert (between > 0.09).all()


def test_a_run_may_end_with_a_sentence_of_its_own():
    shown = run_live_panel(lambda watch: (GRAY, "Seven steps."), alt="gray")
    shown.buttons["Start"].click()
    wait_until(lambda: "Done. Seven steps." in shown.status.value)


def test_the_status_says_what_the_steps_are_made_of():
    said = []

    def ascend(*, watch):
        reached = Reached(GRAY, np.ones(1), [])
        watch(40, 60, reached, counted="3 octaves × 20 steps")
        said.append(shown.status.value)
        return reached

    shown = run_live_panel(ascend, alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "Done" in shown.status.value)
    assert "Step 40 of 60 (3 octaves × 20 steps), score 1" in said[0]


def test_a_picture_is_seen_when_it_is_chosen_and_not_only_at_the_start():
    pictures = picture_dropdown(["cat", "coffee"], size=32)
    shown = run_live_panel(lambda picture, watch: picture, alt="gray", picture=pictures)
    pictures.sources[0].value = "coffee"
    coffee = load_image("coffee", size=32)
    wait_until(lambda: np.array_equal(shown.shown["image"], coffee))


@pytest.mark.parametrize(
    "net, words",
    [("small", "gray by small"), ("large", "The picture before the gradient ascent")],
)
def test_the_words_for_the_first_picture_are_those_for_the_values_as_they_stand(net, words):
    nets = net_dropdown(["small", "large"], reasons={"large": "not downloaded"}, value=net)
    shown = run_live_panel(
        lambda net, watch: GRAY, alt=lambda net: f"gray by {net}", first=GRAY, net=nets
    )
    assert shown.shown["words"] == words


def test_what_a_run_made_stays_when_the_list_of_pictures_grows():
    pictures = picture_dropdown(["cat", "coffee"], size=32)
    shown = run_live_panel(lambda picture, watch: 0 * picture, alt="black", picture=pictures)
    shown.buttons["Start"].click()
    wait_until(lambda: "Done" in shown.status.value)
    given = base64.b64encode(encode_png(GRAY)).decode()
    pictures.view.children[-1].found = [{"name": "gray", "data": given}]
    time.sleep(0.3)
    assert not shown.shown["image"].any()
    assert "Done" in shown.status.value


def test_a_net_that_is_not_here_says_why_when_it_is_chosen():
    net = net_dropdown(["small", "large"], reasons={"large": "not downloaded"})
    shown = run_live_panel(lambda net, watch: GRAY, alt="gray", net=net)
    net.view.value = "large"
    wait_until(lambda: "large cannot be used here: not downloaded" in shown.status.value)
    net.view.value = "small"
    wait_until(lambda: "cannot be used" not in shown.status.value)
