"""What a student waits for, in seconds on the wall: the table in README.md.

    python benchmarks/what_you_wait_for.py
    python benchmarks/what_you_wait_for.py --no-setup    # without a new clone that is set up

A new clone is set up in a folder that is removed again; packages come from pip's and uv's caches
where they are there. Everything else is asked of EfficientNet-Lite0 as the notebooks' panels ask
it, on a photograph that comes with the course. A slider's seconds are the median of seven changes
after the first answer, which compiles; an ascent's are those to its first preview and to its end.
Run it on a quiet machine: other programs count.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from lecture_lib.activations import activation_maps
from lecture_lib.adversarial import make_adversarial
from lecture_lib.class_visualization import visualize_class_phases
from lecture_lib.datasets.images import fit_within, load_image
from lecture_lib.datasets.paintings import swirls
from lecture_lib.deepdream import dream
from lecture_lib.grad_cam import cam_map, grad_cam_map
from lecture_lib.inversion import invert
from lecture_lib.models.checks import class_index
from lecture_lib.models.zoo import load_model
from lecture_lib.occlusion import occlusion_map
from lecture_lib.saliency import saliency_map, smoothgrad_map
from lecture_lib.style_transfer import stylize

FIRST_ANSWER = """
from lecture_lib.datasets import load_image
from lecture_lib.models import load_model, top_classes
top_classes(load_model("efficientnet_lite0"), load_image("coffee", size=224))
"""
CHANGES = 7
ROOT = Path(__file__).resolve().parent.parent


def seconds_of(work: Callable, *arguments) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def setup_seconds() -> float:
    """How long `make lab` takes in a new clone until it prints the address of JupyterLab."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        began = time.perf_counter()
        with make_lab(Path(folder)) as (lab, log):
            while "http://" not in log.read_text() and lab.poll() is None:
                time.sleep(0.1)
            seconds = time.perf_counter() - began
            if lab.poll() is not None:
                sys.exit(f"The course could not be set up; try --no-setup.\n{log.read_text()}")
    return seconds


@contextlib.contextmanager
def make_lab(clone: Path) -> Iterator[tuple[subprocess.Popen, Path]]:
    """`make lab` in a clone, and its log; after the block nothing that it started runs on."""
    log = clone / "lab.log"
    command = ["make", "lab", "LAB_FLAGS=--no-browser --port=0"]
    with log.open("w") as file:
        lab = subprocess.Popen(command, cwd=clone, stdout=file, stderr=file, start_new_session=True)
        try:
            yield lab, log
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(lab.pid, signal.SIGKILL)
            lab.wait()


def slider_seconds(answer: Callable) -> float:
    """The median of several changes of a class, after a first one."""
    answer(0)
    return median(seconds_of(answer, number) for number in range(1, 1 + CHANGES))


def ascent_seconds(ascend: Callable) -> tuple[float, float]:
    """(to the first preview, to the end) of the first ascent that a student starts."""
    began = time.perf_counter()
    previews = []

    def watch(step, steps, reached, **_):
        if step > 0:
            previews.append(time.perf_counter() - began)

    ascend(watch)
    return previews[0], time.perf_counter() - began


def sliders(model, image) -> dict[str, Callable]:
    """What panels compute when something is moved: class -> answer."""
    return {
        "activations of a layer": lambda _: activation_maps(model, "block9_expand_relu", image),
        "CAM": lambda number: cam_map(model, image, number),
        "Grad-CAM": lambda number: grad_cam_map(model, image, number),
        "saliency": lambda number: saliency_map(model, image, number),
        "SmoothGrad, 25 samples": lambda c: smoothgrad_map(model, image, c, samples=25),
    }


def ascents(model, image) -> dict[str, Callable]:
    """What panels do after Start: watch -> result."""
    teapot = class_index(model, "teapot")
    flamingo = class_index(model, "flamingo")
    tower = fit_within(load_image("tower"), 360)
    painter = {
        "content_layer": "block7",
        "style_layers": ("stem_relu", "block1_project", "block3_expand_relu"),
        "style_weight": 1000,
        "smoothness": 100,
    }
    return {
        "a cat becomes a teapot": lambda watch: make_adversarial(
            model, image, teapot, learning_rate=0.1, watch=watch
        ),
        "a flamingo from noise, by phases": lambda watch: visualize_class_phases(
            model, flamingo, watch=watch
        ),
        "a cat rebuilt from block5": lambda watch: invert(
            model, image, layer="block5", watch=watch
        ),
        "a dream, 360 pixels": lambda watch: dream(
            model, tower, layer="block12_expand_relu", watch=watch
        ),
        "a painting, 256 pixels": lambda watch: stylize(
            model, load_image("cat", size=256), swirls(), watch=watch, **painter
        ),
    }


def occlusion_seconds(model, image) -> tuple[float, float]:
    """(to the coarse map, to the fine one of 169 places), as notebook 04's panel makes them."""
    tabby = class_index(model, "tabby")
    occlusion_map(model, image, tabby, patch=56, stride=56)  # the first call compiles
    began = time.perf_counter()
    occlusion_map(model, image, tabby, patch=56, stride=56)
    coarse = time.perf_counter() - began
    occlusion_map(model, image, tabby, patch=56, stride=14)
    return coarse, time.perf_counter() - began


def rows() -> Iterator[tuple[str, str, str]]:
    """What is done, the time to the first picture, and to all of it."""
    if "--no-setup" not in sys.argv:
        yield "`make lab` for the first time, packages downloaded", f"{setup_seconds():.0f} s", ""
    start = seconds_of(subprocess.run, [sys.executable, "-c", FIRST_ANSWER])
    yield "import the course, ask for a first prediction", f"{start:.1f} s", ""
    model = load_model("efficientnet_lite0")
    image = load_image("cat", size=model.image_size)
    for name, answer in sliders(model, image).items():
        yield f"move a slider: {name}", f"{1000 * slider_seconds(answer):.0f} ms", ""
    coarse, fine = occlusion_seconds(model, image)
    yield "occlusion, 169 places", f"{coarse:.1f} s", f"{fine:.1f} s"
    for name, ascend in ascents(model, image).items():
        first, whole = ascent_seconds(ascend)
        yield f"press Start: {name}", f"{first:.1f} s", f"{whole:.1f} s"


def main():
    """Measure everything and print it as a table."""
    lines = ["| what you do | first picture | all of it |", "|---|--:|--:|"]
    lines += [f"| {what} | {first} | {whole} |" for what, first, whole in rows()]
    table = "\n".join(lines)
    Path(__file__).with_name("waiting.md").write_text(table + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
