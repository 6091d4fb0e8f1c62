"""Where pictures are saved: beside the notebooks, under names that no file system refuses."""

import numpy as np
import pytest
from panel_tools import GRAY

from lecture_lib.datasets.images import load_image
from lecture_lib.panels.saving import file_name, pictures_folder, save_page, save_picture


@pytest.fixture(autouse=True)
def outside_jupyter(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


@pytest.fixture
def course(tmp_path):
    """A folder as that of the course, or of a student's copy."""
    for name in ("notebooks", "exercises/source"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "notebooks" / "00_start_here.ipynb").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("place", ["", "notebooks", "exercises", "exercises/source"])
def test_pictures_lie_beside_the_folder_of_notebooks(course, monkeypatch, place):
    monkeypatch.chdir(course / place)
    assert pictures_folder() == course / "my-pictures"


def test_outside_a_course_they_lie_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pictures_folder() == tmp_path / "my-pictures"


def test_a_file_is_never_overwritten(course, monkeypatch):
    monkeypatch.chdir(course / "notebooks")
    paths = [save_picture(GRAY * part, function="dream", choices=["cat"]) for part in (1, 0.5, 0)]
    assert [path.name for path in paths] == ["dream-cat.png", "dream-cat-2.png", "dream-cat-3.png"]
    assert {path.parent for path in paths} == {course / "my-pictures"}
    for path, part in zip(paths, (1, 0.5, 0), strict=True):
        np.testing.assert_allclose(load_image(path), GRAY * part, atol=1 / 255)


@pytest.mark.parametrize(
    "choices, name",
    [
        ([], "dream.png"),
        (["flamingo", "step-60"], "dream-flamingo-step-60.png"),
        (["great white shark", "noise-0.1"], "dream-great-white-shark-noise-0.1.png"),
        (["me.jpg (uploaded)"], "dream-me.jpg-uploaded.png"),
        (["Löwe"], "dream-Löwe.png"),
        (["../../x"], "dream-..-..-x.png"),
        (['a<b>:"c|d?*', "\\\\host\0"], "dream-a-b-c-d-host.png"),
    ],
)
def test_a_name_says_what_is_shown_in_characters_that_every_disk_takes(choices, name):
    assert file_name("dream", choices) == name


def test_a_long_name_is_cut():
    name = file_name("dream", ["word" * 100])
    assert len(name) == 104 and name.startswith("dream-wordword") and name.endswith(".png")


def test_the_notebook_names_the_picture_where_it_is_known(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/10_deepdream.ipynb")
    assert file_name("dream", ["cat"]) == "10_deepdream-cat.png"
    monkeypatch.setenv("JPY_SESSION_NAME", "a console of 5 o'clock")
    assert file_name("dream", ["cat"]) == "dream-cat.png"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-pictures").write_text("a file of this name")
    with pytest.raises(ValueError, match="my-pictures cannot be made .*; start Jupyter from"):
        save_picture(GRAY, function="dream")


def test_a_page_is_saved_beside_the_pictures_under_a_free_name(course, monkeypatch):
    monkeypatch.chdir(course / "notebooks")
    paths = [save_page(b"%PDF-1.4", name) for name in ("sticker toaster", "sticker-toaster.pdf")]
    assert [path.name for path in paths] == ["sticker-toaster.pdf", "sticker-toaster-2.pdf"]
    assert {path.parent for path in paths} == {course / "my-pictures"}
    assert paths[0].read_bytes() == b"%PDF-1.4"
