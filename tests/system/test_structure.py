"""The house: topics at the top, folders of machinery under them, each thing in one place."""

import ast
import re
import subprocess
import sys

import pytest
from course_files import (
    LIBRARY,
    NOTEBOOKS,
    ROOT,
    cells_of,
    code_cells,
    modules,
    topics,
    tracked_text_files,
)

TREES = {path: ast.parse((LIBRARY / path).read_text(encoding="utf-8")) for path in modules()}
FOLDERS = {path.parts[0] for path in TREES if len(path.parts) > 1} - set(topics())
# Who may use whom: what stands further left is used by what stands further right.
FLOORS = ["datasets", "models", "core", "figures", "a topic", "panels", "course"]

each_module = pytest.mark.parametrize("path", TREES, ids=str)


def room_of(path):
    """The topic or the folder that a module belongs to; None for lecture_lib/__init__.py."""
    return path.parts[0].removesuffix(".py") if path.stem != "__init__" or path.parts[1:] else None


def floor_of(room):
    return FLOORS.index("a topic" if room in topics() else room)


def imports(path):
    """The full names of everything that a module imports, wherever in the module it does so."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(path):
    """The functions and methods of a module, those inside other functions left out."""
    for node in TREES[path].body:
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (inner for inner in node.body if isinstance(inner, ast.FunctionDef))


def public(nodes):
    return [node for node in nodes if not node.name.startswith("_")]


# The floor plan


def test_directly_in_the_library_stand_the_topics_and_nothing_else():
    rooms = {room_of(path) for path in TREES} - {None}
    assert rooms - FOLDERS == set(topics())


def test_each_folder_is_on_a_floor():
    assert FOLDERS == set(FLOORS) - {"a topic"}


ROOMS_OF_SEVERAL_FILES = {path.parts[0] for path in TREES if len(path.parts) > 1}


@pytest.mark.parametrize("folder", sorted(ROOMS_OF_SEVERAL_FILES))
def test_each_folder_says_in_a_sentence_what_it_holds(folder):
    docstring = ast.get_docstring(ast.parse((LIBRARY / folder / "__init__.py").read_text("utf-8")))
    assert docstring and docstring.splitlines()[0].endswith(".")


def test_tests_mirror_the_tree():
    """tests/core/test_scores.py is about lecture_lib/core/scores.py; the rest: tests/system."""
    tests = [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")]
    about = {path: LIBRARY / path.parent / path.name[5:] for path in tests}
    here = [path for path, module in about.items() if module.is_file()]
    others = {path for path in set(about) - set(here) if path.parts[0] != "system"}
    assert sorted(map(str, others)) == []


def test_every_topic_has_a_test():
    tests = ROOT / "tests"
    missing = [
        topic
        for topic in topics()
        if not (tests / f"test_{topic}.py").is_file() and not (tests / topic).is_dir()
    ]
    assert missing == []


@each_module
def test_what_is_above_uses_what_is_below(path):
    """Nothing imports from a floor above its own, and no topic imports another topic."""
    room = room_of(path)
    used = {name.split(".")[1] for name in imports(path) if name.startswith("lecture_lib.")}
    others = used - {room}
    if room is None:
        assert used == set()
        return
    assert [other for other in others if floor_of(other) > floor_of(room)] == []
    assert [other for other in others if {room, other} <= set(topics())] == []


@each_module
def test_tape_figures_and_widgets_each_live_in_one_place(path):
    used = set(imports(path))
    attributes = {node.attr for node in ast.walk(TREES[path]) if isinstance(node, ast.Attribute)}
    packages = {name.split(".")[0] for name in used}
    tapes = [name for name in attributes | used if name.endswith("GradientTape")]
    assert str(path) == "core/gradients.py" or tapes == []
    assert room_of(path) == "figures" or "matplotlib" not in packages
    assert room_of(path) == "panels" or "ipywidgets" not in packages


@each_module
def test_nobody_reaches_into_a_score_or_into_the_private_parts_of_another_module(path):
    attributes = {node.attr for node in ast.walk(TREES[path]) if isinstance(node, ast.Attribute)}
    assert attributes & {"keywords", "func"} == set()
    own = [name for name in imports(path) if name.startswith("lecture_lib.")]
    assert [name for name in own if name.split(".")[-1].startswith("_")] == []


@pytest.mark.parametrize(
    "statement, heavy",
    [
        ("import lecture_lib", ["numpy", "tensorflow", "matplotlib"]),
        ("import lecture_lib.datasets", ["tensorflow", "sklearn", "matplotlib", "plotly"]),
        ("from lecture_lib.datasets import load_image", ["tensorflow", "sklearn", "matplotlib"]),
        ("from lecture_lib.figures import show", ["tensorflow", "sklearn", "plotly"]),
        ("from lecture_lib.panels import explore", ["plotly"]),
        ("import lecture_lib.panels", ["plotly"]),
        ("import lecture_lib.models, lecture_lib.core", ["tensorflow", "sklearn"]),
        (
            "from lecture_lib.datasets import load_image; load_image('cat', size=32)",
            ["tensorflow"],
        ),
        (
            "import numpy as np; from lecture_lib.figures import show; "
            "show(np.full((8, 8, 3), 0.5), alt='gray')",
            ["tensorflow"],
        ),
        (
            "import numpy as np; from lecture_lib.panels import explore; explore(lambda level: "
            "np.full((8, 8, 3), level), alt='gray', level=(0.0, 1.0, 0.1))",
            ["plotly", "tensorflow", "matplotlib"],
        ),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(statement, heavy):
    code = f"import sys; {statement}; print('found:', *set({heavy}) & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1].split() == ["found:"]


# Code that can be read aloud


@each_module
def test_what_is_public_says_what_it_does_before_any_formula(path):
    """A docstring begins with a sentence in words: a capital letter, a full stop or a colon."""
    definitions = [n for n in TREES[path].body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    first = {
        node.name: (ast.get_docstring(node) or "").split("\n")[0] for node in public(definitions)
    }
    wanted = re.compile(r"(A|[A-Z][a-z]+)[ ,].*[.:]$")
    assert {name: line for name, line in first.items() if not wanted.match(line)} == {}


@each_module
def test_public_functions_have_typed_signatures(path):
    untyped = []
    for node in public(functions(path)):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        named = [argument for argument in arguments if argument.arg not in ("self", "cls")]
        untyped += [f"{node.name}({arg.arg})" for arg in named if arg.annotation is None]
        untyped += [node.name] if node.returns is None else []
    assert untyped == []


def names_that_students_meet():
    """What a folder's table offers, and what the notebooks import."""
    tables = [TREES[path] for path in TREES if path.name == "__init__.py"]
    code = ["".join(cell["source"]) for path in NOTEBOOKS for cell in code_cells(path)]
    cells = [ast.parse(re.sub(r"^%.*$", "", text, flags=re.MULTILINE)) for text in code]
    nodes = [node for tree in [*tables, *cells] for node in ast.walk(tree)]
    imported = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    listed = {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    return listed | {alias.name for node in imported for alias in node.names}


OFFERED = names_that_students_meet()


@each_module
def test_what_students_meet_describes_each_of_its_arguments(path):
    """As help() shows it: under Args, each with what it is."""
    silent = []
    for node in TREES[path].body:
        if isinstance(node, ast.FunctionDef) and node.name in OFFERED:
            described = (ast.get_docstring(node) or "").partition("Args:")[2]
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            wanted = {argument.arg for argument in arguments if not argument.arg.startswith("_")}
            said = re.findall(r"^ +([\w, ]+):", described, re.MULTILINE)
            missing = wanted - {name for names in said for name in names.split(", ")}
            silent += [f"{node.name}({name})" for name in sorted(missing)]
    assert silent == []


@each_module
def test_public_functions_take_few_positional_arguments(path):
    """Three at most, the rest after a *; a neuron's address, row, column and channel, is one."""
    address = {"row", "column", "channel", "self"}
    positional = {
        node.name: {argument.arg for argument in node.args.posonlyargs + node.args.args} - address
        for node in public(functions(path))
    }
    assert {name: given for name, given in positional.items() if len(given) > 3} == {}


def comprehensions(tree):
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


@each_module
def test_no_comprehension_stands_in_another(path):
    nested = [node.lineno for node in comprehensions(TREES[path]) if len(comprehensions(node)) > 1]
    assert nested == []


@each_module
def test_a_line_does_one_thing(path):
    """No `a, b = f(x), g(y)`: several values on both sides, and work among them."""
    several = [
        node.lineno
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Tuple)
        and any(isinstance(part, ast.Call) for part in ast.walk(node.value))
    ]
    assert several == []


