"""How much the memory of a kernel grows when its panels are used for a long time.

    PYTHONPATH=benchmarks python benchmarks/peers/soak_panels.py [MOVES] [RUNS]

A panel of saliency maps gets 200 slider moves, each answered before the next, and a panel of class
visualization 20 runs. Memory is what the process holds after a collection of garbage; the first
moves and runs do not count, for they compile and fill caches.
"""

import gc
import sys
import time

import numpy as np
import psutil

from lecture_lib.class_visualization import visualize_class
from lecture_lib.datasets.images import load_image
from lecture_lib.figures.images import heat
from lecture_lib.models.zoo import load_model
from lecture_lib.panels import explore_panel, run_live_panel
from lecture_lib.panels.controls import class_box, learning_rate_slider
from lecture_lib.saliency import saliency_map, smoothgrad_map


def held():
    """Megabytes that this process holds."""
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


def wait_until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited two minutes in vain"
        time.sleep(0.01)


def move(panel, count):
    """Move the slider and choose a class `count` times, each time until another picture comes."""
    noise, box = (panel.controls[name].sources[0] for name in ("noise", "class_index"))
    for step in range(count):
        before = panel.picture.value
        noise.value = 0.3 * (step % 7) / 7
        box.value = str(step % 40)
        wait_until(lambda before=before: panel.picture.value != before)
        time.sleep(0.02)


def ascend(panel, count):
    """Press Start and wait for the end, `count` times, each time for another class."""
    for step in range(count):
        panel.controls["class_index"].sources[0].value = str(step % 40)
        panel.buttons["Start"].click()
        wait_until(lambda: not panel.buttons["Start"].disabled)


def saliency_panel(model):
    """A panel of saliency maps, with a slider for SmoothGrad's noise."""
    image = load_image("coffee", size=64)

    def explain(class_index, noise):
        if noise:
            found = smoothgrad_map(model, image, class_index, noise=noise)
        else:
            found = saliency_map(model, image, class_index)
        return np.concatenate([image, heat(found)], axis=1)

    classes = class_box(model.class_names)
    return explore_panel(explain, alt="a map", class_index=classes, noise=(0.0, 0.3, 0.01))


def class_panel(model):
    """A panel of class visualization."""
    return run_live_panel(
        visualize_class,
        alt="a picture of a class",
        model=model,
        class_index=class_box(model.class_names),
        learning_rate=learning_rate_slider(1.0),
        steps=(10, 110, 10),
    )


def report(work, panel, count, what):
    """Do the work some times to fill caches, then `count` times, and print how memory grew."""
    work(panel, max(2, count // 10))
    start = held()
    began = time.monotonic()
    work(panel, count)
    seconds = time.monotonic() - began
    print(
        f"{count} {what}: {held() - start:+.1f} MB on {start:.0f} MB, {seconds:.0f} s", flush=True
    )


def measure(moves=200, runs=20):
    model = load_model("tinynet_robust")
    report(move, saliency_panel(model), moves, "slider moves")
    report(ascend, class_panel(model), runs, "runs of gradient ascent")


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:]))
