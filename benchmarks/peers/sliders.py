"""How soon a panel answers when something is moved, and what is compiled anew.

    PYTHONPATH=benchmarks python benchmarks/peers/sliders.py [--changes 7]

Seconds are those on the wall, as a reader waits for them: the median of several changes and the
longest. Traces are graphs that TensorFlow has built; a change that builds none costs no more than
the work itself. Layers and nets are gone through twice: what has been seen before should answer
without building anything.
"""

import argparse
import gc
import time

import numpy as np
from side_by_side import RESULTS

from lecture_lib.activations import activation_maps, channels_to_images
from lecture_lib.class_visualization import visualize_class
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.deepdream import dream
from lecture_lib.grad_cam import cam_map, grad_cam_map
from lecture_lib.models.backend import tf
from lecture_lib.models.layers import layer_names
from lecture_lib.models.zoo import load_model, model_is_here
from lecture_lib.saliency import saliency_map, smoothgrad_map

COMPILED = type(tf.function(lambda: 0))


def traces():
    """{function: how many graphs it has built} of all compiled functions of this process."""
    return {
        function: function.experimental_get_tracing_count()
        for function in gc.get_objects()
        if isinstance(function, COMPILED)
    }


def answers(work, values):
    """Seconds of work(value) for every value, and how many graphs were built on the way."""
    before = traces()  # keeps its functions: one that is collected would be subtracted
    taken = []
    for value in values:
        began = time.perf_counter()
        work(value)
        taken.append(time.perf_counter() - began)
    built = sum(count - before.get(function, 0) for function, count in traces().items())
    return taken, built


def moves(nets, changes):
    """(what is moved, on what, work, values), in the order in which a reader might do it."""
    first, *others = [load_model(name) for name in nets]
    images = random_crops(changes, size=first.image_size)
    yield from moves_of_maps(first, images, nets[0])
    yield from moves_of_ascents(first, images, nets[0])
    yield from moves_of_nets([first, *others], nets)


def moves_of_maps(model, images, name):
    """Saliency, activations, class activation maps, SmoothGrad and Grad-CAM of one net."""
    yield from moves_of_saliency(model, images, name)
    yield from moves_of_passes(model, images, name)
    layers = layer_names(model)[-len(images) :]

    def smooth(noise=0.1):
        return smoothgrad_map(model, images[0], 0, noise=noise)

    def grad_cam(layer):
        return grad_cam_map(model, images[0], 0, layer=layer)

    yield "first answer", f"SmoothGrad, {name}", lambda _: smooth(), [0]
    yield "noise", f"SmoothGrad, {name}", smooth, np.linspace(0.01, 0.3, len(images))
    yield "layer, first time", f"Grad-CAM, {name}", grad_cam, layers
    yield "layer seen before", f"Grad-CAM, {name}", grad_cam, layers
    yield "picture", f"Grad-CAM, {name}", lambda image: grad_cam_map(model, image, 0), images


def moves_of_passes(model, images, name):
    """Activations and class activation maps of one net, which need a pass forward only."""
    layer = layer_names(model)[-3]
    classes = range(1, len(images) + 1)

    def activations(image):
        return channels_to_images(activation_maps(model, layer, image))

    yield "first answer", f"activations, {name}", activations, images[:1]
    yield "picture", f"activations, {name}", activations, images
    if name == "efficientnet_lite0":
        yield "first answer", f"CAM, {name}", lambda image: cam_map(model, image, 0), images[:1]
        yield "class", f"CAM, {name}", lambda number: cam_map(model, images[0], number), classes


def moves_of_saliency(model, images, name):
    """Saliency of one net: other classes, other images, other sizes."""
    classes = range(1, len(images) + 1)
    larger = [random_crops(1, size=model.image_size + 8 * number)[0] for number in classes]
    work = f"saliency, {name}"

    def saliency(image=images[0], class_index=0):
        return saliency_map(model, image, class_index)

    yield "first answer", work, lambda _: saliency(), [0]
    yield "class", work, lambda number: saliency(class_index=number), classes
    yield "picture", work, saliency, images
    yield "picture of another size, first", work, saliency, [images[0][:-8]]
    yield "picture of another size", work, saliency, larger


def moves_of_ascents(model, images, name):
    """Class visualization and DeepDream of one net."""
    count = len(images)
    layers = layer_names(model)[-count::2]

    def ascend(class_index=3, **changed):
        return visualize_class(model, class_index, steps=10, **changed)

    def dreamed(layer):
        return dream(model, images[0], layer=layer, octaves=2, steps=5)

    rates = np.geomspace(0.1, 3, count)
    weights = np.geomspace(0.001, 1, count)
    work = f"class picture, 10 steps, {name}"
    yield "first answer", work, lambda _: ascend(), [0]
    yield "learning rate", work, lambda rate: ascend(learning_rate=rate), rates
    yield "class", work, ascend, range(1, count + 1)
    yield "weight of the penalty", work, lambda weight: ascend(weight=weight), weights
    yield "layer, first time", f"DeepDream, 2 octaves of 5, {name}", dreamed, layers
    yield "layer seen before", f"DeepDream, 2 octaves of 5, {name}", dreamed, layers


def moves_of_nets(models, names):
    """Saliency on one net after another; the first of them has answered before."""
    crops = {}
    for model in models:
        crops[model.image_size] = random_crops(1, size=model.image_size)[0]

    def saliency(model):
        return saliency_map(model, crops[model.image_size], 0)

    yield "net, first time", f"saliency, {', '.join(names[1:])}", saliency, models[1:]
    yield "net seen before", f"saliency, {', '.join(names)}", saliency, models


def main():
    """Read the command line, move everything, print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=7, help="how often each slider is moved")
    known = ["efficientnet_lite0", "tinynet_robust", "squeezenet"]
    nets = [name for name in known if model_is_here(name)]
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
