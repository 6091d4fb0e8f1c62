"""The backend: what TensorFlow says to its developers does not reach a page."""

import logging
import subprocess
import sys

import pytest

# What tells TensorFlow's import that somebody sits before the interpreter, as in a notebook.
IN_A_NOTEBOOK = "import sys; sys.ps1 = '>>> '"
PROGRAM = """
import gc
from lecture_lib.models.backend import tf
import keras
keras.wrappers.SKLearnClassifier(lambda X, y: None)  # it wants scikit-learn, and finds it
print(tf.get_logger().level, gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


@pytest.mark.parametrize("before", ["", IN_A_NOTEBOOK], ids=["program", "notebook"])
def test_the_import_is_quiet_and_leaves_python_and_keras_as_everybody_expects_them(before):
    command = [sys.executable, "-c", before + PROGRAM]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(logging.ERROR), "True", "True"]
    assert said.stderr == ""
