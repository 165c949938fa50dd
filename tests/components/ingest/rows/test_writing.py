"""A table as a data set: the same one however it was read, with nothing lost and nothing in two splits."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from components.ingest import step
from components.ingest.rows import spool
from estafet.errors import ConfigError, DataError
from estafet.records.decoding import decode
from estafet.records.manifest import Manifest
from estafet.records.verify import read_frames


def table(num_rows=3000, seed=0):
    """Numbers with gaps, whole numbers with and without gaps, truth values, words, patients and three classes."""
    rng = np.random.default_rng(seed)
    width = np.where(rng.random(num_rows) < 0.1, None, rng.normal(size=num_rows).round(4))
    return pa.table(
        {
            "width": pa.array(width.tolist(), pa.float64()),
            "height": rng.normal(10, 3, num_rows).astype(np.float32),
            "visits": rng.integers(-3, 900, num_rows),
            "age": pa.array(np.where(rng.random(num_rows) < 0.2, None, rng.integers(0, 99, num_rows)).tolist()),
            "smokes": rng.random(num_rows) < 0.5,
            "town": rng.choice(["Łódź", "Köln", ""], num_rows),
            "patient": rng.integers(0, num_rows // 10, num_rows),
            "y": rng.choice(["a", "b", "c"], num_rows, p=[0.7, 0.25, 0.05]),
        }
    )


@pytest.fixture
def ingested(tmp_path):
    """Return a function that writes a table as Parquet, ingests it and gives the manifest."""

    def ingest(columns, out="out", task="tabular_classification", num_threads=2, **values):
        source = tmp_path / f"{out}.parquet"
        parquet.write_table(columns, source, row_group_size=values.pop("row_group_size", 700))
        settings = step.Settings(task=task, source=str(source), **{"label": "y", **values})
        return step.ingest(settings, tmp_path / out, num_threads=num_threads)

    return ingest


def read_split(folder, split):
    """Read a split with TensorFlow's own parser, key by key."""
    import tensorflow as tf

    manifest = Manifest.load(folder)
    files = [str(folder / shard.file) for shard in manifest.splits[split].shards]
    rows = []
    for record in tf.data.TFRecordDataset(files, compression_type=manifest.compression.upper().replace("NONE", "")):
        example = tf.train.Example.FromString(record.numpy()).features.feature
        rows.append({name: list(getattr(value, value.WhichOneof("kind")).value) for name, value in example.items()})
    return rows


def test_every_value_comes_back_as_it_was(ingested, tmp_path):
    """Sorted by their numbers, the records of all splits are the rows of the table."""
    columns = table(500)

    manifest = ingested(columns, split={"group_by": "patient"})

    schema = manifest.data_schema
    assert [(f.name, f.storage) for f in schema.numeric] == [
        ("width", "float"), ("height", "float"), ("age", "float"), ("visits", "int"), ("smokes", "int")
    ]  # fmt: skip
    found = sorted(
        (
            *np.nan_to_num(row["numeric"], nan=-1).tolist(),
            *row["integers"],
            row["categorical"][0].decode(),
            row["label"][0],
        )
        for split in ("train", "validation", "test")
        for row in read_split(tmp_path / "out", split)
    )
    expected = sorted(
        (
            float(np.float32(-1 if row["width"] is None else row["width"])),
            row["height"],
            -1.0 if row["age"] is None else float(row["age"]),
            row["visits"],
            int(row["smokes"]),
            row["town"],
            "abc".index(row["y"]),
        )
        for row in columns.to_pylist()
    )
    assert found == expected


def test_the_version_and_the_bytes_do_not_depend_on_threads_or_memory(ingested, monkeypatch):
    first = ingested(table(), num_threads=1)
    threaded = ingested(table(), num_threads=4)
    assert (threaded.version, crc32cs(threaded)) == (first.version, crc32cs(first))

    monkeypatch.setattr(spool, "MEMORY_BYTES", 20_000)
    spooled = ingested(table(), num_threads=2)
    assert spooled.version == first.version


