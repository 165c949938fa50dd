"""Real data of every format, ingested, and read back by the one reader that training uses."""

import json
import subprocess
import sys

import numpy as np
import pandas
import pytest
from PIL import Image

from components.ingest import step
from estafet.records.manifest import Manifest


class Notes:
    """A tracker that remembers."""

    def __init__(self):
        self.parameters, self.metrics, self.datasets = {}, {}, []

    def log_parameters(self, parameters):
        self.parameters |= parameters

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics

    def log_file(self, path, folder=""):
        raise AssertionError("ingest keeps no file with the run")

    def log_tags(self, tags):
        raise AssertionError("ingest sets no tag")

    def log_dataset(self, name, version, source, context):
        self.datasets.append((name, version, source, context))


def read_all(folder, task):
    """Read every split back with the reader, raw columns and labels together."""
    from estafet.records.reading import raw_examples

    parts = [raw_examples(folder, split) for split in ("train", "validation", "test")]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_a_table_comes_back_value_for_value(cancer_csv, settings, tmp_path):
    """All 569 rows of the breast-cancer table, whatever split they fell into."""
    manifest = step.ingest(settings("tabular_classification", cancer_csv, label="target"), tmp_path / "out")

    frame = pandas.read_csv(cancer_csv)
    assert manifest.data_schema.label.classes == ("benign", "malignant")
    back = pandas.DataFrame(read_all(tmp_path / "out", "tabular_classification"))
    expected = frame.drop(columns="target").astype(np.float32)
    expected["label"] = (frame["target"] == "malignant").astype(np.int64)
    columns = list(expected.columns)
    pandas.testing.assert_frame_equal(
        back.sort_values(columns, ignore_index=True), expected.sort_values(columns, ignore_index=True)
    )


def test_the_schema_describes_the_training_split_only(cancer_csv, settings, tmp_path):
    from estafet.records.reading import raw_examples

    manifest = step.ingest(settings("tabular_classification", cancer_csv, label="target"), tmp_path / "out")
    train = raw_examples(tmp_path / "out", "train")

    for feature in manifest.data_schema.numeric:
        values = train[feature.name].astype(np.float64)
        assert feature.mean == pytest.approx(np.mean(values))
        assert feature.std == pytest.approx(np.std(values))
        assert (feature.min, feature.max, feature.missing_share) == (values.min(), values.max(), 0)
    assert manifest.splits["train"].class_counts == tuple(np.bincount(train["label"]))


def test_a_regression_from_parquet(diabetes_parquet, settings, tmp_path):
    manifest = step.ingest(settings("tabular_regression", diabetes_parquet, label="target"), tmp_path / "out")

    frame = pandas.read_parquet(diabetes_parquet)
    back = read_all(tmp_path / "out", "tabular_regression")
    assert sorted(back["label"]) == sorted(frame["target"].astype(np.float32))
    assert back["label"].dtype == np.float32
    assert manifest.data_schema.label.mean == pytest.approx(frame["target"].mean(), rel=0.05)
    assert sum(split.num_examples for split in manifest.splits.values()) == 442


def test_image_files_come_back_byte_for_byte(digits_folder, settings, tmp_path):
    manifest = step.ingest(settings("image_classification", digits_folder), tmp_path / "out")

    back = read_all(tmp_path / "out", "image_classification")
    expected = {(path.read_bytes(), int(path.parent.name)) for path in digits_folder.rglob("*.png")}
    assert set(zip(back["image_bytes"], back["label"].tolist(), strict=True)) == expected
    assert manifest.image_shape == (8, 8, 1)
    assert manifest.data_schema.label.classes == tuple("0123456789")


