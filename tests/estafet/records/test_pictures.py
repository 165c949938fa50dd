"""Images become pixels of the right size, decoded no larger than needed and cropped at random where asked."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from estafet.errors import ConfigError
from estafet.records import augmentation, pictures
from estafet.records.pictures import decode_image, decode_random_crop
from estafet.records.reading import dataset
from estafet.runfile.train import Augment


def encoded(pixels_HWC, form="JPEG", **options):
    buffer = io.BytesIO()
    Image.fromarray(np.squeeze(pixels_HWC)).save(buffer, form, **options)
    return buffer.getvalue()


def waves(height, width, channels=3):
    """A smooth picture, so that a decoder's own rounding is all that may differ."""
    y, x = np.mgrid[:height, :width]
    planes = [128 + 60 * np.sin(x / 60 + c) + 50 * np.cos(y / (50 + 9 * c)) for c in range(channels)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def decoded_in_whole(content, shape):
    whole = tf.io.decode_image(content, channels=shape[2], expand_animations=False)
    return tf.image.resize(whole, shape[:2], antialias=True).numpy()


@pytest.mark.parametrize("size", [(256, 256), (200, 300), (128, 128), (100, 130), (60, 64), (30, 31), (300, 100)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_decoded_at_a_reduced_size_looks_the_same(size, channels):
    """Less than two grey levels of 255 lie between this and decoding in whole, on average, and nowhere ten."""
    content, shape = encoded(waves(256, 260, channels), quality=95), (*size, channels)

    pixels = decode_image(tf.constant(content), shape)

    assert (pixels.dtype, tuple(pixels.shape)) == (tf.uint8, shape)
    difference = np.abs(pixels.numpy().astype(float) - decoded_in_whole(content, shape))
    assert difference.mean() < 2
    assert difference.max() < 10


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ((64, 64), 1),
        ((33, 32), 1),
        ((32, 32), 2),
        ((17, 17), 2),
        ((16, 17), 2),
        ((16, 16), 4),
        ((8, 8), 8),
        ((1, 8), 8),
    ],
)
def test_a_jpeg_is_decoded_at_the_least_size_that_is_enough(size, ratio):
    assert pictures.RATIOS[int(pictures._ratio_index(tf.constant((64, 64)), (*size, 3)))] == ratio


def test_a_graph_decodes_as_eager_execution_does():
    """Serving decodes within `tf.map_fn`, reading within a data set."""
    contents = [encoded(waves(64, 64)), encoded(waves(20, 20), "PNG"), encoded(waves(64, 64, 1)), encoded(waves(9, 9))]
    shape = (16, 16, 3)
    expected = np.stack([decode_image(tf.constant(content), shape) for content in contents])

    in_dataset = tf.data.Dataset.from_tensor_slices(contents).map(lambda content: decode_image(content, shape))
    served = tf.function(
        lambda batch: tf.map_fn(
            lambda content: decode_image(content, shape), batch, fn_output_signature=tf.TensorSpec(shape, tf.uint8)
        )
    )(tf.constant(contents))

    np.testing.assert_array_equal(np.stack(list(in_dataset)), expected)
    np.testing.assert_array_equal(served, expected)


def test_an_image_of_the_right_size_keeps_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3)).astype(np.uint8)

    np.testing.assert_array_equal(decode_image(tf.constant(encoded(pixels, "PNG")), (7, 5, 3)), pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_random_crop_shows_a_part_of_at_least_the_share_that_is_left(form):
    """Brightness says where a column of the ramp comes from: 160 columns, one grey level each, seen through 40."""
    ramp_HWC = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (160, 160, 1))
    content, spans = tf.constant(encoded(ramp_HWC, form)), []

    for i in range(20):
        pixels = decode_random_crop(content, (40, 40, 1), 0.5, tf.constant([7, i], tf.int64)).numpy()
        row = pixels[20, :, 0].astype(float)
        spans.append((row[0], row[-1] - row[0]))

    starts, widths = np.array(spans).T
    assert widths.min() >= 76  # half of 160, less the width of a column of the result
    assert widths.max() <= 160
    assert len(set(starts)) > 10
    assert starts.max() > 30 > 10 > starts.min()


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_equal_seeds_crop_alike(form):
    content = tf.constant(encoded(waves(90, 70), form))
    seeds = [tf.constant(pair, tf.int64) for pair in ((1, 2), (1, 2), (1, 3))]

    first, second, third = (decode_random_crop(content, (8, 9, 3), 0.6, pair).numpy() for pair in seeds)

    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_a_crop_of_nothing_is_the_image():
    content = tf.constant(encoded(waves(64, 48)))
    seeds = tf.constant([1, 2], tf.int64)

    np.testing.assert_array_equal(
        decode_random_crop(content, (16, 12, 3), 0.0, seeds), decode_image(content, (16, 12, 3))
    )


