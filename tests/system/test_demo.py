"""The demonstration: its pages hold the notebooks' panels, and Voila serves them without code."""

import ast
import builtins
import json
import re
import sys

import psutil
import pytest
from browsing import (
    changed,
    chosen_picture,
    collect_complaints,
    needs_chromium,
    new_page,
    picture_of,
    screenshot,
    serious,
    start_and_stop,
    started_chromium,
    status,
)
from course_files import NOTEBOOKS, ROOT
from servers import free_port, served
from waiting import wait_until

sys.path.insert(0, str(ROOT / "tools"))

import make_demo


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
        (
            "y = 1\nfor i in 'ab':\n    y = i\n    x = y",
            "for i in 'ab':\n    y = i\n    x = y",
        ),
        (
            "for j in 'ab':\n    print(j)\nfor i in 'ab':\n    for j in 'cd':\n        x = i + j",
            "for i in 'ab':\n    for j in 'cd':\n        x = i + j",
        ),
        (
            "y = 1\nfor i in 'ab':\n    x = y\n    y = i",
            "y = 1\nfor i in 'ab':\n    x = y\n    y = i",
        ),
        (
            "y = 1\nfor i in 'ab':\n    if x:\n        y = i\n    x = y",
            "y = 1\nfor i in 'ab':\n    if x:\n        y = i\n    x = y",
        ),
        (
            "j = 1\nfor i in 'ab':\n    x = j\n    for j in 'cd':\n        print(j)",
            "j = 1\nfor i in 'ab':\n    x = j\n    for j in 'cd':\n        print(j)",
        ),
    ],
)
def test_what_a_panel_needs_is_kept_and_nothing_else(before, needed):
    assert kept(f"{before}\nexplore(x)\nz = 1") == [
        *map(ast.unparse, ast.parse(needed).body),
        "explore(x)",
    ]


def panels_in(source):
    """The panels of some code, without the pictures that they begin with."""
    lines = ast.parse(re.sub("^%.*", "", source, flags=re.MULTILINE)).body
    return [
        ast.unparse(make_demo.with_stored_start(line, "first.png"))
        for line in lines
        if make_demo.is_panel(line)
    ]


def test_a_run_begins_with_the_stored_picture_and_nothing_is_computed_for_it():
    lines = [
        make_demo.with_stored_start(line, "99_x_panel2.png")
        for line in ast.parse("slow = ascend()\nrun_live(f, first=slow, alt='x')").body
    ]
    (panel,) = make_demo.kept(lines)
    assert "pictures/99_x_panel2.png" in ast.unparse(panel)
    (other,) = ast.parse("explore(f, first=[0, 16], alt='x')").body
    assert ast.unparse(make_demo.with_stored_start(other, "99_x.png")) == ast.unparse(
        ast.parse("explore(f, first=[0, 16], alt='x')")
    )


def test_a_panel_whose_answers_are_kept_is_a_panel_too():
    (line,) = ast.parse("quiz = real_or_changed(photos, changed, sizes)").body
    assert make_demo.is_panel(line) and not make_demo.is_panel(*ast.parse("quiz = explore").body)


