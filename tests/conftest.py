"""What the tests share: the folder of the clone as `root`, and signals that are heard."""

import gc
import signal

import pytest
from course_files import ROOT
from jaxtyping import install_import_hook

# From here on, each function of the library is checked against its annotations when it returns.
install_import_hook("lecture_lib", "typechecking.results_only")

# Networks are many small objects: looking through all of them as often as Python does by itself
# took a tenth of the tests' time.
gc.set_threshold(20_000, 10, 20)

# In the background, or behind nohup, programs begin deaf to Ctrl-C and to a closed terminal, and so
# do all that they start; some tests send just these signals to what they have started.
for name, heard in ("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL):
    number = getattr(signal, name, None)
    if number and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, heard)


@pytest.fixture(scope="session")
def root():
    """The folder of the clone."""
    return ROOT
