"""What the scripts of this folder ask of a notebook's cells."""

import ast
import re


def source_of(cell):
    return "".join(cell["source"])


def statements_of(cell):
    """The statements of a code cell, without the lines that begin with %."""
    return ast.parse(re.sub(r"^%.*", "", source_of(cell), flags=re.MULTILINE)).body


def without_progress_bars(cell):
    """The cell without the bars of progress that it showed while it ran."""
    if cell["cell_type"] != "code":
        return cell
    texts = ["".join(output.get("data", {}).get("text/plain", [])) for output in cell["outputs"]]
    is_bar = [re.match(r"\w+: +\d+%\|.*\|", text) for text in texts]
    kept = [output for output, bar in zip(cell["outputs"], is_bar, strict=True) if not bar]
    return {**cell, "outputs": kept}


def course_notebooks(folder):
    """The course's own notebooks in a folder, in order; whatever else lies there is only named."""
    own = []
    for path in sorted(folder.glob("*.ipynb")):
        if re.match(r"\d\d_", path.name):
            own.append(path)
        else:
            print(f"{path.name} is no notebook of the course and is left out.")
    return own
