"""The shape of the course: a topic is a notebook, a module and a test; code is short enough to read; every picture has its words."""

import ast
import json
import re

import pytest
from course_files import (
    NOTEBOOKS,
    ROOT,
    SHARED,
    code_cells,
    images_of,
    modules,
    topics,
    tracked_text_files,
)

TREES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in modules()}
each_module = pytest.mark.parametrize("module", TREES)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def imports(module):
    """The full names of everything a module imports, wherever in the module it does so."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(module):
    return [
        node
        for node in ast.walk(TREES[module])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


# A topic has one number and three files


def test_notebooks_are_numbered_in_a_row_of_topics():
    assert [
        path.name
        for path in NOTEBOOKS
        if not re.fullmatch(r"\d\d_[a-z]+(_[a-z]+)*\.ipynb", path.name)
    ] == []
    numbers = [path.name[:2] for path in NOTEBOOKS]
    assert len(set(numbers)) == len(numbers) and numbers[0] == "00"


def test_every_topic_has_a_module_and_a_test():
    assert [topic for topic in topics() if topic not in TREES] == []
    assert [
        topic for topic in topics() if not (ROOT / "tests" / f"test_{topic}.py").is_file()
    ] == []


def test_every_topic_has_exercises_and_a_quiz():
    places = {"exercises/source": "ipynb", "exercises": "ipynb", "exercises/quiz": "json"}
    wanted = [
        ROOT / folder / f"{path.stem}.{suffix}"
        for path in NOTEBOOKS[1:]
        for folder, suffix in places.items()
    ]
    assert [str(path.relative_to(ROOT)) for path in wanted if not path.is_file()] == []


def test_notebooks_lead_on_to_their_neighbors():
    """The last words of a notebook link to the one before, to the start and to the one after."""
    for before, path, after in zip(
        [None, *NOTEBOOKS], NOTEBOOKS, [*NOTEBOOKS[1:], None], strict=False
    ):
        last = "".join(
            json.loads(path.read_text(encoding="utf-8"))["cells"][-1]["source"]
        ).splitlines()[-1]
        assert [
            other.name for other in (before, after) if other and f"({other.name})" not in last
        ] == [], path.name


def test_links_between_files_lead_somewhere():
    broken = []
    for path in [
        *NOTEBOOKS,
        *(ROOT / "exercises").rglob("*.ipynb"),
        *ROOT.glob("*.md"),
        *(ROOT / "data").glob("*.md"),
    ]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join(
                "".join(cell["source"])
                for cell in json.loads(text)["cells"]
                if cell["cell_type"] == "markdown"
            )
        folder = (
            ROOT / "exercises" if path.parent.name == "source" else path.parent
        )  # links are those of the students' copies
        broken += [
            (path.name, link)
            for link in re.findall(r"\]\(([^)#:]+)\)", text)
            if not (folder / link).exists()
        ]
    assert broken == []


def test_every_module_is_a_topic_or_shared():
    assert sorted(set(TREES) - {"__init__"} - SHARED - set(topics())) == []
    assert SHARED & set(topics()) == set()


def test_the_readme_lists_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    assert [path.stem for path in NOTEBOOKS if not any(path.stem in row for row in rows)] == []


# One thing, one place


@pytest.mark.parametrize("module", sorted(SHARED))
def test_shared_modules_import_no_topic(module):
    used = {name.split(".")[1] for name in imports(module) if name.startswith("lecture_lib.")}
    assert sorted(used & set(topics())) == []


@each_module
def test_tape_figures_and_widgets_each_live_in_one_place(module):
    names = {
        node.attr for node in ast.walk(TREES[module]) if isinstance(node, ast.Attribute)
    } | set(imports(module))
    assert module == "gradients" or not any(name.endswith("GradientTape") for name in names)
    packages = {name.split(".")[0] for name in imports(module)}
    assert module in {"plots", "charts"} or "matplotlib" not in packages
    assert (
        module in {"widgets", "panel", "controls", "picture_list"} or "ipywidgets" not in packages
    )


# Short enough to be a slide


@each_module
def test_a_module_says_what_it_holds_and_fits_a_few_slides(module):
    assert ast.get_docstring(TREES[module])
    assert (
        len((ROOT / "lecture_lib" / f"{module}.py").read_text(encoding="utf-8").splitlines()) <= 170
    )


@each_module
def test_functions_are_short(module):
    bodies = {
        node.name: node.body[ast.get_docstring(node) is not None :] for node in functions(module)
    }
    lengths = {
        name: body[-1].end_lineno - body[0].lineno + 1 for name, body in bodies.items() if body
    }
    assert {name: length for name, length in lengths.items() if length > 25} == {}


@each_module
def test_public_functions_take_few_positional_arguments(module):
    """Three at most, the rest after a *; a neuron's address, row, column and channel, counts as none."""
    public = [node for node in functions(module) if not node.name.startswith("_")]
    named = {
        node.name: {argument.arg for argument in node.args.posonlyargs + node.args.args}
        for node in public
    }
    positional = {
        name: arguments - {"row", "column", "channel"} for name, arguments in named.items()
    }
    assert {name: arguments for name, arguments in positional.items() if len(arguments) > 3} == {}


@each_module
def test_what_is_public_says_what_it_does(module):
    definitions = [
        node for node in TREES[module].body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    ]
    assert [
        node.name
        for node in definitions
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ] == []


# Files that travel


def test_text_files_name_no_folder_of_one_machine_and_no_package_index():
    folder = re.compile(r"(?<![\w.+~>)}$])/(?:home|root|Users|work|opt|mnt)/\w")
    index = re.compile(r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|anaconda)\b")
    lines = [
        (path.name, line)
        for path in tracked_text_files()
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert [
        (name, line.strip()[:80])
        for name, line in lines
        if folder.search(line) or index.search(line)
    ] == []


# Notebooks


@each_notebook
def test_code_cells_are_short_and_each_has_words_before_it(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    kinds = "".join("c" if cell["cell_type"] == "code" else "m" for cell in cells)
    assert kinds.startswith("m") and "ccc" not in kinds
    assert [
        source[:60]
        for cell in code_cells(path)
        if (source := "".join(cell["source"])).count("\n") >= 15
    ] == []


@each_notebook
def test_what_is_stored_comes_from_one_run_without_errors(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert path.stat().st_size <= 1_200_000


@each_notebook
def test_pictures_are_stored_and_each_has_words(path):
    pictures = list(images_of(path))
    assert pictures, "no picture is stored"
    assert all(isinstance(alt, str) and len(alt.split()) >= 3 for alt in pictures), pictures
