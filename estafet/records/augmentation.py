"""Images changed a little at random, whole batches at a time, so that a model sees no image twice in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estafet.errors import ConfigError
from estafet.runfile.tasks import Task
from estafet.runfile.train import Augment

if TYPE_CHECKING:
    import tensorflow as tf

    from estafet.records.stream import Order


def check(augment: Augment, task: Task) -> None:
    """Look whether a task's examples can be augmented so.

    Raises:
        ConfigError: They cannot.
    """
    if augment.is_on and task != Task.IMAGE_CLASSIFICATION:
        raise ConfigError(
            f"train.augment changes images, and {task} has none.", hint="remove train.augment from the run file."
        )


def apply(batches: tf.data.Dataset, augment: Augment, order: Order) -> tf.data.Dataset:
    """Change the images of all batches, as `augmented` does, with other seeds for each batch and epoch.

    Args:
        batches: Pairs of features and labels.
        augment: What may happen to the images; where it is nothing, the batches are returned as they are.
        order: Gives the seeds.
    """
    import tensorflow as tf

    from estafet.records.stream import NUM_CALLS

    if not augment.is_on_batches:
        return batches

    def change(batch: tuple[dict[str, tf.Tensor], tf.Tensor], seeds: tf.Tensor):
        features, labels = batch
        return {"image": augmented(features["image"], augment, seeds)}, labels

    return tf.data.Dataset.zip(batches, order.seeds()).map(change, num_parallel_calls=NUM_CALLS)


def augmented(images_NHWC: tf.Tensor, augment: Augment, seeds: tf.Tensor) -> tf.Tensor:
    """Return images changed at random, each in its own way; `augment.crop` is not among this, being the decoder's.

    Args:
        images_NHWC: uint8.
        augment: What may happen to them, and how much.
        seeds: int64 (2,); the same seeds change the same images in the same way.

    Returns:
        uint8 of the same shape.
    """
    import tensorflow as tf

    turned, moved, brighter, contrasted = tf.unstack(tf.random.split(tf.cast(seeds, tf.int32), 4))
    if augment.flip:
        images_NHWC = _flipped(images_NHWC, turned)
    if augment.shift:
        images_NHWC = _shifted(images_NHWC, augment.shift, moved)
    if not (augment.brightness or augment.contrast):
        return images_NHWC
    values_NHWC, num_images = tf.cast(images_NHWC, tf.float32), tf.shape(images_NHWC)[:1]
    if augment.contrast:
        factors_N = _uniform(num_images, augment.contrast, contrasted) + 1
        means_N = tf.reduce_mean(values_NHWC, axis=(1, 2, 3), keepdims=True)
        values_NHWC = means_N + (values_NHWC - means_N) * factors_N[:, None, None, None]
    if augment.brightness:
        values_NHWC += 255 * _uniform(num_images, augment.brightness, brighter)[:, None, None, None]
    return tf.cast(tf.clip_by_value(tf.round(values_NHWC), 0, 255), tf.uint8)


def _flipped(images_NHWC: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    is_turned_N = tf.random.stateless_uniform(tf.shape(images_NHWC)[:1], seeds) < 0.5
    return tf.where(is_turned_N[:, None, None, None], tf.reverse(images_NHWC, [2]), images_NHWC)


def _shifted(images_NHWC: tf.Tensor, share: float, seeds: tf.Tensor) -> tf.Tensor:
    """Move each image by up to a share of its height and width; what comes in repeats the edge."""
    import tensorflow as tf

    num_images, *size = images_NHWC.shape
    num_images = tf.shape(images_NHWC)[0]
    for axis, (length, seed) in enumerate(zip(size[:2], tf.unstack(tf.random.split(seeds, 2)), strict=True), start=1):
        steps_N = tf.cast(tf.round(_uniform((num_images,), share, seed) * length), tf.int32)
        places_NL = tf.clip_by_value(tf.range(length)[None, :] + steps_N[:, None], 0, length - 1)
        images_NHWC = tf.gather(images_NHWC, places_NL, axis=axis, batch_dims=1)
    return images_NHWC


def _uniform(shape: tuple | tf.Tensor, limit: float, seeds: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.random.stateless_uniform(shape, seeds, -limit, limit)
