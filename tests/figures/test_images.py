"""What is shown carries its words and stays small; colors mean what the scale says."""

import base64
import io
from functools import partial

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv
from PIL import Image

from lecture_lib.figures import charts, html, images

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.random((64, 64, 3), dtype=np.float32)
MAP = RANDOM.random((64, 64), dtype=np.float32)
CALLS = {
    "show one": lambda alt: images.show(PICTURE, titles="noise", alt=alt),
    "show many": lambda alt: images.show(np.stack([PICTURE] * 7), titles=list("abcdefg"), alt=alt),
    "show shapes": lambda alt: images.show([PICTURE, MAP, PICTURE[:20, :, :1]], alt=alt),
    "show_map": lambda alt: images.show_map(PICTURE, MAP, alt=alt),
    "show_maps": lambda alt: images.show_maps(
        PICTURE, [MAP, MAP - 0.5], titles=["one", "two"], on_picture=True, alt=alt
    ),
    "show_overlays": lambda alt: images.show_overlays(
        [PICTURE, PICTURE[:32]], [None, MAP[:32] - 0.5], titles=["one", "two"], alt=alt
    ),
    "show_values": lambda alt: charts.show_values(np.arange(9.0), alt=alt),
    "show_values labels": lambda alt: charts.show_values(
        [np.arange(3), np.arange(5)], labels=["short", "long"], alt=alt
    ),
    "show_curves": lambda alt: charts.show_curves(
        [1, 10, 100], [[3, 2, 1], [1, 5, 9]], x_label="n", y_label="s", log=True, alt=alt
    ),
    "show_bars": lambda alt: charts.show_bars(["cat", "dog"], [0.9, 0.1], alt=alt),
    "show_matrix": lambda alt: charts.show_matrix(
        [[0.0, 1, 0.4]], rows=["cat"], columns=list("abc"), alt=alt
    ),
    "show_intervals": lambda alt: charts.show_intervals(
        ["cat", "dog"], {"one": [[0, 0.5, 1]] * 2, "two": [[-1, 0, 2]] * 2}, alt=alt
    ),
}


def copy_in(data):
    """The pixels that pages without HTML show, (H, W, 3) from 0 to 255."""
    file = Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))
    return np.asarray(file.convert("RGB")).astype(int)


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr(
        images, "display", lambda data, *, metadata, raw: outputs.append((data, metadata))
    )
    return outputs


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_one_picture_with_its_words(shown, call):
    alt = 'two "quotes" & a <tag>'
    call(alt)
    [(data, metadata)] = shown
    assert data["text/plain"] == alt
    assert 'alt="two &quot;quotes&quot; &amp; a &lt;tag&gt;"' in data["text/html"]
    of_copy = metadata["image/jpeg"]
    assert of_copy["alt"] == alt
    assert copy_in(data).shape[1] in [round(of_copy["width"] * share) for share in (1, 0.85, 0.7)]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("alt", ["", "  ", None])
def test_no_picture_without_words(shown, call, alt):
    with pytest.raises(ValueError, match="alt="):
        call(alt)
    assert not shown


def test_nothing_stays_open_and_a_photograph_stays_small(shown):
    from skimage.data import astronaut

    images.show([astronaut()[::2, ::2] / 255] * 4, alt="four astronauts")
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []
    assert sum(map(len, shown[0][0].values())) < 160_000


def test_forty_class_pictures_fit_into_a_notebook(shown):
    coarse = RANDOM.random((40, 16, 16, 3), dtype=np.float32).repeat(4, axis=1).repeat(4, axis=2)
    images.show(coarse, columns=8, alt="forty patterns")
    assert sum(map(len, shown[0][0].values())) < 250_000


def test_the_middle_of_a_square_is_its_color(shown):
    picture = np.zeros((2, 2, 3))
    picture[0, 1] = 1, 0, 0
    images.show(picture, size=100, alt="a red square at the top right")
    pixels = copy_in(shown[0][0])
    assert pixels.shape == (100, 100, 3)
    np.testing.assert_allclose(pixels[25, 75], [255, 0, 0], atol=4)
    np.testing.assert_allclose(pixels[75, 75], [0, 0, 0], atol=4)


def test_a_scale_keeps_its_colors_beside_photographs_in_many_other_colors(shown):
    from skimage.data import astronaut

    ramp = np.linspace(-1, 1, 512)[None].repeat(512, axis=0)
    maps = [ramp + 1, ramp.T + 1, (ramp + 1) ** 2, (ramp.T + 1) ** 2, ramp / 10]
    titles = [f"map {number}" for number in range(5)]
    images.show_maps(astronaut() / 255, maps, titles=titles, size=240, on_picture=True, alt="maps")
    data, metadata = shown[0]
    pixels = copy_in(data) / 255
    zoom = pixels.shape[1] / metadata["image/jpeg"]["width"]
    # The last bar: under the third image of a row, half as wide, 13.5 above the lower edge.
    columns = np.round(zoom * (2 * 254 + 60 + 120 * np.array([0.1, 0.3, 0.7, 0.9]))).astype(int)
    found = pixels[round(pixels.shape[0] - 13.5 * zoom), columns]
    wanted = images.heat(np.array([[-0.8, -0.4, 0.4, 0.8, 1]]), signed=True)[0, :4]
    of_found, of_wanted = rgb_to_hsv(found), rgb_to_hsv(wanted)
    turns = (of_found[:, 0] - of_wanted[:, 0] + 0.5) % 1 - 0.5  # hue is an angle
    np.testing.assert_allclose(turns, 0, atol=0.05)
    np.testing.assert_allclose(of_found[:, 1], of_wanted[:, 1], atol=0.15)


