"""Write the links to Binder and Colab, once the course has a public address.

    python tools/badges.py --address OWNER/NAME [--branch main]

README.md gets the Binder badge. Every notebook gets a Colab badge under its title and a first cell
that fetches and installs the course where it is missing, which is on Colab only; after it `make
notebooks` must run once, for cells are numbered as they ran. Running this again with another
address changes the links.
"""

import argparse
import json
import re
from pathlib import Path

from cells import course_notebooks

ROOT = Path(__file__).resolve().parent.parent
START = "<!-- badges -->"
END = "<!-- end of badges -->"


def readme_with(text, address, branch):
    """The README with its Binder badge between two marks, under the title."""
    first = "lab/tree/notebooks/00_start_here.ipynb"
    link = f"https://mybinder.org/v2/gh/{address}/{branch}?urlpath={first}"
    picture = "![Open the course on Binder](https://mybinder.org/badge_logo.svg)"
    badge = f"{START}\n[{picture}]({link})\n{END}"
    bare = re.sub(rf"{START}.*?{END}\n\n", "", text, flags=re.DOTALL)
    return re.sub(r"\A(# .*\n\n)", lambda title: f"{title.group(1)}{badge}\n\n", bare)


def install_cell(address, branch):
    """The cell that does nothing where the course is installed, and fetches it on Colab."""
    name = address.split("/")[1]
    fetch = f"!git clone --quiet --depth 1 --branch {branch} https://github.com/{address}"
    steps = [
        fetch,
        f"%pip install --quiet --editable {name}",
        f"%cd {name}/notebooks",
        'sys.path.insert(0, os.path.abspath(".."))',
    ]
    check = 'if importlib.util.find_spec("lecture_lib") is None:'
    lines = ["import importlib.util, os, sys", "", check, *(f"    {step}" for step in steps)]
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": "colab",
        "metadata": {},
        "outputs": [],
        "source": "\n".join(lines),
    }


def notebook_with(notebook, path, address, branch):
    """The notebook with a Colab badge under its title and a cell that installs what is missing."""
    first, *rest = [cell for cell in notebook["cells"] if cell["id"] != "colab"]
    link = f"https://colab.research.google.com/github/{address}/blob/{branch}/notebooks/{path.name}"
    words = "where the next cell brings the course; elsewhere it does nothing."
    badge = f"{START}\n[Open in Colab]({link}), {words}\n{END}"
    bare = re.sub(rf"\n\n{START}.*?{END}", "", "".join(first["source"]), flags=re.DOTALL)
    return {
        **notebook,
        "cells": [{**first, "source": f"{bare}\n\n{badge}"}, install_cell(address, branch), *rest],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the links to Binder and Colab.")
    parser.add_argument(
        "--address", required=True, metavar="OWNER/NAME", help="of the public repository on GitHub"
    )
    parser.add_argument("--branch", default="main")
    given = parser.parse_args()
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", given.address):
        parser.error(f"{given.address} is no address; it is OWNER/NAME, as in jupyter/notebook.")
    readme = ROOT / "README.md"
    readme.write_text(
        readme_with(readme.read_text(encoding="utf-8"), given.address, given.branch),
        encoding="utf-8",
    )
    for path in course_notebooks(ROOT / "notebooks"):
        changed = notebook_with(
            json.loads(path.read_text(encoding="utf-8")), path, given.address, given.branch
        )
        path.write_text(json.dumps(changed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("Written. Now run `make notebooks`, which numbers the cells anew.")
