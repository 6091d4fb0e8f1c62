"""Ways to write a picture and to move it, as functions of tensors that a gradient passes through."""

import numpy as np

from lecture_lib.models.backend import tf

# How red, green and blue go together in photographs: a square root of their covariance, so that one step moves colors that belong
# together (the covariance of natural images published with Olah et al., Feature visualization, 2017, divided by its largest entry).
COLORS = np.linalg.cholesky([[0.87, 0.79, 0.68], [0.79, 0.89, 0.85], [0.68, 0.85, 1.0]]).astype(
    np.float32
)


def random_fourier_coefficients(count, side, *, amplitude=0.01, seed=0):
    """Faint random waves for `fourier_to_image`: (count, 2, 3, side, side // 2 + 1) float32, of standard deviation `amplitude`."""
    shape = (count, 2, 3, side, side // 2 + 1)
    return amplitude * np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def fourier_to_image(waves):
    """sigmoid(colors · F⁻¹(waves / frequency)): the picture that these waves add up to.

    waves: (N, 2, 3, side, side // 2 + 1), cosine and sine parts of three colors; any real numbers. A long wave weighs more than a
    short one, by 1 / frequency, as in photographs. Returns a tensor (N, side, side, 3) in [0, 1].
    Source: Olah et al., Feature visualization, 2017.
    """
    side = tf.shape(waves)[3]  # not waves.shape: once compiled, it serves pictures of any size
    spectrum = waves * _frequency_scale(side)
    planes = tf.signal.irfft2d(tf.complex(spectrum[:, 0], spectrum[:, 1]), [side, side])
    return tf.sigmoid(tf.einsum("nchw,dc->nhwd", planes, COLORS))


def image_to_fourier(images):
    """The waves whose `fourier_to_image` are these images: F(colors⁻¹ · logit(I)) · frequency.

    images: (N, side, side, 3) in [0, 1]; black and white would take endless waves, so pixels keep 1/255 away from 0 and 1.
    Returns (N, 2, 3, side, side // 2 + 1) float32.
    """
    pixels = np.clip(images, 1 / 255, 254 / 255)
    planes = np.einsum("nhwd,cd->nchw", np.log(pixels / (1 - pixels)), np.linalg.inv(COLORS))
    spectrum = np.fft.rfft2(planes) / _frequency_scale(planes.shape[-1]).numpy()
    return np.stack([spectrum.real, spectrum.imag], axis=1).astype(np.float32)


def _frequency_scale(side):
    """side² / cycles, the weight of each wave in a picture of side² pixels: (side, side // 2 + 1)."""
    rows, columns = (
        tf.minimum(tf.range(side), side - tf.range(side)),
        tf.range(side // 2 + 1),
    )  # cycles in a picture
    cycles = tf.sqrt(tf.cast(rows[:, None] ** 2 + columns**2, tf.float32))
    return tf.cast(side, tf.float32) ** 2 / tf.maximum(cycles, 1.0)


def moved(images, *, shift=0.06, zoom=0.12):
    """The images shifted by up to `shift` of their side and zoomed by up to `zoom`, each by its own random amounts; edges are mirrored.

    images: (N, side, side, C). The amounts are drawn from the pixels themselves, so that a climb differs at every step and yet
    repeats exactly. Returns a tensor of the same shape.
    """
    side, seed = (
        tf.cast(tf.shape(images)[1], tf.float32),
        tf.bitcast(tf.reduce_sum(images), tf.int32),
    )
    zooms, rows, columns = tf.unstack(
        tf.random.stateless_uniform([3, tf.shape(images)[0]], tf.stack([seed, 0]), -1.0, 1.0)
    )
    scale, zero = 1 + zoom * zooms, tf.zeros_like(zooms)
    middle = (1 - scale) * side / 2  # so that a zoom keeps the middle of the picture in place
    affine = tf.stack(
        [
            scale,
            zero,
            middle + shift * side * columns,
            zero,
            scale,
            middle + shift * side * rows,
            zero,
            zero,
        ],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=affine,
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
