"""The backend: what TensorFlow says to its developers does not reach a page."""

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


def test_the_import_leaves_python_and_keras_as_everybody_expects_them():
    code = """
import gc
import lecture_lib.models.backend
import keras
keras.wrappers.SKLearnClassifier(lambda X, y: None)  # it wants scikit-learn, and finds it
print(gc.isenabled(), gc.get_freeze_count() > 100_000)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "True"]
