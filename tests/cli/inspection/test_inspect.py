"""`estafet inspect` as a command: what it says of sources and data sets, what it writes, and how it fails."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from cli.main import estafet
from estafet.errors import ConfigError, DataError
from estafet.source_schema import SourceSchema

PATIENTS = "age,city,dose,seen\n31,Jakarta,1.5,2024-05-01\n47,,2.5,2024-05-02\n52,Medan,,2024-05-03\n"
HEAVY = ("tensorflow", "keras", "matplotlib", "kfp", "mlflow")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Every command is typed in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def patients(tmp_path):
    """A table of three patients."""
    file = tmp_path / "patients.csv"
    file.write_text(PATIENTS)
    return file


def inspect(*arguments, fails=None):
    """Run the command; return its output, or the error that it ended with."""
    done = CliRunner().invoke(estafet, ["inspect", *map(str, arguments)])
    if fails is None:
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output
    assert isinstance(done.exception, fails), (done.output, done.exception)
    return done.exception


def columns_of(output):
    """Return the words of each line of the table of columns."""
    lines = output.split("\nColumns")[1].split("\n\n")[0].splitlines()[1:]
    return {line.split()[0]: line.split()[1:] for line in lines}


def test_a_table_is_described_column_by_column(patients):
    """By hand: ages 31, 47, 52 have the mean 43.33; doses 1.5 and 2.5 have the standard deviation 0.5."""
    output = inspect(patients, "--no-html")
    columns = columns_of(output)

    assert "3 rows × 4 columns; no problem" in output
    assert columns["age"] == ["integer", "0", "%", "31", "52", "43.33", "8.957"]
    assert columns["dose"] == ["number", "33.3", "%", "1.5", "2.5", "2", "0.5"]
    assert columns["seen"] == ["time", "0", "%", "2024-05-01", "2024-05-03"]
    assert columns["city"][-5:] == ["2", "Jakarta", "(1),", "Medan", "(1)"]
    assert list(patients.parent.iterdir()) == [patients]


def test_the_page_is_whole_in_itself_and_nothing_in_it_is_taken_for_markup(patients):
    patients.write_text(PATIENTS.replace("Medan", "<b>Medan</b>"))
    inspect(patients)
    html = (patients.parent / "patients-inspection.html").read_text()

    assert not re.search(r"(src|href)=[\"'](?!data:)", html)
    assert html.count("<rect ") >= 3 and "<b>Medan" not in html


def test_the_first_rows_are_as_many_as_are_asked_for(patients):
    assert inspect(patients, "--no-html", "--rows", 1).split("First rows")[1].split() == [
        "age", "city", "dose", "seen", "31", "Jakarta", "1.5", "2024-05-01",
    ]  # fmt: skip


def test_the_schema_is_written_to_be_pinned_and_never_over_one_that_was_edited(patients):
    output = inspect(patients, "--no-html", "--schema", "schema.json")
    pinned = SourceSchema.load("schema.json")
    error = inspect(patients, "--no-html", "--schema", "schema.json", fails=ConfigError)

    assert (pinned.columns["age"].min, pinned.columns["city"].type) == (31, "text")
    assert "data.schema_file: schema.json" in output
    assert "is there already" in error.message


def test_a_page_or_schema_that_cannot_be_written_is_said_with_the_option(patients):
    page = inspect(patients, "--html", patients / "page.html", fails=ConfigError)
    schema = inspect(patients, "--no-html", "--schema", patients / "schema.json", fails=ConfigError)

    assert "page.html' cannot be written" in page.message
    assert "--no-html" in page.hint
    assert "schema.json' cannot be written" in schema.message


def test_what_a_pinned_schema_forbids_is_a_problem(patients, tmp_path):
    inspect(patients, "--no-html", "--schema", "schema.json")
    patients.write_text(PATIENTS + "152,Medan,1.5,2024-05-04\n")
    (tmp_path / "run.yaml").write_text(
        "name: x\ntask: tabular_regression\ndata: {source: patients.csv, label: dose, schema_file: schema.json}\n"
    )

    assert re.search(r"age +range +1 +patients\.csv row 4: 152 is above 52", inspect("--run", "run.yaml", "--no-html"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gzip"])
def test_the_delimiter_and_the_decimal_sign_are_guessed(tmp_path, encoding):
    text = "name;kg\nébel;70,5\nbora;82,25\n"
    content = gzip.compress(text.encode()) if encoding == "gzip" else text.encode(encoding)
    file = tmp_path / ("weights.csv.gz" if encoding == "gzip" else "weights.csv")
    file.write_bytes(content)

    assert columns_of(inspect(file, "--no-html"))["kg"][:5] == ["number", "0", "%", "70.5", "82.25"]


def test_a_run_file_says_how_its_data_are_read(tmp_path):
    (tmp_path / "weights.csv").write_text("name|kg\nabel|70,5\nbora|82,25\n")
    (tmp_path / "run.yaml").write_text(
        "name: x\ntask: tabular_regression\ndata: {source: weights.csv, label: kg, delimiter: '|', decimal: ','}\n"
    )

    assert columns_of(inspect("--run", "run.yaml", "--no-html"))["kg"][:5] == ["number", "0", "%", "70.5", "82.25"]


def test_parquet_files_are_read_as_one_table(tmp_path):
    for part in (0, 1):
        parquet.write_table(pa.table({"x": np.arange(3.0) + 3 * part}), tmp_path / f"part-{part}.parquet")

    output = inspect("part-*.parquet", "--no-html")

    assert "6 rows × 1 column;" in output
    assert columns_of(output)["x"][3:6] == ["0", "5", "2.5"]


def test_a_data_set_is_read_back_and_its_overlap_counted(table):
    output = inspect(table(train=range(10), validation=[20, 21], test=[30]), "--no-html")

    assert "overlap 0: the splits do not leak" in output
    assert re.search(r"train +10 +76\.9 %", output)


def test_a_broken_shard_is_named_after_the_rest_was_shown(table):
    folder = table(train=range(10), validation=[20], test=[30])
    shard = next(folder.glob("test-*"))
    shard.write_bytes(shard.read_bytes()[:-1])

    done = CliRunner().invoke(estafet, ["inspect", str(folder), "--no-html"])

    assert isinstance(done.exception, DataError)
    assert shard.name in done.exception.message and "Columns" in done.output


def test_a_run_file_stands_for_the_newest_data_set_of_its_own_sources(table, tmp_path):
    """Two run files share a workspace: the newest data set is the other one's."""
    (tmp_path / "run.yaml").write_text(
        "name: x\ntask: tabular_classification\ndata: {source: patients.csv, label: ill}\nworkspace: space\n"
    )
    for run_id, source, num in (("1", "patients.csv", 2), ("2", "patients.csv", 3), ("3", "other.csv", 4)):
        folder = f"space/runs/{run_id}/artifacts/estafet/ingest/dataset"
        table(name=folder, sources=(str(tmp_path / source),), train=range(num), validation=[20], test=[30])

    assert re.search(r"train +3 ", inspect("run.yaml", "--no-html"))
    assert re.search(r"train +4 ", inspect("space/runs/3", "--no-html"))


