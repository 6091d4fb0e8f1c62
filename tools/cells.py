"""What the scripts of this folder ask of a notebook's cells."""

import ast
import re


def source_of(cell):
    return "".join(cell["source"])


def statements_of(cell):
    """The statements of a code cell, without the lines that begin with %."""
    return ast.parse(re.sub(r"^%.*", "", source_of(cell), flags=re.MULTILINE)).body
