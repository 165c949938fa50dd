"""Claim: our reader gives 1.6 times the images per CPU-second of a plain pipeline, and a second epoch in a twentieth.

Both sides in the same run, from shards that the project's own writer wrote, 256×256 JPEGs of about 20 kB. The four rows
are those of the usual table (plain; parallel map; interleave; both): decode, resize to 224×224, cast to float. Ours
gives uint8 pixels in the size that they were stored in; the model casts. Beside it stands plain without resizing, so
that it is seen what is won by which. Then come images that are wanted at half and at a quarter of their size, where the
JPEG decoder scales, beside plain at the same size (which aliases, unless it is told not to); and last the second epoch
beside the first: in order, which gives the batches that the first has made, and shuffled, which must copy every image
into a new batch.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from claim import conclude, parse
from PIL import Image

from estafet.records import reading
from estafet.records.encoding import encode
from estafet.records.manifest import Manifest, Split
from estafet.records.shards import ShardWriter
from estafet.schema import Label, Schema

GOAL = 1.6
GOAL_SECOND_EPOCH = 20
SIDE = 256
USUAL_SIDE = 224
BATCH_SIZE = 32
NUM_SHARDS = 8
NUM_DIFFERENT = 32


def main() -> None:
    """Measure all ways, and compare their images per CPU-second."""
    num_images = 1024 if parse(__doc__ or "").quick else 2048
    with tempfile.TemporaryDirectory(prefix="estafet-read-images-") as name:
        folder = write(Path(name), num_images)
        rates = {}
        for what, options in {
            "plain": {},
            "parallel map": {"parallel": True},
            "interleave": {"interleave": True},
            "both": {"parallel": True, "interleave": True},
        }.items():
            rates[what] = measure(what, usual(folder, USUAL_SIDE, **options), num_images)
        rates["plain, not resized"] = measure("plain, not resized", usual(folder, SIDE), num_images)
        rates["ours"] = measure("ours", read(folder, SIDE, cache=False), num_images, rates["plain"])
        scaled = {}
        for side in (SIDE // 2, SIDE // 4):
            size = f"{side}×{side}"
            plain = measure(f"plain, {size}", usual(folder, side), num_images)
            smooth = measure(f"plain, {size}, antialiased", usual(folder, side, antialias=True), num_images)
            ours = measure(f"ours, {size}", read(folder, side, cache=False), num_images, plain)
            scaled[size] = {"plain": round(ours / plain, 2), "antialiased as ours": round(ours / smooth, 2)}
        again = {}
        for order, shuffle in (("in order", False), ("shuffled", True)):
            cached = read(folder, SIDE, shuffle=shuffle)
            first = measure(f"ours, {order}, first epoch", cached, num_images, times=1)
            again[order] = round(measure(f"ours, {order}, from memory", cached, num_images, first) / first)
    value = {"times": round(rates["ours"] / rates["plain"], 2), "second_epoch": again["in order"]}
    holds = value["times"] >= GOAL and value["second_epoch"] >= GOAL_SECOND_EPOCH
    value |= {
        "second_epoch_shuffled": again["shuffled"],
        "scaled_by_decoder": scaled,
        "images_per_cpu_s": {what: round(rate) for what, rate in rates.items()},
    }
    claim = f"images are read at {GOAL} times the efficiency of a plain pipeline, a second epoch in a twentieth"
    conclude(claim, value, {"times": GOAL, "second_epoch": GOAL_SECOND_EPOCH}, holds)


def write(folder: Path, num_images: int) -> Path:
    """Write JPEGs of random clouds, about as hard to decode as photographs, as a data set."""
    files = [photograph(seed) for seed in range(NUM_DIFFERENT)]
    with ShardWriter(folder, "train", shard_bytes=num_images * len(files[0]) // NUM_SHARDS) as writer:
        for i in range(num_images):
            image = np.empty((1, 1), dtype=object)
            image[0, 0] = files[i % NUM_DIFFERENT]
            writer.write(encode({"image": image, "label": np.array([i % 2])}), 1)
    Manifest(
        task="image_classification",
        version="0",
        splits={"train": Split(shards=writer.shards, num_examples=num_images)},
        data_schema=Schema(label=Label(name="label", classes=("no", "yes"))),
        image_shape=(SIDE, SIDE, 3),
    ).save(folder)
    return folder


def photograph(seed: int) -> bytes:
    """Return a JPEG file whose power falls with the frequency, and whose colours are faint, as in natural images."""
    random, planes = np.random.default_rng(seed), []
    frequencies = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    frequencies[0, 0] = 1
    for contrast in (50, 12, 12):
        plane = np.fft.irfft2(np.fft.rfft2(random.normal(size=(SIDE, SIDE))) / frequencies**1.4, (SIDE, SIDE))
        planes.append(128 + contrast * plane / plane.std())
    buffer = io.BytesIO()
    pixels_HWC = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    Image.fromarray(pixels_HWC, "YCbCr").save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def usual(
    folder: Path, side: int, *, parallel: bool = False, interleave: bool = False, antialias: bool = False
) -> tf.data.Dataset:
    """Return the images as most code reads them: decoded, resized and cast to float, one by one."""
    layout = {"image": tf.io.FixedLenFeature((), tf.string), "label": tf.io.FixedLenFeature((), tf.int64)}

    def decode(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(record, layout)
        pixels_HWC = tf.io.decode_jpeg(example["image"], channels=3)
        pixels_HWC = tf.image.resize(pixels_HWC, (side, side), antialias=antialias)
        return tf.cast(pixels_HWC, tf.float32) / 255, example["label"]

    files, many = sorted(map(str, folder.glob("*.tfrecord"))), tf.data.AUTOTUNE
    if interleave:
        records = tf.data.Dataset.from_tensor_slices(files)
        records = records.interleave(tf.data.TFRecordDataset, cycle_length=NUM_SHARDS, num_parallel_calls=many)
    else:
        records = tf.data.TFRecordDataset(files)
    return records.map(decode, num_parallel_calls=many if parallel else None).batch(BATCH_SIZE)


def read(folder: Path, side: int, **options: object) -> tf.data.Dataset:
    """Return the images as we read them, at another size than they were ingested for where `side` says so."""
    Manifest.load(folder).model_copy(update={"image_shape": (side, side, 3)}).save(folder)
    return reading.dataset(folder, "train", batch_size=BATCH_SIZE, **options)


def measure(what: str, data: Iterable, num_images: int, against: float | None = None, *, times: int = 3) -> float:
    """Read all images, some times over; return the most images per CPU-second of the whole process."""
    rates, walls_s = [], []
    for _ in range(times):
        started, cpu = time.perf_counter(), time.process_time()
        num_read = sum(len(labels) for _, labels in data)
        rates.append(num_images / (time.process_time() - cpu))
        walls_s.append(time.perf_counter() - started)
        assert num_read == num_images
    compared = f"{max(rates) / against:6.2f} times" if against else ""
    print(f"{what:34} {max(rates):10,.0f} images per CPU-second, {min(walls_s):6.2f} s {compared}", flush=True)
    return max(rates)


if __name__ == "__main__":
    main()
