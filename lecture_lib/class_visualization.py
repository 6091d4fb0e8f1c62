"""Pictures of what a class, a channel or a neuron wants to see: climb its score from a picture that shows nothing."""

from functools import partial

import numpy as np

from lecture_lib.core.ascent import Ascent, ascend, identity
from lecture_lib.core.scores import channel_score, class_score, l2, total_variation
from lecture_lib.core.transforms import (
    fourier_to_image,
    image_to_fourier,
    moved,
    random_fourier_coefficients,
)
from lecture_lib.datasets.downloads import DATA
from lecture_lib.datasets.images import as_batch, resize_image, unbatch
from lecture_lib.models.inference import class_scores


def visualize_class(model, class_index, *, size=None, weight=0.01, start=None, seed=0, **options):
    """argmax over I of S_c(I) − weight · ‖I − ½‖², by plain ascent: the penalty pulls to gray, not to black.

    class_index: 0..classes-1, or several (N,), climbed side by side. size: side of the picture in pixels, by default the net's own.
    start: images in [0, 1], by default gray with a little noise from `seed`. options: those of `maximize_pixels`.
    Returns an Ascent whose images are (H, W, C), or (N, H, W, C), in [0, 1].
    Source: Simonyan et al., Deep inside convolutional networks, 2014.
    """
    start = (
        gray_noise(model, size=size, shape=np.shape(class_index), seed=seed)
        if start is None
        else start
    )
    return maximize_pixels(class_score(model, class_index), start, weight=weight, **options)


def visualize_channel(
    model, layer, channel, *, size=None, weight=0.01, start=None, seed=0, **options
):
    """argmax over I of the mean of one channel − weight · ‖I − ½‖²: `visualize_class` for a channel of any layer.

    layer: a name; channel: 0..channels-1, or several (N,); the rest, what is returned and the source as in `visualize_class`.
    """
    start = (
        gray_noise(model, size=size, shape=np.shape(channel), seed=seed) if start is None else start
    )
    return maximize_pixels(channel_score(model, layer, channel), start, weight=weight, **options)


def maximize_pixels(
    score,
    start,
    *,
    weight=0.01,
    smoothness=0.0,
    view=identity,
    steps=60,
    learning_rate=1.0,
    **options,
):
    """argmax over I of S(view(I)) − weight · ‖I − ½‖² − smoothness · TV(I), pixel by pixel, for any score S made by `scores`.

    start: (H, W, C) or (N, H, W, C) in [0, 1]. view: what is done to the picture before the net sees it, such as `moved`.
    learning_rate: length of a step. options: direction, project (see `priors`), watch, frames_every as in `ascend`. Returns an Ascent.
    """
    objective = partial(
        _penalized,
        score=score.func,
        view=view,
        weight=float(weight),
        smoothness=float(smoothness),
        **score.keywords,
    )
    return ascend(objective, start, steps=steps, learning_rate=learning_rate, **options)


def _penalized(images, *, score, view, weight, smoothness, **keywords):
    return (
        score(view(images), **keywords)
        - weight * l2(images - 0.5)
        - smoothness * total_variation(images)
    )


def gray_noise(model, *, size=None, shape=(), seed=0, noise=0.02):
    """Gray pictures ½ + noise, standard deviation `noise`: (H, W, C), or (N, H, W, C) for shape (N,). The same seed, the same pictures."""
    side = size or model.image_size
    pixels = np.random.default_rng(seed).standard_normal(
        (*shape, side, side, model.input.shape[-1]), np.float32
    )
    return np.clip(0.5 + noise * pixels, 0, 1)


