"""Gradient ascent to pictures, and searches through them, by this course and by others.

The loops that are copied are those of examples and lecture slides, eager and one picture at a time,
for the same objective where the row says nothing else. A bare pass goes forward to the layers that
are needed, and back from their squares, at the ascent's own sizes.
"""

import time
from functools import partial

import numpy as np
from bare import best_batch
from copied_ascents import copied_class, copied_dream, copied_style, keras_vis_class, lucent_class
from on_attack_libraries import net_of
from side_by_side import BARE, COPIED, OURS, TORCH, Contender, Work, peer

from lecture_lib.activations import top_activations
from lecture_lib.class_visualization import gray_noise, visualize_class, visualize_class_fourier
from lecture_lib.core.tiling import pyramid
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.deepdream import dream
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.layers import compiled_outputs, layer_outputs
from lecture_lib.models.zoo import model_is_here
from lecture_lib.panels import run_live_panel
from lecture_lib.style_transfer import STYLE_LAYERS, gram, stylize

DREAM_LAYER = {
    "efficientnet_lite0": "block5_expand_relu",
    "mobilenetv2": "block_6_expand_relu",
    "squeezenet": "fire6",
    "tinynet_robust": "block3_relu",
}
STYLES = {
    "efficientnet_lite0": ("stem_relu", "block1_project", "block3", "block5"),
    "mobilenetv2": ("Conv1_relu", "block_1_project_BN", "block_3_project_BN", "block_6_project_BN"),
    "squeezenet": ("conv1", "fire2", "fire4", "fire6"),
    "tinynet_robust": STYLE_LAYERS,
}
NETS = tuple(name for name in DREAM_LAYER if name != "squeezenet" or model_is_here(name))


def gradient_passes(model, layers, images, *, of=lambda maps: maps):
    """The work of one pass forward to the layers, and back from the squares of `of` them.

    images: a list of images or batches, each of which has one pass.
    """
    outputs = layer_outputs(model, layers)

    def gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            squares = tf.add_n(
                [
                    tf.reduce_sum(tf.square(of(maps)))
                    for maps in outputs(images, training=False).values()
                ]
            )
        return tape.gradient(squares, images)

    compiled = tf.function(gradient, autograph=False, reduce_retracing=True)
    batches = [tf.constant(image if image.ndim == 4 else image[None]) for image in images]
    return lambda: [compiled(batch).numpy() for batch in batches]


