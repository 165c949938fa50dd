"""Claim: JPEG files become a data set at 500 times the speed of the float-list way of the tutorials, 30 times smaller.

Ours is the whole step: listing, checking, digesting, splitting, writing, syncing. The other side, in the same run: one
image at a time is decoded, cast to float32 and written as a `FloatList` with a `TFRecordWriter`.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from claim import conclude, parse
from PIL import Image

from components.ingest import step

GOAL_TIMES, GOAL_TIMES_SMALLER = 500, 30
NUM_CLASSES = 10
NUM_FLOAT_LISTS = 20
NUM_PICTURES = 200
"""So many different pictures are made, and the others have the pixels of one of them and a comment of their own."""


def main() -> None:
    """Measure our step and the other way in turns, and compare the best of each."""
    quick = parse(__doc__ or "").quick
    num_images, num_rounds = (8_000, 3) if quick else (30_000, 8)
    with tempfile.TemporaryDirectory(prefix="estafet-images-") as folder:
        source, out, other = Path(folder) / "source", Path(folder) / "out", Path(folder) / "other.tfrecord"
        mean_bytes = make_images(source, num_images)
        print(f"{num_images:,} JPEG files of 256 x 256 pixels, {mean_bytes / 1e3:.1f} kB each")
        few = sorted(source.rglob("*.jpg"))[:NUM_FLOAT_LISTS]
        structure, decode, float_lists = measure(source, out, few, other, num_rounds)
        size = sum(path.stat().st_size for path in out.glob("*.tfrecord")) / num_images
        slow_size = other.stat().st_size / len(few)
    slow_rate = len(few) / float_lists
    for check, seconds in (("structure", structure), ("decode", decode)):
        rate = num_images / seconds
        print(f"estafet, {check:10} {rate:10,.0f} images/s {size:11,.0f} bytes each   ({rate / slow_rate:.0f} times)")
    print(f"float lists         {slow_rate:10,.1f} images/s {slow_size:11,.0f} bytes each")
    times, smaller = num_images / structure / slow_rate, slow_size / size
    conclude(
        f"images to TFRecord at ≥ {GOAL_TIMES} times the speed of float lists, ≥ {GOAL_TIMES_SMALLER} times smaller",
        {
            "times": round(times),
            "times_with_decoding": round(num_images / decode / slow_rate),
            "images_per_s": round(num_images / structure),
            "times_smaller": round(smaller, 1),
        },
        {"times": GOAL_TIMES, "times_smaller": GOAL_TIMES_SMALLER},
        times >= GOAL_TIMES and smaller >= GOAL_TIMES_SMALLER,
    )


def measure(source: Path, out: Path, few: list[Path], other: Path, num_rounds: int) -> tuple[float, float, float]:
    """Return the seconds of the best round: ours with each check, and float lists of a few images."""
    write_float_lists(few[:1], other)  # what the first call sets up does not count
    structure, float_lists = [], []
    for _ in range(num_rounds):
        float_lists.append(seconds(lambda: write_float_lists(few, other)))
        structure.append(seconds(lambda: ingest(source, out, "structure")))
    return min(structure), seconds(lambda: ingest(source, out, "decode")), min(float_lists)


def make_images(folder: Path, num_images: int) -> float:
    """Write JPEG files into folders by class, and return their mean size."""
    pictures = [picture(seed) for seed in range(NUM_PICTURES)]
    for label in range(NUM_CLASSES):
        (folder / f"class-{label}").mkdir(parents=True)
    for i in range(num_images):
        whole, comment = pictures[i % NUM_PICTURES], f"{i:010d}".encode()
        segment = b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment
        (folder / f"class-{i % NUM_CLASSES}" / f"{i:06d}.jpg").write_bytes(whole[:2] + segment + whole[2:])
    return float(np.mean([len(whole) + 14 for whole in pictures]))


def picture(seed: int) -> bytes:
    """Return a JPEG file with large shapes and a little noise, as a photograph has."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).resize((256, 256), Image.BICUBIC)
    noisy_HWC = np.asarray(shapes) + rng.normal(0, rng.uniform(6, 10), (256, 256, 3))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noisy_HWC, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def ingest(source: Path, out: Path, check: str) -> None:
    """Run the whole step into a new folder."""
    shutil.rmtree(out, ignore_errors=True)
    step.ingest(step.Settings(task="image_classification", source=str(source), check_images=check), out)


def write_float_lists(paths: list[Path], out: Path) -> None:
    """Write images as the tutorials do."""
    with tf.io.TFRecordWriter(str(out)) as writer:
        for path in paths:
            image_HWC = tf.cast(tf.io.decode_jpeg(tf.io.read_file(str(path)), channels=3), tf.float32).numpy()
            label = int(path.parent.name.removeprefix("class-"))
            features = {
                "image": tf.train.Feature(float_list=tf.train.FloatList(value=image_HWC.flatten())),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def seconds(run: Callable[[], None]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