def visualize_class_fourier(model, class_index, *, size=None, start=None, seed=0, **options):
    """argmax over waves z of S_c(moved(picture(z))): the same climb on the waves that make up a picture, moved a little at every step.

    class_index: 0..classes-1, or several (N,), climbed side by side. size: side of the picture in pixels, by default the net's own; an odd
    one becomes the next smaller multiple of 4. start: square images in [0, 1], by default faint waves from `seed`. options: those of
    `maximize_fourier`.
    Returns an Ascent whose images are (H, W, 3), or (N, H, W, 3), in [0, 1].
    Source: Olah et al., Feature visualization, 2017.
    """
    if start is None:
        side = size or model.image_size
        side = (
            side // 4 * 4 if side % 2 else side
        )  # 224 for 227: of 226 pixels SqueezeNet's gradient takes half as long again
        waves = random_fourier_coefficients(np.size(class_index), side, seed=seed)
        waves = waves if np.ndim(class_index) else waves[0]
    else:
        waves = unbatch(image_to_fourier(as_batch(start, channels=3)), start)
    return maximize_fourier(class_score(model, class_index), waves, **options)


def maximize_fourier(
    score, waves, *, shift=0.06, zoom=0.12, steps=96, learning_rate=1.0, direction=None, watch=None
):
    """argmax over waves z of S(moved(picture(z))), for any score S made by `scores`.

    Long waves count more than short ones, as in photographs, and the picture must please the net wherever it is moved to. waves: those
    to start from, of one picture (2, 3, side, side // 2 + 1) or several (N, ...); see `random_fourier_coefficients` and `image_to_fourier`. shift: up to
    this share of the side; zoom: up to this share larger or smaller. direction: as in `ascend`; `adam()`, at a learning rate of 0.01, lets
    short waves grow too, which makes large pictures sharper. Returns an Ascent whose images are (H, W, 3), or (N, H, W, 3).
    """
    objective = partial(
        _moved, score=score.func, shift=float(shift), zoom=float(zoom), **score.keywords
    )
    see = partial(_as_pictures, single=np.ndim(waves) == 4)
    show = watch and (lambda step, total, ascent: watch(step, total, see(ascent)))
    waves = waves if np.ndim(waves) == 5 else waves[None]
    return see(
        ascend(
            objective,
            waves,
            steps=steps,
            learning_rate=learning_rate,
            direction=direction,
            project=identity,
            watch=show,
        )
    )


def _moved(waves, *, score, shift, zoom, **keywords):
    return score(moved(fourier_to_image(waves), shift=shift, zoom=zoom), **keywords)


def _as_pictures(ascent, *, single):
    images = fourier_to_image(ascent.images).numpy()
    return Ascent(images[0], ascent.values[:, 0], []) if single else ascent._replace(images=images)


def facets(class_index):
    """Where to start climbs that show several sides of one class: the means of two to four groups of photographs that look alike.

    class_index: 0..39, a class of the tinynets. The groups are those that k-means finds in the features of tinynet_robust.
    Returns (groups, 64, 64, 3) float32 in [0, 1], the largest group first. Raises ValueError for another class.
    Source: Nguyen et al., Multifaceted feature visualization, 2016.
    """
    with np.load(DATA / "weights" / "facets.npz", allow_pickle=False) as stored:
        mine = stored["class_index"] == class_index
        if not mine.any():
            raise ValueError(
                f"There are facets of the classes 0 to {stored['class_index'].max()} of the tinynets, not of {class_index}."
            )
        return stored["pictures"][mine].astype(np.float32) / 255


def top_k_recognition_rate(judge, pictures, class_names, *, first=5):
    """The share of pictures in which another net finds the class among its first few; classes that it does not know are left out.

    judge: a net that was not climbed. pictures: (N, H, W, 3), made larger or smaller for it. class_names: what each should show.
    Returns a number in 0..1. Raises ValueError when the judge knows none of the names.
    """
    known = [number for number, name in enumerate(class_names) if name in judge.class_names]
    if not known:
        raise ValueError(
            "The judge knows none of these classes; ask a net that shares some with the one that was climbed."
        )
    wanted = [judge.class_names.index(class_names[number]) for number in known]
    seen = np.stack([resize_image(pictures[number], judge.image_size) for number in known])
    ranked = np.argsort(-class_scores(judge, seen), axis=1)[:, :first]
    return float(np.mean([index in best for index, best in zip(wanted, ranked, strict=True)]))
