"""The labelled requests as data to learn from: what they look like, what is kept, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyarrow import csv

from components.ingest import step as ingest
from estafet import runfile
from estafet.errors import ConfigError, DataError
from estafet.runfile.steps import settings_for
from estafet.runfile.tasks import Task
from monitoring.incidents.state import MonitorState
from monitoring.testing import MODEL, NOW, image_rows, table_rows


def test_the_new_table_has_the_columns_and_the_types_of_the_old_one(race):
    """Ignored columns are there and empty, as ingest wants the same columns in all files."""
    race.retrain()

    (path,) = (race.state_dir / "labelled").glob("*/labelled.csv")
    table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=";"))
    assert table.column_names == ["id", "age", "colour", "income", "bought"]
    assert table["bought"].to_pylist() == ["yes"] * 10
    assert table["id"].null_count == 10
    logged = pq.ParquetFile(next(race.requests_dir.rglob("*.parquet"))).read().slice(0, 10)
    assert sorted(np.float32(table["age"].to_numpy())) == sorted(logged["age"].to_numpy())


def test_a_parquet_source_gets_a_parquet_file_of_its_types(race):
    """An integer label stays an integer, and the time of a request is the time of its row."""
    (race.root / "old.csv").unlink()
    old = pa.table(
        {"when": pa.array([NOW], pa.timestamp("ns")), "age": [1.5], "income": [2], "colour": ["red"], "bought": ["no"]}
    )
    pq.write_table(old, race.root / "old.parquet")

    race.retrain(overrides=["data.source=old.parquet", "data.time=when"])

    (path,) = (race.state_dir / "labelled").glob("*/labelled.parquet")
    new = pq.ParquetFile(path).read()
    assert new.schema.field("when").type == pa.timestamp("ns")
    assert new["when"].null_count == 0
    assert new.schema.field("age").type == pa.float64()
    assert pa.types.is_floating(new.schema.field("income").type), "1.5 is no integer, so it stays a number"


def test_images_become_folders_of_classes_with_the_logged_bytes(make_race, rng):
    """One file for each request, in the folder of its label."""
    race = make_race(Task.IMAGE_CLASSIFICATION)
    rows = image_rows(rng, 4)
    ids = race.log(rows, prefix="image")
    race.label(dict(zip(ids, ["yes", "no", "yes", "no"], strict=True)))
    (race.root / "pictures" / "yes").mkdir(parents=True)
    (race.root / "pictures" / "yes" / "a.png").write_bytes(rows["image_bytes"][0])

    race.retrain(overrides=["data.source=pictures", "data.label=null", "data.ignore=[]"])

    (folder,) = (race.state_dir / "labelled").iterdir()
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["no", "yes"]
    stored = {path.read_bytes() for path in (folder / "yes").iterdir()}
    assert stored == {rows["image_bytes"][0], rows["image_bytes"][2]}


def test_what_was_learned_stays_learned_when_the_log_forgets_it(race, rng):
    """The second set holds the first one's requests, though their part of the log is gone; a new label wins."""
    first = race.retrain()
    kept = next(race.requests_dir.rglob("*.parquet"))
    kept.unlink()
    ids = race.log(table_rows(rng, 5), prefix="new")
    race.label({**dict.fromkeys(ids, "no"), "r-0": "no"})
    race.plan(deploys=3)

    second = race.retrain()

    assert (first.num_labelled, second.num_labelled) == (10, 15)
    table = csv.read_csv(Path(second.sources[-1]) / "labelled.csv", parse_options=csv.ParseOptions(delimiter=";"))
    assert sorted(table["bought"].to_pylist()) == ["no"] * 5 + ["yes"] * 10
    assert len(second.sources) == 2, "the new set stands for both"


