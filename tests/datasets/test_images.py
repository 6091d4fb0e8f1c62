"""Images: any picture file becomes floats in [0, 1] or one sentence."""

import io

import numpy as np
import pytest
from PIL import Image

from lecture_lib.datasets import decoding, downloads, images, saving
from lecture_lib.datasets.image_sets import IMAGENET_CLASSES


@pytest.fixture
def noise():
    return np.random.default_rng(0).random((40, 56, 3), dtype=np.float32)


def file_bytes(picture, format="PNG", **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def test_every_bundled_photograph_is_an_image_with_some_contrast():
    for name in decoding.BUNDLED:
        image = images.load_image(name)
        assert image.dtype == np.float32 and image.shape[2:] == (3,) and min(image.shape[:2]) >= 300
        assert image.min() >= 0 and image.max() <= 1 and image.std() > 0.01


def test_an_int_takes_the_center_square_and_a_pair_the_whole(tmp_path):
    stripes = np.zeros((20, 60, 3), np.float32)
    stripes[:, 20:40] = 1
    path = saving.save_image(stripes, tmp_path / "stripes.png")
    np.testing.assert_array_equal(
        images.load_image(path, size=20), np.ones((20, 20, 3), np.float32)
    )
    np.testing.assert_array_equal(images.load_image(path, size=7), np.ones((7, 7, 3), np.float32))
    whole = images.load_image(str(path), size=(10, 30))
    assert whole.shape == (10, 30, 3) and whole[:, :6].max() == 0 and whole[:, 14:16].min() == 1


@pytest.mark.parametrize("size", [0, -3, 2.5, "64", (3,), (0, 4), (9000, 9000)])
def test_a_size_that_is_none_is_said(size):
    with pytest.raises(ValueError, match="size is .* positive int or a pair"):
        images.load_image("cat", size=size)


def test_names_that_need_no_network_are_the_bundled_ones_and_the_photos_that_are_here(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(downloads, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("LECTURE_DATA", str(tmp_path / "own"))
    assert images.photo_names() == list(decoding.BUNDLED)
    (tmp_path / "own" / "imagenet-samples").mkdir(parents=True)
    (tmp_path / "own" / "imagenet-samples" / "n02056570_king_penguin.JPEG").touch()
    assert images.photo_names() == [*decoding.BUNDLED, "king penguin"]
    assert (
        len(set(images.imagenet_photo_names())) == 98
        and "goldfish" in images.imagenet_photo_names()
    )


def test_each_imagenet_photo_has_the_name_of_one_class():
    assert set(images.imagenet_photo_names()) <= set(IMAGENET_CLASSES)


def test_an_unknown_name_lists_the_names(tmp_path):
    for name in ("no such cat", tmp_path / "none.png", "x" * 5000):
        with pytest.raises(
            FileNotFoundError, match="the names are cat, coffee, .* imagenet_photo_names()"
        ):
            images.load_image(name)
    with pytest.raises(ValueError, match="is a folder"):
        images.load_image(tmp_path)
    with pytest.raises(ValueError, match="name or path, not by a ndarray"):
        images.load_image(np.zeros(3))


def test_gray_palette_alpha_cmyk_and_16_bits_all_become_rgb():
    gray = Image.fromarray(np.array([[0, 51, 255]], np.uint8))
    expected = np.repeat(np.array([[0, 0.2, 1]], np.float32)[..., None], 3, axis=-1)
    for picture in (
        gray,
        gray.convert("RGB"),
        gray.convert("P"),
        gray.convert("LA"),
        gray.convert("RGBA"),
    ):
        np.testing.assert_allclose(images.decode_image(file_bytes(picture)), expected, atol=1e-6)
    for mode in ("CMYK", "L"):
        np.testing.assert_allclose(
            images.decode_image(file_bytes(gray.convert("RGB").convert(mode), "TIFF")),
            expected,
            atol=1e-6,
        )
    deep = Image.fromarray(np.array([[0, 13107, 65535]], np.uint16))
    for format in ("PNG", "TIFF"):
        np.testing.assert_allclose(
            images.decode_image(file_bytes(deep, format)), expected, atol=1e-6
        )
    np.testing.assert_allclose(
        images.decode_image(file_bytes(Image.fromarray(expected[..., 0]), "TIFF")),
        expected,
        atol=1e-6,
    )


def test_16_bits_keep_their_fine_steps():
    steps = np.arange(30000, 30016, dtype=np.uint16)[None]
    np.testing.assert_allclose(
        images.decode_image(file_bytes(Image.fromarray(steps)))[..., 0], steps / 65535, atol=1e-7
    )


@pytest.mark.parametrize(
    "values", [np.int32([[70000]]), np.int32([[-1]]), np.float32([[2.0]]), np.float32([[np.nan]])]
)
def test_numbers_without_a_known_white_are_refused(values):
    with pytest.raises(ValueError, match="beyond 16 bits"):
        images.decode_image(file_bytes(Image.fromarray(values), "TIFF"))


def test_transparency_lies_on_white():
    picture = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    picture.putpixel((1, 0), (255, 0, 0, 0))
    np.testing.assert_array_equal(
        images.decode_image(file_bytes(picture))[0], [[1, 0, 0], [1, 1, 1]]
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_upright(orientation):
    upright = Image.fromarray(
        np.kron(np.arange(6).reshape(2, 3) * 40, np.ones((16, 16))).astype(np.uint8)
    )
    undo = {
        2: 0,
        3: 3,
        4: 1,
        5: 5,
        6: 2,
        7: 6,
        8: 4,
    }  # what a camera that notes this orientation did: Pillow's transpose numbers
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = images.decode_image(file_bytes(stored, "JPEG", quality=95, exif=exif))
    np.testing.assert_allclose(decoded[..., 0], np.asarray(upright) / 255, atol=0.05)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_gives_its_first_frame(format):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    data = file_bytes(
        frames[0],
        format,
        save_all=True,
        append_images=frames[1:],
        **({"lossless": True} if format == "WEBP" else {}),
    )
    np.testing.assert_array_equal(
        images.decode_image(data), np.broadcast_to(np.float32([1, 0, 0]), (8, 8, 3))
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "no picture that can be read"),
        (b"%PDF-1.7", "no picture that can be read"),
        (b"\0" * (decoding.MAX_BYTES + 1), "more than 50 MB"),
        (file_bytes(Image.new("L", (9000, 9000))), "more than 40 megapixels"),
        (file_bytes(Image.new("1", (20000, 20000))), "more than 40 megapixels"),
        (file_bytes(Image.new("RGB", (4, 4)), "ICO"), "no picture that can be read"),
    ],
    ids=["empty", "text", "pdf", "50MB", "81MP", "400MP", "ico"],
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_usable_picture_is_one_sentence(data, words):
    with pytest.raises(ValueError, match=words) as caught:
        images.decode_image(data, name="holiday.png")
    assert str(caught.value).startswith("holiday.png") and "\n" not in str(caught.value)
    assert caught.value.__suppress_context__ or not caught.value.__context__


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
    ]
    + [("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "jpeg"})],
)
@pytest.mark.filterwarnings("error")
def test_a_file_cut_off_anywhere_is_the_right_picture_or_one_sentence(noise, format, options):
    data = file_bytes(Image.fromarray(images.to_uint8(noise)), format, **options)
    whole = images.decode_image(data)
    for length in [*range(0, len(data), 64), *range(len(data) - 8, len(data))]:
        try:
            np.testing.assert_array_equal(images.decode_image(data[:length]), whole)
        except ValueError as error:
            assert str(error).startswith("the picture ") and str(error).endswith(".")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_file_with_wrong_bytes_is_a_picture_or_one_sentence(noise, format):
    data = file_bytes(Image.fromarray(images.to_uint8(noise)), format)
    random = np.random.default_rng(1)
    for _ in range(100):
        broken = bytearray(data)
        for position in random.integers(0, min(len(data), 400), 4):
            broken[position] = random.integers(256)
        try:
            image = images.decode_image(broken)
            assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
        except ValueError as error:
            assert str(error).startswith("the picture ")


def test_a_folder_is_read_in_order_and_what_is_no_picture_is_counted(noise, tmp_path):
    for name in ("b", "a", "c"):
        saving.save_image(noise * (name == "a"), tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / ".hidden").touch()
    with pytest.warns(UserWarning, match="2 files in"):
        batch, names = images.load_folder(tmp_path, size=16)
    assert (
        batch.shape == (3, 16, 16, 3)
        and names == ["a.png", "b.png", "c.png"]
        and batch[0].max() > 0 == batch[1].max()
    )
    assert images.load_folder(tmp_path, size=16, limit=1)[1] == ["a.png"]


def test_a_folder_that_is_missing_or_without_pictures_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        images.load_folder(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no picture"):
        images.load_folder(tmp_path)
    with pytest.raises(ValueError, match="size is"):
        images.load_folder(tmp_path, size=0)


def test_as_batch_copies_no_images_that_are_float32_already(noise):
    many = np.stack([noise, noise])
    assert np.shares_memory(images.as_batch(many), many)


def test_as_batch_adds_the_axis_and_leaves_the_values(noise):
    np.testing.assert_array_equal(images.as_batch(noise), noise[None])
    np.testing.assert_array_equal(images.as_batch(np.float64(noise[None])), noise[None])
    assert images.as_batch(noise + 5e-4).max() > 1 and images.as_batch(
        noise[..., :1], channels=1
    ).shape == (1, 40, 56, 1)
    assert images.unbatch(noise[None], noise).shape == noise.shape and images.unbatch(
        noise[None], noise[None]
    ).shape == (1, *noise.shape)


ONE = np.ones((4, 4, 3), np.float32)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (ONE[..., 0], r"shape \(4, 4\)"),
        (np.ones((4, 4, 4)), r"shape \(4, 4, 4\).*\(H, W, 1 or 3\)"),
        (np.ones((3, 4, 4, 2)), "shape"),
        (np.ones((0, 4, 4, 3)), "shape"),
        (np.ones((0, 4, 3)), "shape"),
        (np.float32(1), "shape"),
        ([ONE, ONE[:2]], "not images of one size"),
        ("cat", "shape|not images"),
        (None, "shape|not images"),
        (np.uint8(ONE * 255), "divide by 255"),
        (np.uint8(ONE * 0), "divide by 255"),
        (ONE * 200, "divide by 255"),
        (ONE * 1.5, "from 1.5 to 1.5"),
        (ONE * -1, "from -1 to -1"),
        (ONE * 1000, "from 1e.03 to 1e.03"),
        (ONE * np.nan, "NaN"),
        (ONE * np.inf, "NaN or inf"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_image_is_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words) as caught:
        images.as_batch(wrong)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_wrong_number_of_channels_is_said():
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        images.as_batch(ONE[..., :1], channels=3)


def test_an_image_fits_within_a_side_and_keeps_its_proportions(noise):
    wide = images.fit_within(noise, 28)  # of 40 x 56 pixels
    np.testing.assert_array_equal(wide, images.resize_image(noise, (20, 28)))
    assert images.fit_within(noise.swapaxes(0, 1), 112).shape == (112, 80, 3)
    assert images.fit_within(noise[:1], 8).shape == (1, 8, 3)


@pytest.mark.parametrize("size", [12, 40, (9, 30), (33, 11)])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_made_smaller_is_that_of_its_file(size, channels):
    image = np.random.default_rng(0).random((21, 30, channels), np.float32)
    of_file = images.decode_image(saving.encode_png(image), size=size)
    np.testing.assert_array_equal(images.resize_image(image, size), of_file)


def test_bytes_are_the_nearest_and_never_rescaled():
    levels = np.arange(256, dtype=np.float32) / 255
    image = np.repeat(levels[None, :, None], 3, axis=-1)
    np.testing.assert_array_equal(images.to_uint8(image)[0, :, 0], np.arange(256))
    np.testing.assert_array_equal(
        images.to_uint8(image[:, :-1] + 0.499 / 255)[0, :, 0], np.arange(255)
    )
    np.testing.assert_array_equal(
        images.to_uint8(image[:, :-1] + 0.501 / 255)[0, :, 0], np.arange(1, 256)
    )
    assert (
        images.to_uint8(np.full((1, 2, 2, 3), 0.5)).tolist() == np.full((1, 2, 2, 3), 128).tolist()
    )


def test_one_image_is_an_image_and_not_a_batch_of_one():
    image = np.random.default_rng(0).random((4, 5, 3), np.float32)
    np.testing.assert_array_equal(images.as_image(image), image)
    with pytest.raises(ValueError, match=r"One image .* batch \(1, 4, 5, 3\)"):
        images.as_image(image[None])
