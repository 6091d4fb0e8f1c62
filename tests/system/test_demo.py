"""The demonstration: its pages hold the notebooks' own panels and all that these need, and Voila serves them without any code in sight."""

import ast
import builtins
import json
import os
import re
import sys

import pytest
from course_files import NOTEBOOKS, ROOT

sys.path.insert(0, str(ROOT / "tools"))

import make_demo
from test_browser import (
    CHROMIUM,
    FLAGS,
    changed,
    chosen_picture,
    climb_and_stop,
    collect_complaints,
    free_port,
    picture_of,
    playwright,
    served,
    status,
    wait_until,
)

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="needs axe: pip install axe-playwright-python"
)


def kept(source):
    return [ast.unparse(line) for line in make_demo.kept(ast.parse(source).body)]


# What a panel needs


@pytest.mark.parametrize(
    "before, needed",
    [
        ("x = 1\ny = 2", "x = 1"),
        ("x = 1\nshow(x)\nprint(x)", "x = 1"),
        ("a = 2\nx = a * 3\na = 5", "a = 2\nx = a * 3"),
        ("x = []\nx.append(1)", "x = []\nx.append(1)"),
        ("x = {}\nx['a'] = 1\ny = {}\ny['a'] = 1", "x = {}\nx['a'] = 1"),
        ("import np\nnp.check(1)\nx = np.one", "import np\nx = np.one"),
        (
            "def g():\n    return b\ndef x():\n    return g()\nb = 3\nc = 4",
            "def g():\n    return b\ndef x():\n    return g()\nb = 3",
        ),
        (
            "for i in range(3):\n    x = i\nfor i in range(3):\n    y = i",
            "for i in range(3):\n    x = i",
        ),
        ("a = 1\nprint(a)\nx = a\nx = 2", "x = 2"),
        ("x = 1\nif x:\n    x = 2", "x = 1\nif x:\n    x = 2"),
        ("x = 1\nx = x + 1", "x = 1\nx = x + 1"),
        (
            "for i in range(3):\n    print(i)\nx = []\nfor i in range(3):\n    x.append(i)",
            "x = []\nfor i in range(3):\n    x.append(i)",
        ),
        ("def g(i):\n    return i\na = [g(i) for i in 'ab']\na = 1\nx = a", "a = 1\nx = a"),
    ],
)
def test_what_a_panel_needs_is_kept_and_nothing_else(before, needed):
    assert kept(f"{before}\nexplore(x)\nz = 1") == [
        *map(ast.unparse, ast.parse(needed).body),
        "explore(x)",
    ]


def panels_in(source, name):
    lines = ast.parse(re.sub("^%.*", "", source, flags=re.MULTILINE)).body
    return [
        ast.unparse(make_demo.with_stored_start(line, name))
        for line in lines
        if make_demo.is_panel(line)
    ]


def test_a_climb_begins_with_the_stored_picture_and_nothing_is_computed_for_it():
    lines = [
        make_demo.with_stored_start(line, "99_x")
        for line in ast.parse("slow = climb()\nrun_live(f, first=slow, alt='x')").body
    ]
    (panel,) = make_demo.kept(lines)
    assert "pictures/99_x_first.png" in ast.unparse(panel)
    (other,) = ast.parse("explore(f, first=[0, 16], alt='x')").body
    assert ast.unparse(make_demo.with_stored_start(other, "99_x")) == ast.unparse(
        ast.parse("explore(f, first=[0, 16], alt='x')")
    )