def test_images_that_the_log_forgot_are_kept_and_a_corrected_label_moves_them(make_race, rng):
    """Two images were learned; one is labelled anew, the other is forgotten by the log."""
    race = make_race(Task.IMAGE_CLASSIFICATION)
    overrides = ["data.source=pictures", "data.label=null", "data.ignore=[]", "data.format=images"]
    gone, there = race.log(image_rows(rng, 1), prefix="gone"), race.log(image_rows(rng, 1), prefix="there")
    race.label({gone[0]: "yes", there[0]: "yes"})
    race.retrain(overrides=overrides)
    next(race.requests_dir.rglob("*-gone.parquet")).unlink()
    race.label({there[0]: "no"})
    race.plan(deploys=3)

    second = race.retrain(overrides=overrides)

    found = sorted(str(path.relative_to(second.sources[-1])) for path in Path(second.sources[-1]).rglob("*.png"))
    assert found == ["no/request-there-0.png", "yes/request-gone-0.png"]


def test_the_last_label_of_a_request_counts_and_a_request_counts_once(race, rng):
    """`r-0` is labelled twice, and logged by two servers."""
    race.log(table_rows(rng, 1), prefix="r", part="server-1")
    (race.root / "labels.csv").write_text("request_id,label\nr-0,yes\nr-1,\nr-0,no\n")

    result = race.retrain()

    assert result.num_labelled == 1
    table = csv.read_csv(Path(result.sources[-1]) / "labelled.csv", parse_options=csv.ParseOptions(delimiter=";"))
    assert table["bought"].to_pylist() == ["no"]


def test_a_half_written_set_of_labels_is_written_anew(race):
    """A kill in the middle leaves a hidden folder, which no run reads."""
    key = race.retrain().key
    folder = race.state_dir / "labelled" / key
    folder.rename(folder.with_name(f".{key}.tmp"))
    (folder.with_name(f".{key}.tmp") / "labelled.csv").write_text("half")
    MonitorState(race.state_dir).end_retraining(MODEL, key, outcome="failed", why="", version=1, now_s=1)

    race.retrain()

    assert sorted(path.name for path in (race.state_dir / "labelled").iterdir()) == [key]
    assert "half" not in (folder / "labelled.csv").read_text()


def test_a_label_that_is_no_class_is_named(race):
    """A slip of the pen must not become a class of its own."""
    race.label({"r-0": "yse", "r-1": "yes"})

    with pytest.raises(DataError, match=r"1 of the labels in monitor.labels are no class of the model: 'yse'"):
        race.retrain()
    assert not (race.state_dir / "labelled").exists()


def test_a_label_of_a_regression_has_to_be_a_number(make_race):
    """'high' is none, and neither is inf."""
    race = make_race(Task.TABULAR_REGRESSION)
    race.label({"r-0": "high", "r-1": "inf", "r-2": "3.5"})

    with pytest.raises(DataError, match=r"2 of the labels .* are no numbers: 'high', 'inf'"):
        race.retrain()


@pytest.mark.parametrize(
    ("text", "message"),
    [("id,label\n1,yes\n", "lacks the column request_id"), ("", "lacks the column label and request_id")],
)
def test_a_file_of_labels_without_its_columns_is_named(race, text, message):
    """The hint says what the file looks like."""
    (race.root / "labels.csv").write_text(text)

    with pytest.raises(DataError, match=message) as error:
        race.retrain()
    assert "request_id and label" in error.value.hint


def test_a_damaged_file_of_the_request_log_is_named(race):
    """Also one that is older than the window that is judged."""
    part = next(race.requests_dir.rglob("*.parquet"))
    part.with_name("damaged.parquet").write_bytes(b"PAR1")

    with pytest.raises(DataError, match=r"damaged\.parquet cannot be read") as error:
        race.retrain()
    assert "move it away" in error.value.hint