def test_each_live_panel_begins_with_a_picture_of_its_own(tmp_path):
    name = "12_adversarial"
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    make_demo.save_first_pictures(notebook, name, tmp_path)
    code = "\n".join(
        "\n".join(map(ast.unparse, lines))
        for kind, lines in make_demo.page_of(notebook, name)
        if kind == "code"
    )
    named = re.findall(r"pictures/(\w+\.png)", code)
    files = [(tmp_path / one).read_bytes() for one in named]
    assert len(files) == code.count("run_live(") == len(set(files)) > 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_has_the_panels_of_its_notebook_and_every_name_they_use(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    pages = make_demo.page_of(notebook, path.stem)
    sources = ["\n".join(map(ast.unparse, lines)) for kind, lines in pages if kind == "code"]
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    own = [panel for source in cells for panel in panels_in(source)]
    assert own and [panel for source in sources for panel in panels_in(source)] == own
    shown = list(make_demo.pictures_of_panels(notebook))
    assert len(shown) == len(own)  # the first picture of each panel is stored
    given, now, later = make_demo.names_in(compile("\n".join(sources), path.name, "exec"))
    assert sorted((now | later) - given - set(dir(builtins)) - {"__name__"}) == []
    assert len("".join(sources)) < len("".join(cells))


# In the browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The address of a running demonstration with one kernel ahead."""
    pytest.importorskip("voila", reason="the demonstration needs Voila")
    folder = tmp_path_factory.mktemp("demo")
    port = free_port()
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
    settings = ROOT / "tools" / "demo"
    url = f"http://127.0.0.1:{port}/"
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
    with started_chromium() as browser:
        page = new_page(browser, height=720)
        page.on("request", lambda request: complain_about_others(page, request.url))
        page.goto(demo)
        yield page


def complain_about_others(page, url):
    """A page of the demonstration asks nobody but its own server."""
    if url.startswith(("http:", "https:")) and "127.0.0.1" not in url:
        page.complaints.append(f"asks {url}")


@needs_chromium
def test_the_first_page_has_a_card_with_a_film_for_every_notebook(page):
    links = page.get_by_role("link")
    assert links.filter(has=page.locator("h2")).count() == len(NOTEBOOKS)
    assert links.filter(has_text="in words").count() == len(NOTEBOOKS)
    assert page.locator("video[aria-label][controls]").count() == len(NOTEBOOKS)
    assert serious(page) == []


@needs_chromium
def test_a_film_plays_when_it_is_asked_to(page):
    film = page.locator("video").first
    assert film.evaluate("film => film.paused && film.muted")
    film.evaluate("film => film.play()")
    wait_until(lambda: film.evaluate("film => film.currentTime") > 0, "it plays")
    assert 20 <= film.evaluate("film => film.duration") <= 40
    film.evaluate("film => film.pause()")


@needs_chromium
def test_a_tile_leads_to_the_panel_which_answers_and_shows_no_code(page):
    page.get_by_role("link").filter(has_text="05 Saliency").click()
    panel = page.locator(".lecture-panel").filter(has_text="noise")
    panel.locator("img").wait_for(timeout=120_000)
    before = picture_of(panel)
    panel.get_by_role("slider").first.press("ArrowRight")
    assert changed(panel, before)
    assert page.get_by_text("import numpy").count() == 0
    assert page.locator(".jp-InputArea-editor").filter(visible=True).count() == 0
    assert page.get_by_text("Try:").count() == 1
    assert serious(page, ".lecture-panel") == []
    assert page.complaints == []
    screenshot(page, "demo", full_page=True)


@pytest.fixture(scope="module")
def attacks(demo, page):
    """The page of attacks; its kernel is the second, and not warm."""
    page.goto(f"{demo}voila/render/12_adversarial.ipynb?theme=dark", timeout=180_000)
    page.locator(".lecture-panel").first.locator("img").wait_for(timeout=120_000)
    return page


@needs_chromium
def test_a_page_in_the_dark_theme_can_be_read(attacks):
    ground = "getComputedStyle(document.body).backgroundColor"
    assert max(map(int, re.findall(r"\d+", attacks.evaluate(ground))[:3])) < 40
    # Sliders get their names a moment after they are seen.
    wait_until(lambda: serious(attacks) == [], "the page can be read")
    screenshot(attacks, "demo-dark", full_page=True)


@needs_chromium
def test_a_run_is_stopped_and_its_picture_handed_on_to_another_page(attacks):
    panel = attacks.locator(".lecture-panel").first
    before = picture_of(panel)
    start_and_stop(panel)
    changed(panel, before)
    panel.get_by_role("button", name="Explain: saliency").click()
    panel.get_by_text("Handed on. On that page it is in the panel's list.").wait_for()
    with attacks.expect_popup() as opened:
        panel.get_by_role("link", name="Open 05 saliency").click()
    assert attacks.complaints == []
    is_explained(opened.value)


@needs_chromium
def test_the_quiz_of_that_page_answers(attacks):
    left = attacks.get_by_role("button", name="Left is real")
    quiz = attacks.locator(".lecture-panel").filter(has=left)
    quiz.get_by_role("button", name="Left is real").click()
    wait_until(lambda: "Question 2" in status(quiz), "the quiz goes on")
    assert attacks.complaints == []


@needs_chromium
def test_the_sticker_of_that_page_begins_with_a_sticker_and_is_run_twice(attacks):
    steps = attacks.get_by_text("steps", exact=True)
    panel = attacks.locator(".lecture-panel").filter(has=steps)
    assert picture_of(panel) != picture_of(attacks.locator(".lecture-panel").first)
    for _ in range(2):
        start_and_stop(panel)
    assert panel.locator("img").get_attribute("alt") == "The sticker while it grows"
    assert panel.get_by_role("alert").count() == 0 and attacks.complaints == []


@needs_chromium
def test_when_its_kernel_is_killed_a_page_says_what_to_do(attacks):
    """The last test that needs a kernel."""
    panel = attacks.locator(".lecture-panel").first
    said = "panel => getComputedStyle(panel, '::before').content"
    assert panel.evaluate(said) == "none"
    for process in psutil.Process().children(recursive=True):
        if "ipykernel_launcher" in " ".join(process.cmdline()):
            process.kill()
    wait_until(lambda: "Reload the page" in panel.evaluate(said), "the panel says what to do")
    screenshot(attacks, "demo-killed")


def is_explained(page):
    """A page that opened for a picture handed on has it chosen, and answers."""
    collect_complaints(page)
    panel = page.locator(".lecture-panel").filter(has_text="noise")
    panel.locator("img").wait_for(timeout=120_000)
    wait_until(lambda: "handed on" in chosen_picture(panel), "the picture is chosen")
    wait_until(lambda: "Prediction: " in status(panel), "the attacked picture is explained")
    assert panel.get_by_role("alert").count() == 0 and page.complaints == []
    page.close()
