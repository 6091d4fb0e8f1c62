"""Nobody is shut out: the course's notebooks have no findings, and a bad one has each."""

import json
import sys

import pytest
from course_files import NOTEBOOKS, ROOT

sys.path.insert(0, str(ROOT / "tools"))

import check_accessibility

EXERCISES = sorted((ROOT / "exercises").rglob("*.ipynb"))


@pytest.mark.parametrize(
    "path", [*NOTEBOOKS, *EXERCISES], ids=lambda path: path.parent.name + path.stem
)
def test_a_page_has_no_findings(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert list(check_accessibility.findings(notebook)) == []


def findings(text, page="", **pictures):
    """What is found in a page of one heading, a text, and an output of HTML and pictures."""
    data = {"text/html": page, **dict.fromkeys(pictures, "")}
    output = {"data": data, "metadata": pictures}
    cells = [
        {"cell_type": "markdown", "source": f"# Title\n\n{text}"},
        {"cell_type": "code", "source": "", "outputs": [output]},
    ]
    return [what for _, what in check_accessibility.findings({"cells": cells})]


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("![](a.png)", "a picture without words"),
        ("![a.png](a.png)", "a picture without words"),
        ("Read [here](b.md).", "says nothing"),
        ("Read [https://example.org](https://example.org).", "says nothing"),
        ("### Too deep", "skips a level"),
        ("## Twice\n\n## Twice", "occurs twice"),
        ("# Another", "2 headings of level 1"),
        ("##\n", "a heading without words"),
        ("| | b |\n|---|---|\n| 1 | 2 |", "a table with an empty header"),
        ("<img src='a.png'>", "<img> without words"),
    ],
)
def test_what_is_wrong_with_words_is_found(text, wanted):
    (found,) = findings(text)
    assert wanted in found


@pytest.mark.parametrize(
    "page, wanted",
    [
        ("<img src='a.png'>", "<img> without words"),
        ("<video src='a.mp4'></video>", "<video> without words"),
        ("<table><tr><td>1</td></tr></table>", "a table without headers"),
        ("<p style='color:#999999;background:#ffffff'>pale</p>", "too little contrast"),
    ],
)
def test_what_is_wrong_with_an_output_is_found(page, wanted):
    (found,) = findings("", page)
    assert wanted in found


def test_a_stored_picture_without_words_is_found():
    assert findings("", **{"image/png": {}}) == ["<img> without words"]
    assert findings("", **{"image/png": {"alt": "a cat"}}) == []


def test_good_pages_have_no_findings():
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    text = f"![a cat](cat.png) and [its notebook](cat.ipynb), `# code` and `![](x)`\n\n{table}"
    page = "<table><tr><th>a</th></tr></table><p style='color:#222222;background:#fff'>ink</p>"
    assert findings(text, page) == []
    assert check_accessibility.contrast("000000", "ffffff") == pytest.approx(21)


def test_the_command_says_what_it_found(tmp_path, capsys):
    bad = {"cells": [{"cell_type": "markdown", "source": "No title"}]}
    (tmp_path / "bad.ipynb").write_text(json.dumps(bad))
    assert check_accessibility.main([tmp_path]) == 1
    assert "bad.ipynb: cell 0: 0 headings of level 1" in capsys.readouterr().out