PRIVATE_WORDS = re.compile(
    r"slope|climb|unrest|twin|spotlight|colour|neighbour|grey|centre|iterations"
)


@each_module
def test_names_are_those_of_the_field(path):
    """No name of our own where the field has one, and American spelling."""
    names = {node.name for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef)}
    names |= {node.arg for node in ast.walk(TREES[path]) if isinstance(node, ast.arg)}
    names |= {node.id for node in ast.walk(TREES[path]) if isinstance(node, ast.Name)}
    assert sorted(name for name in names if PRIVATE_WORDS.search(name)) == []


def texts_of_code_and_prose():
    """What people read in the files that git knows: code, pages, and the cells of notebooks."""
    for path in tracked_text_files():
        if path.suffix == ".ipynb":
            yield path, "\n".join("".join(cell["source"]) for cell in cells_of(path))
        elif path.suffix in (".py", ".md", ".js", ".css"):
            yield path, path.read_text(encoding="utf-8")


def test_no_sentence_has_a_private_word_either():
    """Comments, sentences of errors, tests and prose; `negative_slope` is a name of Keras's."""
    words = re.compile(
        r"(?<!negative_)slopes?\b|\bclimb|\bunrest|\btwins?\b|sureness"
        r"|colour|neighbour|\bgrey|\bcentred?\b|behaviour|favour|licence|labelled|modelling",
        re.IGNORECASE,
    )
    own = {"test_structure.py", "test_notebooks.py"}  # which name what they look for
    found = [
        (path.name, match.group())
        for path, text in texts_of_code_and_prose()
        for match in words.finditer(text)
        if path.name not in own
    ]
    assert found == []
