"""DeepDream: what a layer sees in a picture is made stronger, on small copies of the picture first and then on larger ones."""

import contextlib
from functools import partial
from itertools import count

import numpy as np

from lecture_lib.core.ascent import ascend, clip, unit
from lecture_lib.core.tiling import SMALLEST, enlarged, pyramid, resized, shifted
from lecture_lib.datasets.images import as_batch
from lecture_lib.models.backend import tf
from lecture_lib.models.inference import as_tuple, layer_outputs, map_features


def dream(model, image, *, layer, guide=None, **options):
    """argmax over I of Σ f(I)², f the activations of a layer, from a photograph and over octaves.

    image: (H, W, C) in [0, 1], of any size the net can take. layer: a name, several names, or {name: weight}. guide: an image whose
    features shall be found in place of the loudest ones; None for plain dreaming. options: as in `maximize_octaves`.
    Returns an Ascent whose images are (H, W, C) in [0, 1]. Raises ValueError for a layer without rows and columns.
    Source: Mordvintsev, Olah and Tyka, Inceptionism: going deeper into neural networks, 2015.
    """
    score = energies(model, layer) if guide is None else likeness(model, layer, guide)
    return maximize_octaves(score, image, **options)


def energies(model, layers):
    """Σ over layers of weight · mean of f², a score: for one layer `scores.layer_energy` in another unit, so that layers can be added up.

    layers: a name, several names, or {name: weight}.
    """
    weights = layers if isinstance(layers, dict) else dict.fromkeys(as_tuple(layers), 1.0)
    for layer in weights:
        map_features(model, layer)
    return partial(
        _energies, model=model, layers=tuple(weights), weights=np.float32([*weights.values()])
    )


def _energies(images, *, model, layers, weights):
    maps = layer_outputs(model, layers)(images)
    return tf.add_n(
        [
            weights[number] * tf.reduce_mean(tf.square(maps[layer]), axis=[1, 2, 3])
            for number, layer in enumerate(layers)
        ]
    )


def likeness(model, layer, guide):
    """Mean over positions of max over the guide's positions j of f · g_j, a score: every place grows like the part it suits best.

    layer: one name. guide: an image (H, W, C) in [0, 1]; its features g (positions, channels) are computed once, here.
    """
    map_features(model, layer)
    found = layer_outputs(model, layer)(as_batch(guide, channels=model.input.shape[-1])[:1])[
        layer
    ].numpy()
    return partial(_likeness, model=model, layer=layer, guide=found.reshape(-1, found.shape[-1]))


def _likeness(images, *, model, layer, guide):
    matches = tf.einsum("nhwc,gc->nhwg", layer_outputs(model, layer)(images)[layer], guide)
    return tf.reduce_mean(tf.reduce_max(matches, axis=-1), axis=[1, 2])


def maximize_octaves(
    score,
    image,
    *,
    octaves=4,
    octave_scale=1.4,
    steps=15,
    learning_rate=0.01,
    shift=16,
    tile=512,
    seed=0,
    frames_every=0,
    watch=None,
):
    """Climb any score on a small copy of the picture, then on larger ones; the detail that a small copy has lost is put back each time.

    octaves: how many sizes, each `octave_scale` times the one before, the last the picture's own. steps: per octave. learning_rate: how
    far a pixel moves in a step (root mean square). shift: before each step the picture is moved by up to so many pixels, so that no seam
    and no edge stays in one place; 0 for none. tile: it is cut into parts of at most so many pixels a side, which bounds the memory;
    `seed` draws shifts and cuts. frames_every, watch: as in `ascend`, over all octaves.
    Returns an Ascent: images (H, W, C) in [0, 1], values (octaves · steps + 1,). Raises ValueError for options out of range.
    """
    if not (octaves >= 1 and octave_scale > 1 and steps >= 0 and shift >= 0 and tile >= SMALLEST):
        raise ValueError(
            f"Dreaming takes 1 or more octaves, each more than 1 times larger, 0 or more steps, a shift of 0 or more and "
            f"tiles of {SMALLEST} or more pixels; they were {octaves}, {octave_scale}, {steps}, {shift}, {tile}."
        )
    copies = pyramid(image, octaves=octaves, scale=octave_scale)
    evaluate = partial(shifted, reach=shift, tile=tile, random=np.random.default_rng(seed))
    with _sentence_for_small(score, copies[0], octaves=octaves, tile=tile):
        climb = ascend(
            score,
            copies[0],
            steps=octaves * steps,
            learning_rate=learning_rate,
            direction=per_pixel,
            evaluate=evaluate,
            project=_octave_by_octave(copies, steps),
            frames_every=frames_every,
            watch=watch,
        )
    reached = next(copy for copy in copies if copy.shape == climb.images.shape)
    return climb._replace(images=enlarged(climb.images, reached, copies[-1]))


@contextlib.contextmanager
def _sentence_for_small(score, image, *, octaves, tile):
    """Say that an octave does not fit, if that is what went wrong; looking costs a pass forward, so only then."""
    height, width = image.shape[:2]
    sentence = ValueError(
        f"The smallest of {octaves} octaves has {height} x {width} pixels, too few (or, for a net of one fixed size, the "
        "wrong ones); take fewer octaves or a larger picture."
    )
    if min(height, width) < SMALLEST:
        raise sentence
    try:
        yield
    except ValueError:
        try:
            score(image[None, :tile, :tile])
        except (ValueError, tf.errors.InvalidArgumentError):
            raise sentence from None
        raise


def _octave_by_octave(copies, steps):
    """The `project` of a climb that goes on to the next larger copy after every so many steps."""
    taken = count(1)

    def project(image):
        octave, rest = divmod(next(taken), steps)
        return (
            clip(image)
            if rest or octave == len(copies)
            else enlarged(clip(image), copies[octave - 1], copies[octave])
        )

    return project


def per_pixel(gradients):
    """g / √(mean g²): a direction in which the root mean square of all numbers moves by 1, whatever the size of the picture."""
    return unit(gradients) * np.float32(np.sqrt(gradients.size))


def zoom_film(score, image, *, frames=24, zoom=1.05, steps=4, learning_rate=0.01, seed=0):
    """Dream, step a little closer, dream on: each picture of the film is the middle of the one before it, enlarged, dreamed upon.

    score: as made by `energies`. frames: how many pictures. zoom: how much closer each is, above 1. Returns a list of images (H, W, C).
    """
    if not zoom > 1:
        raise ValueError(f"The zoom is a factor above 1, such as 1.05; it was {zoom}.")
    film, (height, width) = [], image.shape[:2]
    for frame in range(frames):
        film.append(
            maximize_octaves(
                score, image, octaves=2, steps=steps, learning_rate=learning_rate, seed=seed + frame
            ).images
        )
        top, left = round(height * (1 - 1 / zoom) / 2), round(width * (1 - 1 / zoom) / 2)
        image = clip(resized(film[-1][top : height - top, left : width - left], (height, width)))
    return film
