"""Images come out byte for byte, divided by their contents, whatever the number of threads."""

import hashlib

import numpy as np
import pytest

from components.ingest import step
from components.ingest.images import passes
from components.ingest.images.record import framed_image
from estafet.errors import DataError
from estafet.records.verify import read_frames
from estafet.source_schema import SourceSchema


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def sizes(manifest):
    return {name: split.num_examples for name, split in manifest.splits.items()}


@pytest.mark.parametrize("num_bytes", [0, 1, 100, 127, 128, 16_383, 16_384, 70_000])
@pytest.mark.parametrize("label", [0, 1, 127, 128, 70_000])
def test_a_record_is_what_tensorflow_reads(tmp_path, num_bytes, label):
    import tensorflow as tf

    content = np.random.default_rng(num_bytes).bytes(num_bytes)
    (tmp_path / "x").write_bytes(b"".join(framed_image(content, label)))

    ((_, record),) = read_frames(tmp_path / "x")
    (by_tensorflow,) = tf.data.TFRecordDataset(str(tmp_path / "x")).as_numpy_iterator()
    expected = tf.train.Example()
    expected.features.feature["image"].bytes_list.value.append(content)
    expected.features.feature["label"].int64_list.value.append(label)
    assert record == by_tensorflow
    assert tf.train.Example.FromString(record) == expected


@pytest.mark.parametrize("split", [{}, {"by": "stratified"}, {"k_folds": 3}])
def test_threads_change_nothing(animals, ingested, split):
    (_, one), (_, three) = (ingested(animals, split=split, num_threads=n) for n in (1, 3))

    assert contents(one) == contents(three)


def test_images_come_out_as_they_came(animals, ingested, records):
    (animals / "cat" / "00.jpg").rename(animals / "cat" / "named wrongly.png")

    manifest, folder = ingested(animals)

    found = [record for split in manifest.splits.values() for record in records(folder, split)]
    assert sorted(found) == sorted((path.read_bytes(), int(path.parent.name == "dog")) for path in animals.rglob("*.*"))
    assert manifest.image_shape == (8, 8, 3)
    assert manifest.splits["train"].class_counts == tuple(
        np.bincount([y for _, y in records(folder, manifest.splits["train"])])
    )


def test_names_and_order_do_not_count_but_contents_do(animals, ingested):
    first, _ = ingested(animals)
    for i, path in enumerate(sorted(animals.rglob("*.jpg"))):
        path.rename(path.with_name(f"renamed-{97 * i % 60}.jpg"))
    renamed, _ = ingested(animals)
    (animals / "cat" / "renamed-0.jpg").unlink()
    fewer, _ = ingested(animals)

    assert renamed.version == first.version
    assert fewer.version != first.version


def test_another_class_of_the_same_image_is_another_data_set(animals, ingested):
    first, _ = ingested(animals)
    cat, dog = animals / "cat" / "00.jpg", animals / "dog" / "00.jpg"
    swapped = cat.read_bytes(), dog.read_bytes()
    dog.write_bytes(swapped[0])
    cat.write_bytes(swapped[1])
    second, _ = ingested(animals)

    assert first.splits["train"].num_examples == second.splits["train"].num_examples
    assert second.version != first.version


def test_copies_fall_into_one_split_and_are_counted(animals, ingested):
    for path in sorted(animals.rglob("*.jpg")):
        path.with_suffix(".jpeg").write_bytes(path.read_bytes())

    manifest, _ = ingested(animals)

    assert sum(sizes(manifest).values()) == 120
    assert all(count % 2 == 0 for count in sizes(manifest).values())
    assert manifest.num_duplicates == 60
    assert manifest.overlap.examples == 0


def test_a_group_that_holds_a_copy_of_another_shows_as_overlap(tmp_path, jpeg, ingested):
    """Twenty groups of one and the same image each: they cannot all be in one split."""
    root = tmp_path / "copies"
    root.mkdir()
    lines = ["file,label,group"]
    for i in range(20):
        (root / f"{i}.jpg").write_bytes(jpeg(i % 2, size=(8, 8)))
        lines.append(f"{i}.jpg,{i % 2},{i}")
    (tmp_path / "l.csv").write_text("\n".join(lines))
    split = {"group_by": "group", "train": 0.5, "validation": 0.25, "test": 0.25}

    manifest, _ = ingested(root, labels=str(tmp_path / "l.csv"), split=split)

    assert manifest.overlap.examples == 20
    assert manifest.overlap.groups == 0