def test_a_panel_whose_answers_are_kept_is_a_panel_too():
    (line,) = ast.parse("quiz = real_or_changed(photos, changed, sizes)").body
    assert make_demo.is_panel(line) and not make_demo.is_panel(*ast.parse("quiz = explore").body)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_has_the_panels_of_its_notebook_and_every_name_they_use(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    pages = make_demo.page_of(notebook, path.stem)
    sources = ["\n".join(map(ast.unparse, lines)) for kind, lines in pages if kind == "code"]
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    own = [panel for source in cells for panel in panels_in(source, path.stem)]
    assert own and [panel for source in sources for panel in panels_in(source, path.stem)] == own
    given, default_batch_size, later = make_demo.names_in(
        compile("\n".join(sources), path.name, "exec")
    )
    assert sorted((default_batch_size | later) - given - set(dir(builtins)) - {"__name__"}) == []
    assert len("".join(sources)) < len("".join(cells))


# In the browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The address of a running demonstration with one kernel ahead."""
    pytest.importorskip("voila", reason="the demonstration needs Voila")
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    make_demo.make(folder)
    command = [
        "voila",
        "--no-browser",
        f"--port={port}",
        "--Voila.port_retries=0",
        "--Voila.config_file_paths=settings",
        "--WarmKernels.spare=1",
        "--WarmKernels.pause=600",
    ]
    settings, url = ROOT / "tools" / "demo", f"http://127.0.0.1:{port}/"
    with served(
        command,
        url,
        folder=folder,
        cwd=settings,
        JUPYTER_PATH=str(settings),
        LECTURE_DEMO=str(folder),
    ):
        yield url


@pytest.fixture(scope="module")
def page(demo):
    if not CHROMIUM:
        pytest.skip(
            "the browser test needs Chromium on the PATH, on Debian: apt-get install chromium"
        )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        collect_complaints(page)
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("http:", "https:"))
                and "127.0.0.1" not in request.url
                and page.complaints.append(f"asks {request.url}")
            ),
        )
        page.goto(demo)
        yield page
        browser.close()


def serious(page, context=None):
    """What axe finds to be serious or worse."""
    found = axe.Axe().run(page, context=context).response["violations"]
    return [
        (problem["id"], problem["nodes"][0]["html"][:120])
        for problem in found
        if problem["impact"] in ("serious", "critical")
    ]


def test_a_tile_leads_to_the_panel_which_answers_and_shows_no_code(page):
    assert (
        page.get_by_role("link").count() == len(NOTEBOOKS)
        and page.locator("img:not([alt])").count() == 0
    )
    assert page.evaluate("[...document.images].every(picture => picture.naturalWidth > 0)")
    assert serious(page) == []
    page.get_by_role("link").filter(has_text="05 Saliency").click()
    panel = page.locator(".lecture-panel")
    panel.locator("img").wait_for(timeout=120_000)
    page.wait_for_timeout(500)
    before = panel.locator("img").screenshot()
    panel.get_by_role("slider").first.press("ArrowRight")
    assert changed(panel, before)
    assert (
        page.get_by_text("import numpy").count() == 0
        and page.locator(".jp-InputArea-editor").filter(visible=True).count() == 0
    )
    assert page.get_by_text("Try:").count() == 1
    assert serious(page, ".lecture-panel") == []
    assert page.complaints == []
    if folder := os.environ.get("LECTURE_SCREENSHOTS"):
        page.screenshot(path=os.path.join(folder, "demo.png"), full_page=True)


def test_a_climb_is_stopped_its_picture_handed_on_to_another_page_and_the_quiz_answers(demo, page):
    page.goto(
        f"{demo}voila/render/12_adversarial.ipynb", timeout=180_000
    )  # its kernel is the second, and not warm
    panel = page.locator(".lecture-panel").first
    panel.locator("img").wait_for(timeout=120_000)
    before = picture_of(panel)
    climb_and_stop(panel)
    changed(panel, before)
    panel.get_by_role("button", name="Explain: saliency").click()
    with page.expect_popup() as opened:
        panel.get_by_role("link", name="Open 05 saliency").click()
    quiz = page.locator(".lecture-panel").filter(
        has=page.get_by_role("button", name="Left is real")
    )
    quiz.get_by_role("button", name="Left is real").click()
    wait_until(lambda: "Question 2" in status(quiz), "the quiz goes on", seconds=20)
    assert page.complaints == []
    is_explained(opened.value)


def is_explained(page):
    """A page that opened for a picture handed on has it chosen, and answers."""
    collect_complaints(page)
    panel = page.locator(".lecture-panel")
    panel.locator("img").wait_for(timeout=120_000)
    wait_until(lambda: "handed on" in chosen_picture(panel), "the picture is chosen", seconds=60)
    wait_until(
        lambda: "The net sees" in status(panel), "the attacked picture is explained", seconds=60
    )
    assert panel.get_by_role("alert").count() == 0 and page.complaints == []
    page.close()
