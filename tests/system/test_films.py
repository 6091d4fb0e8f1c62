"""The films of the notebooks: long and short enough, readable in time, and with their words."""

import ast
import re
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest
from course_files import NOTEBOOKS, ROOT, cells_of
from PIL import Image

from lecture_lib.datasets.decoding import BUNDLED
from lecture_lib.models.zoo import BUNDLED as NETWORKS
from lecture_lib.models.zoo import DECODERS

sys.path.insert(0, str(ROOT / "tools"))

import film_player
import make_films
from films import scenes
from films.scenes import Shot

# Those that take some seconds; the others a minute, in some cases.
QUICK = [path for path in NOTEBOOKS if path.stem[:2] in ("01", "02", "04", "05", "07", "16")]
MODULES = sorted((ROOT / "tools" / "films").glob("*.py"))
each_film = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def text_of(path):
    """The words of the film of a notebook."""
    return (film_player.FOLDER / f"{path.stem[:2]}.txt").read_text(encoding="utf-8")


def film_of(path):
    return film_player.FOLDER / f"{path.stem[:2]}.webm"


# Each film


@each_film
def test_a_film_has_its_length_and_size(path):
    film = cv2.VideoCapture(str(film_of(path)))
    count = 0
    while film.grab():
        count += 1
    seconds = count / film.get(cv2.CAP_PROP_FPS)
    assert 20 <= seconds <= 40
    assert f"{seconds:.0f}" == film_player.words_of(path.stem[:2])[0]
    assert film_of(path).stat().st_size <= 1_500_000


@each_film
def test_every_caption_is_short_and_stays(path):
    about, _, lines = text_of(path).partition("\n\n")
    shown = re.findall(r"^(\d+):(\d\d\.\d)  (.+)$", lines, re.MULTILINE)
    begins = [60 * int(minutes) + float(seconds) for minutes, seconds, _ in shown]
    begins.append(float(film_player.words_of(path.stem[:2])[0]))
    assert len(shown) == len(lines.strip().splitlines()) >= 5
    assert all(end - begin > 2.4 for begin, end in pairwise(begins))  # rounded to tenths
    assert [said for _, _, said in shown if len(said.split()) > 12] == []


@each_film
def test_the_text_is_what_the_film_was_made_with(path):
    assert text_of(path).encode() in film_of(path).read_bytes()
    seen = make_films.module_of(path.stem).__doc__
    assert " ".join(seen.split()) in " ".join(text_of(path).split())


@each_film
def test_the_first_cell_plays_the_film_and_links_to_its_words(path):
    first = "".join(cells_of(path)[0]["source"])
    assert film_player.with_film(first, path.stem[:2]) == first
    files = re.findall(r'(?:src="|href="|\]\()(\.\./docs/films/[^")]+)', first)
    assert {name.rpartition(".")[2] for name in files} == {"webm", "webp", "txt"}
    assert all((path.parent / name).is_file() for name in files)


@each_film
def test_the_picture_to_begin_with_is_the_films_first(path):
    _, first = cv2.VideoCapture(str(film_of(path))).read()
    poster = np.asarray(Image.open(film_of(path).with_suffix(".webp")).convert("RGB"))
    assert poster.shape == first.shape
    assert np.abs(poster - first[..., ::-1].astype(float)).mean() < 6


@each_film
def test_a_caption_begins_each_film_where_no_controls_lie(path):
    _, first = cv2.VideoCapture(str(film_of(path))).read()
    background = np.median(first[:8].reshape(-1, 3), axis=0)
    bright = np.abs(first[: make_films.STRIP] - background).max(axis=(1, 2)) > 100
    assert bright.any() and not bright[[0, -1]].any()


# What films show, and that it is the same each time


def test_a_film_is_the_same_each_time():
    module = make_films.module_of("07_grad_cam")
    one = list(module.shots())
    other = list(module.shots())
    assert [shot[1:] for shot in one] == [shot[1:] for shot in other]
    assert all(np.array_equal(a.scene, b.scene) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test_the_words_of_a_film_come_from_what_is_computed(path):
    module = make_films.module_of(path.stem)
    assert make_films.transcript(module, list(module.shots())) == text_of(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_film_shows_what_travels_with_the_course(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    known = {
        "load_image": set(BUNDLED),
        "load_model": {*NETWORKS, "efficientnet_lite0"},
        "load_decoder": set(DECODERS),
    }
    for call in calls:
        if (name := getattr(call.func, "id", None)) in known:
            given = call.args[0]
            assert not isinstance(given, ast.Constant) or given.value in known[name]
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"load_tiny_imagenet", "imagenet_photo_names", "load_mnist", "fetch"}


# What makes them


def shots_of(*captions, seconds=4):
    return [Shot(scenes.page(), caption, seconds) for caption in captions]


@pytest.mark.parametrize(
    "shots, wanted",
    [
        (shots_of("Short."), "4.0 s long"),
        (shots_of(*"abcdefghijklmn"), "56.0 s long"),
        (shots_of("a", "b", "c", seconds=7) + shots_of("Gone.", seconds=1), "“Gone.” is seen for"),
        (shots_of(*5 * ["one " * 13]), "12 words at most"),
    ],
)
def test_what_nobody_could_follow_is_refused(shots, wanted):
    with pytest.raises(ValueError, match=wanted):
        make_films.check(shots)


def test_scenes_that_share_a_caption_share_its_seconds():
    pages = [scenes.page(scenes.words(str(number), (50, 50))) for number in range(7)]
    shown = list(scenes.several("Counted.", pages, seconds=3))
    assert make_films.length_of(shown) == 3
    assert np.array_equal(shown[0].scene, pages[0]) and np.array_equal(shown[-1].scene, pages[-1])
    assert make_films.captions_of(shown) == [(0, "Counted.")]


def test_a_new_caption_fades_in_and_is_drawn_over_the_scene():
    white = np.full_like(scenes.page(), 255)
    shots = [Shot(scenes.page(), "Dark.", 1), Shot(white, "A long sentence in two lines.", 1)]
    pictures = list(make_films.pictures_of(shots))
    brightness = [one[-scenes.HEIGHT :].mean() for one in pictures]
    assert len(pictures) == 2 * scenes.PER_SECOND
    assert np.all(np.diff(brightness[11:16]) > 0) and brightness[-1] == 255
    strip = pictures[-1][: -scenes.HEIGHT]
    assert (strip != scenes.BACK).any() and (strip[:, [0, -1]] == scenes.BACK).all()


@pytest.mark.parametrize("words", ["One.", "A sentence which needs two lines under the picture."])
def test_a_caption_has_at_most_two_lines_which_fit(words):
    lines = make_films.balanced_lines(words)
    assert " ".join(lines) == words and len(lines) <= 2
    assert all(make_films.font(29).getlength(line) < scenes.WIDTH for line in lines)


def test_a_percentage_is_never_rounded_up_to_certainty():
    assert [scenes.percent(share) for share in (0.946, 0.997, 0.9999)] == [
        "95 %",
        "99.7 %",
        "100 %",
    ]


def test_a_film_is_put_under_the_title_and_replaced_there():
    number = "04"
    source = "# 99 Title\n\n**A question?** Words."
    once = film_player.with_film(source, number)
    assert once.startswith("# 99 Title\n\n<video ") and once.endswith("\n\n**A question?** Words.")
    assert film_player.with_film(once, number) == once