def test_adding_images_moves_none(animals, ingested, records, jpeg):
    before, folder = ingested(animals)
    where = {image: name for name, split in before.splits.items() for image, _ in records(folder, split)}
    for i in range(30):
        (animals / "dog" / f"new-{i}.jpg").write_bytes(jpeg(1000 + i, size=(8, 8)))
    after, folder = ingested(animals)

    now = {image: name for name, split in after.splits.items() for image, _ in records(folder, split)}
    assert len(now) == 90
    assert {image: now[image] for image in where} == where


def test_a_stratified_split_has_the_exact_shares_of_each_class(animals, ingested):
    manifest, _ = ingested(animals, split={"by": "stratified", "train": 0.5, "validation": 0.2, "test": 0.3})

    assert {name: split.class_counts for name, split in manifest.splits.items()} == {
        "train": (15, 15),
        "validation": (6, 6),
        "test": (9, 9),
    }


def test_the_first_part_of_a_split_has_all_classes(animals, ingested, records):
    manifest, folder = ingested(animals)

    labels = [label for _, label in records(folder, manifest.splits["train"])]
    assert set(labels[:4]) == {0, 1}
    assert abs(2 * sum(labels[:20]) - 20) <= 8
    assert labels != sorted(labels)


def test_folds_are_shards_of_their_own(animals, ingested, records):
    manifest, folder = ingested(animals, split={"k_folds": 4})

    assert len(manifest.folds) == 4
    assert manifest.splits["validation"] == manifest.folds[0]
    of_folds = [record for fold in manifest.folds[1:] for record in records(folder, fold)]
    assert records(folder, manifest.splits["train"]) == of_folds
    assert sum(sizes(manifest).values()) == 60


def test_damaged_images_are_kept_aside_with_their_reasons(animals, ingested):
    cut = (animals / "cat" / "03.jpg").read_bytes()[:-9]
    (animals / "cat" / "03.jpg").write_bytes(cut)
    (animals / "dog" / "04.jpg").write_bytes(b"")

    for split in ({}, {"by": "stratified"}):
        manifest, folder = ingested(animals, on_anomaly="quarantine", split=split)

        assert sum(sizes(manifest).values()) == 58
        assert {bad.where for bad in manifest.bad_examples} == {"cat/03.jpg", "dog/04.jpg"}
        assert cut in [path.read_bytes() for path in (folder / "quarantine" / "images").iterdir()]


def test_a_class_of_which_no_image_is_left(animals, ingested):
    for path in (animals / "dog").iterdir():
        path.write_bytes(b"no image")

    with pytest.raises(DataError, match="no image of 1 of the 2 classes can be used: 'dog'"):
        ingested(animals, on_anomaly="quarantine")


def test_pinned_bounds_are_kept_to(animals, ingested, jpeg):
    (animals / "cat" / "large.jpg").write_bytes(jpeg(5, size=(9, 8)))
    (animals / "cat" / "grey.jpg").write_bytes(jpeg(6, mode="L", size=(8, 8)))
    pinned = {"expected": SourceSchema(images={"max_width": 8, "channels": (3,)}).model_dump()}

    with pytest.raises(DataError, match=r"cat/large\.jpg: its width of 9 pixels is above 8"):
        ingested(animals, **pinned)
    left_out, _ = ingested(animals, on_anomaly="quarantine", **pinned)
    used, _ = ingested(animals, on_anomaly="ignore", **pinned)

    assert (sum(sizes(left_out).values()), sum(sizes(used).values())) == (60, 62)
    assert [(found.kind, found.count) for found in used.anomalies] == [("image_size", 2)]
    assert used.num_bad_examples == 0


def test_what_images_are_like_is_written_down(animals, ingested, jpeg):
    (animals / "cat" / "large.jpg").write_bytes(jpeg(5, size=(90, 70)))
    (animals / "dog" / "grey.jpg").write_bytes(jpeg(6, mode="L", size=(8, 8)))

    _, folder = ingested(animals)

    bounds = SourceSchema.load(folder / "schema.json").images
    assert (bounds.min_height, bounds.max_height, bounds.min_width, bounds.max_width) == (8, 70, 8, 90)
    assert bounds.channels == (1, 3)


