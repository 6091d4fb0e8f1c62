"""Films: what is saved plays the same images, and nothing is overwritten."""

import base64
import re

import cv2
import numpy as np
import pytest
from PIL import Image
from small_nets import random

from lecture_lib.figures import video
from lecture_lib.figures.video import save_film, show_film


def test_a_film_is_saved_as_it_is_and_overwrites_nothing(tmp_path):
    frames = [np.full((20, 30, 3), level, np.float32) for level in (0.0, 0.5)]
    frames += [np.full((40, 60, 3), 1.0, np.float32)]  # the others get its size
    first, second = (save_film(frames, tmp_path / "dream.gif", seconds=0.2) for _ in range(2))
    assert (first.name, second.name) == ("dream.gif", "dream-2.gif")
    with Image.open(first) as film:
        assert film.n_frames == 3 and film.size == (60, 40)
        assert film.info["duration"] == 200 and film.info["loop"] == 0
        film.seek(1)
        np.testing.assert_allclose(np.asarray(film.convert("RGB")), 128, atol=2)


@pytest.mark.parametrize(
    "bad, sentence",
    [
        ({"frames": [], "path": "a.gif"}, "one image or more"),
        ({"frames": [random(20, 30, 3)], "path": "a.avi"}, r"saved as .gif or .mp4"),
        ({"frames": [random(20, 30, 3)], "path": "a.gif", "seconds": 0}, "more than 0 s"),
    ],
)
def test_what_is_no_film_gives_a_sentence(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        save_film(**bad)


def test_a_folder_that_does_not_exist_gives_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_film([random(20, 30, 3)], tmp_path / "nowhere" / "dream.gif")


def test_an_mp4_plays_the_same_images(tmp_path):
    less_blue = np.float32([1, 1, 0.5])
    frames = [np.full((45, 61, 3), level, np.float32) * less_blue for level in (0.1, 0.5, 0.9)]
    first, second = (save_film(frames, tmp_path / "dream.mp4", seconds=0.2) for _ in range(2))
    assert (first.name, second.name) == ("dream.mp4", "dream-2.mp4")
    film = cv2.VideoCapture(str(first))
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(5)
    images = [film.read()[1][..., ::-1] for _ in frames]
    # An odd last row and column are left off.
    np.testing.assert_allclose(images, 255 * np.stack(frames)[:, :44, :60], atol=6)
    assert not film.read()[0]


def test_where_opencv_cannot_write_films_a_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "VideoWriter_fourcc", lambda *letters: cv2.VideoWriter.fourcc(*"none"))
    with pytest.raises(ValueError, match=r"let the name end in .gif"):
        save_film([random(40, 56, 3)], tmp_path / "dream.mp4")
    assert list(tmp_path.iterdir()) == []


# Played in the page


def test_a_film_in_the_page_is_an_mp4_with_words_and_a_picture_beside_it(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr(video, "display", lambda data, **options: shown.append((data, options)))
    frames = [np.full((40, 60, 3), level, np.float32) for level in (0.1, 0.9)]
    show_film(frames, seconds=0.2, size=120, alt='A film of "gray" becoming white')
    data, options = shown[0]
    page = data["text/html"]
    assert 'width="120" controls loop muted' in page
    assert "A film of &quot;gray&quot; becoming white" in page
    assert options["metadata"]["image/jpeg"]["alt"] == data["text/plain"]
    (tmp_path / "film.mp4").write_bytes(
        base64.b64decode(re.search(r"video/mp4;base64,([^\"]+)", page).group(1))
    )
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    levels = [film.read()[1].mean() for _ in frames]
    np.testing.assert_allclose(levels, [0.1 * 255, 0.9 * 255], atol=6)


def test_a_film_in_the_page_needs_words():
    with pytest.raises(ValueError, match="needs words"):
        show_film([random(20, 30, 3)], alt="")
