"""What the tests of panels share: a gray picture, patience, and an ascent that needs no network."""

import time
from datetime import datetime
from typing import NamedTuple

import numpy as np

GRAY = np.full((64, 64, 3), 0.5, np.float32)


class Reached(NamedTuple):
    """What a panel sees of an Ascent; made here, so that no test of panels waits for TensorFlow."""

    images: np.ndarray
    values: np.ndarray
    frames: list


def ascent_of_steps(calls, *, pause=0.0, fails_at=None, error=None):
    """A function for a live panel, whose picture grows from black to white; it notes its calls."""
    error = error or ValueError("The gradient stopped being finite at this step.")

    def run(*, watch, steps=20, start=0.0):
        calls.append(start)
        for step in range(steps + 1):
            if step == fails_at:
                raise error
            image = np.full((64, 64, 3), step / steps, np.float32)
            reached = Reached(image, np.arange(step + 1.0), [])
            if watch(step, steps, reached):
                break
            time.sleep(pause)
        return reached

    return run


def upload(control, name, data):
    """Upload a PNG to the list of pictures, as the browser does."""
    file = {
        "name": name,
        "type": "image/png",
        "size": len(data),
        "content": memoryview(data),
        "last_modified": datetime.now(),
    }
    control.view.children[1].children[0].value = (file,)
