"""A student's own copy: complete, its links lead somewhere, and what a student wrote stays."""

import json
import re
import shutil

import pytest
from course_files import NOTEBOOKS, ROOT

from lecture_lib.course import working_copy
from lecture_lib.course.working_copy import update_copy

NAME = "notebooks/00_start_here.ipynb"
OTHER = "notebooks/01_filters.ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A small course of two notebooks, whose files a test may change."""
    folder = tmp_path / "course"
    for name in (NAME, OTHER, "exercises/01_filters.ipynb", "exercises/source/01_filters.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"first version of {name}")
    (folder / "data").mkdir()
    (folder / "data" / "README.md").write_text("what the data are")
    monkeypatch.setattr(working_copy, "COURSE", folder)
    return folder


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_holds_notebooks_exercises_and_quizzes_without_solutions(tmp_path):
    assert update_copy(tmp_path) == []
    names = files_in(tmp_path)
    assert {f"notebooks/{path.name}" for path in NOTEBOOKS} <= names
    assert {f"exercises/quiz/{path.stem}.json" for path in NOTEBOOKS[1:]} <= names
    assert not any("source" in name or name.endswith((".part", ".toml")) for name in names)


def test_links_and_quizzes_of_the_copy_lead_somewhere(tmp_path):
    update_copy(tmp_path)
    broken = []
    for path in tmp_path.rglob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
        links = re.findall(r"\]\(([^)#:\s]+)\)", text) + re.findall(r'display_quiz\("(.*?)"', text)
        links += re.findall(r'(?:src|href)="([^":]+)"', text)
        broken += [(path.name, link) for link in links if not (path.parent / link).exists()]
    assert broken == []


def test_a_second_time_what_was_changed_stays_and_what_is_missing_comes(course, tmp_path):
    own = tmp_path / "own"
    assert update_copy(own) == []
    (own / NAME).write_text("my own")
    (own / OTHER).unlink()
    (own / "notebooks" / "mine.ipynb").write_text("a notebook of mine")
    assert update_copy(own) == []
    assert (own / NAME).read_text() == "my own"
    assert (own / OTHER).read_text() == f"first version of {OTHER}"
    assert (own / "notebooks" / "mine.ipynb").read_text() == "a notebook of mine"


def test_a_new_version_is_named_where_the_own_was_changed_and_comes_where_not(course, tmp_path):
    own = tmp_path / "own"
    update_copy(own)
    (own / NAME).write_text("my own")
    for name in (NAME, OTHER):
        (course / name).write_text("second version")
    (course / "notebooks" / "02_new.ipynb").write_text("new")
    for _ in range(2):  # it is said until it is done
        assert update_copy(own) == [NAME]
        assert (own / NAME).read_text() == "my own"
    assert (own / OTHER).read_text() == "second version"
    assert (own / "notebooks" / "02_new.ipynb").read_text() == "new"
    (own / NAME).rename(own / "notebooks" / "00_mine.ipynb")
    assert update_copy(own) == []
    assert (own / NAME).read_text() == "second version"
    assert (own / "notebooks" / "00_mine.ipynb").read_text() == "my own"


@pytest.mark.parametrize("record", [None, "", "[1]", "{", '"words"'])
def test_without_a_record_nothing_that_differs_is_touched(course, tmp_path, record):
    own = tmp_path / "own"
    update_copy(own)
    (own / NAME).write_text("my own")
    (own / working_copy.RECORD).unlink()
    if record is not None:
        (own / working_copy.RECORD).write_text(record)
    assert update_copy(own) == []
    assert (own / NAME).read_text() == "my own"
    (course / NAME).write_text("second version")
    assert update_copy(own) == [NAME]


def test_an_interrupt_leaves_no_half_a_file_under_its_name(course, tmp_path, monkeypatch):
    def half(source, target):
        target.write_text("half")
        raise KeyboardInterrupt

    own = tmp_path / "own"
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", half)
        with pytest.raises(KeyboardInterrupt):
            update_copy(own)
    assert not (own / NAME).exists()
    assert update_copy(own) == []
    assert not any(name.endswith(".part") for name in files_in(own))


def test_what_is_said_fits_on_one_line(course, tmp_path, capsys):
    own = tmp_path / "own"
    working_copy.main(str(own))
    assert capsys.readouterr().out.count("\n") == 1
    working_copy.main(str(own))
    assert capsys.readouterr().out == ""
    (own / NAME).write_text("my own")
    (course / NAME).write_text("second version")
    working_copy.main(str(own))
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and NAME in said and str(own) in said


def test_git_sees_neither_the_copy_nor_the_students_pictures():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"my-notebooks/", "my-pictures/"} <= set(ignored)