def test_titles_stay_legible_where_a_file_would_be_large(shown):
    noise = RANDOM.random((10, 150, 150, 3))
    images.show(noise, titles=["noise"] * 10, columns=5, alt="ten pictures of noise")
    data, metadata = shown[0]
    pixels = copy_in(data)
    title = pixels[2 : round(22 * pixels.shape[1] / metadata["image/jpeg"]["width"])]
    rows_of_ink = (title.max(axis=-1).min(axis=1) < 130).sum()
    assert rows_of_ink >= 5  # as high as small letters of 9 pixels


@pytest.mark.parametrize(
    "given, sentence",
    [
        (np.zeros((4, 4, 5)), "shape"),
        (np.zeros(7), "shape"),
        (np.zeros((4, 4, 3), np.uint8), "255"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), 1.5), "run from"),
        ([], "no picture"),
    ],
)
def test_a_wrong_picture_is_one_sentence(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        images.show(given, alt="nothing")


@pytest.mark.parametrize(
    "call",
    [
        lambda: images.show([PICTURE] * 3, titles=["one"], alt="x"),
        lambda: images.show_maps(PICTURE, [MAP], titles=["one", "two"], alt="x"),
        lambda: images.show_overlays([PICTURE], [MAP, MAP], titles=["one"], alt="x"),
        lambda: charts.show_values(np.zeros((5, 2)), labels=["one"], alt="x"),
        lambda: charts.show_curves([1, 2], [1, 2, 3], x_label="x", y_label="y", alt="x"),
        lambda: charts.show_bars(["one"], [0.5, 0.5], alt="x"),
        lambda: charts.show_matrix([[1, 2]], rows=["one"], columns=["one"], alt="x"),
        lambda: charts.show_intervals(["one"], {"a": [[0, 1, 2]] * 2}, alt="x"),
    ],
)
def test_counts_that_do_not_match_are_named(call):
    with pytest.raises(ValueError, match="There are [123] things to show but"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: images.heat(PICTURE),
        lambda: images.heat(MAP * np.inf),
        lambda: images.overlay(PICTURE, MAP[:32]),
        lambda: charts.show_values([], alt="x"),
    ],
)
def test_a_wrong_map_or_curve_is_one_sentence(call):
    with pytest.raises(ValueError, match=r"map|numbers"):
        call()


def test_heat_grows_brighter_with_the_map():
    brightness = images.heat(np.linspace(3, 8, 50)[None]).sum(axis=-1)[0]
    assert (np.diff(brightness) > 0).all()


def test_signed_heat_is_white_at_zero_red_above_blue_below():
    blue, white, red = images.heat(np.array([[-1.0, 0, 2]]), signed=True)[0]
    assert white.min() > 0.95
    assert red[0] > red[2] and blue[2] > blue[0]
    assert white.sum() > blue.sum() > red.sum()  # -1 is half as far from zero as 2


@pytest.mark.parametrize("signed", [False, True])
def test_a_flat_map_is_a_picture_too(signed):
    picture = images.heat(np.zeros((3, 3)), signed=signed)
    assert picture.shape == (3, 3, 3) and picture.dtype == np.float32 and np.isfinite(picture).all()


def test_overlay_is_gray_where_the_map_is_lowest_and_mixed_by_strength_where_it_is_highest():
    heatmap = np.array([[0.0, 1.0]])
    picture = np.full((1, 2, 3), 0.5, np.float32)
    gray, mixed = images.overlay(picture, heatmap, strength=0.6)[0]
    np.testing.assert_allclose(gray, 0.5, atol=1e-6)
    np.testing.assert_allclose(mixed, 0.4 * 0.5 + 0.6 * images.heat(heatmap)[0, 1], atol=1e-6)


@pytest.mark.parametrize("columns", [0, -1])
@pytest.mark.parametrize("draw", [partial(images.show, alt="three"), html.tile])
def test_less_than_one_column_is_one_sentence(draw, columns):
    with pytest.raises(ValueError, match=f"1 or more columns; columns was {columns}"):
        draw(np.zeros((3, 8, 8, 3), np.float32), columns=columns)


def test_a_single_column_of_pixels_is_drawn_at_most_four_times_as_high_as_wide(shown):
    images.show(np.zeros((3000, 1, 3), np.float32), alt="a line")
    [(data, _)] = shown
    height, width, _ = copy_in(data).shape
    assert height <= 4.5 * width


@pytest.mark.parametrize("name", ["W" * 24, "MMMM WWWW MMMM", "i"])
def test_the_name_of_a_row_is_never_cut_off(shown, name):
    charts.show_matrix([[0.0, 1.0]], rows=[name], columns=["a", "b"], alt="two fields")
    (data, _) = shown[0]
    picture = copy_in(data).mean(axis=-1)
    assert picture[:, :3].min() > 200 and picture[30:, :].min() < 120
