"""The helper modules of the course.

One file a topic, beside the shared modules that every topic uses.
"""

import os

# TensorFlow greets its users with a dozen lines about processors. A page of a lecture has better
# things to show. What Python's part of it says later is held back in models/backend.py.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