def test_nor_does_the_version_depend_on_the_format_the_order_or_the_shards(ingested, tmp_path):
    columns = table(400).drop_columns(["smokes"])  # a CSV file has no truth values that Arrow would not find
    shuffled = columns.take(pa.array(np.random.default_rng(1).permutation(400)))
    path = tmp_path / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns.column_names)
        writer.writerows([["" if v is None else repr(v) if isinstance(v, float) else v for v in row.values()]
                          for row in columns.to_pylist()])  # fmt: skip
    settings = step.Settings(task="tabular_classification", source=str(path), label="y")

    version = ingested(columns).version

    assert ingested(shuffled, shard_mb=0.001, row_group_size=33).version == version
    assert ingested(columns, compression="gzip", layout="columns").version == version
    assert step.ingest(settings, tmp_path / "from_csv").version == version
    assert ingested(columns.slice(1)).version != version
    assert ingested(columns, split={"seed": 1}).version != version


def test_adding_rows_and_a_late_value_never_moves_an_old_row(ingested, tmp_path):
    """`visits` becomes a column of fractions, and `age` one without gaps; each old row stays where it was."""

    def places(name):
        found = {}
        for split in ("train", "validation", "test"):
            for row in read_split(tmp_path / name, split):
                found[round(row["numeric"][0], 5)] = split
        return found

    old = table(600).select(["height", "visits", "y"])
    more = table(300, seed=5).select(["height", "visits", "y"])
    visits = pa.concat_arrays([old["visits"].combine_chunks(), more["visits"].combine_chunks()]).cast(pa.float64())
    visits = pa.array([*visits.to_pylist()[:-1], 0.5])
    together = pa.concat_tables([old, more]).set_column(1, "visits", visits)

    ingested(old, out="old")
    ingested(together, out="new")

    before, after = places("old"), places("new")
    assert len(before) > 590
    assert all(after[height] == split for height, split in before.items())


def test_duplicates_fall_into_one_split_and_are_counted(ingested):
    """Three hundred different rows, each five times: 1,200 repeat an earlier one."""
    columns = pa.concat_tables([table(300)] * 5)

    manifest = ingested(columns)

    assert manifest.num_duplicates == 1200
    assert manifest.overlap.examples == 0
    assert all(split.num_examples % 5 == 0 for split in manifest.splits.values())


def test_a_group_stays_together(ingested, tmp_path):
    columns = table()
    manifest = ingested(columns, split={"group_by": "patient"})

    assert "patient" not in [feature.name for feature in manifest.data_schema.numeric]
    assert manifest.overlap.groups == 0
    # Two rows have the same height, so the visits tell rows apart too.
    keys = zip(columns["height"].to_pylist(), columns["visits"].to_pylist(), strict=True)
    patient_of = dict(zip(keys, columns["patient"].to_pylist(), strict=True))
    patients = [
        {patient_of[row["numeric"][1], row["integers"][0]] for row in read_split(tmp_path / "out", split)}
        for split in ("train", "validation", "test")
    ]
    assert all(patients)
    assert not (patients[0] & patients[1] or patients[0] & patients[2] or patients[1] & patients[2])


def test_rows_without_a_group_are_anomalies(ingested):
    columns = table(300)
    groups = pa.array([None, *columns["patient"].to_pylist()[1:]])

    with pytest.raises(DataError, match="row 1: patient: its group is missing"):
        ingested(columns.set_column(6, "patient", groups), split={"group_by": "patient"})


def test_a_stratified_split_has_each_class_in_its_share(ingested):
    columns = table()
    totals = [columns["y"].to_pylist().count(name) for name in "abc"]

    manifest = ingested(columns, split={"by": "stratified"})

    for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert manifest.splits[split].class_counts == pytest.approx([share * total for total in totals], abs=1)


