"""Render all notebooks with their pictures as pages that open from a folder.

    python tools/make_site.py FOLDER

The pages need no network and no server: pictures are inside them, equations are MathML, and the
search looks through an index that lies beside them.
"""

import html
import json
import re
import shutil
import sys
from pathlib import Path

import film_player
import nbformat
from cells import course_notebooks, source_of
from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("notebooks", "exercises")
TITLE = "What convolutional networks see"
WELCOME = (
    f"<h1>{TITLE}</h1><p>A course in notebooks: each asks a network one question, and the answer "
    "is a picture.</p>"
)
COLORS = HtmlFormatter(style="xcode", cssclass="code")


class Renderer(IPythonRenderer):
    """Markdown as HTML: equations as MathML, which browsers draw, and headings with anchors."""

    def inline_math(self, body):
        return as_mathml(body)

    def block_math(self, body):
        return f'<div class="equation" tabindex="0">{as_mathml(body, display="block")}</div>'

    def heading(self, text, level, **attributes):
        return f'<h{level} id="{anchor(text)}">{text}</h{level}>\n'


def as_mathml(equation, **options):
    """An equation as MathML; a command that the converter leaves as it was typed is an error."""
    known = (
        equation.strip()
        .replace(r"\arg", r"\operatorname{arg}")
        .replace("operatorname*", "operatorname")
    )
    mathml = convert(known, **options)
    if left := re.findall(r"\\[a-zA-Z]+", mathml):
        raise ValueError(
            f"The equation {equation!r} has {left[0]}, which cannot be drawn on a page."
        )
    return mathml


def anchor(title):
    """The name of a heading in an address, as JupyterLab makes it: spaces become hyphens."""
    return re.sub(r"<[^>]+>", "", html.unescape(title)).strip().replace(" ", "-")


def rendered(words):
    return MarkdownWithMath(renderer=Renderer(escape=False)).render(words)


def output_as_html(output):
    """One stored output; what only a kernel could show is left out."""
    if output["output_type"] == "stream":
        return f'<pre class="printed" tabindex="0">{html.escape("".join(output["text"]))}</pre>'
    data = output.get("data", {})
    if "text/markdown" in data:
        return rendered("".join(data["text/markdown"]))
    if "text/html" in data:
        panel = '<p class="live">This panel moves in the notebook; here is its first picture.</p>'
        live = panel if "application/vnd.jupyter.widget-view+json" in data else ""
        return f'<div class="picture">{"".join(data["text/html"])}{live}</div>'
    if "application/vnd.jupyter.widget-view+json" in data or "text/plain" not in data:
        return ""
    return f'<pre class="printed" tabindex="0">{html.escape("".join(data["text/plain"]))}</pre>'


def cell_as_html(cell):
    if cell["cell_type"] == "markdown":
        return rendered(source_of(cell))
    code = highlight(source_of(cell), PythonLexer(), COLORS).replace("<pre>", '<pre tabindex="0">')
    return code + "".join(map(output_as_html, cell["outputs"]))


def sections(notebook):
    """(heading, words) of every part of a notebook, code included, for the search."""
    heading = ""
    words = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            words.append(" ".join(source_of(cell).split()))
            continue
        for piece in re.split(r"^(?=#{1,3} )", source_of(cell), flags=re.MULTILINE):
            if found := re.match(r"#{1,3} (.*)", piece):
                yield heading, " ".join(words)
                heading = found.group(1)
                words = []
                piece = piece[found.end() :]
            words.append(" ".join(re.sub(r"[*`$]|\]\([^)]*\)|\[(?=\w)", "", piece).split()))
    yield heading, " ".join(words)


def title_of(notebook):
    return re.match(r"# (.*)", source_of(notebook["cells"][0])).group(1)


def with_local_links(page, path, folder):
    """Links to notebooks lead to their pages.

    Other files of the course, pictures too, are copied; links to folders become words.
    """

    def replace(match):
        target, mark, place = match.group(1).partition("#")
        if target.startswith(("http", "mailto:", "data:")) or not target:
            return match.group(0)
        file = (path.parent / target).resolve()
        if file.suffix == ".ipynb":
            return f'href="{target.removesuffix(".ipynb")}.html{mark}{place}"'
        if not file.is_file():
            return 'class="folder"'
        copied = folder / file.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copied)
        return match.group(0)

    return re.sub(r'(?:href|src)="([^"]*)"', replace, page)


