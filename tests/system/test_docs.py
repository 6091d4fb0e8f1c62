"""What is made of the notebooks and said beside them: slides, the site, badges, servers."""

import json
import re
import sys
from datetime import datetime, timezone
from html.parser import HTMLParser
from urllib.parse import unquote

import nbformat
import pytest
import yaml
from course_files import NOTEBOOKS, ROOT
from PIL import Image

sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "deploy")]

import badges  # noqa: E402
import cells  # noqa: E402
import mark_slides  # noqa: E402
import measure_notebooks  # noqa: E402
import start_student  # noqa: E402


def words(source):
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def code(source, outputs=()):
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": list(outputs)}


# Slides


def test_a_heading_begins_a_slide_and_helpers_are_left_out():
    cells = [
        words("# Title"),
        words("Wake up"),
        code("import numpy as np"),
        words("## By hand"),
        code("x = 1"),
        words("A function:"),
        code("def f():\n    return 1"),
        words("Look"),
        code("f()", [{"data": {}}]),
    ]
    assert mark_slides.marks(cells) == [
        "slide",
        "skip",
        "skip",
        "slide",
        "-",
        "skip",
        "skip",
        "subslide",
        "-",
    ]


def test_code_leaves_the_slide_of_its_words_when_both_are_higher_than_the_screen():
    short = code("x = 1", [{"text": ["1"]}])
    long = code("x = 1\n" * 14, [{"text": ["line\n"] * 15}])
    assert mark_slides.marks([words("# A"), short, words("Look"), long]) == [
        "slide",
        "-",
        "subslide",
        "-",
    ]
    assert mark_slides.marks([words("# A"), short, words("Look. " * 100), long]) == [
        "slide",
        "-",
        "subslide",
        "subslide",
    ]