@pytest.mark.parametrize(
    ("files", "argument", "said", "hinted"),
    [
        ({"data.csv": "a\n1\n"}, "dat.csv", "does not exist", "data.csv"),
        ({"notes.doc": "x"}, "notes.doc", "the ending of 'notes.doc' tells no format", "--format"),
        ({"in/a.csv": "a\n1\n", "in/b.npz": "x"}, "in", "holds 1 csv file and 1 npz file", "in/*.csv"),
        ({"in/notes.doc": "x"}, "in", "holds no CSV", ""),
        ({"cat/1.png": "x"}, "cat/1.png", "is one image", "folder"),
        ({"a.csv": ""}, "a.csv", "is empty (0 bytes)", ""),
        ({"a.csv": "b,c\n1,5\n"}, "b.yaml", "does not exist", ""),
    ],
)
def test_what_cannot_be_inspected_is_refused_with_a_next_step(tmp_path, files, argument, said, hinted):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    error = inspect(argument, "--no-html", fails=DataError)

    assert said in error.message
    assert error.hint and hinted in error.hint and "data." not in error.hint.replace("data.csv", "")


def test_a_run_without_a_data_set_is_told_how_to_make_one(patients, tmp_path):
    (tmp_path / "run.yaml").write_text("name: x\ntask: tabular_regression\ndata: {source: patients.csv, label: age}\n")

    assert "estafet run run.yaml" in inspect("run.yaml", fails=DataError).hint


def test_a_small_table_needs_no_heavy_package(patients):
    code = "import sys, cli.main; sys.argv = ['estafet', 'inspect', 'patients.csv']\ntry: cli.main.main()\n"
    code += f"except SystemExit: pass\nprint('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "LOADED []"