def whole_page(content, title, *, up, contents="", menu=""):
    """A page with the course's bar, the contents at the left, and the search.

    up: the way to the folder of the site.
    """
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><link rel="icon" href="data:;base64,=">
<link rel="stylesheet" href="{up}style.css"></head>
<body><a class="skip" href="#content">To the content</a>
<header><a class="home" href="{up}index.html">{TITLE}</a>
<form role="search"><input id="search" type="search" aria-label="Search all notebooks"
 placeholder="Search all notebooks" autocomplete="off">
<ol id="found" aria-live="polite" hidden></ol></form></header>
<div class="columns"><nav aria-label="Notebooks"><ul>{menu}</ul></nav>
<main id="content">{content}</main>
<nav class="contents" aria-label="On this page">{contents}</nav></div>
<script>const UP = "{up}";</script><script src="{up}index.js"></script>
<script src="{up}search.js"></script></body></html>"""


def menu_of(titles, current, *, up):
    def here(path):
        return ' aria-current="page"' if path == current else ""

    shown = {path: title for path, title in titles.items() if path.startswith("notebooks")}
    return "".join(
        f'<li><a href="{up}{path}"{here(path)}>{html.escape(title)}</a></li>'
        for path, title in shown.items()
    )


def contents_of(content):
    lines = re.findall(r'<h2 id="([^"]*)">(.*?)</h2>', content)
    return (
        "<ul>"
        + "".join(f'<li><a href="#{place}">{title}</a></li>' for place, title in lines)
        + "</ul>"
        if lines
        else ""
    )


def tile_of(notebook, path):
    """A card: the film, loaded when somebody plays it; title and question; the film's words."""
    question = re.search(r"\*\*(.+?)\*\*", source_of(notebook["cells"][0]), re.DOTALL).group(1)
    title = html.escape(title_of(notebook))
    words = rendered(question)[3:-5]
    link = f'<a href="{path}"><h2>{title}</h2><p>{words}</p></a>'
    number = Path(path).stem[:2]
    _, seen = film_player.words_of(number)
    film = f"docs/films/{number}"
    return (
        f'<li><video src="{film}.webm" poster="{film}.webp" aria-label="{seen}" controls muted '
        f'playsinline preload="none"></video>{link}'
        f'<a class="words" href="{film}.txt">The film of {number} in words</a></li>'
    )


def make(folder):
    """Write the whole site into a folder."""
    paths = {}  # {place on the site: notebook in the course}
    for part in PARTS:
        for path in course_notebooks(ROOT / part):
            paths[f"{part}/{path.stem}.html"] = path
    notebooks = {place: read(path) for place, path in paths.items()}
    titles = {place: title_of(notebook) for place, notebook in notebooks.items()}
    for place, notebook in notebooks.items():
        page = page_of(notebook, place, titles, path=paths[place], folder=folder)
        write(page, folder / place)
    write(front_page(notebooks, titles), folder / "index.html")
    write(search_index(notebooks, titles), folder / "index.js")
    assets = ROOT / "tools" / "site"
    shutil.copyfile(assets / "search.js", folder / "search.js")
    style = (assets / "style.css").read_text(encoding="utf-8")
    write(style + COLORS.get_style_defs(".code"), folder / "style.css")


def read(path):
    """A notebook; what a cell printed in a row is one output, which is stored in pieces."""
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    notebook, _ = CoalesceStreamsPreprocessor(enabled=True).preprocess(notebook, {})
    return notebook


def write(text, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def page_of(notebook, place, titles, *, path, folder):
    """The page of a notebook that lies in the course at `path`."""
    cells = "\n".join(map(cell_as_html, notebook["cells"]))
    content = with_local_links(cells, path, folder)
    menu = menu_of(titles, place, up="../")
    contents = contents_of(content)
    return whole_page(content, titles[place], up="../", contents=contents, menu=menu)


def front_page(notebooks, titles):
    """The page with a tile for every notebook."""
    tiles = "".join(
        tile_of(notebook, place)
        for place, notebook in notebooks.items()
        if place.startswith("notebooks")
    )
    content = f'{WELCOME}<ul class="tiles">{tiles}</ul>'
    return whole_page(content, TITLE, up="", menu=menu_of(titles, "", up=""))


def search_index(notebooks, titles):
    """The script with [page, its title, heading, anchor, words] of every section."""
    found = []
    for place, notebook in notebooks.items():
        for heading, words in sections(notebook):
            if words:
                found.append([place, titles[place], heading, anchor(heading), words])
    return f"const INDEX = {json.dumps(found, ensure_ascii=False)};"


if __name__ == "__main__":
    make(Path(sys.argv[1]))