def test_folds_are_parts_of_their_own_and_default_to_train_and_validation(ingested):
    manifest = ingested(table(), split={"k_folds": 4})

    assert len(manifest.folds) == 4
    assert manifest.splits["validation"] == manifest.folds[0]
    assert manifest.splits["train"].shards == tuple(s for fold in manifest.folds[1:] for s in fold.shards)
    assert sum(fold.num_examples for fold in manifest.folds) + manifest.splits["test"].num_examples == 3000
    names = {shard.file for fold in manifest.folds for shard in fold.shards}
    assert len(names) == 4


def test_by_time_the_newest_rows_are_held_out_and_those_of_one_time_stay_together(ingested, tmp_path):
    """Twenty days of fifty rows each, unsorted: the last two days are the test split, the two before validation."""
    days = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 50))
    columns = table(1000).append_column("day", pa.array(days)).select(["height", "day", "y"])

    manifest = ingested(columns, time="day", split={"by": "time"})

    assert {name: split.num_examples for name, split in manifest.splits.items()} == {
        "train": 800, "validation": 100, "test": 100
    }  # fmt: skip
    day_of = dict(zip(columns["height"].to_pylist(), days.tolist(), strict=True))
    for split, expected in (("train", range(16)), ("validation", (16, 17)), ("test", (18, 19))):
        assert {day_of[row["numeric"][0]] for row in read_split(tmp_path / "out", split)} == set(expected)


def test_dates_whose_form_shows_only_late_are_read_as_one_column(ingested, tmp_path):
    """Day first, as the 13th to the 25th show, though the first batches hold days up to the 12th alone."""
    days = np.repeat(np.arange(1, 26), 40)
    columns = table(1000).append_column("day", pa.array([f"{day:02}/03/2026" for day in days]))

    manifest = ingested(columns.select(["height", "day", "y"]), time="day", split={"by": "time"}, row_group_size=100)

    assert manifest.splits["test"].num_examples == 120  # 2.5 days are rounded up to whole ones
    day_of = dict(zip(columns["height"].to_pylist(), days.tolist(), strict=True))
    assert {day_of[row["numeric"][0]] for row in read_split(tmp_path / "out", "test")} == {23, 24, 25}


def test_rows_without_a_time_are_anomalies(ingested):
    columns = table(100).append_column("day", pa.array([None, *range(99)]))

    with pytest.raises(DataError, match=r"1 of 100 rows cannot be used \(out.parquet row 1: day: the time is missing"):
        ingested(columns, time="day", split={"by": "time"})


def test_the_lowest_whole_number_is_not_taken_for_a_missing_one_without_a_word(ingested):
    columns = table(100).select(["height", "y"]).append_column("low", pa.array([-(2**63), *range(99)]))

    with pytest.raises(DataError, match="low: -9223372036854775808 is too low"):
        ingested(columns)


def test_any_first_part_of_a_split_is_stratified(ingested, tmp_path):
    manifest = ingested(table())

    labels = np.array([row["label"][0] for row in read_split(tmp_path / "out", "train")])
    shares = np.bincount(labels) / len(labels)
    assert tuple(np.bincount(labels)) == manifest.splits["train"].class_counts
    for end in (20, 100, 1000):
        assert np.bincount(labels[:end], minlength=3) == pytest.approx(shares * end, abs=2.01)
    assert set(labels[:3]) == {0, 1, 2}


def test_the_statistics_are_those_of_the_training_split_alone(ingested, tmp_path):
    manifest = ingested(table())

    rows = read_split(tmp_path / "out", "train")
    width = np.array([row["numeric"][0] for row in rows], np.float64)
    visits = np.array([row["integers"][0] for row in rows], np.float64)
    schema = {feature.name: feature for feature in manifest.data_schema.numeric}
    assert schema["width"].mean == pytest.approx(np.nanmean(width))
    assert schema["width"].std == pytest.approx(np.nanstd(width))
    assert schema["width"].missing_share == pytest.approx(np.isnan(width).mean())
    assert schema["visits"].std == pytest.approx(visits.std())