def test_bars_of_progress_are_not_stored():
    bar = {"data": {"text/plain": ["images:  74%|#######4  | 624/841 [00:04<00:01]"]}}
    kept = {"data": {"text/plain": ["images: 3 of 4"]}}
    notebook = {"metadata": {}, "cells": [{**code("f()", [bar, kept]), "metadata": {}}]}
    assert mark_slides.mark(notebook)["cells"][0]["outputs"] == [kept]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_carries_its_slide_marks(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notes = mark_slides.notes_for(path.stem, mark_slides.TEACHING.read_text(encoding="utf-8"))
    assert notes.startswith("(0) ") and "At the panel:" in notes
    assert mark_slides.mark(notebook, notes) == notebook, "run: python tools/mark_slides.py"


def test_the_speakers_notes_are_the_ten_minutes_without_marks():
    section = "## [99](../notebooks/99_x.ipynb)\n\n"
    section += "**Ten minutes.** (0) Ask *why*. (3) The\npanel.\n\n"
    section += "| min | set | seen |\n|---|---|---|\n"
    section += "| 3 | net `small` | *a cat* |\n| 4 | net `large` |  |\n"
    assert mark_slides.notes_for("99_x", section).splitlines() == [
        "(0) Ask why.",
        "(3) The panel.",
        "",
        "At the panel:",
        "(3) net small: a cat",
        "(4) net large",
    ]


# The site


class Page(HTMLParser):
    """The addresses, anchors, pictures without words and words of a page."""

    def __init__(self, text):
        super().__init__()
        self.links = []
        self.sources = []
        self.anchors = set()
        self.bare = 0
        self.text = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors.add(given.get("id"))
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.sources += [
            given[name]
            for name in ("src", "href")
            if tag in ("img", "script", "link") and name in given
        ]
        self.bare += tag == "img" and not given.get("alt")

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def make_site():
    return pytest.importorskip(
        "make_site", reason="the site needs latex2mathml and nbconvert", exc_type=ImportError
    )


@pytest.fixture(scope="module")
def site(make_site, tmp_path_factory):
    """The folder of the site and its pages, {path: Page}."""
    folder = tmp_path_factory.mktemp("site")
    make_site.make(folder)
    return folder, {
        path.relative_to(folder): Page(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.html")
    }


def test_a_notebook_that_is_not_the_courses_is_left_out_with_a_word(tmp_path, capsys):
    for name in ("01_filters.ipynb", "Untitled.ipynb", "02_mine.ipynb"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    own = cells.course_notebooks(tmp_path)
    assert [path.name for path in own] == ["01_filters.ipynb", "02_mine.ipynb"]
    assert (
        capsys.readouterr().out == "Untitled.ipynb is no notebook of the course and is left out.\n"
    )


def test_the_site_has_every_notebook_and_nothing_from_elsewhere(site):
    folder, pages = site
    assert {path.stem for path in NOTEBOOKS} <= {path.stem for path in pages}
    assert [
        source[:60]
        for page in pages.values()
        for source in page.sources
        if re.match("https?:|//", source)
    ] == []
    assert [str(path) for path, page in pages.items() if page.bare] == []


def test_each_card_of_the_site_plays_the_film_of_its_notebook(site):
    folder, _ = site
    front = (folder / "index.html").read_text(encoding="utf-8")
    films = re.findall(r"<video [^>]*>", front)
    given = [dict(re.findall(r'([\w-]+)="([^"]*)"', film)) for film in films]
    made = [path.stem[:2] for path in NOTEBOOKS]
    assert [film["src"] for film in given] == [f"docs/films/{number}.webm" for number in made]
    assert all(film["aria-label"] and film["preload"] == "none" for film in given)
    assert all(" controls" in film and " muted" in film for film in films)
    for film, number in zip(given, made, strict=True):
        assert (folder / film["src"]).is_file() and (folder / film["poster"]).is_file()
        assert f'href="docs/films/{number}.txt"' in front


def test_the_page_of_a_notebook_plays_its_film(site):
    folder, _ = site
    for path in NOTEBOOKS:
        page = (folder / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        for source in re.findall(r'<video [^>]*src="(\.\./[^"]*)"', page):
            assert (folder / "notebooks" / source).resolve().is_file()


def test_the_links_of_the_site_lead_somewhere(site):
    folder, pages = site
    broken = []
    for path, page in pages.items():
        for link in page.links:
            place, _, anchor = link.partition("#")
            target = (folder / path).parent.joinpath(place).resolve() if place else folder / path
            other = (
                pages.get(target.relative_to(folder.resolve()))
                if target.is_relative_to(folder.resolve())
                else None
            )
            lost = not target.exists() or (
                anchor and other and unquote(anchor) not in other.anchors
            )
            if lost and not re.match("https?:|mailto:", link):
                broken.append((str(path), link))
    assert broken == []


def test_the_search_knows_every_section_by_its_anchor(site):
    folder, pages = site
    index = json.loads(
        (folder / "index.js")
        .read_text(encoding="utf-8")
        .removeprefix("const INDEX = ")
        .removesuffix(";")
    )
    assert {f"notebooks/{path.stem}.html" for path in NOTEBOOKS} <= {path for path, *_ in index}
    pages = {path.as_posix(): page for path, page in pages.items()}
    assert [
        (path, anchor) for path, _, _, anchor, _ in index if anchor not in pages[path].anchors
    ] == []


def test_no_equation_is_left_as_it_was_typed(site):
    shown = {path: "".join(page.text).split("const UP")[0] for path, page in site[1].items()}
    assert [
        str(path)
        for path, text in shown.items()
        if re.search(r"\\(frac|sum|partial|mathrm|lVert|left|arg|operatorname)\b", text)
    ] == []


def test_an_equation_that_cannot_be_drawn_is_refused(make_site):
    with pytest.raises(ValueError, match="cannot be drawn"):
        make_site.as_mathml(r"\unheardof{x}")
    assert "arg" in make_site.as_mathml(r"\arg\max_x f(x)")


def test_a_printed_table_is_a_table_on_the_page(make_site):
    data = {
        "text/markdown": "| net | right |\n|---|---|\n| tinynet | 3 |",
        "text/plain": "<Markdown>",
    }
    page = make_site.output_as_html({"output_type": "display_data", "data": data})
    assert "<table>" in page
    assert "<td>tinynet</td>" in page
    assert "&lt;Markdown&gt;" not in page


def test_what_is_printed_in_pieces_is_one_text_on_the_page(make_site, tmp_path):
    def printed(text, name="stdout"):
        return nbformat.v4.new_output("stream", name=name, text=text)

    picture = nbformat.v4.new_output("display_data", {"text/html": "<img alt='a cat'>"})
    pieces = [printed(f"line {n}\n") for n in range(3)]
    outputs = [*pieces, printed("a warning", "stderr"), picture, printed("line 3")]
    cell = nbformat.v4.new_code_cell("x = 1", outputs=outputs)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "pieces.ipynb")
    [read] = make_site.read(tmp_path / "pieces.ipynb").cells
    page = make_site.cell_as_html(read)
    texts = re.findall(r'<pre class="printed"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert texts == ["line 0\nline 1\nline 2\n", "a warning", "line 3"]


def test_no_output_stands_on_a_page_as_the_name_of_an_object(site):
    for path, page in site[1].items():
        assert not re.search(r"<[\w.]+ object( at 0x\w+)?>", "".join(page.text)), path


# The README's tables of minutes, and of what a student waits for


def test_the_readme_tells_what_was_measured_last_of_what_a_student_waits_for():
    measured = (ROOT / "benchmarks" / "waiting.md").read_text(encoding="utf-8")
    assert measured in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_minutes_is_read_whole():
    minutes = measure_notebooks.minutes_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert list(minutes) == [path.stem for path in NOTEBOOKS] and all(
        0 < number < 10 for number in minutes.values()
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_table_says_what_a_notebook_is_better_with(path):
    said = {
        name: extras
        for name, _, extras in measure_notebooks.rows_of(
            (ROOT / "README.md").read_text(encoding="utf-8")
        )
    }
    assert said[path.stem] == measure_notebooks.better_with(
        json.loads(path.read_text(encoding="utf-8"))
    )


def test_the_first_picture_is_the_end_of_the_first_cell_that_shows_one():
    def cell(page, second):
        return {
            "outputs": [{"data": {"text/html": page}}],
            "metadata": {"execution": {"shell.execute_reply": second}},
        }

    cells = [
        {"cell_type": "markdown"},
        cell("<b>no</b>", "2026-01-01T00:00:01Z"),
        cell("<img src='x'>", "2026-01-01T00:00:02.500Z"),
    ]
    assert (
        measure_notebooks.first_picture({"cells": cells})
        == datetime(2026, 1, 1, 0, 0, 2, 500000, tzinfo=timezone.utc).timestamp()
    )
    assert measure_notebooks.first_picture({"cells": cells[:2]}) is None


def test_the_cells_of_a_report_are_added_up():
    case = '<testcase classname="notebooks.{}.ipynb" name="Cell {}" time="{}" />'
    cases = case.format("00_a", 0, 3.5) + case.format("01_b", 0, 2) + case.format("00_a", 1, 0.5)
    assert measure_notebooks.seconds_of(
        f"<testsuites><testsuite>{cases}</testsuite></testsuites>"
    ) == {"00_a": 4, "01_b": 2}


@pytest.mark.parametrize(
    "seconds, wrong",
    [
        ({"00_a": 30, "01_b": 60}, []),
        ({"00_a": 300, "01_b": 600}, []),  # a slower machine
        ({"00_a": 40, "01_b": 50}, []),
        (
            {"00_a": 90, "01_b": 30},
            [
                "00_a took 90 s where the table in README.md, at this machine's speed, lets "
                "expect 40 s.",
                "01_b took 30 s where the table in README.md, at this machine's speed, lets "
                "expect 80 s.",
            ],
        ),
        ({"00_a": 27, "01_b": 9}, []),  # half a minute or less
        ({"00_a": 30, "01_b": 60, "02_c": 1}, ["02_c is only in the report."]),
    ],
)
def test_minutes_are_checked_within_a_factor_of_two_whatever_the_machine(seconds, wrong):
    assert list(measure_notebooks.outdated({"00_a": 0.5, "01_b": 1.0}, seconds)) == wrong


# Links, badges, servers


def heading_anchors(text):
    """The anchors of a Markdown file, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading).lower())
        .strip()
        .replace(" ", "-")
        for heading in headings
    }


def test_the_links_of_the_pages_in_docs_and_deploy_lead_somewhere():
    broken = []
    for path in [
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "deploy").glob("*.md"),
    ]:
        for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
            place, _, anchor = link.partition("#")
            target = path.parent / place if place else path
            lost = not target.exists() or (
                anchor and anchor not in heading_anchors(target.read_text(encoding="utf-8"))
            )
            if lost and "://" not in link:
                broken.append((path.name, link))
    assert broken == []


def test_the_film_of_the_readme_is_twenty_seconds_long_and_small():
    path = ROOT / "docs" / "camera.webp"
    with Image.open(path) as film:
        milliseconds = 0
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            milliseconds += film.info["duration"]
    assert milliseconds == 20_000 and path.stat().st_size <= 1_500_000
    assert "(docs/camera.webp)" in (ROOT / "README.md").read_text(encoding="utf-8")[:4000]


def test_the_teachers_page_has_a_part_for_every_notebook():
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    parts = dict(
        re.findall(
            r"^## .*?\(\.\./notebooks/(\w+)\.ipynb\)(.*?)(?=^## |\Z)",
            text,
            re.DOTALL | re.MULTILINE,
        )
    )
    wanted = ("**Try:**", "Ten minutes", "Often misunderstood")
    assert [
        (path.stem, part)
        for path in NOTEBOOKS
        for part in wanted
        if part not in parts.get(path.stem, "")
    ] == []


def test_badges_are_written_once_and_follow_the_address():
    readme = "# Title\n\nWords.\n"
    once = badges.readme_with(readme, "someone/first", "main")
    assert "mybinder.org/v2/gh/someone/first/main" in once and once.endswith("Words.\n")
    assert badges.readme_with(once, "other/second", "main") == badges.readme_with(
        readme, "other/second", "main"
    )
    path = NOTEBOOKS[1]
    notebook = json.loads(path.read_text(encoding="utf-8"))
    twice = badges.notebook_with(
        badges.notebook_with(notebook, path, "someone/first", "main"), path, "other/second", "main"
    )
    assert twice == badges.notebook_with(notebook, path, "other/second", "main")
    assert (
        len(twice["cells"]) == len(notebook["cells"]) + 1
        and "other/second" in twice["cells"][1]["source"]
    )
    compile(
        re.sub(r"^( *)[!%].*", r"\1pass", twice["cells"][1]["source"], flags=re.MULTILINE),
        "cell",
        "exec",
    )


def test_a_students_copy_has_no_solutions_and_keeps_what_was_written(tmp_path):
    start_student.copy_course(tmp_path)
    assert {path.name for path in NOTEBOOKS} <= {
        path.name for path in (tmp_path / "notebooks").iterdir()
    }
    assert (tmp_path / "exercises" / "quiz").is_dir() and not (
        tmp_path / "exercises" / "source"
    ).exists()
    mine = tmp_path / "notebooks" / NOTEBOOKS[0].name
    mine.write_text("my own")
    (tmp_path / "notebooks" / NOTEBOOKS[1].name).unlink()
    start_student.copy_course(tmp_path)
    assert mine.read_text() == "my own" and (tmp_path / "notebooks" / NOTEBOOKS[1].name).is_file()


def test_the_values_for_kubernetes_give_a_notebook_enough_memory():
    values = yaml.safe_load(
        (ROOT / "deploy" / "zero-to-jupyterhub.yaml").read_text(encoding="utf-8")
    )
    student = values["singleuser"]
    assert float(student["memory"]["limit"].rstrip("G")) >= 1.5
    assert student["extraEnv"]["LECTURE_DATA"] in [
        mount["mountPath"] for mount in student["storage"]["extraVolumeMounts"]
    ]
