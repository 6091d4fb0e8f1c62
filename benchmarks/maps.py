"""What a map costs beside the bare passes through the net that it cannot do without: python benchmarks/maps.py [--net NAME] [--rounds 5]

Every row is a map and its bare passes: the net's own forward or input-gradient passes, compiled, at the batch size that is fastest here.
Both take turns, round by round, and what counts is the time of the processor, so that other programs disturb little. The table holds
medians, the range of the ratio over the rounds, and the most memory that the process has held so far.
"""

import argparse
import os
import resource
import time

os.environ.setdefault("TQDM_DISABLE", "1")  # a bar of progress would run through the table

import numpy as np

from lecture_lib.backend import tf
from lecture_lib.models import load_model
from lecture_lib.occlusion import occlusion_map
from lecture_lib.saliency import integrated_gradients_map, saliency_map, smoothgrad_map

BATCHES = 1, 4, 6, 8


def seconds(work):
    """Processor time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def forward_of(model):
    """images -> scores, compiled."""
    return tf.function(lambda images: model(images, training=False), autograph=False, reduce_retracing=True)


def gradient_of(model):
    """images -> the gradient of score 3, compiled."""

    def slopes(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = model(images, training=False)[:, 3]
        return tape.gradient(score, images)

    return tf.function(slopes, autograph=False, reduce_retracing=True)


def best_batch(function, image):
    """The batch size that is fastest an image, and that time in seconds."""
    costs = {}
    for size in BATCHES:
        batch = tf.constant(np.repeat(image[None], size, axis=0))
        function(batch)
        costs[size] = min(seconds(lambda batch=batch: function(batch)) for _ in range(3)) / size
    return min(costs, key=costs.get)


def passes(function, image, *, count, size):
    """The work of `count` passes in batches of `size`, and how many passes it really does (whole batches)."""
    batch, calls = tf.constant(np.repeat(image[None], min(size, count), axis=0)), max(1, count // size)
    return (lambda: [function(batch).numpy() for _ in range(calls)]), calls * min(size, count)


def optional_maps(model, image):
    """Guided backprop and Grad-CAM where they are here, as in `maps_of`."""
    try:
        from lecture_lib.guided_backprop import guided_map

        yield "guided backprop", 1.20, lambda: guided_map(model, image, 3), "gradient", 1
    except ImportError:
        print("guided backprop is not here")
    try:
        from lecture_lib.grad_cam import grad_cam_map

        yield "Grad-CAM", 1.10, lambda: grad_cam_map(model, image, 3), "forward", 1
    except ImportError:
        print("Grad-CAM is not here")


def maps_of(model, image):
    """(name, goal, map, kind of pass, number of passes) of every map."""
    yield "occlusion, patch 32, stride 16", 1.10, lambda: occlusion_map(model, image, 3, patch=32, stride=16), "forward", 169
    yield "saliency", 1.10, lambda: saliency_map(model, image, 3), "gradient", 1
    yield "SmoothGrad, 50", 1.10, lambda: smoothgrad_map(model, image, 3, samples=50), "gradient", 50
    yield "integrated gradients, 64", 1.10, lambda: integrated_gradients_map(model, image, 3, steps=64), "gradient", 64
    yield from optional_maps(model, image)


def main():
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="mobilenetv2", help="a name that load_model knows; the weights are untrained")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model = load_model(arguments.net, weights=None)
    side = model.image_size
    image = np.random.default_rng(0).random((side, side, model.input.shape[-1]), np.float32)
    bare = {"forward": forward_of(model), "gradient": gradient_of(model)}
    sizes = {kind: best_batch(function, image) for kind, function in bare.items()}
    print(f"{arguments.net}, {side} pixels; fastest batch: {sizes}\n")
    print(f"{'map':32}{'map s':>8}{'bare s':>8}{'ratio':>7}  {'range':>12}{'goal':>6}{'memory GB':>11}")
    for name, goal, make, kind, count in maps_of(model, image):
        work, done = passes(bare[kind], image, count=count, size=sizes[kind])
        make(), make(), work()
        pairs = np.array([(seconds(make), seconds(work) * count / done) for _ in range(arguments.rounds)])
        ratios, memory = pairs[:, 0] / pairs[:, 1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        times = f"{np.median(pairs[:, 0]):8.3f}{np.median(pairs[:, 1]):8.3f}{np.median(ratios):7.2f}"
        print(f"{name:32}{times}  {f'{ratios.min():.2f}..{ratios.max():.2f}':>12}{goal:6.2f}{memory:11.2f}", flush=True)


if __name__ == "__main__":
    main()
