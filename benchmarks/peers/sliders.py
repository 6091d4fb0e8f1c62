"""How soon a panel answers when something is moved, and what is compiled anew: PYTHONPATH=benchmarks python benchmarks/peers/sliders.py [--changes 7]

Seconds are those on the wall, as a reader waits for them: the median of several changes and the longest. Traces are graphs that
TensorFlow has built; a change that builds none costs no more than the work itself. Layers and nets are gone through twice: what has been
seen before should answer without building anything.
"""

import argparse
import gc
import time

import numpy as np
from side_by_side import RESULTS

from lecture_lib.class_visualization import visualize_class
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.deepdream import dream
from lecture_lib.grad_cam import grad_cam_map
from lecture_lib.models.backend import tf
from lecture_lib.models.inference import layer_names
from lecture_lib.models.zoo import load_model, model_is_here
from lecture_lib.saliency import saliency_map, smoothgrad_map

COMPILED = type(tf.function(lambda: 0))


def traces():
    """How many graphs all compiled functions of this process have built."""
    return sum(
        function.experimental_get_tracing_count()
        for function in gc.get_objects()
        if isinstance(function, COMPILED)
    )


def answers(work, values):
    """Seconds of work(value) for every value, and how many graphs were built on the way."""
    before, taken = traces(), []
    for value in values:
        began = time.perf_counter()
        work(value)
        taken.append(time.perf_counter() - began)
    return taken, traces() - before


def moves(nets, changes):
    """(what is moved, on what, work, values), in the order in which a reader might do it."""
    first, *others = [load_model(name) for name in nets]
    side, name = first.image_size, nets[0]
    pictures = random_crops(changes, size=side)
    classes, rates = range(1, changes + 1), np.geomspace(0.1, 3, changes)
    layers = layer_names(first)[-changes:]
    climb = lambda **changed: visualize_class(first, **{"class_index": 3, "steps": 10} | changed)
    yield "first answer", f"saliency, {name}", lambda _: saliency_map(first, pictures[0], 0), [0]
    yield (
        "class",
        f"saliency, {name}",
        lambda number: saliency_map(first, pictures[0], number),
        classes,
    )
    yield "picture", f"saliency, {name}", lambda picture: saliency_map(first, picture, 0), pictures
    yield (
        "picture of another size, first",
        f"saliency, {name}",
        lambda picture: saliency_map(first, picture, 0),
        [pictures[0][:-8]],
    )
    larger = [random_crops(1, size=side + 8 * number)[0] for number in classes]
    yield (
        "picture of another size",
        f"saliency, {name}",
        lambda picture: saliency_map(first, picture, 0),
        larger,
    )
    yield (
        "first answer",
        f"SmoothGrad, {name}",
        lambda _: smoothgrad_map(first, pictures[0], 0),
        [0],
    )
    yield (
        "noise",
        f"SmoothGrad, {name}",
        lambda noise: smoothgrad_map(first, pictures[0], 0, noise=noise),
        np.linspace(0.01, 0.3, changes),
    )
    see = lambda layer: grad_cam_map(first, pictures[0], 0, layer=layer)
    yield "layer, first time", f"Grad-CAM, {name}", see, layers
    yield "layer seen before", f"Grad-CAM, {name}", see, layers
    yield "first answer", f"class picture, 10 steps, {name}", lambda _: climb(), [0]
    yield (
        "learning rate",
        f"class picture, 10 steps, {name}",
        lambda rate: climb(learning_rate=rate),
        rates,
    )
    yield (
        "class",
        f"class picture, 10 steps, {name}",
        lambda number: climb(class_index=number),
        classes,
    )
    yield (
        "weight of the penalty",
        f"class picture, 10 steps, {name}",
        lambda weight: climb(weight=weight),
        np.geomspace(0.001, 1, changes),
    )
    dreamed = lambda layer: dream(first, pictures[0], layer=layer, octaves=2, steps=5)
    yield "layer, first time", f"DeepDream, 2 octaves of 5, {name}", dreamed, layers[::2]
    yield "layer seen before", f"DeepDream, 2 octaves of 5, {name}", dreamed, layers[::2]
    crops = {net.image_size: random_crops(1, size=net.image_size)[0] for net in (first, *others)}
    ask = lambda net: saliency_map(net, crops[net.image_size], 0)
    yield "net, first time", f"saliency, {', '.join(nets[1:])}", ask, others
    yield "net seen before", f"saliency, {', '.join(nets)}", ask, [first, *others]


def main():
    """Read the command line, move everything, print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=7, help="how often each slider is moved")
    nets = ["tinynet_robust", "tinynet", *(["squeezenet"] if model_is_here("squeezenet") else [])]
    lines = ["moved,work,changes,median seconds,longest,traces"]
    print(f"{'moved':32}{'work':48}{'changes':>8}{'median s':>10}{'longest':>9}{'traces':>8}")
    for what, work, function, values in moves(nets, parser.parse_args().changes):
        taken, built = answers(function, values)
        lines.append(
            f'"{what}","{work}",{len(taken)},{np.median(taken):.3f},{max(taken):.3f},{built}'
        )
        print(
            f"{what:32}{work:48}{len(taken):8}{np.median(taken):10.3f}{max(taken):9.3f}{built:8}",
            flush=True,
        )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sliders.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
