"""What the tests of downloads share: a file, the table that lists it, and a cache of its own."""

import hashlib
import os

from lecture_lib.datasets import downloads

CONTENT = bytes(range(256)) * 4000
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
HEADER = "name\turl\thash\tbytes\tlicense\n"


def use(table, cache):
    """Let `downloads` read a table and keep its files in a cache; child processes call it too."""
    downloads.TABLE = table
    downloads.cache_folder = lambda: cache
    downloads._table.cache_clear()
    os.environ.pop("LECTURE_DATA", None)
    os.environ["NO_PROXY"] = "127.0.0.1"


def files_in(folder):
    """The names of all files below a folder."""
    return [path.name for path in folder.rglob("*") if path.is_file()]