def test_of_many_images_only_the_first_are_decoded(animals, ingested, png, monkeypatch):
    """Damaged pixels in a whole file: found by decoding all, and of more than the limit only among the first."""
    for path in animals.rglob("*.jpg"):
        path.write_bytes(png(size=(8, 8), rows=bytes(20)) + path.read_bytes())
    monkeypatch.setattr(passes, "NUM_DECODED", 16)

    with pytest.raises(DataError, match="60 of 60 images cannot be used"):
        ingested(animals)
    monkeypatch.setattr(passes, "MAX_DECODED", 50)
    some, _ = ingested(animals, on_anomaly="quarantine")
    none, _ = ingested(animals, check_images="structure")

    assert (some.num_bad_examples, none.num_bad_examples) == (16, 0)


def test_arrays_have_the_same_version_whatever_packs_their_pixels(ingested, tmp_path, monkeypatch):
    """The PNG file that an image becomes depends on the release of zlib, and the version does not."""
    from PIL import Image

    x = np.random.default_rng(0).integers(0, 256, (60, 5, 4), dtype=np.uint8)
    np.savez(tmp_path / "m.npz", x=x, y=np.arange(60) % 2)
    first, _ = ingested(tmp_path / "m.npz")
    save = Image.Image.save
    monkeypatch.setattr(Image.Image, "save", lambda self, file, **given: save(self, file, **given, compress_level=0))
    second, _ = ingested(tmp_path / "m.npz")

    assert second.splits["train"].shards != first.splits["train"].shards
    assert second.version == first.version


def test_an_image_that_changes_between_two_passes(animals, ingested, monkeypatch):
    """A stratified split reads twice; what is written must be what was checked and divided."""
    examine = passes.Passes.examine

    def examine_and_change(self, *given):
        examine(self, *given)
        (animals / "cat" / "07.jpg").write_bytes((animals / "cat" / "08.jpg").read_bytes())

    monkeypatch.setattr(passes.Passes, "examine", examine_and_change)

    with pytest.raises(DataError, match=r"changed while they were read: 'cat/07\.jpg' has other contents"):
        ingested(animals, split={"by": "stratified"})


def test_arrays_without_images(ingested, tmp_path):
    np.savez(tmp_path / "m.npz", x=np.zeros((0, 5, 4), np.uint8), y=np.zeros(0, np.int64))

    with pytest.raises(DataError, match="holds no images"):
        ingested(tmp_path / "m.npz")


@pytest.mark.parametrize(("mean_bytes", "num_images"), [(20_000, 32), (1 << 20, 4), (50 << 20, 1), (0, 32)])
def test_large_images_are_read_a_few_at_a_time(mean_bytes, num_images):
    class Sized:
        def num_bytes(self, number):
            return mean_bytes

    assert passes._num_at_once(Sized(), [0, 1]) == num_images


def test_progress_goes_from_the_listing_to_the_last_image(animals, settings, tmp_path):
    said = []
    step.ingest(
        settings("image_classification", animals, split={"by": "stratified"}),
        tmp_path / "out",
        progress=lambda message, done=None, total=None: said.append((message.partition(",")[0], done, total)),
    )

    assert [entry for entry in said if entry[1] in (None, 60)][-3:] == [
        ("listing images", None, None),
        ("checking images", 60, 60),
        ("writing images", 60, 60),
    ]


def test_labels_of_arrays_that_are_floats(ingested, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "m.npz", x=images, y=np.where(np.arange(60) % 2, 1.5, 1.0))
    np.savez(tmp_path / "n.npz", x=images, y=np.where(np.arange(60) % 20 == 7, np.nan, 1.0))

    assert ingested(tmp_path / "m.npz")[0].data_schema.label.classes == ("1", "1.5")
    with pytest.raises(DataError, match=r"3 of 60 images in '.*n\.npz' have no label, the first being row 8"):
        ingested(tmp_path / "n.npz")


@pytest.mark.parametrize("by", ["hash", "stratified"])
def test_progress_says_how_fast_it_is_and_how_much_is_written(animals, settings, tmp_path, by):
    """The shards take some kilobytes: what is said last is their size, in two digits or more."""
    said = []

    manifest = step.ingest(
        settings("image_classification", animals, split={"by": by}),
        tmp_path / "out",
        progress=lambda message, done=None, total=None: said.append(message),
    )

    rate, _, size = said[-1].partition(" · ")
    assert rate.startswith("writing images, ") and rate.endswith(" a second")
    num_bytes = sum(shard.num_bytes for split in manifest.splits.values() for shard in split.shards)
    assert float(size.removesuffix("kB")) == pytest.approx(num_bytes / 1000, rel=0.06)
