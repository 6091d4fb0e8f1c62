"""How much the memory of a kernel grows when its panels are used for a long time: PYTHONPATH=benchmarks python benchmarks/peers/soak_panels.py [MOVES] [CLIMBS]

A panel of saliency maps gets 200 slider moves, each answered before the next, and a panel of class visualization 20 climbs. Memory is
what the process holds after a collection of garbage; the first moves and climbs do not count, for they compile and fill caches.
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
from lecture_lib.panels.interactive import (
    class_box,
    explore_panel,
    learning_rate_slider,
    run_live_panel,
)
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
    """Move the slider and choose a class `count` times, each time until another picture has come."""
    noise, box = (panel.controls[name].sources[0] for name in ("noise", "class_index"))
    for step in range(count):
        before = panel.picture.value
        noise.value = 0.3 * (step % 7) / 7
        box.value = str(step % 40)
        wait_until(lambda: panel.picture.value != before)
        time.sleep(0.02)


def climb(panel, count):
    """Press Start and wait for the end, `count` times, each time for another class."""
    for step in range(count):
        panel.controls["class_index"].sources[0].value = str(step % 40)
        panel.buttons["Start"].click()
        wait_until(lambda: not panel.buttons["Start"].disabled)


def measure(moves=200, climbs=20):
    model, image = load_model("tinynet_robust"), load_image("coffee", size=64)

    def explain(class_index, noise):
        found = (
            smoothgrad_map(model, image, class_index, noise=noise)
            if noise
            else saliency_map(model, image, class_index)
        )
        return np.concatenate([image, heat(found)], axis=1)

    still = explore_panel(
        explain, alt="a map", class_index=class_box(model.class_names), noise=(0.0, 0.3, 0.01)
    )
    live = run_live_panel(
        visualize_class,
        alt="a climb",
        model=model,
        class_index=class_box(model.class_names),
        learning_rate=learning_rate_slider(1.0),
        steps=(10, 110, 10),
    )
    for work, panel, count, what in (
        (move, still, moves, "slider moves"),
        (climb, live, climbs, "climbs"),
    ):
        work(panel, max(2, count // 10))
        start, began = held(), time.monotonic()
        work(panel, count)
        print(
            f"{count} {what}: {held() - start:+.1f} MB on {start:.0f} MB, {time.monotonic() - began:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:]))
