"""A data set that is read back: its checks, its proof that it does not leak, and what is shown of it."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from cli.inspection import dataset, page
from estafet.errors import DataError
from estafet.records.manifest import Manifest, Overlap


def rows_of(found, title):
    (section,) = (section for section in found.sections if section.title.startswith(title))
    return section.rows


def test_a_sound_table_has_no_overlap_and_no_problem(table):
    seen = dataset.inspect(table(train=range(0, 10), validation=range(10, 12), test=range(12, 15)))

    assert (seen.leak.num_shared, seen.leak.num_compared, seen.problems) == (0, 15, [])
    assert dataset.findings(seen, 5).verdict.startswith("overlap 0")


def test_a_duplicate_in_two_splits_is_counted_on_both_sides_and_named(table):
    """Ages 1 and 9 of the training split come again: four records of 13 have a duplicate on the other side."""
    seen = dataset.inspect(table(train=range(0, 10), validation=[20], test=[9, 1], overlap=Overlap(examples=4)))

    assert (seen.leak.num_shared, seen.leak.num_compared, seen.problems) == (4, 13, [])
    assert sorted(case.replace(",", "").split(" = ")[1][:4] for case in seen.leak.first) == ["test", "test"]
    assert dataset.findings(seen, 5).tone == "warn"


def test_duplicates_inside_one_split_are_no_leak(table):
    assert dataset.inspect(table(train=[1, 1, 1], validation=[2, 2], test=[3])).leak.num_shared == 0


def test_a_leak_that_the_manifest_denies_is_a_problem(table):
    seen = dataset.inspect(table(train=range(0, 10), validation=[20], test=[9]))

    assert "2 examples that are also in another split, and the manifest says 0" in seen.problems[0]
    assert dataset.findings(seen, 5).tone == "bad"


def test_folds_are_compared_with_each_other_and_with_the_test_split(table):
    parts = {"fold-0": [1, 2], "fold-1": [3, 4], "fold-2": [5, 1], "test": [7]}

    seen = dataset.inspect(table(folds=("fold-0", "fold-1", "fold-2"), **parts))

    assert [part.name for part in seen.parts] == ["fold-0", "fold-1", "fold-2", "test"]
    assert (seen.leak.num_shared, seen.leak.num_compared) == (2, 7)


def test_records_are_shown_by_the_names_of_their_columns(table):
    seen = dataset.inspect(table(train=[3, 4], validation=[], test=[5], compression="gzip"))

    assert rows_of(dataset.findings(seen, 1), "Sample")[0] == {
        "ill": "yes", "age": 3.0, "dose": None, "visits": 3, "animal": None,
    }  # fmt: skip


def test_a_shard_with_one_changed_byte_is_found_and_the_rest_still_shown(table):
    folder = table(train=range(0, 10), validation=[20], test=[21])
    shard = next(folder.glob("train-00001*"))
    content = bytearray(shard.read_bytes())
    content[40] ^= 1
    shard.write_bytes(content)

    seen = dataset.inspect(folder)
    found = dataset.findings(seen, 5)

    assert [check.shard.file for check in seen.checks if check.problem] == [shard.name]
    assert seen.leak is None and found.tone == "bad" and shard.name in seen.problems[0]
    assert rows_of(found, "Shards")[0]["check"] != "right"


def test_a_whole_shard_from_elsewhere_is_told_by_its_checksum(table):
    """It holds as many records, of as many bytes; only the file's checksum differs."""
    folder, other = table(train=[1], validation=[2], test=[3]), table(name="other", train=[1], validation=[4], test=[3])
    next(folder.glob("validation-*")).write_bytes(next(other.glob("validation-*")).read_bytes())

    assert "CRC32C" in dataset.inspect(folder).problems[0]


def test_a_shard_of_something_else_is_no_reason_to_break_down(table, images):
    """Rows of a table in place of images: sound records, without the key that an image needs."""
    folder, other = images(train=[1], test=[200]), table(train=[1], validation=[2], test=[3])
    next(folder.glob("test-*")).write_bytes(next(other.glob("test-*")).read_bytes())

    assert "is not as the manifest says" in dataset.inspect(folder).problems[0]