def test_one_key_for_each_column_where_asked_for(ingested, tmp_path):
    ingested(table(100), layout="columns", compression="gzip", ignore=["patient"])

    row = read_split(tmp_path / "out", "train")[0]

    assert set(row) == {"width", "height", "age", "visits", "smokes", "town", "label"}
    assert (tmp_path / "out" / "train-00000-of-00001.tfrecord.gz").is_file()


def test_a_regression_keeps_its_numbers_and_their_moments(ingested, tmp_path):
    columns = table().drop_columns(["y"])

    manifest = ingested(columns, task="tabular_regression", label="height")

    labels = np.array([row["label"][0] for row in read_split(tmp_path / "out", "train")], np.float64)
    assert manifest.data_schema.label.classes is None
    assert manifest.data_schema.label.mean == pytest.approx(labels.mean())
    assert manifest.data_schema.label.std == pytest.approx(labels.std())


@pytest.mark.parametrize(
    ("task", "label", "split", "message", "hint"),
    [
        ("tabular_classification", "y", {"by": "time"}, "no column holds the time", "data.time"),
        ("tabular_regression", "height", {"by": "stratified"}, "has no classes", "data.split.by: hash"),
        ("tabular_classification", "y", {"group_by": "patent"}, "no column 'patent'", "'patient'"),
    ],
)
def test_splits_that_cannot_be_are_refused(ingested, task, label, split, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        ingested(table(60), task=task, label=label, split=split)
    assert hint in caught.value.hint


def test_an_empty_split_is_an_error_that_says_what_to_change(ingested, tmp_path):
    with pytest.raises(DataError, match="split is empty: 3 examples are too few") as caught:
        ingested(table(30).slice(0, 3))
    assert "larger share" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_one_class_in_training_is_an_error_that_names_it(ingested):
    columns = table(100)
    with pytest.raises(DataError, match=r"holds 1 class in the training split \('a'\)"):
        ingested(columns.set_column(7, "y", pa.array(["a"] * 100)))


def test_single_precision_with_gaps_is_read_like_double(ingested):
    columns = table(300).select(["width", "y"])
    single = columns.set_column(0, "width", columns["width"].cast(pa.float32()))

    assert ingested(single).version == ingested(columns).version
    assert ingested(single).data_schema.numeric[0].missing_share > 0


def test_whole_numbers_that_are_one_as_float32_are_told_apart(ingested):
    """A hundred even numbers above 2**24, and a hundred odd ones that float32 rounds to the same."""
    even = 2**24 + 4 * np.arange(100)
    columns = pa.table({"id": [*even, *(even + 1)], "y": ["a", "b"] * 100})

    manifest = ingested(columns)

    assert manifest.num_duplicates == 0
    assert crc32cs(ingested(columns.take(pa.array(range(199, -1, -1))))) == crc32cs(manifest)
    assert ingested(columns.set_column(0, "id", pa.array([*even, *even]))).version != manifest.version
    timed = columns.append_column("hour", pa.array(range(200)))
    assert ingested(timed, time="hour", split={"by": "time"}).overlap.examples == 0


def test_large_whole_numbers_are_classes_of_their_own(ingested):
    """Float64 ends to tell whole numbers apart at 2**53."""
    classes = [2**60 + i for i in range(3)]
    columns = table(300).select(["height"]).append_column("y", pa.array(classes * 100))

    assert ingested(columns).data_schema.label.classes == tuple(map(str, classes))


def test_text_that_is_not_utf8_is_an_error_that_names_the_column(ingested):
    texts = pa.array([b"K\xf6ln"] * 100, pa.binary())
    column = pa.Array.from_buffers(pa.string(), 100, texts.buffers())
    columns = table(100).set_column(5, "town", column)

    with pytest.raises(DataError, match=r"column 'town' of 'out.parquet' holds text that is not UTF-8"):
        ingested(columns)
    assert ingested(columns, ignore=["town"]).num_bad_examples == 0


def test_rows_that_are_all_alike_are_said_to_be_the_reason(ingested):
    with pytest.raises(DataError, match="split is empty: 200 examples, of which 199 repeat another one, are too few"):
        ingested(pa.table({"x": [1.0] * 200, "y": ["a"] * 200}))


FLOATS = st.none() | st.floats(allow_infinity=False, width=32)
INTEGERS = st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(2**24 - 1, 2**24 + 2) | st.integers(-2, 2)
SOME_IN_EACH_SPLIT = [(i + 0.5, i, i, "w", "ab"[i % 2]) for i in range(40)]
ROWS = st.tuples(FLOATS, INTEGERS, st.none() | INTEGERS, st.none() | st.text(max_size=3), st.sampled_from("ab"))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(ROWS | st.sampled_from([(1.0, 2**24 + i, 2**24 + j, "", "a") for i in (0, 1) for j in (0, 1)]),
                  max_size=60),
    order=st.randoms(use_true_random=False),
    layout=st.sampled_from(["vectors", "columns"]),
    by=st.sampled_from(["hash", "stratified"]),
)  # fmt: skip
def test_any_table_comes_back_and_is_the_same_however_it_was_read(ingested, tmp_path, rows, order, layout, by):
    """In any order, in batches of any size, in any number of threads, from memory and from files."""
    rows += SOME_IN_EACH_SPLIT
    values = {"layout": layout, "split": {"by": by, "train": 0.4, "validation": 0.3, "test": 0.3}}
    manifest = ingested(as_table(rows), num_threads=1, shard_mb=0.001, **values)

    found = [stored_row(record, manifest) for record in records_of(tmp_path / "out")]
    has_gap = any(row[2] is None for row in rows)
    expected = [(as_float32(x), i, as_float32(j) if has_gap else j, word or "", label) for x, i, j, word, label in rows]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert manifest.num_duplicates == len(expected) - len(set(expected))
    assert manifest.overlap.examples == 0
    threaded = ingested(as_table(rows), num_threads=3, row_group_size=7, shard_mb=0.001, **values)
    assert (threaded.version, crc32cs(threaded)) == (manifest.version, crc32cs(manifest))
    order.shuffle(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "MEMORY_BYTES", 1000)
        assert ingested(as_table(rows), row_group_size=11, **values).version == manifest.version


