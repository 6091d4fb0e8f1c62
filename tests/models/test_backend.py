"""The backend: what TensorFlow says to its developers does not reach a page, and no import more."""

import logging
import subprocess
import sys

# What tells TensorFlow's import that somebody sits before the interpreter, as in a notebook.
IN_A_NOTEBOOK = "import sys; sys.ps1 = '>>> '; "


def test_tensorflow_is_as_quiet_in_a_notebook_as_in_a_program():
    level = "from lecture_lib.models.backend import tf; print(tf.get_logger().level)"
    for place in ("", IN_A_NOTEBOOK):
        command = [sys.executable, "-c", place + level]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        assert said.stdout.split()[-1] == str(logging.ERROR)
        assert said.stderr == ""


def test_keras_is_imported_without_scikit_learn_which_is_there_afterwards():
    code = """
import gc, sys
import lecture_lib.models.backend
print("sklearn" in sys.modules, gc.isenabled(), gc.get_freeze_count() > 100_000)
import lecture_lib.neighbors
from sklearn.linear_model import LogisticRegression
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True", "True"]