def test_a_missing_shard_is_said_to_be_missing(table):
    folder = table(train=[1], validation=[2], test=[3])
    next(folder.glob("test-*")).unlink()

    assert dataset.inspect(folder).problems[0].endswith("is missing")


def test_a_folder_without_a_manifest_is_no_data_set(tmp_path):
    with pytest.raises(DataError, match=r"has no manifest\.json"):
        dataset.inspect(tmp_path)


def test_training_windows_that_share_a_step_with_a_held_out_window_are_counted(series):
    """Windows of 5 steps: those of train that start at 4 and 5 of 10 steps reach step 8 or 9, which `test` looks at."""
    folder = series(train={"a": (0, 10)}, validation={"a": (30, 36)}, test={"a": (8, 20)}, context=3)

    seen = dataset.inspect(folder)

    assert (seen.leak.num_shared, seen.leak.num_compared) == (2, 6)
    assert "from 2020-01-01 04:00 of a shares 1 of its 5 steps" in seen.leak.first[0]


def test_a_step_that_no_window_looks_at_is_no_leak(series):
    """Of five steps of context the windows look back on three, and so not on the two that train has as well."""
    seen = dataset.inspect(series(train={"a": (0, 10)}, validation={"a": (30, 40)}, test={"a": (8, 20)}, context=5))

    assert (seen.leak.num_shared, seen.leak.num_compared) == (0, 6)


def test_the_same_hours_of_another_series_are_no_leak(series):
    seen = dataset.inspect(series(train={"a": (0, 10)}, validation={"b": (0, 10)}, test={"c": (0, 10)}))

    assert (seen.leak.num_shared, seen.problems) == (0, [])


def test_series_are_listed_with_their_own_steps_in_each_split(series):
    """The three steps that `test` only looks back on count for nobody."""
    folder = series(train={"a": (0, 10), "b": (5, 25)}, validation={"a": (15, 25)}, test={"b": (40, 50)}, context=3)

    rows = rows_of(dataset.findings(dataset.inspect(folder), 5), "Series")

    assert rows[0] == {"series": "a", "from": "2020-01-01", "to": "2020-01-02", "train": 10, "validation": 7}
    assert rows[1]["test"] == 7


def test_the_same_picture_under_two_labels_is_a_leak(images):
    """What makes two images the same is their files, whoever labelled them."""
    sound = dataset.inspect(images(train=[10, 120, 130], validation=[20], test=[140]))
    leaking = dataset.inspect(images(name="mislabelled", train=[10, 120, 130], test=[120], labels={"test": [0]}))

    assert (sound.leak.num_shared, sound.parts[0].class_counts) == (0, [1, 2])
    assert leaking.leak.num_shared == 2


def test_the_page_holds_a_row_of_images_for_each_class(images):
    found = dataset.findings(dataset.inspect(images(train=[10, 20, 120], validation=[30], test=[140])), 5)
    (section,) = (section for section in found.sections if section.title == "Images")
    ((markup, _),) = section.drawings
    strips = [Image.open(io.BytesIO(base64.b64decode(png))) for png in re.findall(r"base64,([^\"]+)", markup)]

    assert [strip.getpixel((48, 48))[:3] for strip in strips] == [(10, 10, 10), (120, 120, 120)]
    assert markup in page.build(found).html()


def test_a_manifest_of_other_contents_is_not_believed(table):
    """The counts are taken from the shards, not from the manifest."""
    folder = table(train=[1, 2], validation=[3], test=[4])
    manifest = Manifest.load(folder)
    shards = manifest.splits["train"].shards
    wrong = shards[0].model_copy(update={"num_examples": shards[0].num_examples + 1})
    split = manifest.splits["train"].model_copy(update={"shards": (wrong, *shards[1:])})
    manifest.model_copy(update={"splits": {**manifest.splits, "train": split}}).save(folder)

    assert "records, and the manifest says" in dataset.inspect(folder).problems[0]