def test_arrays_cannot_be_added_to(race):
    """The message says which formats can."""
    with pytest.raises(ConfigError, match=r"cannot be added to \.npz"):
        race.retrain(overrides=["data.format=npz"])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_ingest_reads_the_old_table_and_the_new_one_as_one(race, rng, ending):
    """An identifier that is ignored, a word, integers: 300 old rows and the ten that were labelled."""
    rows = table_rows(rng, 300)
    old = pa.table(
        {
            "id": [f"customer-{row}" for row in range(300)],
            "income": rows["income"],
            "age": rows["age"].round().astype(int),
            "colour": rows["colour"],
            "bought": rows["prediction"],
        }
    )
    path = race.root / f"table.{ending}"
    csv.write_csv(old, path) if ending == "csv" else pq.write_table(old, path)
    overrides = [f"data.source={path.name}", "data.delimiter=','"]

    result = race.retrain(overrides=overrides)
    loaded = runfile.load(race.root / "run.yaml", overrides=race.seen["arguments"][2::2])
    settings = settings_for("ingest", loaded.run) | {"source": loaded.sources}
    manifest = ingest.ingest(ingest.Settings.model_validate(settings), race.root / "dataset")

    assert result.num_labelled == 10
    assert sum(split.num_examples for split in manifest.splits.values()) == 310
    assert [part.name for part in manifest.data_schema.numeric] == ["income", "age"]
    assert [part.name for part in manifest.data_schema.categorical] == ["colour"]


def test_ingest_reads_the_old_images_and_the_new_ones_as_one(make_race, rng):
    """Sixty old images and six labelled ones."""
    race = make_race(Task.IMAGE_CLASSIFICATION)
    for name in ("no", "yes"):
        (race.root / "pictures" / name).mkdir(parents=True)
        for number, image in enumerate(image_rows(rng, 30)["image_bytes"]):
            (race.root / "pictures" / name / f"{number}.png").write_bytes(image)
    ids = race.log(image_rows(rng, 6), prefix="image")
    race.label(dict.fromkeys(ids, "yes"))

    race.retrain(overrides=["data.source=pictures", "data.label=null", "data.ignore=[]"])
    loaded = runfile.load(race.root / "run.yaml", overrides=race.seen["arguments"][2::2])
    settings = settings_for("ingest", loaded.run) | {"source": loaded.sources}
    manifest = ingest.ingest(ingest.Settings.model_validate(settings), race.root / "dataset")

    assert sum(split.num_examples for split in manifest.splits.values()) == 66
    assert manifest.num_bad_examples == 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("prefix", ["", "customer-"], ids=["numbers", "words"])
