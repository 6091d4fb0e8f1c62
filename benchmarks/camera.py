"""How many frames of a camera are answered in a second, and what a student's kernel holds then.

    PYTHONPATH=.:tests python benchmarks/camera.py [SECONDS] [SOAK]

JupyterLab and Chromium run on this computer; the browser's camera plays a film of photographs. Each
net and map is live for 20 SECONDS. Then one of them runs for SOAK seconds, if asked for, and what
the kernel holds is printed every half minute. The first seconds of each do not count.

answers     a second
in between  from a frame to its answer on the page, in the middle, milliseconds
processor   of the kernel, milliseconds for one answer
"""

import contextlib
import sys
import tempfile
import time
from pathlib import Path

import psutil
from camera_film import chromium_with_camera, still_film
from lab import cell, errors_in, notebook_of, run_all_cells, started_lab, write

START = """
from functools import partial
from lecture_lib.grad_cam import grad_cam_map
from lecture_lib.models import load_model
from lecture_lib.panels import channel_tiles, classes_and_map, live_camera
from lecture_lib.saliency import saliency_map
from lecture_lib.figures import heat
from lecture_lib.models import class_scores, top_classes

def classes_alone(model, image):
    return image, top_classes(model, image)

def saliency(model, image):
    return heat(saliency_map(model, image, int(class_scores(model, image).argmax())))
"""
LITE = "efficientnet_lite0"
CASES = [
    (LITE, "classes_alone", 224, {}),
    (LITE, "classes_and_map", 224, {}),
    (LITE, "saliency", 224, {}),
    (LITE, "channel_tiles", 224, {"layer": "stem_relu"}),
    (LITE, "channel_tiles", 224, {"layer": "block5_depthwise_relu"}),
    (LITE, "channel_tiles", 224, {"layer": "head_relu"}),
    ("tinynet_robust", "classes_and_map", 64, {}),
    ("tinynet_robust", "saliency", 64, {}),
]
SETTLED_AFTER = 4  # seconds: until then graphs are compiled and caches filled
LIVE = "element => ({...element.dataset})"


def source_of(net, answer, size, options):
    """The cell that shows a panel of one case."""
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return (
        f"live_camera(partial({answer}, load_model({net!r}){given}), alt='live', size={size}, "
        "per_second=60)"
    )


def kernel():
    """The process of the notebook's kernel."""
    children = psutil.Process().children(recursive=True)
    (found,) = [child for child in children if "ipykernel_launcher" in " ".join(child.cmdline())]
    return found


def held(process):
    """Megabytes that a process holds: with what it shares with others, and of its own."""
    memory = process.memory_full_info()
    return memory.rss / 1e6, memory.uss / 1e6


def processor(process):
    times = process.cpu_times()
    return times.user + times.system


def measured(panel, process, seconds):
    """Answers a second, milliseconds in between, and of the processor for each answer."""
    camera = panel.locator(".lecture-camera")
    answers = int(camera.evaluate(LIVE)["answers"])
    used = processor(process)
    time.sleep(seconds)
    now = camera.evaluate(LIVE)
    count = int(now["answers"]) - answers
    spent = 1000 * (processor(process) - used) / max(count, 1)
    return float(now["perSecond"]), float(now["milliseconds"]), spent


def live(page, number):
    """The panel of a case, started."""
    panel = page.locator(".jp-CodeCell").nth(number).locator(".lecture-panel")
    panel.scroll_into_view_if_needed()
    panel.get_by_role("button", name="Start camera", exact=True).click()
    time.sleep(SETTLED_AFTER)
    return panel


def stop(panel):
    panel.get_by_role("button", name="Stop camera", exact=True).click()


@contextlib.contextmanager
def opened():
    """The page of a notebook that has a panel for each case."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "notebooks" / "camera.ipynb"
    path.parent.mkdir()
    sources = [START, *(source_of(*case) for case in CASES)]
    write(notebook_of(map(cell, sources)), path)
    film = still_film(folder / "film.mjpeg")
    with started_lab(folder) as address, chromium_with_camera(film) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address.format("camera"))
        run_all_cells(page, path)
        assert errors_in(path) == []
        yield page


def report(page, process, seconds):
    """Print a table of all cases."""
    print("| net | answer | answers | in between | processor | kernel holds | of its own |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for number, (net, answer, _, options) in enumerate(CASES, start=1):
        panel = live(page, number)
        rate, between, spent = measured(panel, process, seconds)
        stop(panel)
        rss, uss = held(process)
        what = " ".join([answer, *options.values()])
        numbers = f"{rate:.1f} | {between:.0f} ms | {spent:.0f} ms | {rss:.0f} MB | {uss:.0f} MB"
        print(f"| {net} | {what} | {numbers} |", flush=True)


def soak(page, process, seconds):
    """Print what the kernel holds while the second case is live for long."""
    print("\n| seconds | answers | kernel holds | of its own |")
    print("|--:|--:|--:|--:|")
    panel = live(page, 2)
    for passed in range(30, seconds + 1, 30):
        rate = measured(panel, process, 30)[0]
        rss, uss = held(process)
        print(f"| {passed} | {rate:.1f} | {rss:.1f} MB | {uss:.1f} MB |", flush=True)
    stop(panel)


def measure(seconds=20, soak_for=0):
    with opened() as page:
        report(page, kernel(), seconds)
        soak(page, kernel(), soak_for)


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:]))
