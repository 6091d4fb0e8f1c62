"""What is saved is the image, rounded to 8 bits, and nothing is written over."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from lecture_lib.datasets import images, saving


@pytest.fixture
def noise():
    return np.random.default_rng(0).random((40, 56, 3), dtype=np.float32)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_saved_image_comes_back_as_its_8_bits(noise, tmp_path, channels):
    image = 0.4 + 0.2 * noise[..., :channels]  # a narrow range, which must stay narrow
    path = saving.save_image(image, tmp_path / "picture.png")
    np.testing.assert_array_equal(
        images.load_image(path)[..., :channels], images.to_uint8(image) / np.float32(255)
    )
    np.testing.assert_array_equal(
        images.decode_image(saving.encode_png(image)), images.load_image(path)
    )
    assert (
        abs(images.decode_image(saving.encode_jpeg(np.full((16, 16, channels), 0.3))) - 0.3).max()
        < 0.01
    )


def test_saving_overwrites_nothing_and_leaves_no_other_file(noise, tmp_path):
    written = [saving.save_image(noise, tmp_path / "a.png") for _ in range(3)]
    assert [path.name for path in written] == ["a.png", "a-2.png", "a-3.png"] and len(
        os.listdir(tmp_path)
    ) == 3
    (tmp_path / "b.png").write_text("mine")
    saving.save_image(noise, str(tmp_path / "b.png"))
    assert (tmp_path / "b.png").read_text() == "mine" and len(os.listdir(tmp_path)) == 5


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    "place",
    [(Path, "write_bytes"), (Path, "open"), (os, "replace")],
    ids=["write", "open", "replace"],
)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_folder_that_takes_no_file_is_said_and_left_as_it_was(
    noise, tmp_path, monkeypatch, place, number
):
    monkeypatch.setattr(*place, failing(number))
    with pytest.raises(
        ValueError, match=f"cannot be saved in the folder .*{os.strerror(number)}.*choose another"
    ):
        saving.save_image(noise, tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_saved_is_said(noise, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        saving.save_image(noise, tmp_path / "new" / "a.png")
    with pytest.raises(ValueError, match=r"end in \.png"):
        saving.save_image(noise, tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="holds one image"):
        saving.save_image(noise[None], tmp_path / "a.png")
    with pytest.raises(ValueError, match="divide by 255"):
        saving.save_image(images.to_uint8(noise), tmp_path / "a.png")
    assert os.listdir(tmp_path) == []
