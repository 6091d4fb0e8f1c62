"""The page of the lectures' numbers: made by its script, complete, and never guessed."""

import sys

from course_files import ROOT

sys.path.append(str(ROOT / "tools"))

import lecture_numbers


def test_the_page_is_what_the_script_makes_of_tables_and_weights():
    written = lecture_numbers.PAGE.read_text(encoding="utf-8")
    assert written == lecture_numbers.page(), "python tools/lecture_numbers.py writes it anew"


def test_every_row_names_a_measure_and_a_notebook():
    rows = lecture_numbers.table("lecture_numbers.tsv")
    assert len(rows) >= 24
    assert [row for row in rows if row["measure"] not in lecture_numbers.MEASURES] == []
    assert [row for row in rows if lecture_numbers.notebook_path(row["notebook"]) is None] == []
    assert all(all(row.values()) for row in rows)


def test_no_measure_is_idle():
    named = {row["measure"] for row in lecture_numbers.table("lecture_numbers.tsv")}
    assert set(lecture_numbers.MEASURES) == named


def test_exact_results_agree_with_the_lecture():
    rows = lecture_numbers.table("lecture_numbers.tsv")
    exact = [row for row in rows if row["why"].startswith("exact")]
    assert len(exact) >= 6
    for row in exact:
        assert lecture_numbers.MEASURES[row["measure"]]() == row["theirs"], row["what"]


def test_without_tables_everything_measured_is_missing(monkeypatch):
    monkeypatch.setattr(lecture_numbers, "table", lambda name: [])
    for measure in ("goldfish", "attacks 1", "stylized 1 1", "black clean", "threshold"):
        assert lecture_numbers.MEASURES[measure]() == lecture_numbers.MISSING
    rows = lecture_numbers.MEASURES["flat features"]()
    monkeypatch.setattr(lecture_numbers, "ROOT", ROOT / "nowhere")
    assert rows == "1600"
    assert lecture_numbers.MEASURES["flat features"]() == lecture_numbers.MISSING
