from __future__ import annotations

import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from suffice.errors import ImageError
from suffice.models.images import load_image
from suffice.subject import image_key

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_a_file_gives_its_pixels_name_hash_and_key(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    photo = load_image(path)
    np.testing.assert_array_equal(photo.pixels, RGB)
    assert photo.pixels.dtype == np.uint8
    assert photo.size == (7, 5)
    assert photo.name == "a.png"
    assert photo.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert photo.key == image_key(RGB)
    assert load_image(str(path), name="other").name == "other"


def test_path_pil_and_array_give_the_same_pixels(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    photos = [load_image(source) for source in (path, Image.open(path), RGB)]
    assert len({photo.pixels.tobytes() for photo in photos}) == 1
    assert len({photo.key for photo in photos}) == 1
    assert photos[2].sha256 == hashlib.sha256(RGB.tobytes()).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: np.rot90,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path, exif=exif)
    np.testing.assert_array_equal(load_image(path).pixels, undo[orientation](RGB))


def test_a_broken_exif_block_is_ignored(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(RGB).save(path, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xffgarbage")
    assert load_image(path).size == (7, 5)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_grey_arrays_are_repeated(dimensions):
    grey = RGB[:, :, 0] if dimensions == 2 else RGB[:, :, :1]
    photo = load_image(grey)
    for channel in range(3):
        np.testing.assert_array_equal(photo.pixels[:, :, channel], RGB[:, :, 0])
    np.testing.assert_array_equal(photo.grey(), RGB[:, :, 0])


def test_alpha_is_composited_over_white():
    rgba = np.dstack([RGB, np.full((5, 7), 255, np.uint8)])
    rgba[0, :, 3] = 0
    rgba[1, :, 3] = 128
    pixels = load_image(rgba).pixels
    assert (pixels[0] == 255).all()
    expected = RGB[1] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(pixels[1] - expected).max() <= 1
    np.testing.assert_array_equal(pixels[2:], RGB[2:])


def test_grey_with_alpha_and_transparent_palette(tmp_path):
    grey_alpha = Image.merge("LA", [Image.new("L", (2, 1), 10), Image.new("L", (2, 1), 0)])
    assert (load_image(grey_alpha).pixels == 255).all()
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    path = tmp_path / "a.png"
    palette.save(path, transparency=0)
    np.testing.assert_array_equal(load_image(path).pixels[0], [[255, 255, 255], [40, 50, 60]])
    palette.save(path, transparency=b"\x00\xff")
    np.testing.assert_array_equal(load_image(path).pixels[0], [[255, 255, 255], [40, 50, 60]])


def test_sixteen_bit_grey_is_scaled(tmp_path):
    values = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    path = tmp_path / "a.png"
    Image.fromarray(values).save(path)
    np.testing.assert_array_equal(load_image(path).pixels[0, :, 0], [0, 0, 1, 1, 128, 255])
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(
        load_image(tmp_path / "a.tif").pixels[0, :, 0], [0, 0, 1, 1, 128, 255]
    )


def test_one_bit_and_cmyk_and_ycbcr(tmp_path):
    bits = Image.fromarray(np.array([[True, False]]))
    np.testing.assert_array_equal(load_image(bits).pixels[0, :, 0], [255, 0])
    cmyk = Image.new("CMYK", (2, 2), (0, 0, 0, 0))
    assert (load_image(cmyk).pixels == 255).all()
    cmyk.save(tmp_path / "a.jpg")
    assert (load_image(tmp_path / "a.jpg").pixels >= 250).all()
    assert load_image(Image.new("YCbCr", (2, 2), (255, 128, 128))).pixels.min() == 255


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(load_image(tmp_path / "a.gif").pixels[0, 0], [255, 0, 0])


def test_arrays_may_be_strided():
    np.testing.assert_array_equal(load_image(RGB[:, ::-1]).pixels, RGB[:, ::-1])


def _png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    crc = struct.pack(">I", zlib.crc32(chunk))
    data = struct.pack(">I", 9) + b"IDAT"  # announced, never delivered
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + crc + data


@pytest.mark.parametrize("side", [10_000, 60_000])  # above the limit, above twice the limit
def test_decompression_bombs_are_errors(tmp_path, side):
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_header(side, side))
    with pytest.raises(ImageError, match="decompression bomb"):
        load_image(path)


def _jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB.repeat(20, 0).repeat(20, 1)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello, world", "no image"),
        (_jpeg()[:900], "decoded: image file is truncated"),
        (_png_header(5, 5), "decoded"),
        (b"GIF89a", "decoded|no image"),
    ],
)
def test_broken_files_give_one_clear_line(tmp_path, content, message):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        load_image(path)
    assert "broken.jpg" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        load_image(tmp_path / "none.png")
    with pytest.raises(ImageError, match="is a folder"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="can't be read"):
        load_image("a\0b.png")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 4), np.float32), "model space"),
        (np.zeros((4, 4), bool), "uint8"),
        (np.zeros((3, 40, 40), np.uint8), "1, 3 or 4 channels"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"\[1, 4, 4, 3\]"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        ([[1, 2]], "got list"),
        (Image.new("F", (2, 2)), "floating-point"),
        (Image.new("I", (2, 2)), "32-bit integer"),
        (Image.new("RGB", (0, 2)), "no pixels"),
    ],
)
def test_what_is_no_picture_is_refused(array, message):
    with pytest.raises(ImageError, match=message):
        load_image(array)
