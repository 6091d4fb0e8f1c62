"""The helper modules of the course.

One file a topic, beside the shared modules that every topic uses.
"""

import logging
import os

# TensorFlow greets its users with a dozen lines about processors and, later, with warnings whenever
# several small functions are compiled one after another, which is what a notebook does. A page of a
# lecture has better things to show.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)
