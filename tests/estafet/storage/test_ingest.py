"""The `ingest` step from a bucket: the same data set as from a disk, and what a kill interrupts is gone on with."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from components.ingest import step
from estafet.errors import DataError

NUM_ROWS = 40_000


@pytest.fixture(scope="module")
def table():
    """A CSV file of 1.1 MB."""
    values_NC = np.random.default_rng(0).normal(size=(NUM_ROWS, 3))
    rows = (f"{a:.6f},{b:.6f},{c:.6f},{'hot' if a + b > 0 else 'cold'}\n" for a, b, c in values_NC)
    return ("a,b,c,label\n" + "".join(rows)).encode()


def settings_for(*sources):
    return {"task": "tabular_classification", "source": sources, "label": "label"}


def ingest(values, out, **options):
    return step.ingest(step.Settings.model_validate(values), out, **options)


def test_a_table_in_a_bucket_makes_the_data_set_that_it_makes_on_a_disk(storage, table, tmp_path):
    (tmp_path / "raw.csv").write_bytes(table)
    storage.put("raw/2024.csv", table)
    said = []

    local = ingest(settings_for(str(tmp_path / "raw.csv")), tmp_path / "local", scratch=tmp_path / "scratch")
    remote = ingest(
        settings_for("gs://data/raw/*.csv"),
        tmp_path / "remote",
        scratch=tmp_path / "scratch",
        progress=lambda message, done=None, total=None: said.append((message, done, total)),
    )

    assert remote.version == local.version
    assert remote.sources == ("gs://data/raw/*.csv",)
    assert ("downloading 1.3 of 1.3 MB", len(table), len(table)) in said
    assert not (tmp_path / "scratch").exists()


def test_a_killed_ingest_does_not_fetch_again_what_is_there(storage, table, tmp_path):
    storage.put("raw.csv", table)
    storage.break_(cut_after=800_000, stalls=True, times=1)
    values, out, scratch = settings_for("gs://data/raw.csv"), tmp_path / "dataset", tmp_path / "scratch"
    code = f"""from components.ingest import step
settings = step.Settings.model_validate_json('''{json.dumps(values)}''')
step.ingest(settings, {str(out)!r}, scratch={str(scratch)!r})"""
    with subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.getcwd()}) as running:
        storage.wait_until_kept(scratch, len(table), 500_000)
        running.kill()
    storage.go_on.set()
    assert not out.exists()

    manifest = ingest(values, out, scratch=scratch)

    first, second = (asked.bytes_asked for asked in storage.of("media"))
    assert first == f"0-{len(table) - 1}"
    assert 500_000 <= int(second.partition("-")[0]) <= 800_000
    assert sum(split.num_examples for split in manifest.splits.values()) == NUM_ROWS


def test_an_error_in_the_data_leaves_no_data_set_and_keeps_what_was_downloaded(storage, tmp_path):
    storage.put("raw.csv", b"a,label\n1,x\n2,x\n3,x\n4,x\n")
    values, scratch = settings_for("gs://data/raw.csv"), tmp_path / "scratch"

    for _ in range(2):
        with pytest.raises(DataError, match="a classifier needs at least 2"):
            ingest(values, tmp_path / "dataset", scratch=scratch)

    assert not (tmp_path / "dataset").exists()
    assert len(storage.of("media")) == 1