def class_pictures(net, *, fourier=False, steps=100):
    """One class, a hundred steps: of the pixels, or of the Fourier coefficients of a picture.

    The nets that take longest make 25 steps that count fourfold.
    """
    model = net_of(net)
    parts = 4 if net in ("efficientnet_lite0", "mobilenetv2") else 1
    start = gray_noise(model, size=model.image_size // 4 * 4 if fourier else None)
    steps = steps // parts
    passes = Contender(
        "bare passes", gradient_passes(model, model.layers[-1].name, [start] * steps), BARE, parts
    )
    lucent = partial(
        peer,
        "lucent",
        "lucent",
        lucent_class,
        net,
        steps=steps // 5,
        fourier=fourier,
        kind=TORCH,
        times=5 * parts,
    )
    if fourier:
        ours = Contender(
            "ours", lambda: visualize_class_fourier(model, 3, steps=steps).images, OURS, parts
        )
        return [ours, passes, *lucent(note="its own coefficients and movements, Adam")]
    # A robust net's gradients change little from place to place; elsewhere rounding parts ascents
    # of one rule after some ten steps.
    same = (
        {"tolerance": 0.05}
        if net == "tinynet_robust"
        else {"note": "the same rule; rounding parts the ascents"}
    )
    return [
        Contender(
            "ours", lambda: visualize_class(model, 3, start=start, steps=steps).images, OURS, parts
        ),
        passes,
        Contender("eager loop", copied_class(model, start, steps=steps), COPIED, parts, **same),
        *peer(
            "tf_keras_vis",
            "tf-keras-vis",
            keras_vis_class,
            model,
            start,
            steps=steps,
            times=parts,
            **same,
        ),
        *lucent(note="pixels by Adam, no penalty"),
    ]


def dreams(net):
    """DeepDream of a picture of 320 x 480 pixels, three octaves of ten steps."""
    model = net_of(net)
    layer = DREAM_LAYER[net]
    image = np.random.default_rng(0).random((320, 480, 3), np.float32)
    sizes = [size for size in pyramid(image, octaves=3, scale=1.4) for _ in range(10)]
    return [
        Contender(
            "ours", lambda: dream(model, image, layer=layer, octaves=3, steps=10).images, OURS
        ),
        Contender("bare passes", gradient_passes(model, layer, sizes), BARE),
        Contender(
            "eager loop",
            copied_dream(model, layer, image),
            COPIED,
            note="no shifts, mean of |g|, other resizing",
        ),
    ]


def styles(net):
    """Style transfer, twenty steps at 256 x 256 pixels."""
    model = net_of(net)
    layers = STYLES[net]
    content, style = random_crops(2, size=256)
    options = {"content_layer": layers[-2], "style_layers": layers, "steps": 20}
    note = "all three pictures every step, other weights"
    return [
        Contender("ours", lambda: stylize(model, content, style, **options).images, OURS),
        Contender("bare passes", gradient_passes(model, layers, [content] * 20), BARE),
        Contender(
            "and Gram matrices",
            gradient_passes(model, layers, [content] * 20, of=gram),
            "passes and Gram matrices",
        ),
        Contender(
            "eager loop", copied_style(model, layers, content, style, steps=5), COPIED, 4, note=note
        ),
    ]


def patches(net):
    """The nine patches of 2,000 pictures that excite a channel most: the pictures' numbers."""
    model = net_of(net)
    layer = DREAM_LAYER[net]
    side = 64 if net == "tinynet_robust" else 96
    images = (
        np.random.default_rng(0).random((2000, side, side, 3), np.float32)
        ** np.linspace(0.2, 5, 2000)[:, None, None, None]
    )
    images = np.float32(images)
    extractor = keras.Model(model.input, model.get_layer(layer).output)

    def predict_and_sort():
        maps = extractor.predict(images, verbose=0)[..., 5]
        return np.argsort(-maps.max(axis=(1, 2)), kind="stable")[:9]

    def compiled(batch):
        return compiled_outputs(model, (layer,))(batch)[layer]

    size = best_batch(compiled, images[0])

    def forward():
        return [compiled(images[start : start + size]) for start in range(0, 2000, size)]

    def ours():
        return top_activations(model, layer, images, channels=5).places[0, :, 0]

    return [
        Contender("ours", ours, OURS),
        Contender("bare passes", forward, BARE),
        Contender("predict everything, sort", predict_and_sort, COPIED, tolerance=1e-6),
    ]


def together(net):
    """Eight classes, twenty steps each: at once, and one after another."""
    model = net_of(net)
    classes = np.arange(8)
    start = gray_noise(model, shape=(8,))

    def one_by_one():
        return np.stack(
            [
                visualize_class(model, number, start=start[number], steps=20).images
                for number in classes
            ]
        )

    return [
        Contender(
            "ours, at once",
            lambda: visualize_class(model, classes, start=start, steps=20).images,
            OURS,
        ),
        Contender("one after another", one_by_one, COPIED, tolerance=0.05),
    ]


def previewed(net):
    """Two hundred steps in a panel that shows each preview, and without one: the bare ascent."""
    model = net_of(net)
    panel = run_live_panel(
        lambda watch: visualize_class(model, 3, steps=200, watch=watch),
        alt="the picture of a class",
    )

    def in_a_panel():
        panel.buttons["Start"].click()
        while panel.buttons["Start"].disabled:
            time.sleep(0.005)

    return [
        Contender("ours, in a panel", in_a_panel, OURS),
        Contender("without a panel", lambda: visualize_class(model, 3, steps=200), BARE),
    ]


WORKS = (
    Work("class visualization, 100 steps", NETS, class_pictures),
    Work(
        "class visualization by Fourier coefficients, 100 steps",
        NETS,
        partial(class_pictures, fourier=True),
    ),
    Work("DeepDream, 3 octaves of 10", NETS, dreams),
    Work("style, 20 steps at 256 pixels", NETS, styles),
    Work("top patches of 2,000 pictures", NETS, patches),
    Work("eight classes, 20 steps", ("tinynet_robust",), together),
    Work("200 steps with a panel's preview", ("tinynet_robust",), previewed),
)
