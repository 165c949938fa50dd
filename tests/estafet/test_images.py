"""Images are described by grey values that can be worked out by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from estafet.errors import DataError
from estafet.images import DESCRIPTORS, describe_image


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def test_a_half_black_half_white_image_has_brightness_and_contrast_of_one_half():
    """Mean of {0, 1} in equal parts is 1/2, and so is the standard deviation."""
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:, 4:] = 255

    described = describe_image(encoded(pixels))

    assert described["brightness"] == pytest.approx(0.5)
    assert described["contrast"] == pytest.approx(0.5)


def test_sharpness_is_the_spread_of_the_laplacian():
    """One white pixel in the middle of 5x5: the 3x3 Laplacian holds one -4, four 1, four 0."""
    pixels = np.zeros((5, 5), np.uint8)
    pixels[2, 2] = 255

    assert describe_image(encoded(pixels))["sharpness"] == pytest.approx(np.std([-4, 1, 1, 1, 1, 0, 0, 0, 0]))


def test_blurring_lowers_the_sharpness():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32), dtype=np.uint8))
    blurred = noise.filter(ImageFilter.GaussianBlur(2))

    assert (
        describe_image(encoded(np.asarray(blurred)))["sharpness"]
        < 0.2 * describe_image(encoded(np.asarray(noise)))["sharpness"]
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_colour_images_of_either_kind_give_the_three_descriptors(kind):
    described = describe_image(encoded(np.full((9, 7, 3), 128, np.uint8), kind))

    assert tuple(described) == DESCRIPTORS
    assert described["brightness"] == pytest.approx(128 / 255, abs=0.01)
    assert described["contrast"] == pytest.approx(0, abs=1e-6)


def test_16_bit_white_is_as_bright_as_8_bit_white():
    assert describe_image(encoded(np.full((4, 4), 65535, np.uint16)))["brightness"] == pytest.approx(1)


def test_a_single_pixel_has_no_sharpness():
    assert describe_image(encoded(np.full((1, 1), 9, np.uint8)))["sharpness"] == 0


@pytest.mark.parametrize("data", [b"", b"not an image", encoded(np.zeros((64, 64), np.uint8))[:60]])
def test_bytes_that_are_no_image_are_refused(data):
    with pytest.raises(DataError, match="no image that can be read"):
        describe_image(data)
