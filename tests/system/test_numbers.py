"""Numbers in prose: what looks measured is printed by the page, or named with its source."""

import re

import pytest
from course_files import NOTEBOOKS, ROOT, cells_of

from lecture_lib.figures.numbers import MINUS_ZERO

MEASURED = re.compile(r"(?<![\w.,])\d+(?:\.\d+)?(?=\s?%)|(?<![\w.,])\d+\.\d+(?![\w.])")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Formulas, code and links are no prose.
NO_PROSE = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$|`[^`]*`|\]\([^)]*\)|<[^>]*>", re.DOTALL)
# A sentence that says from where it has its number.
WITH_SOURCE = re.compile(
    r"slide|lecture|module|CS7015|paper|et al|\(\d{4}\)|published|authors", re.IGNORECASE
)
SENTENCES = re.compile(r"(?<=[.!?])\s+")


def numbers_without_source(text):
    prose = NO_PROSE.sub(" ", text.partition("## Sources")[0])
    sentences = [one for one in SENTENCES.split(prose) if not WITH_SOURCE.search(one)]
    return [number for sentence in sentences for number in MEASURED.findall(sentence)]


def texts_of_outputs(cell):
    for output in cell.get("outputs", []):
        yield "".join(output.get("text", ""))
        for kind, data in output.get("data", {}).items():
            if not kind.startswith(("image/", "application/")):
                yield re.sub(r"base64,[^\"')]*", "", "".join(data))
        for details in output.get("metadata", {}).values():
            yield str(details.get("alt", "")) if isinstance(details, dict) else ""


def numbers_on_page(cells):
    """Every number of code and outputs, also as a percentage and rounded to fewer digits."""
    found = set()
    for cell in cells:
        if cell["cell_type"] == "code":
            for text in ("".join(cell["source"]), *texts_of_outputs(cell)):
                found.update(NUMBER.findall(text.replace(",", "")))
    shares = {float(number) for number in found}
    return shares | {100 * share for share in shares}


def is_on_page(number, known):
    digits = len(number.partition(".")[2])
    wanted = float(number)
    return any(abs(wanted - one) <= 0.5001 * 10**-digits for one in known)


def unsupported(text, known):
    return [number for number in numbers_without_source(text) if not is_on_page(number, known)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_number_in_the_prose_of_a_notebook_is_one_of_its_cells(path):
    cells = cells_of(path)
    known = numbers_on_page(cells)
    prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert [number for text in prose for number in unsupported(text, known)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_number_in_the_teachers_notes_is_one_of_the_notebook(path):
    notes = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    section = notes.partition(f"notebooks/{path.name})\n")[2].partition("\n## ")[0]
    assert section
    assert unsupported(section, numbers_on_page(cells_of(path))) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_zero_of_a_notebook_has_a_sign(path):
    cells = cells_of(path)
    prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    printed = [text for cell in cells for text in texts_of_outputs(cell)]
    assert [text for text in (*prose, *printed) if MINUS_ZERO.search(text)] == []


DOCS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_no_zero_of_a_document_has_a_sign(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if MINUS_ZERO.search(line)] == []


def test_a_number_that_nothing_prints_is_found():
    cell = {
        "cell_type": "code",
        "source": ["print(f'{share:.1%}')"],
        "outputs": [{"text": "43.2%"}],
    }
    known = numbers_on_page([cell])
    assert unsupported("About 43 % of them, and 51 % of the others.", known) == ["51"]
    assert (
        unsupported("The slides report 90.5 %. In `x = 0.7` and $0.3$ nothing is said.", known)
        == []
    )
