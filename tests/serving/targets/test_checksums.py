"""Checksums: what they find, and what they let pass."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from estafet.errors import DataError
from estafet.files import read_json
from serving.targets import checksums
from serving.targets.local import LocalTarget


@pytest.fixture
def version(tmp_path):
    folder = tmp_path / "servable"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    return folder


def test_they_are_sha_256_by_path_and_leave_themselves_out(version):
    for _ in range(2):
        checksums.write(version)

    assert read_json(version / checksums.CHECKSUMS_FILE) == {
        "saved_model.pb": hashlib.sha256(b"graph").hexdigest(),
        "variables/data": hashlib.sha256(b"weights").hexdigest(),
    }


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda folder: (folder / "variables" / "data").write_bytes(b"weighty"), "'variables/data' has other bytes"),
        (lambda folder: (folder / "saved_model.pb").unlink(), "'saved_model.pb' is missing"),
        (lambda folder: (folder / "more").touch(), "'more' was not released"),
    ],
)
def test_harm_is_named(version, harm, what):
    checksums.write(version)
    checksums.check(version)
    harm(version)

    with pytest.raises(DataError, match=what):
        checksums.check(version)


def test_a_version_without_checksums_passes(version):
    checksums.check(version)


def test_a_copy_that_went_wrong_is_not_published(tmp_path, version, monkeypatch):
    copy = shutil.copystat

    def bad_copy(source, to, **more):
        copy(source, to, **more)
        if str(to).endswith("data"):
            Path(to).write_bytes(b"weight5")

    monkeypatch.setattr(shutil, "copystat", bad_copy)
    target = LocalTarget(tmp_path / "models", "m")

    with pytest.raises(DataError, match="'variables/data' has other bytes"):
        target.stage(version)

    assert [path.name for path in target.folder.iterdir()] == [target.release_folder.name]
