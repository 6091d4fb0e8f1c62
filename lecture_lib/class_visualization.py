"""Pictures of what a class, a channel or a neuron wants to see: climb its score from a picture that shows nothing."""

from functools import partial

import numpy as np

from lecture_lib.ascent import Ascent, ascend, identity
from lecture_lib.models import check_class
from lecture_lib.scores import channel_score, class_score, l2
from lecture_lib.transforms import moved, picture_of_waves, random_waves


def visualize_class(model, class_index, *, size=None, weight=0.01, steps=60, learning_rate=1.0, start=None, seed=0, watch=None):
    """argmax over I of S_c(I) − weight · ‖I − ½‖², by plain ascent: the penalty pulls to grey, not to black.

    class_index: 0..classes-1, or several (N,), climbed side by side. size: side of the picture in pixels, by default the net's own.
    learning_rate: length of a step. start: images in [0, 1], by default grey with a little noise from `seed`. watch: as in `ascend`.
    Returns an Ascent whose images are (H, W, C), or (N, H, W, C), in [0, 1].
    Source: Simonyan et al., Deep inside convolutional networks, 2014.
    """
    return _climb(class_score(model, class_index), start, model=model, shape=np.shape(class_index), size=size, weight=weight, seed=seed,
                  steps=steps, learning_rate=learning_rate, watch=watch)


def visualize_channel(model, layer, channel, *, size=None, weight=0.01, steps=60, learning_rate=1.0, start=None, seed=0, watch=None):
    """argmax over I of the mean of one channel − weight · ‖I − ½‖²: `visualize_class` for a channel of any layer.

    layer: a name; channel: 0..channels-1; the rest, what is returned and the source as in `visualize_class`.
    """
    return _climb(channel_score(model, layer, channel), start, model=model, shape=(), size=size, weight=weight, seed=seed,
                  steps=steps, learning_rate=learning_rate, watch=watch)


def _climb(score, start, *, model, shape, size, weight, seed, **options):
    """Climb a score made by `scores`, less the penalty. Its numbers stay numbers, so that no class and no weight compiles anew."""
    objective = partial(_penalized, score=score.func, weight=float(weight), **score.keywords)
    start = grey_noise(model, size=size, shape=shape, seed=seed) if start is None else start
    return ascend(objective, start, **options)


def _penalized(images, *, score, weight, **keywords):
    return score(images, **keywords) - weight * l2(images - 0.5)


def grey_noise(model, *, size=None, shape=(), seed=0, noise=0.02):
    """Grey pictures ½ + noise, standard deviation `noise`: (H, W, C), or (N, H, W, C) for shape (N,). The same seed, the same pictures."""
    side = size or model.image_size
    pixels = np.random.default_rng(seed).standard_normal((*shape, side, side, model.input.shape[-1]), np.float32)
    return np.clip(0.5 + noise * pixels, 0, 1)


def visualize_naturally(model, class_index, *, size=None, steps=128, learning_rate=1.0, shift=0.06, zoom=0.12, seed=0, watch=None):
    """argmax over waves z of S_c(moved(picture(z))): the same climb on the waves that make up a picture, moved a little at every step.

    Long waves count more than short ones, as in photographs, and the picture must please the net wherever it is moved to. shift: up
    to this share of the side; zoom: up to this share larger or smaller; class_index, size (even), seed, watch as in `visualize_class`.
    Returns an Ascent whose images are (H, W, 3), or (N, H, W, 3), in [0, 1].
    Source: Olah et al., Feature visualization, 2017.
    """
    classes, side = check_class(model, class_index), (size or model.image_size) // 2 * 2
    waves = random_waves(classes.size, side, seed=seed)
    score = class_score(model, np.atleast_1d(classes))
    objective = partial(_moved, score=score.func, shift=float(shift), zoom=float(zoom), **score.keywords)
    see = partial(_as_pictures, single=classes.ndim == 0)
    show = watch and (lambda step, total, ascent: watch(step, total, see(ascent)))
    return see(ascend(objective, waves, steps=steps, learning_rate=learning_rate, project=identity, watch=show))


def _as_pictures(ascent, *, single):
    images = picture_of_waves(ascent.images).numpy()
    return Ascent(images[0], ascent.values[:, 0], []) if single else ascent._replace(images=images)


def _moved(waves, *, score, shift, zoom, **keywords):
    return score(moved(picture_of_waves(waves), shift=shift, zoom=zoom), **keywords)
