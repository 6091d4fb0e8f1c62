"""Check notebooks for what shuts people out: python tools/check_accessibility.py FILE_OR_FOLDER ...

The rules are those of jupyterlab-a11y-checker, whose command line needs Node: pictures have words,
headings come in order and are told apart, tables have headers, links say where they lead, colors
can be told from what lies behind them. Prints a line for each finding; ends with 1 if there is any.
"""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

from cells import source_of

HIDDEN = re.compile(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$", re.DOTALL)  # code and formulas
HEADING = re.compile(r"^(#{1,6})[ \t]*(.*?)[ \t#]*$", re.MULTILINE)
IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
TABLE = re.compile(r"^ *\|(.*)\| *\n *\|(?: *:?-+:? *\|)+ *$", re.MULTILINE)
SAYS_NOTHING = {"", "here", "click here", "this", "link", "more", "read more"}
FILE_NAME = re.compile(r"\S+\.(png|jpe?g|gif|webp|svg)", re.IGNORECASE)
CONTRAST = 4.5  # of text to what lies behind it, WCAG 2.1 AA


def pages_of(notebook):
    """(cell, its Markdown, its HTML) of everything in a notebook that is read."""
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            text = HIDDEN.sub(lambda code: "x" * bool(code.group().strip("`$")), source_of(cell))
            yield number, text, text
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            page = "".join(data.get("text/html", ""))
            yield number, "".join(data.get("text/markdown", "")), page
            for kind in data:
                if kind.startswith("image/"):
                    words = output["metadata"].get(kind, {}).get("alt", "")
                    yield number, "", f'<img alt="{words}">' if words else "<img>"


def findings(notebook):
    """(cell, what is wrong) of a notebook."""
    levels = []
    headings = set()
    for number, text, page in pages_of(notebook):
        for marks, title in HEADING.findall(text) if text is page else []:
            level = len(marks)
            yield from ((number, one) for one in of_heading(level, title, levels, headings))
            levels.append(level)
            headings.add((level, title))
        yield from ((number, one) for one in (*of_markdown(text), *Page(page).findings))
    if levels.count(1) != 1:
        yield 0, f"{levels.count(1)} headings of level 1; a page has one"


def of_heading(level, title, levels, headings):
    """What is wrong with a heading that comes after others."""
    if not title:
        yield "a heading without words"
    if (level, title) in headings:
        yield f"the heading “{title}” occurs twice"
    if level > (levels[-1] if levels else 0) + 1:
        yield f"the heading “{title}” of level {level} skips a level"


def of_markdown(text):
    """What is wrong with the pictures, links and tables of a Markdown text."""
    for words in IMAGE.findall(text):
        if not words.strip() or FILE_NAME.fullmatch(words.strip()):
            yield f"a picture without words: “{words}”"
    for words, address in LINK.findall(IMAGE.sub("picture", text)):
        if words.strip(" *_").lower() in SAYS_NOTHING or "://" in words:
            yield f"a link to {address} whose text “{words}” says nothing"
    for header in TABLE.findall(text):
        if not all(name.strip() for name in header.split("|")):
            yield f"a table with an empty header: |{header}|"


class Page(HTMLParser):
    """What is wrong with HTML, as `findings`."""

    def __init__(self, text):
        super().__init__()
        self.findings = []
        self.headers = []  # of each table that is open, whether it has one
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        words = given.get("alt") or given.get("aria-label") or given.get("title", "")
        if tag in ("img", "video", "audio", "iframe") and not words.strip():
            self.findings.append(f"<{tag}> without words")
        if tag == "table":
            self.headers.append(False)
        if tag == "th" and self.headers:
            self.headers[-1] = True
        self.findings += of_style(given.get("style", ""))

    def handle_endtag(self, tag):
        if tag == "table" and self.headers and not self.headers.pop():
            self.findings.append("a table without headers")


def of_style(style):
    """A color of text that can hardly be told from the color behind it."""
    color, behind = (
        re.search(rf"(?<![-\w]){name}:\s*#([0-9a-f]{{6}})", style, re.IGNORECASE)
        for name in ("color", "background(?:-color)?")
    )
    if color and behind and contrast(color.group(1), behind.group(1)) < CONTRAST:
        yield f"text #{color.group(1)} on #{behind.group(1)} has too little contrast"


def contrast(one, other):
    """The ratio of two colors' luminance, 1 to 21 (WCAG 2.1)."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color):
    parts = [int(color[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def main(places):
    """Print every finding; return how many there are."""
    count = 0
    for place in places:
        files = sorted(place.glob("*.ipynb")) if place.is_dir() else [place]
        for path in files:
            notebook = json.loads(path.read_text(encoding="utf-8"))
            for number, what in findings(notebook):
                print(f"{path}: cell {number}: {what}")
                count += 1
    print(f"accessibility: {count} findings")
    return count


if __name__ == "__main__":
    sys.exit(bool(main([Path(name) for name in sys.argv[1:]])))
