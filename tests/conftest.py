"""What the tests share: where the course lies, and no window on the screen."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(scope="session")
def root():
    """The folder of the clone."""
    return Path(__file__).resolve().parent.parent
