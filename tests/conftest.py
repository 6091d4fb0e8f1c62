"""What the tests share: the folder of the clone as `root`."""

import pytest
from course import ROOT


@pytest.fixture(scope="session")
def root():
    """The folder of the clone."""
    return ROOT