def test_arrays_of_images_become_png_files(settings, tmp_path):
    """An .npz file laid out as MNIST's: training and test arrays are read as one and split anew."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 5, 4), dtype=np.uint8)
    y = np.arange(60) % 3 * 5
    np.savez(tmp_path / "m.npz", x_train=x[:50], y_train=y[:50], x_test=x[50:], y_test=y[50:])

    manifest = step.ingest(settings("image_classification", tmp_path / "m.npz"), tmp_path / "out")

    assert manifest.data_schema.label.classes == ("0", "5", "10")
    assert manifest.image_shape == (5, 4, 1)
    from estafet.records.reading import dataset

    pixels = [
        (features["image"][..., 0].tobytes(), int(label))
        for split in manifest.splits
        for features, label in dataset(tmp_path / "out", split, batch_size=None).as_numpy_iterator()
    ]
    assert sorted(pixels) == sorted((image.tobytes(), label // 5) for image, label in zip(x, y.tolist(), strict=True))


def test_arrays_with_two_axes_are_a_table(settings, tmp_path):
    np.savez(tmp_path / "t.npz", x=np.arange(200, dtype=np.float64).reshape(100, 2), y=np.arange(100) % 2)

    manifest = step.ingest(settings("tabular_classification", tmp_path / "t.npz"), tmp_path / "out")

    assert [feature.name for feature in manifest.data_schema.numeric] == ["f0", "f1"]
    assert manifest.data_schema.label.classes == ("0", "1")


def test_words_numbers_and_missing_values_keep_their_kinds(write_csv, settings, tmp_path):
    rows = [[i, "", "żółw" if i % 3 else "", i % 2 == 0, ["no", "yes"][i % 2]] for i in range(60)]
    path = write_csv(["count", "empty", "animal", "flag", "y"], rows)

    schema = step.ingest(settings("tabular_classification", path, label="y"), tmp_path / "out").data_schema

    by_name = {feature.name: feature for feature in schema.numeric}
    assert set(by_name) == {"count", "empty", "flag"}
    assert by_name["count"].is_integer
    assert by_name["empty"].missing_share == 1
    assert (by_name["flag"].min, by_name["flag"].max) == (0, 1)
    (animal,) = schema.categorical
    assert animal.categories == ("żółw",)
    back = read_all(tmp_path / "out", "tabular_classification")
    assert sorted(back["animal"]) == sorted(row[2] for row in rows)
    assert np.isnan(back["empty"]).all()


def test_an_infinite_feature_counts_as_missing_where_anomalies_are_ignored(write_csv, settings, tmp_path):
    path = write_csv(["x", "y"], [["inf" if i == 0 else 1e300 if i == 1 else i, i % 2] for i in range(40)])
    asked = settings("tabular_classification", path, label="y", on_anomaly="ignore")

    manifest = step.ingest(asked, tmp_path / "out")

    (anomaly,) = manifest.anomalies
    assert (anomaly.column, anomaly.kind, anomaly.count) == ("x", "infinite", 2)
    assert manifest.num_bad_examples == 0
    x = read_all(tmp_path / "out", "tabular_classification")["x"]
    assert np.isnan(x).sum() == 2
    assert np.nanmax(x) == 39


def test_several_sources_are_one_data_set(write_csv, settings, tmp_path):
    """A glob and a file, the columns of one in another order, whole numbers in one and fractions in the other."""
    write_csv(["a", "y"], [[i, i % 2] for i in range(30)], name="one.csv")
    write_csv(["a", "y"], [[i + 0.5, i % 2] for i in range(30)], name="other.csv")
    third = write_csv(["y", "a"], [[i % 2, i + 100] for i in range(30)], name="third.csv")

    manifest = step.ingest(
        settings("tabular_classification", tmp_path / "o*.csv", label="y").model_copy(
            update={"source": (str(tmp_path / "o*.csv"), str(third))}
        ),
        tmp_path / "out",
    )

    back = read_all(tmp_path / "out", "tabular_classification")
    assert sorted(back["a"]) == sorted([*range(30), *(i + 0.5 for i in range(30)), *range(100, 130)])
    assert manifest.data_schema.label.classes == ("0", "1")


def test_classes_of_several_image_folders_are_united(digits_folder, settings, tmp_path):
    more = tmp_path / "more"
    (more / "10").mkdir(parents=True)
    for i in range(20):
        Image.new("L", (8, 8), 200 + i).save(more / "10" / f"{i}.png")

    both = settings("image_classification", digits_folder).model_copy(
        update={"source": (str(digits_folder), str(more))}
    )
    manifest = step.ingest(both, tmp_path / "out")

    assert manifest.data_schema.label.classes == (*"0123456789", "10")


def test_small_shards_are_numbered_and_their_checksums_are_right(cancer_csv, settings, tmp_path):
    import google_crc32c

    manifest = step.ingest(
        settings("tabular_classification", cancer_csv, label="target", shard_mb=0.01), tmp_path / "out"
    )

    assert len(manifest.splits["train"].shards) > 5
    for shard in manifest.splits["train"].shards[:-1]:
        assert 10_000 <= shard.num_bytes < 13_000  # one is closed by the piece with which it has the size
    for split in manifest.splits.values():
        assert sum(shard.num_examples for shard in split.shards) == split.num_examples
        for shard in split.shards:
            content = (tmp_path / "out" / shard.file).read_bytes()
            assert (len(content), google_crc32c.value(content)) == (shard.num_bytes, shard.crc32c)
    on_disk = {path.name for path in (tmp_path / "out").iterdir()}
    named = {shard.file for split in manifest.splits.values() for shard in split.shards}
    assert on_disk == named | {"manifest.json", "schema.json"}


def test_the_version_follows_the_contents(cancer_csv, settings, tmp_path):
    """The same data give the same version however they are cut; one changed value, or another seed, gives another."""

    def version(path, **values):
        made = settings("tabular_classification", path, label="target", **values)
        return step.ingest(made, tmp_path / "out").version

    lines = cancer_csv.read_text().splitlines()
    shuffled, changed = tmp_path / "shuffled.csv", tmp_path / "changed.csv"
    shuffled.write_text("\n".join([lines[0], *reversed(lines[1:])]))
    changed.write_text("\n".join([lines[0], lines[1].replace("17.99", "18.99", 1), *lines[2:]]))

    first = version(cancer_csv)
    assert version(cancer_csv, shard_mb=0.01) == first
    assert version(shuffled) == first
    assert version(changed) != first
    assert version(cancer_csv, split={"seed": 1}) != first


def test_the_tracker_and_the_progress_are_told(cancer_csv, settings, tmp_path):
    notes, said = Notes(), []

    manifest = step.ingest(
        settings("tabular_classification", cancer_csv, label="target"),
        tmp_path / "out",
        progress=lambda message, done=None, total=None: said.append((message, done, total)),
        tracker=notes,
    )

    assert said[0] == ("reading", None, None)
    assert said[-1] == ("writing", 569, 569)
    assert notes.parameters == {"dataset_version": manifest.version, "num_features": 30, "num_classes": 2}
    assert sum(notes.metrics[f"examples/{split}"] for split in manifest.splits) == 569
    assert notes.metrics["bytes"] == sum(path.stat().st_size for path in (tmp_path / "out").glob("*.tfrecord"))
    assert notes.datasets == [("cancer", manifest.version, str(cancer_csv), "training")]


def test_an_earlier_data_set_is_replaced_and_litter_removed(cancer_csv, settings, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.txt").write_text("from an earlier attempt")
    litter = tmp_path / ".out.killed.tmp"
    litter.mkdir()
    (litter / ".train-00000.tmp").write_text("half of a shard")

    manifest = step.ingest(settings("tabular_classification", cancer_csv, label="target"), out)

    assert Manifest.load(out) == manifest
    assert not (out / "old.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_ingest_does_not_import_tensorflow(cancer_csv, tmp_path):
    """TensorFlow takes seconds to import, and the ingest image has none."""
    values = {"task": "tabular_classification", "source": str(cancer_csv), "label": "target"}
    code = (
        "import json, sys\n"
        "from components.ingest import step\n"
        "step.ingest(step.Settings.model_validate(json.loads(sys.argv[1])), sys.argv[2])\n"
        "print([name for name in ('tensorflow', 'mlflow', 'kfp') if name in sys.modules])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(values), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_a_killed_ingest_leaves_no_data_set_and_runs_again(cancer_csv, settings, tmp_path):
    """SIGKILL when the second shard is on the disk: nothing is cleaned up then, and the next run does it."""
    values = {"task": "tabular_classification", "source": str(cancer_csv), "label": "target"}
    code = (
        "import json, os, signal, sys\n"
        "from components.ingest import step\n"
        "from estafet.records import shards\n"
        "calls = []\n"
        "def fsync(descriptor):\n"
        "    calls.append(descriptor)\n"
        "    if len(calls) == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "shards.os.fsync = fsync\n"
        "step.ingest(step.Settings.model_validate(json.loads(sys.argv[1])), sys.argv[2])\n"
    )
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", code, json.dumps(values), str(out)], check=False)
    assert done.returncode == -9
    assert not out.exists()
    assert len(list(tmp_path.iterdir())) == 1

    manifest = step.ingest(settings("tabular_classification", cancer_csv, label="target"), out)

    assert Manifest.load(out) == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_table_may_be_split_by_time(write_csv, settings, tmp_path):
    """A hundred rows in a mixed order of their days: the newest ten are the test."""
    days = np.datetime64("2026-01-01") + np.random.default_rng(0).permutation(100)
    path = write_csv(["day", "x", "y"], [[day, i, i % 2] for i, day in enumerate(days)])

    made = settings("tabular_classification", path, label="y", time="day", split={"by": "time"})
    manifest = step.ingest(made, tmp_path / "out")

    from estafet.records.reading import raw_examples

    assert [feature.name for feature in manifest.data_schema.numeric] == ["x"]
    newest = np.flatnonzero(days >= np.datetime64("2026-01-01") + 90)
    assert sorted(raw_examples(tmp_path / "out", "test")["x"]) == newest.tolist()


def test_dictionaries_and_truth_values_in_parquet(settings, tmp_path):
    """Words as pandas' categories, and a label of truth values."""
    frame = pandas.DataFrame({"word": ["a", None, "b"] * 40, "y": [True, False] * 60, "n": range(120)})
    frame["word"] = frame["word"].astype("category")
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=50)

    manifest = step.ingest(settings("tabular_classification", tmp_path / "x.parquet", label="y"), tmp_path / "out")

    assert manifest.data_schema.label.classes == ("false", "true")
    back = read_all(tmp_path / "out", "tabular_classification")
    order = np.argsort(back["n"])
    assert back["word"][order].tolist() == ["a", "", "b"] * 40
    assert back["label"][order].tolist() == [1, 0] * 60


def test_image_settings_win_over_the_first_image(digits_folder, settings, tmp_path):
    made = settings("image_classification", digits_folder, image_size=(16, 12), channels=3)

    assert step.ingest(made, tmp_path / "out").image_shape == (16, 12, 3)
