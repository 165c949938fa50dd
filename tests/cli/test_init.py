"""`estafet init`: what it guesses of data, what it writes, and what it answers where nothing can be guessed."""

from __future__ import annotations

import datetime
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from cli.init import init
from estafet.errors import ConfigError, DataError
from estafet.runfile import Task, load

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def proposed(data: str | Path, *options: str):
    """Run the command; return the run file that it wrote, as `load` reads it, and what it said."""
    result = CliRunner().invoke(init, [str(data), *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return load("run.yaml").run, result.output


def error_of(kind, data: str | Path, *options: str):
    with pytest.raises(kind) as caught:
        CliRunner().invoke(init, [str(data), *options], catch_exceptions=False)
    assert caught.value.hint
    assert not Path("run.yaml").exists()
    return caught.value


def csv(text: str, name: str = "table.csv") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def rows(header: str, row, num_rows: int = 100, name: str = "table.csv") -> str:
    return csv("\n".join([header, *(row(i) for i in range(num_rows))]) + "\n", name)


def hours(num_rows: int, step: datetime.timedelta = datetime.timedelta(hours=1)) -> list[datetime.datetime]:
    return [datetime.datetime(2026, 1, 1) + i * step for i in range(num_rows)]


class TestTables:
    def test_a_last_column_of_words_is_classified(self):
        run, said = proposed(rows("width,length,kind", lambda i: f"{i % 7}.5,{i % 5}.25,{'ab'[i % 2]}"))

        assert (run.task, run.data.label) == (Task.TABULAR_CLASSIFICATION, "kind")
        assert "estafet run run.yaml" in said

    def test_a_last_column_of_numbers_is_regressed(self):
        run, _ = proposed(rows("width,length,price", lambda i: f"{i % 7},{i % 5},{i * 1.37}"))

        assert (run.task, run.data.label) == (Task.TABULAR_REGRESSION, "price")

    def test_a_few_whole_numbers_are_classes_and_many_are_not(self):
        few, _ = proposed(rows("a,b,score", lambda i: f"{i * 0.5},{i % 9}.5,{i % 3}"))
        many, _ = proposed(rows("a,b,score", lambda i: f"{i * 0.5},{i % 9}.5,{(i * 37) % 90}"), "--force")

        assert (few.task, many.task) == (Task.TABULAR_CLASSIFICATION, Task.TABULAR_REGRESSION)

    def test_a_column_that_may_keep_rows_together_is_pointed_out(self):
        """Forty patients of five rows each, by name or by number; five cities are no such thing."""
        row = "{},{},{},{}.5,{}"
        by_name = rows(
            "patient,city,visit_id,age,ill",
            lambda i: row.format(f"p{i // 5}", f"c{i % 5}", i // 5, i % 50, "yn"[i % 2]), 200,
        )  # fmt: skip

        _, said = proposed(by_name)

        assert "set data.split.group_by: patient." in said and "set data.split.group_by: visit_id." in said
        assert said.count("group_by") == 2

    def test_a_spreadsheet_in_utf_16_is_read_and_one_in_another_encoding_is_named(self):
        text = "größe;länge;art\n" + "".join(f"{i};{i * 0.5};{'ab'[i % 2]}\n" for i in range(60))
        Path("a.csv").write_text(text, encoding="utf-16")
        run, _ = proposed("a.csv")
        Path("run.yaml").unlink()
        Path("b.csv").write_text(text, encoding="latin-1")

        assert (run.data.label, run.data.delimiter) == ("art", ";")
        assert "iconv -f latin1 -t utf-8 'b.csv'" in error_of(DataError, "b.csv").hint

    def test_sentences_are_text_to_learn_from_and_neither_the_label_nor_an_identifier(self):
        row = "{},n{},It was my visit number {} there"
        run, _ = proposed(rows("stars,name,review", lambda i: row.format("ab"[i % 2], i, i)))

        assert (run.task, run.data.label) == (Task.TABULAR_CLASSIFICATION, "stars")
        assert (run.data.text, run.data.ignore) == (("review",), ("name",))

    def test_truth_values_are_classes(self):
        run, _ = proposed(rows("a,b,paid", lambda i: f"{i * 0.5},{i % 9}.5,{'true' if i % 2 else 'false'}"))

        assert run.task is Task.TABULAR_CLASSIFICATION

    def test_a_label_is_known_by_its_name_wherever_it_stands(self):
        run, said = proposed(rows("Diagnosis,a,b", lambda i: f"{'MB'[i % 2]},{i * 0.5},{i % 9}.5"))

        assert run.data.label == "Diagnosis"
        assert "by its name" in said

    def test_the_user_knows_better(self):
        data = rows("a,b,grade", lambda i: f"{i * 0.5},{i % 9}.5,{i % 3}")

        run, said = proposed(data, "--task", "tabular_regression", "--label", "a")

        assert (run.task, run.data.label) == (Task.TABULAR_REGRESSION, "a")
        assert "as you said" in said

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    def test_the_delimiter_is_found(self, delimiter):
        lines = ["a,b,c kind".replace(",", delimiter).replace(" ", delimiter)]
        lines += [delimiter.join([f"{i},5", f"{i % 4}", "x, y", "pq"[i % 2]]) for i in range(40)]

        run, _ = proposed(csv("\n".join(lines)))

        assert run.data.delimiter == delimiter
        assert run.data.label == "kind"

    def test_a_decimal_comma_is_found(self):
        lines = ["a;b;kind", *(f"{i % 7},5;{i % 9};{'xy'[i % 2]}" for i in range(60))]

        run, _ = proposed(csv("\n".join(lines)))

        assert (run.data.delimiter, run.data.decimal) == (";", ",")

    def test_identifiers_times_and_empty_columns_are_left_out(self):
        when = hours(100)
        run, said = proposed(
            rows(
                "id,customer_id,name,seen,nothing,a,kind",
                lambda i: f"{i},c{i},N{i} M,{when[99 - i].isoformat()},,{i * 0.5},{'ab'[i % 2]}",
            )
        )

        assert run.data.ignore == ("id", "customer_id", "name", "seen", "nothing")
        assert "each row has its own" in said

    def test_names_that_reports_use_are_left_out(self):
        run, _ = proposed(rows("a,confidence,kind", lambda i: f"{i * 0.5},{i % 3},{'ab'[i % 2]}"))

        assert run.data.ignore == ("confidence",)

    def test_missing_labels_are_allowed_for(self):
        run, _ = proposed(rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,{['x', 'y', 'x', 'y', ''][i % 5]}"))

        assert 0.2 <= run.data.max_bad_share <= 0.35

    def test_small_tables_hold_out_more_and_large_ones_train_in_fewer_and_larger_steps(self):
        small, _ = proposed(rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,{'ab'[i % 2]}"))
        columns = {"a": np.arange(60_000) * 0.5, "kind": np.tile(["x", "y"], 30_000)}
        pq.write_table(pa.table(columns), "large.parquet")
        large, _ = proposed("large.parquet", "--force")

        assert small.data.split.test == 0.2
        assert large.data.split.test == 0.1
        assert small.tune.subsample.share == 1.0
        assert large.tune.subsample.share < 0.5
        assert small.train.epochs > large.train.epochs
        assert small.train.batch.start < large.train.batch.start

    def test_a_folder_of_tables_is_one_data_set(self):
        Path("parts").mkdir()
        for part in ("a", "b"):
            rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,{'ab'[i % 2]}", name=f"parts/{part}.csv")

        run, _ = proposed("parts")

        assert (run.data.source, run.data.format) == (("parts",), "csv")

    def test_a_compressed_table_is_read(self):
        text = "a,kind\n" + "".join(f"{i * 0.5},{'ab'[i % 2]}\n" for i in range(50))
        Path("t.csv.gz").write_bytes(gzip.compress(text.encode()))

        assert proposed("t.csv.gz")[0].data.label == "kind"

    def test_columns_that_are_neither_numbers_nor_words_are_left_out(self):
        table = pa.table(
            {"tags": [[1], [2]] * 20, "a": np.arange(40) * 0.5, "kind": pa.array(["x", "y"] * 20).dictionary_encode()}
        )
        pq.write_table(table, "t.parquet")

        run, _ = proposed("t.parquet")

        assert (run.data.label, run.data.ignore) == ("kind", ("tags",))

    def test_names_that_yaml_would_misread_are_quoted(self):
        run, _ = proposed(rows("no,a: b,yes", lambda i: f"N{i},{i * 0.5},{'ab'[i % 2]}"))

        assert run.data.label == "yes"
        assert run.data.ignore == ("no",)


class TestSeries:
    def test_rows_in_the_order_of_a_time_are_forecast(self):
        when = hours(400)
        run, said = proposed(
            rows("when,load", lambda i: f"{when[i].isoformat()},{np.sin(i * 2 * np.pi / 24):.4f}", 400)
        )

        assert (run.task, run.data.label, run.data.time) == (Task.FORECASTING, "load", "when")
        assert (run.data.window.season, run.data.window.lookback, run.data.window.horizon) == (24, 48, 6)
        assert "each hour" in said

    def test_months_written_without_a_day_are_times(self):
        text = "month,sales\n" + "".join(
            f"{2000 + i // 12}-{i % 12 + 1:02},{100 + i + 20 * np.cos(i * np.pi / 6):.2f}\n" for i in range(120)
        )

        run, _ = proposed(csv(text))

        assert (run.task, run.data.time, run.data.window.season) == (Task.FORECASTING, "month", 12)

    @pytest.mark.parametrize("ordered_by", ["time", "store"])
    def test_several_series_in_one_table_are_told_apart_by_a_column(self, ordered_by):
        """Two stores of 300 hours, of which one lacks two; the temperature is the last column that could be a label."""
        when = hours(300)
        steps = [
            (i, store)
            for store in ("north", "south")
            for i in range(300)
            if (i, store) not in ((7, "north"), (9, "north"))
        ]
        if ordered_by == "time":
            steps.sort()
        lines = [f"{when[i].isoformat()},{store},{np.sin(i * 2 * np.pi / 24):.4f},{i % 7}.5" for i, store in steps]

        run, said = proposed(csv("\n".join(["when,store,load,degrees", *lines])))

        assert (run.task, run.data.label, run.data.time) == (Task.FORECASTING, "load", "when")
        assert (run.data.series_by, run.data.gaps, run.data.ignore) == (("store",), "fill", ())
        assert (run.data.window.season, run.data.window.lookback) == (24, 48)
        assert "each hour" in said and "2 series" in said

    def test_two_columns_may_tell_series_apart_and_only_what_is_needed_is_taken(self):
        """Six pairs of a store and an item, both numbers, on 60 days; a weekday tells nothing apart."""
        when = hours(60, datetime.timedelta(days=1))
        lines = [
            f"{when[i]:%Y-%m-%d},{when[i]:%a},{store},{item},{(i * 7 + store * item) % 50}"
            for i in range(60) for store in (1, 2) for item in (1, 2, 3)
        ]  # fmt: skip

        run, _ = proposed(csv("\n".join(["day,weekday,store,item,sales", *lines])))

        assert (run.task, run.data.label, run.data.series_by) == (Task.FORECASTING, "sales", ("store", "item"))
        assert run.data.ignore == ("weekday",)

    def test_a_label_tells_no_series_apart(self):
        """Each hour has one row of each class, and the class is to be predicted."""
        when = hours(50)
        lines = [f"{when[i].isoformat()},{i * 0.5},{kind}" for i in range(50) for kind in ("ok", "hot")]

        run, _ = proposed(csv("\n".join(["when,degrees,state", *lines])))

        assert (run.task, run.data.label) == (Task.TABULAR_CLASSIFICATION, "state")

    def test_noise_has_no_season(self):
        noise = np.random.default_rng(0).normal(size=300)
        when = hours(300, datetime.timedelta(days=1))
        run, said = proposed(rows("day,x", lambda i: f"{when[i]:%Y-%m-%d},{noise[i]:.4f}", 300))

        assert run.data.window.season == 1
        assert "no season shows" in said

    def test_a_trend_is_no_season(self):
        walk = np.cumsum(np.random.default_rng(0).normal(0.1, 1, size=300))
        when = hours(300, datetime.timedelta(days=1))
        run, _ = proposed(rows("day,x", lambda i: f"{when[i]:%Y-%m-%d},{walk[i]:.4f}", 300))

        assert run.data.window.season == 1

    def test_words_beside_a_time_are_still_classified(self):
        when = hours(100)
        run, _ = proposed(rows("when,a,kind", lambda i: f"{when[i].isoformat()},{i * 0.5},{'ab'[i % 2]}"))

        assert run.task is Task.TABULAR_CLASSIFICATION
        assert run.data.ignore == ("when",)

    def test_forecasting_needs_a_time(self):
        data = rows("a,b", lambda i: f"{i * 7 % 10}.5,{i * 1.5}")

        assert "forecasting needs" in error_of(DataError, data, "--task", "forecasting").message

    def test_a_short_series_gets_a_window_that_fits(self):
        when = hours(60)
        run, _ = proposed(rows("when,load", lambda i: f"{when[i].isoformat()},{i * i}", 60))

        window = run.data.window
        assert window.lookback + window.horizon <= 48
        assert window.horizon <= 6

    def test_missing_steps_are_allowed_for(self):
        """Of 400 hours 20 are missing."""
        when = [time for i, time in enumerate(hours(400)) if i % 20 != 7]
        run, _ = proposed(rows("when,load", lambda i: f"{when[i].isoformat()},{i % 24}.5", 380))

        assert (run.data.gaps, run.data.max_bad_share) == ("fill", 0)
        assert "20 steps are missing" in Path("run.yaml").read_text()

    def test_rows_at_odd_times_are_averaged(self):
        """Seven minutes and some seconds apart: in a quarter of an hour there are always one or two."""
        when = [time + datetime.timedelta(seconds=i * i % 50) for i, time in enumerate(hours(400))]
        start = when[0]
        when = [start + (time - start) * (7 / 60) for time in when]
        run, _ = proposed(rows("when,load", lambda i: f"{when[i].isoformat()},{i % 24}.5", 400))

        assert (run.data.gaps, run.data.frequency, run.data.max_bad_share) == ("resample", "15min", 0)
        assert run.data.window.lookback + run.data.window.horizon <= 80


class TestImages:
    def test_folders_are_classes(self):
        for index in range(40):
            path = Path("pictures", "cat" if index % 2 else "dog", f"{index}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 10)).save(path)

        run, said = proposed("pictures")

        assert (run.name, run.task) == ("pictures", Task.IMAGE_CLASSIFICATION)
        assert (run.data.image_size, run.data.channels) == ((10, 20), 3)
        assert "40 images of 2 classes" in said

    @pytest.mark.parametrize("given", ["shots", "shots/pictures"])
    def test_a_file_of_classes_in_the_folder_or_beside_it_is_taken(self, given):
        """Forty pictures in folders that are no classes; the file leaves their ending out."""
        lines = ["taken,label,file"]
        for index in range(40):
            path = Path("shots", "pictures", f"camera{index % 3}", f"{index}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 10)).save(path)
            lines.append(f"2026-01-01,{'cat' if index % 4 else 'dog'},camera{index % 3}/{index}")
        csv("\n".join(lines), "shots/classes.csv")

        run, said = proposed(given)

        data = run.data
        assert (data.source, data.labels, data.label) == (("shots/pictures",), "shots/classes.csv", "label")
        assert (run.task, data.image_size) == (Task.IMAGE_CLASSIFICATION, (10, 20))
        assert "40 images of 2 classes" in said

    def test_of_a_file_of_classes_the_last_column_is_taken_or_what_is_named(self):
        Path("pictures").mkdir()
        for index in range(30):
            Image.new("L", (8, 8)).save(f"pictures/{index}.png")
        text = "\n".join(["image\tkind\tcamera", *(f"{i}.png\tk{i % 3}\tc{i % 2}" for i in range(30))])
        csv(text, "pictures/them.csv")

        last, named = proposed("pictures")[0], proposed("pictures", "--label", "kind", "--force")[0]

        assert (last.task, last.data.labels) == (Task.IMAGE_CLASSIFICATION, "pictures/them.csv")
        assert (last.data.label, named.data.label, named.data.delimiter) == ("camera", "kind", "\t")
        Path("run.yaml").unlink()
        assert "kind, camera" in error_of(ConfigError, "pictures", "--label", "sort").hint

    def test_large_images_are_made_smaller(self):
        for name in "ab":
            Path("pictures", name).mkdir(parents=True)
            Image.new("L", (1024, 512)).save(f"pictures/{name}/0.jpg")

        run, said = proposed("pictures")

        assert (run.data.image_size, run.data.channels) == ((64, 128), 1)
        assert "more would help" in said

    def test_images_without_folders_are_refused(self):
        Path("pictures").mkdir()
        Image.new("L", (8, 8)).save("pictures/0.png")

        assert "at least 2" in error_of(DataError, "pictures").message
        assert "columns image and label" in error_of(DataError, "pictures").hint
        assert "one image" in error_of(DataError, "pictures/0.png").message

    def test_a_folder_that_is_divided_already_is_answered_with_the_part_to_give(self):
        for name in ("train/a", "train/b", "test/a", "test/b"):
            Path("pictures", name).mkdir(parents=True)
            Image.new("L", (8, 8)).save(f"pictures/{name}/0.png")

        assert "estafet init pictures/train" in error_of(DataError, "pictures").hint

    def test_files_that_are_no_images_are_refused(self):
        for name in "ab":
            Path("pictures", name).mkdir(parents=True)
            Path("pictures", name, "0.png").write_bytes(b"not a picture")

        assert "can be read" in error_of(DataError, "pictures").message


class TestArrays:
    def test_arrays_of_images_are_classified(self):
        np.savez("a.npz", x_train=np.zeros((30, 8, 8, 3), np.uint8), y_train=np.arange(30) % 3)

        run, said = proposed("a.npz")

        assert (run.task, run.data.format, run.data.channels) == (Task.IMAGE_CLASSIFICATION, "npz", 3)
        assert "30 images of 3 classes" in said

    @pytest.mark.parametrize(
        ("y", "task"), [(np.arange(60) % 2, Task.TABULAR_CLASSIFICATION), (np.arange(60) / 7, Task.TABULAR_REGRESSION)]
    )
    def test_arrays_of_rows_are_a_table(self, y, task):
        np.savez("a.npz", x=np.random.default_rng(0).normal(size=(60, 4)), y=y)

        assert proposed("a.npz")[0].task is task

    @pytest.mark.parametrize(
        "arrays",
        [
            {"features": np.zeros((3, 2))},
            {"x": np.zeros((3, 2)), "y": np.zeros(4)},
            {"x": np.zeros(3), "y": np.zeros(3)},
            {"x": np.zeros((3, 2)), "y": np.array([None] * 3)},
            {"x": np.zeros((3, 8, 8)), "y": np.array([0, 1, 1])},
            {"x": np.zeros((3, 8, 8), np.uint8), "y": np.zeros(3)},
        ],
    )
    def test_other_arrays_are_refused(self, arrays):
        np.savez("a.npz", **arrays)

        error_of(DataError, "a.npz")


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "empty"),
            ("a,b\n", "no rows"),
            ("1,2\n3,4\n", "numbers, not names"),
            ("a\n1\n2\n", "one column"),
            ("a,a\n1,2\n", "several columns"),
            ("a,b\n1,2,3\n4,5\n", "cannot be read"),
        ],
    )
    def test_a_table_that_is_none_is_refused(self, text, words):
        assert words in error_of(DataError, csv(text)).message

    def test_bytes_that_are_no_table_are_refused(self):
        Path("a.parquet").write_bytes(b"PAR1 nothing")
        Path("a.npz").write_bytes(b"PK nothing")
        Path("latin.csv").write_bytes("a,b\né,ü\n".encode("latin-1"))

        for name in ("a.parquet", "a.npz", "latin.csv"):
            assert "cannot be read" in error_of(DataError, name).message

    def test_what_is_not_there_is_answered_with_what_is(self):
        csv("a,b\n1,2\n", "here.csv")

        assert "here.csv" in error_of(DataError, "heer.csv").hint

    def test_one_class_is_refused(self):
        data = rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,x")

        assert "one value" in error_of(DataError, data).message

    def test_words_that_are_all_different_are_no_classes(self):
        data = rows("a,b,text", lambda i: f"{i * 0.5},{i % 9}.5,word {i % 70}")

        assert "those are no classes" in error_of(DataError, data).message

    def test_a_label_that_is_not_there_is_answered_with_the_closest(self):
        data = rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,{'ab'[i % 2]}")

        assert error_of(ConfigError, data, "--label", "knid").hint == "did you mean 'kind'?"

    def test_a_task_that_the_data_cannot_have_is_refused(self):
        data = rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,{'ab'[i % 2]}")

        assert "words" in error_of(ConfigError, data, "--task", "tabular_regression").message
        assert "needs images" in error_of(ConfigError, data, "--task", "image_classification").message

    def test_a_table_of_labels_only_leaves_nothing_to_learn_from(self):
        data = rows("id,kind", lambda i: f"{i},{'ab'[i % 2]}")

        assert "no column is left" in error_of(DataError, data).message

    def test_data_elsewhere_must_be_copied_first(self):
        assert "not on this machine" in error_of(ConfigError, "gs://bucket/a.csv").message

    def test_a_folder_without_data_is_refused(self):
        Path("nothing").mkdir()

        assert "holds no CSV" in error_of(DataError, "nothing").message


class TestWriting:
    def test_a_run_file_that_is_there_stays_unless_forced(self):
        data = rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,{'ab'[i % 2]}", name="table-2.csv")
        Path("run.yaml").write_text("mine")

        with pytest.raises(ConfigError, match="there already") as caught:
            CliRunner().invoke(init, [data], catch_exceptions=False)

        assert Path("run.yaml").read_text() == "mine"
        assert "--force" in caught.value.hint
        assert proposed(data, "--force")[0].name == "table-2"

    def test_the_source_is_written_as_seen_from_the_run_file(self, tmp_path):
        Path("in").mkdir()
        rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,{'ab'[i % 2]}", name="in/My Table (2).csv")

        CliRunner().invoke(init, ["in/My Table (2).csv", "-o", "out/x.yaml"], catch_exceptions=False)

        loaded = load("out/x.yaml")
        assert loaded.run.data.source == ("../in/My Table (2).csv",)
        assert loaded.sources == (str(tmp_path / "in" / "My Table (2).csv"),)
        assert loaded.run.name == "my-table-2"

    @pytest.mark.parametrize(
        ("path", "name"), [("2026.csv", "model-2026"), ("shop/data.csv", "shop"), ("Ünïcode_x.csv", "n-code-x")]
    )
    def test_the_name_comes_from_the_file_or_from_the_folder_where_the_file_says_nothing(self, path, name):
        Path(path).parent.mkdir(exist_ok=True)
        rows("a,b,kind", lambda i: f"{i * 0.5},{i % 9}.5,{'ab'[i % 2]}", name=path)

        assert proposed(path)[0].name == name


@pytest.mark.parametrize(
    ("example", "data"), [("digits", "data"), ("co2", "data/co2.csv"), ("cancer", "data"), ("diabetes", "data")]
)
def test_the_examples_are_guessed_as_their_own_run_files_have_them(example, data):
    folder = ROOT / "examples" / example
    subprocess.run([sys.executable, folder / "make_data.py"], check=True, capture_output=True)
    ours = load(folder / "run.yaml").run

    run, _ = proposed(folder / data)

    assert (run.name, run.task) == (ours.name, ours.task)
    assert (run.data.label, run.data.time, run.data.window.season) == (
        ours.data.label,
        ours.data.time,
        ours.data.window.season,
    )