IMAGES_NHWC = np.random.default_rng(1).integers(40, 200, (32, 6, 8, 3)).astype(np.uint8)
SEEDS = tf.constant([3, 4], tf.int64)


def changed(**settings):
    return augmentation.augmented(tf.constant(IMAGES_NHWC), Augment(**settings), SEEDS).numpy()


def test_about_half_of_the_images_are_mirrored_and_the_others_left_alone():
    mirrored = [(new == old[:, ::-1]).all() for new, old in zip(changed(flip=True), IMAGES_NHWC, strict=True)]
    same = [(new == old).all() for new, old in zip(changed(flip=True), IMAGES_NHWC, strict=True)]

    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 8 <= sum(mirrored) <= 24


def test_a_shift_moves_each_image_in_its_own_way_and_repeats_the_edge():
    """A quarter of 6 by 8 pixels is up to 1.5, rounded to 2 at most in each direction; every one is found again."""
    moves = set()
    for new, old in zip(changed(shift=0.25), IMAGES_NHWC, strict=True):
        padded = np.pad(old, ((2, 2), (2, 2), (0, 0)), mode="edge")
        found = [(dy, dx) for dy in range(5) for dx in range(5) if (new == padded[dy : dy + 6, dx : dx + 8]).all()]
        assert found
        moves.add(found[0])
    assert len(moves) > 8


def test_brightness_moves_all_pixels_of_an_image_alike_and_by_no_more_than_is_set():
    """A tenth of 255 is 25.5."""
    moved = changed(brightness=0.1).astype(int) - IMAGES_NHWC

    assert (moved.reshape(32, -1) == moved.reshape(32, -1)[:, :1]).all()
    assert 15 < np.abs(moved).max() <= 26
    assert (moved > 0).any()
    assert (moved < 0).any()


def test_contrast_stretches_an_image_about_its_mean():
    new, old = changed(contrast=0.3).astype(float), IMAGES_NHWC.astype(float)
    inside = (new.min(axis=(1, 2, 3)) > 0) & (new.max(axis=(1, 2, 3)) < 255)

    factors = new.std(axis=(1, 2, 3)) / old.std(axis=(1, 2, 3))
    assert ((factors >= 0.69) & (factors <= 1.31)).all()
    assert np.ptp(factors) > 0.3
    np.testing.assert_allclose(new.mean(axis=(1, 2, 3))[inside], old.mean(axis=(1, 2, 3))[inside], atol=0.5)


def test_changed_pixels_stay_between_black_and_white():
    assert changed(brightness=1, contrast=1).dtype == np.uint8
    bright = augmentation.augmented(tf.fill((16, 2, 2, 1), tf.constant(250, tf.uint8)), Augment(brightness=1), SEEDS)
    assert {0, 255} & set(np.unique(bright))


def epochs_of(folder, augment, seed=5, **options):
    data = dataset(folder, "train", batch_size=3, shuffle=True, seed=seed, augment=augment, **options)
    return [np.concatenate([features["image"] for features, _ in data]) for _ in range(2)]


@pytest.mark.parametrize("settings", [{"brightness": 0.5}, {"crop": 0.5, "flip": True, "contrast": 0.9}])
def test_augmentation_is_another_in_each_epoch_and_the_seed_repeats_it(image_folder, settings):
    first, second = epochs_of(image_folder, Augment(**settings))

    np.testing.assert_array_equal([first, second], epochs_of(image_folder, Augment(**settings)))
    if "brightness" in settings:
        assert sorted(first.ravel()) != sorted(second.ravel())
        assert set(np.unique(epochs_of(image_folder, Augment())[0])) == {10, 60, 90, 200}


def test_tables_and_series_are_not_augmented(table_folder, series_folder):
    for folder in (table_folder, series_folder):
        with pytest.raises(ConfigError, match=r"train\.augment changes images") as caught:
            dataset(folder, "train", batch_size=2, augment=Augment(flip=True))
        assert "remove train.augment" in caught.value.hint