def test_a_request_whose_group_nobody_knows_is_a_group_of_its_own(race, rng, ending, prefix):
    """Three hundred old rows of a hundred customers, a column that the log does not have, and the ten requests."""
    rows = table_rows(rng, 300)
    columns = {name: rows[name] for name in ("age", "income", "colour")}
    customers = [f"{prefix}{row // 3}" if prefix else row // 3 for row in range(300)]
    old = pa.table({"customer": customers, **columns, "bought": rows["prediction"]})
    path = race.root / f"table.{ending}"
    csv.write_csv(old, path) if ending == "csv" else pq.write_table(old, path)
    overrides = [f"data.source={path.name}", "data.delimiter=','", "data.ignore=[]", "data.split.group_by=customer"]

    race.retrain(overrides=overrides)
    loaded = runfile.load(race.root / "run.yaml", overrides=race.seen["arguments"][2::2])
    settings = settings_for("ingest", loaded.run) | {"source": loaded.sources}
    manifest = ingest.ingest(ingest.Settings.model_validate(settings), race.root / "dataset")

    assert sum(split.num_examples for split in manifest.splits.values()) == 310
    assert manifest.num_bad_examples == manifest.overlap.groups == 0


@pytest.mark.parametrize(
    ("name", "header", "more"),
    [
        ("classes.csv", "file,bought", {}),
        ("classes.tsv", "bought\tcamera\tfile", {"split": {"group_by": "camera"}, "encoding": "utf-16"}),
    ],
)
def test_ingest_finds_the_new_images_where_a_file_gives_the_old_ones_their_classes(make_race, rng, name, header, more):
    """Sixty old images in one folder, listed without their ending, and six labelled ones."""
    race = make_race(Task.IMAGE_CLASSIFICATION)
    (race.root / "pictures").mkdir()
    lines = [header]
    for number, image in enumerate(image_rows(rng, 60)["image_bytes"]):
        (race.root / "pictures" / f"{number}.png").write_bytes(image)
        known = {"file": str(number), "bought": "no" if number % 2 else "yes", "camera": f"c{number}"}
        delimiter = "," if name.endswith("csv") else "\t"
        lines.append(delimiter.join(known[column] for column in header.split(delimiter)))
    (race.root / name).write_text("\n".join(lines), encoding=more.get("encoding"))
    ids = race.log(image_rows(rng, 6), prefix="image")
    race.label(dict.fromkeys(ids, "yes"))
    data = {"source": "pictures", "labels": name, "label": "bought", **more}
    (race.root / "run.yaml").write_text(yaml.safe_dump({"name": MODEL, "task": race.task.value, "data": data}))

    race.retrain()
    loaded = runfile.load(race.root / "run.yaml", overrides=race.seen["arguments"][2::2])
    labels = loaded.absolute(loaded.run.data.labels)
    settings = settings_for("ingest", loaded.run) | {"source": loaded.sources, "labels": labels}
    manifest = ingest.ingest(ingest.Settings.model_validate(settings), race.root / "dataset")

    assert sum(split.num_examples for split in manifest.splits.values()) == 66
    assert np.sum([split.class_counts for split in manifest.splits.values()], axis=0).tolist() == [30, 36]
    assert manifest.anomalies == ()


def test_a_source_with_tabs_by_its_name_has_its_columns_told_apart(race):
    """The new file is a .csv, so it has commas."""
    (race.root / "old.tsv").write_text("age\tcolour\tincome\tbought\n0.5\tred\t1.5\tyes\n")

    race.retrain(overrides=["data.source=old.tsv", "data.delimiter=','", "data.ignore=[]"])

    (path,) = (race.state_dir / "labelled").glob("*/labelled.csv")
    assert csv.read_csv(path).column_names == ["age", "colour", "income", "bought"]


@pytest.mark.parametrize(
    ("form", "how"),
    [
        ("%d.%m.%Y", {"delimiter": ";", "decimal": ",", "encoding": "latin-1"}),
        ("%m/%d/%Y %H:%M", {"delimiter": ";", "quote": "'"}),
        ("%Y/%m/%d", {"encoding": "utf-16", "delimiter": ";"}),
        ("%Y-%m", {"delimiter": ";"}),
    ],
)
def test_the_new_table_is_written_as_the_old_one_is(race, rng, form, how):
    """Three hundred old rows, 1.5 days apart; dates, decimal commas, quotes and letters of an old spreadsheet."""
    rows = table_rows(rng, 300)
    lines = ["day;age;income;colour;bought;note"]
    for i in range(300):
        numbers = [f"{rows[name][i]:.3f}".replace(".", how.get("decimal", ".")) for name in ("age", "income")]
        day = (NOW - timedelta(days=1.5 * (300 - i))).strftime(form)
        quote = how.get("quote", '"')
        lines.append(";".join([day, *numbers, rows["colour"][i], f"{quote}{rows['prediction'][i]}{quote}", "größer"]))
    encoding = how.get("encoding", "utf-8")
    (race.root / "old.csv").write_text("\n".join(lines) + "\n", encoding=encoding)
    data = {"source": "old.csv", "label": "bought", "ignore": ["note"], "time": "day", "split": {"by": "time"}, **how}
    run_file = race.root / "run.yaml"
    run_file.write_text(yaml.safe_dump({"name": MODEL, "task": race.task.value, "data": data}))

    race.retrain()
    loaded = runfile.load(run_file, overrides=race.seen["arguments"][2::2])
    settings = settings_for("ingest", loaded.run) | {"source": loaded.sources}
    manifest = ingest.ingest(ingest.Settings.model_validate(settings), race.root / "dataset")

    assert sum(split.num_examples for split in manifest.splits.values()) == 310
    assert manifest.anomalies == ()
    assert manifest.data_schema.label.classes == ("no", "yes")
    assert len(manifest.data_schema.categorical) == 1
