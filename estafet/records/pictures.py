"""Image files to pixels, in graph: decoded no larger than needed, resized, and cropped at random where asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estafet.records.manifest import Manifest

if TYPE_CHECKING:
    import tensorflow as tf

RATIOS = (1, 2, 4, 8)
"""By what a JPEG decoder can divide height and width while it decodes, at less work than for the whole image."""


def decode_image(content: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Decode one PNG or JPEG file and resize it, in graph; training and serving both read images with this.

    A JPEG at least twice (four times, eight times) as high and wide as needed is decoded at half (a quarter, an eighth)
    of its size, for which the decoder leaves out the frequencies that would be lost anyway.

    Args:
        content: A scalar string, the file's bytes.
        image_shape: Height, width and channels to give; a colour image becomes grey where there is one channel.

    Returns:
        Pixels, uint8 of `image_shape`; bilinear, antialiased, where the size differs from the decoded one's.
    """
    import tensorflow as tf

    channels = image_shape[2]

    def whole() -> tf.Tensor:
        image_HWC = tf.io.decode_image(content, channels=channels, expand_animations=False)
        return tf.ensure_shape(image_HWC, (None, None, channels))

    def at(ratio: int) -> tf.Tensor:
        return tf.io.decode_jpeg(content, channels=channels, ratio=ratio)

    index = tf.cond(
        tf.io.is_jpeg(content),
        lambda: _ratio_index(tf.image.extract_jpeg_shape(content)[:2], image_shape),
        lambda: tf.constant(0),
    )
    branches = [whole, *(lambda ratio=ratio: at(ratio) for ratio in RATIOS[1:])]
    return _resized(tf.switch_case(index, branches), image_shape)


def decode_random_crop(
    content: tf.Tensor, image_shape: tuple[int, int, int], crop: float, seeds: tf.Tensor
) -> tf.Tensor:
    """Decode a random part of one PNG or JPEG file, and resize it; of a JPEG nothing else is decoded.

    Args:
        content: A scalar string, the file's bytes.
        image_shape: Height, width and channels to give.
        crop: Share of the height and of the width, each on its own, that is left out at most.
        seeds: int64 (2,); the same seeds give the same part.

    Returns:
        Pixels, uint8 of `image_shape`.
    """
    import tensorflow as tf

    channels = image_shape[2]
    draws = tf.random.stateless_uniform((4,), seeds)

    def window(size_2: tf.Tensor) -> tf.Tensor:
        """Return top, left, height and width of the part."""
        whole_2 = tf.cast(size_2, tf.float32)
        part_2 = tf.maximum(tf.round(whole_2 * (1 - crop * draws[:2])), 1)
        return tf.cast(tf.concat([tf.floor(draws[2:] * (whole_2 - part_2 + 1)), part_2], axis=0), tf.int32)

    def from_jpeg() -> tf.Tensor:
        size_2 = tf.image.extract_jpeg_shape(content)[:2]
        part_2 = window(size_2)[2:]

        def at(ratio: int) -> tf.Tensor:
            scaled_2 = -(-size_2 // ratio)  # the decoder counts the window in the pixels that it gives
            image_HWC = tf.raw_ops.DecodeAndCropJpeg(
                contents=content, crop_window=window(scaled_2), channels=channels, ratio=ratio
            )
            return tf.ensure_shape(image_HWC, (None, None, channels))

        index = _ratio_index(part_2, image_shape)
        return tf.switch_case(index, [lambda ratio=ratio: at(ratio) for ratio in RATIOS])

    def from_any() -> tf.Tensor:
        image_HWC = tf.io.decode_image(content, channels=channels, expand_animations=False)
        top, left, height, width = tf.unstack(window(tf.shape(image_HWC)[:2]))
        return tf.ensure_shape(image_HWC[top : top + height, left : left + width], (None, None, channels))

    return _resized(tf.cond(tf.io.is_jpeg(content), from_jpeg, from_any), image_shape)


def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a record's image file, a scalar string, and its label, int64."""
    import tensorflow as tf

    example = tf.io.parse_single_example(record, _layout())
    return example["image"], example["label"]


def parse_many(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the image files, string (B,), and the labels, int64 (B,), of several records."""
    import tensorflow as tf

    example = tf.io.parse_example(records, _layout())
    return example["image"], example["label"]


def image_bytes(manifest: Manifest) -> int:
    """Return what a decoded image takes in memory, with its label."""
    height, width, channels = manifest.image_shape
    return height * width * channels + 8


def _layout() -> dict[str, tf.io.FixedLenFeature]:
    import tensorflow as tf

    return {"image": tf.io.FixedLenFeature((), tf.string), "label": tf.io.FixedLenFeature((), tf.int64)}


def _ratio_index(size_2: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Return the index of the greatest ratio at which an image is still as large as it must be, a scalar int32."""
    import tensorflow as tf

    times = tf.reduce_min(size_2 // tf.constant(image_shape[:2]))
    return tf.reduce_sum(tf.cast(times >= tf.constant(RATIOS[1:]), tf.int32))


def _resized(image_HWC: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    import tensorflow as tf

    size = image_shape[:2]

    def smooth() -> tf.Tensor:
        # What tf.image.resize does with antialias=True, in a third of the nodes, of which each costs time even if it is
        # on the branch that is not taken.
        scale = tf.cast(size, tf.float32) / tf.cast(tf.shape(image_HWC)[:2], tf.float32)
        smooth_NHWC = tf.raw_ops.ScaleAndTranslate(
            images=image_HWC[None], size=size, scale=scale, translation=(0.0, 0.0), kernel_type="triangle"
        )
        return tf.cast(tf.round(smooth_NHWC[0]), tf.uint8)

    fits = tf.reduce_all(tf.equal(tf.shape(image_HWC), image_shape))
    return tf.ensure_shape(tf.cond(fits, lambda: image_HWC, smooth), image_shape)
