"""Ways to write an image and to move it, as functions of tensors that a gradient passes through."""

import numpy as np

from lecture_lib.datasets.shapes import Images, Tensor, TensorImages
from lecture_lib.models.backend import tf

FourierCoefficients = np.ndarray  # (N, 2, 3, H, W // 2 + 1): cosine and sine, three colors

# How red, green and blue go together in photographs, so that one step moves colors that belong
# together: a square root of the covariance of natural images, divided by its largest entry
# (published with Olah et al., Feature visualization, 2017).
COLOR_CORRELATION_SQRT = np.linalg.cholesky(
    [[0.87, 0.79, 0.68], [0.79, 0.89, 0.85], [0.68, 0.85, 1.0]]
).astype(np.float32)


def from_gray(images: TensorImages) -> TensorImages:
    """Return how far each pixel is from gray: I − ½. A penalty on it pulls to gray, not black.

    Args:
        images: tensor of any shape, in 0..1.

    Returns:
        tensor of the same shape, in −½..½.
    """
    return images - 0.5


# The Fourier parameterization


def random_fourier_coefficients(
    count: int,
    side: int | tuple[int, int],
    *,
    channels: int = 3,
    amplitude: float = 0.01,
    seed: int = 0,
) -> FourierCoefficients:
    """Draw faint random Fourier coefficients for `fourier_to_image`.

    Args:
        count: how many images they stand for.
        side: of the images in pixels, or (height, width), both even where they differ.
        channels: 3, or 1 for gray images.
        amplitude: the standard deviation of the coefficients.
        seed: the same seed, the same coefficients.

    Returns:
        (count, 2, channels, height, width // 2 + 1) float32.

    Raises:
        ValueError: for an odd side of what is not square.
    """
    height, width = (int(pixels) for pixels in np.broadcast_to(side, 2))
    _check_sides(height, width)
    shape = (count, 2, channels, height, width // 2 + 1)
    return amplitude * np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def fourier_to_image(coefficients: Tensor) -> TensorImages:
    """Return the images that Fourier coefficients z add up to.

    I = sigmoid(C · F⁻¹(z / frequency)), C the square root of the colors' correlation

    A low frequency weighs more than a high one, as in photographs.

    Args:
        coefficients: z, (N, 2, channels, H, W // 2 + 1), the cosine and sine parts of three colors,
            or of gray; any real numbers.

    Returns:
        A tensor (N, H, W, channels) in [0, 1].

    Source:
        Olah, Mordvintsev and Schubert, Feature visualization, 2017.
    """
    # Not coefficients.shape: one graph serves every size.
    height, columns = tf.unstack(tf.shape(coefficients)[3:])
    width = tf.where(columns == height // 2 + 1, height, 2 * (columns - 1))  # a square, or even
    # Taken apart in one step, which on the way back is one step too.
    cosines, sines = tf.unstack(coefficients * _frequency_scale(height, width), axis=1)
    planes = tf.signal.irfft2d(tf.complex(cosines, sines), [height, width])
    mixing = _color_mixing(coefficients.shape[2])
    logits = tf.einsum("nchw,dc->nhwd", planes, mixing)  # (N, H, W, channels)
    return tf.sigmoid(logits)


def image_to_fourier(images: Images) -> FourierCoefficients:
    """Return the Fourier coefficients whose `fourier_to_image` are these images.

    z = F(C⁻¹ · logit(I)) · frequency

    Args:
        images: (N, H, W, channels) in [0, 1], H and W even where they differ; black and white would
            take infinite coefficients, so pixels are kept 1/255 away from 0 and 1.

    Returns:
        (N, 2, channels, H, W // 2 + 1) float32.

    Raises:
        ValueError: for an odd side of images that are not square.
    """
    _check_sides(*images.shape[1:3])
    pixels = np.clip(images, 1 / 255, 254 / 255)
    logits = np.log(pixels / (1 - pixels))
    unmixing = np.linalg.inv(_color_mixing(images.shape[-1]))
    planes = np.einsum("nhwd,cd->nchw", logits, unmixing)
    spectrum = np.fft.rfft2(planes) / _frequency_scale(*planes.shape[-2:]).numpy()
    return np.stack([spectrum.real, spectrum.imag], axis=1).astype(np.float32)


def _color_mixing(channels: int) -> np.ndarray:
    """C, the square root of the correlation of three colors; gray stays as it is."""
    return COLOR_CORRELATION_SQRT if channels == 3 else np.eye(channels, dtype=np.float32)


def _check_sides(height: int, width: int) -> None:
    # The coefficients of an odd width look like those of the even one below it.
    if height != width and (height % 2 or width % 2):
        raise ValueError(
            "Images by Fourier coefficients are square, or have an even height and an even width; "
            f"these have {height} x {width} pixels."
        )


def _frequency_scale(height: Tensor, width: Tensor) -> Tensor:
    """The weight of each coefficient, √(H W) pixels / cycles per pixel: (H, W // 2 + 1)."""
    rows = tf.cast(tf.minimum(tf.range(height), height - tf.range(height)), tf.float32)
    columns = tf.cast(tf.range(width // 2 + 1), tf.float32)
    height, width = tf.unstack(tf.cast([height, width], tf.float32))
    longer = tf.maximum(height, width)
    # Cycles on the longer side: in a square, those of the image.
    cycles = tf.sqrt((rows[:, None] * (longer / height)) ** 2 + (columns * (longer / width)) ** 2)
    return tf.sqrt(height * width) * longer / tf.maximum(cycles, 1.0)


# Jitter


def seed_of(pixels: TensorImages, draw: int | Tensor = 0) -> Tensor:
    """Make a seed of the pixels: another one at every step, and yet the same in every run.

    Args:
        pixels: any tensor of floats.
        draw: another whole number, another seed for the same pixels.

    Returns:
        (2,) whole numbers, as `tf.random.stateless_uniform` takes them.
    """
    return tf.stack([tf.bitcast(tf.reduce_sum(pixels), tf.int32), draw])


def random_jitter(images: TensorImages, shift: float = 0.06, zoom: float = 0.12) -> TensorImages:
    """Return the images shifted and zoomed, each by its own random amounts; edges are mirrored.

    The amounts are drawn from the pixels themselves, so that each step of an ascent jitters
    differently and yet the ascent repeats exactly.

    Args:
        images: (N, H, W, C).
        shift: the largest shift, as a share of the height and of the width.
        zoom: the largest zoom, as a share: 0.12 makes an image up to 12 % larger or smaller.

    Returns:
        A tensor of the same shape.
    """
    # Three random numbers for each image, in -1..1.
    numbers = tf.random.stateless_uniform([3, tf.shape(images)[0]], seed_of(images), -1.0, 1.0)
    zooms, rows, columns = tf.unstack(numbers)
    # The affine map of each image, with an offset so that a zoom keeps the center in place.
    height, width = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float32))
    scale = 1 + zoom * zooms
    zero = tf.zeros_like(scale)
    along_columns = [scale, zero, (1 - scale) * width / 2 + shift * width * columns]
    along_rows = [zero, scale, (1 - scale) * height / 2 + shift * height * rows]
    affine = tf.stack([*along_columns, *along_rows, zero, zero], axis=1)  # (N, 8)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=affine,
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


# What a camera does


def warped_onto(images: TensorImages, patches: TensorImages, corners: Tensor) -> TensorImages:
    """Return the images, each with its patch stretched between four corners.

    A homography H brings each corner of the image to a corner of the patch. Its eight numbers h are
    the solution of eight linear equations, two for each corner (x, y) ↦ (u, v):

    h₀x + h₁y + h₂ − h₆xu − h₇yu = u and h₃x + h₄y + h₅ − h₆xv − h₇yv = v

    On the way back the gradient is looked up at the transformed places, which is its mean there up
    to a factor.

    Args:
        images: (N, H, W, C).
        patches: (N, height, width, C).
        corners: (N, 4, 2), column and row in pixels of the image, for the patch's corners at the
            top left, top right, bottom right and bottom left.
    """
    height, width = tf.unstack(tf.cast(tf.shape(patches)[1:3], tf.float32))
    columns = tf.stack([0.0, width, width, 0.0]) - 0.5  # the middle of the first pixel is 0
    rows = tf.stack([0.0, 0.0, height, height]) - 0.5
    covered = tf.concat([patches, tf.ones_like(patches[..., :1])], axis=-1)
    # Zeros around the patch: its last channel says how much of a pixel it covers.
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=covered,
        transforms=_homography(corners, tf.stack([columns, rows], axis=1)),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return warped[..., :-1] + (1 - warped[..., -1:]) * images


def _homography(points: Tensor, targets: Tensor) -> Tensor:
    """The eight numbers, (N, 8), of the maps that bring four points (N, 4, 2) to targets (4, 2)."""
    points = tf.cast(points, tf.float64)
    u_and_v = tf.broadcast_to(tf.cast(targets, tf.float64), tf.shape(points))[..., None]
    ones = tf.ones_like(points[..., :1])
    place = tf.concat([points, ones], axis=-1)  # x, y, 1
    zeros = tf.zeros_like(place)
    products = -u_and_v * points[..., None, :]  # (N, 4, 2, 2): −xu, −yu and −xv, −yv
    for_u = tf.concat([place, zeros, products[..., 0, :]], axis=-1)
    for_v = tf.concat([zeros, place, products[..., 1, :]], axis=-1)
    equations = tf.concat([for_u, for_v], axis=1)  # (N, 8, 8)
    right_sides = tf.concat([u_and_v[..., 0, :], u_and_v[..., 1, :]], axis=1)  # (N, 8, 1)
    return tf.cast(tf.linalg.solve(equations, right_sides)[..., 0], tf.float32)


def blurred_by(images: TensorImages, deviations: Tensor) -> TensorImages:
    """Return the images, each blurred by a Gaussian of its own: G I Gᵀ.

    Args:
        images: (N, H, W, C).
        deviations: (N,), the standard deviation of each Gaussian in pixels, 0 or more.
    """
    along_rows = _gaussians(deviations, tf.shape(images)[1])
    along_columns = _gaussians(deviations, tf.shape(images)[2])
    tall = tf.einsum("nsh,nhwc->nswc", along_rows, images)
    return tf.einsum("ntw,nswc->nstc", along_columns, tall)


def _gaussians(deviations: Tensor, size: Tensor) -> Tensor:
    """The matrices G, (N, size, size): what each pixel takes of each, every row adding up to 1."""
    places = tf.cast(tf.range(size), tf.float32)
    squares = tf.square(places[:, None] - places)
    spread = tf.maximum(deviations, 1e-2)[:, None, None]  # a blur of 0 leaves a pixel alone
    return tf.nn.softmax(-squares / (2 * spread**2), axis=-1)
