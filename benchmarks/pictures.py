"""What a climb costs beside the bare passes it cannot do without: python benchmarks/pictures.py [--net NAME] [--rounds 5]

Every row is a climb and its bare passes: forward and backward through the layers that it needs, compiled, at the same sizes, once a step.
Both take turns, round by round, and what counts is the time of the processor, so that other programs disturb little. The table holds
medians, the range of the ratio over the rounds, and what the first call took longer than later ones (that is the compiling).
"""

import argparse
import time

import numpy as np
from side_by_side import seconds

from lecture_lib.backend import tf
from lecture_lib.class_visualization import visualize_class, visualize_naturally
from lecture_lib.deepdream import dream
from lecture_lib.models import layer_outputs, load_model
from lecture_lib.octaves import pyramid
from lecture_lib.style_transfer import STYLE_LAYERS, stylize
from lecture_lib.widgets import run_live_panel


def passes(model, layers, images):
    """The work of one pass forward to the layers, and back from their squares, for each of a list of images or batches."""
    outputs = layer_outputs(model, layers)

    def slopes(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            squares = tf.add_n([tf.reduce_sum(tf.square(maps)) for maps in outputs(images, training=False).values()])
        return tape.gradient(squares, images)

    compiled = tf.function(slopes, autograph=False, reduce_retracing=True)
    batches = [tf.constant(image if image.ndim == 4 else image[None]) for image in images]
    return lambda: [compiled(batch).numpy() for batch in batches]


def in_a_panel(climb):
    """Press Start in a panel of this climb, and wait until it has ended."""
    panel = run_live_panel(climb, alt="the picture that climbs")
    panel.buttons["Start"].click()
    while "Done" not in panel.status.value:
        time.sleep(0.05)  # asking every 5 ms would cost 2 % itself


def climbs_of(model, image):
    """(name, goal, climb, what it is compared with) of every row; a goal is the largest ratio of the two."""
    grey, painted = np.full((model.image_size, model.image_size, 3), 0.5, np.float32), image[:256, :256]
    last, sizes = model.layers[-1].name, pyramid(image, octaves=3, scale=1.4)
    plain = lambda classes=3, steps=100, watch=None: visualize_class(model, classes, steps=steps, watch=watch)
    waves = lambda: visualize_naturally(model, 3, steps=100)
    dreamt = lambda: dream(model, image, layer="block3_relu", octaves=3, steps=10)
    stylized = lambda: stylize(model, painted, painted[::-1], steps=20)
    hundred = passes(model, last, [grey] * 101)
    yield "class visualization, 100 steps", 1.2, plain, hundred
    yield "the same in waves", 1.2, waves, hundred
    yield "DeepDream, 3 octaves of 10", 1.1, dreamt, passes(model, "block3_relu", [size for size in sizes for _ in range(10)] + [image])
    yield "style, 20 steps at 256 pixels", 1.2, stylized, passes(model, STYLE_LAYERS, [painted] * 21)
    yield "eight classes at once, 20 steps", 1 / 1.3, lambda: plain(np.arange(8), 20), lambda: [plain(number, 20) for number in range(8)]
    yield "200 steps with a panel's preview", 1.05, lambda: in_a_panel(lambda watch: plain(3, 200, watch)), lambda: plain(3, 200)


def main():
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="tinynet_robust", help="tinynet_robust or tinynet")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    image = np.random.default_rng(0).random((320, 480, 3), np.float32)
    print(f"{'climb':36}{'climb s':>9}{'bare s':>8}{'ratio':>7}  {'range':>12}{'goal':>6}{'compiling s':>13}")
    for name, goal, climb, bare in climbs_of(load_model(arguments.net), image):
        first = seconds(climb)
        bare()
        pairs = np.array([(seconds(climb), seconds(bare)) for _ in range(arguments.rounds)])
        ratios = pairs[:, 0] / pairs[:, 1]
        times = f"{np.median(pairs[:, 0]):9.2f}{np.median(pairs[:, 1]):8.2f}{np.median(ratios):7.2f}"
        compiling = first - np.median(pairs[:, 0])
        print(f"{name:36}{times}  {f'{ratios.min():.2f}..{ratios.max():.2f}':>12}{goal:6.2f}{compiling:13.1f}", flush=True)


if __name__ == "__main__":
    main()
