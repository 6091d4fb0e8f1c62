"""Notebooks as files: numbered topics, links that lead somewhere, short cells, alt texts."""

import re

import pytest
from course_files import (
    NOTEBOOKS,
    ROOT,
    cells_of,
    code_cells,
    images_of,
    prose_of,
    tracked_text_files,
)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


# A topic has one number and three files


def test_notebooks_are_numbered_in_a_row_of_topics():
    named = re.compile(r"\d\d_[a-z]+(_[a-z]+)*\.ipynb")
    assert [path.name for path in NOTEBOOKS if not named.fullmatch(path.name)] == []
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{n:02}" for n in range(len(NOTEBOOKS))]


@each_notebook
def test_every_topic_has_exercises_and_a_quiz(path):
    if path.stem.startswith("00_"):
        pytest.skip("the first notebook is an introduction")
    for place in f"source/{path.stem}.ipynb", f"{path.stem}.ipynb", f"quiz/{path.stem}.json":
        assert (ROOT / "exercises" / place).is_file(), place


def test_notebooks_lead_on_to_their_neighbors():
    """The last words of a notebook link to the one before, to the start and to the one after."""
    before = [None, *NOTEBOOKS[:-1]]
    after = [*NOTEBOOKS[1:], None]
    for path, *others in zip(NOTEBOOKS, before, after, strict=True):
        last = "".join(cells_of(path)[-1]["source"]).splitlines()[-1]
        wanted = [other.name for other in others if other]
        assert [name for name in wanted if f"({name})" not in last] == [], path.name


STORED = [*NOTEBOOKS, *(ROOT / "exercises").rglob("*.ipynb")]


@pytest.mark.parametrize("path", STORED, ids=lambda path: str(path.relative_to(ROOT)))
def test_stored_outputs_name_no_folder_of_the_computer_they_were_made_on(path):
    outputs = [output for cell in code_cells(path) for output in cell["outputs"]]
    texts = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in outputs]
    said = "\n".join("".join(text) for text in texts)
    assert re.findall(r"(?:^|[\s'\"(])(/[a-z]\w*/[\w./-]+|[A-Z]:\\\S+)", said) == []


PAGES = [
    *NOTEBOOKS,
    *(ROOT / "exercises").rglob("*.ipynb"),
    *ROOT.glob("*.md"),
    *(ROOT / "data").glob("*.md"),
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(path):
    # The sources of the exercises are read where the students' copies are.
    folder = ROOT / "exercises" if path.parent.name == "source" else path.parent
    links = re.findall(r"\]\(([^)#:]+)\)", prose_of(path))
    assert [link for link in links if not (folder / link).exists()] == []


def test_the_readme_lists_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in readme.splitlines() if line.startswith("|"))
    assert [path.stem for path in NOTEBOOKS if path.stem not in rows] == []


# Files that travel


def test_text_files_name_no_folder_of_one_machine_and_no_package_index():
    folder = re.compile(r"(?<![\w.+~>)}$])/(?:home|root|Users|work|opt|mnt)/\w")
    index = re.compile(r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|anaconda)\b")
    found = []
    for path in tracked_text_files():
        for line in path.read_text(encoding="utf-8").splitlines():
            if folder.search(line) or index.search(line):
                found.append((path.name, line.strip()[:80]))
    assert found == []


BRITISH = re.compile(
    r"\b\w*(?:colour|neighbour|behaviour|favour|defence|licence|labelled|modelling|artefact)\w*"
    r"|\bcentre[sd]?\b|\bgrey\w*"
    r"|\b(?:recogni|visuali|normali|optimi|minimi|maximi)s(?:e|ing|ation)",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_are_spelled_the_american_way(path):
    prose = re.sub(r"\]\([^)]*\)", "]", prose_of(path))
    assert BRITISH.findall(prose) == []


# Cells


@each_notebook
def test_code_cells_are_short_and_each_has_words_before_it(path):
    kinds = "".join("c" if cell["cell_type"] == "code" else "m" for cell in cells_of(path))
    assert kinds.startswith("m") and "ccc" not in kinds
    sources = ["".join(cell["source"]) for cell in code_cells(path)]
    assert [source[:60] for source in sources if source.count("\n") >= 15] == []


@each_notebook
def test_what_is_stored_comes_from_one_run_without_errors(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    printed = ["".join(output["text"]) for output in outputs if output["output_type"] == "stream"]
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert [text for text in printed if re.search(r"WARNING|Warning:", text)] == []
    assert path.stat().st_size <= 1_500_000


@each_notebook
def test_no_printed_line_breaks_in_the_middle_of_a_word(path):
    """JupyterLab in a window of 1280 pixels, its list of files open, has room for 107."""
    outputs = [output for cell in code_cells(path) for output in cell["outputs"]]
    printed = ["".join(output.get("text", "")) for output in outputs]
    lines = [line for text in printed for line in text.splitlines()]
    assert [line for line in lines if len(line) > 107] == []


@each_notebook
def test_below_each_stored_panel_stands_how_to_make_it_live(path):
    widget = "application/vnd.jupyter.widget-view+json"
    outputs = [output for cell in code_cells(path) for output in cell["outputs"]]
    panels = [output["data"] for output in outputs if widget in output.get("data", {})]
    pages = ["".join(data["text/html"])[-300:] for data in panels]
    assert [page for page in pages if not re.search("Run(,| →) Run All Cells", page)] == []


@each_notebook
def test_pictures_are_stored_and_each_has_words(path):
    pictures = list(images_of(path))
    assert pictures, "no picture is stored"
    assert all(isinstance(alt, str) and len(alt.split()) >= 3 for alt in pictures), pictures