def as_table(rows):
    types = (pa.float32(), pa.int64(), pa.int64(), pa.string(), pa.string())
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)]
    return pa.table(columns, names=["x", "i", "j", "word", "y"])


def as_float32(value):
    """Return what stands for a number in a set: NaN is not equal to itself, and -0 is equal to 0."""
    return "nan" if value is None or np.isnan(value) else float(np.float32(value)) + 0.0


def records_of(folder):
    manifest = Manifest.load(folder)
    for split in manifest.splits.values():
        for shard in split.shards:
            yield from (decode(record) for _, record in read_frames(folder / shard.file))


def stored_row(record, manifest):
    """Return the values of a record in the order of the table."""
    if manifest.layout == "columns":
        by_name = {name: values[0] for name, values in record.items()}
    else:
        features = manifest.data_schema.numeric
        numbers = [*record["numeric"], *record["integers"]]
        by_name = {feature.name: value for feature, value in zip(features, numbers, strict=True)}
        by_name |= {"word": record["categorical"][0], "label": record["label"][0]}
    x, i, j = (
        int(by_name[name]) if isinstance(by_name[name], np.integer) else as_float32(by_name[name]) for name in "xij"
    )
    return x, i, j, by_name["word"].decode(), manifest.data_schema.label.classes[by_name["label"]]


def crc32cs(manifest):
    return [shard.crc32c for split in manifest.splits.values() for shard in split.shards]
