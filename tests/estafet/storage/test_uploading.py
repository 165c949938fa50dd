"""Folders that go to an emulator of Cloud Storage."""

from __future__ import annotations

import base64
import urllib.request

import pytest

from estafet.errors import ConfigError, DataError
from estafet.storage import list_objects, session
from estafet.storage.uploading import crc32c_of, remove_folder, upload_folder

URI = "gs://data/models/m/3"


@pytest.fixture
def bucket(emulator, monkeypatch):
    """An empty bucket."""
    urllib.request.urlopen(f"{emulator}/wipe?keep-buckets=true").read()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    monkeypatch.setattr(session, "RETRY_S", 1)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "version"
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_bytes(b"weights")
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "empty").write_bytes(b"")
    return folder


def names() -> list[str]:
    return sorted(item.url for item in list_objects("gs://data/models/"))


def test_every_file_arrives_and_the_one_that_counts_comes_last(bucket, folder, monkeypatch):
    from google.cloud.storage import Blob

    order, upload = [], Blob.upload_from_filename
    monkeypatch.setattr(
        Blob, "upload_from_filename", lambda blob, *a, **n: (upload(blob, *a, **n), order.append(blob.name))
    )

    upload_folder(folder, URI, last="saved_model.pb")

    assert names() == [f"{URI}/empty", f"{URI}/saved_model.pb", f"{URI}/variables/data"]
    assert len(order) == 3
    assert order[-1] == "models/m/3/saved_model.pb"


def test_the_checksum_is_the_one_of_the_standard(tmp_path):
    """RFC 3720, B.4: 32 bytes of zeros have the CRC32C aa 36 91 8a, least significant byte first."""
    (tmp_path / "zeros").write_bytes(bytes(32))

    assert base64.b64decode(crc32c_of(tmp_path / "zeros")) == bytes.fromhex("8a9136aa")


def test_what_arrives_otherwise_is_found(bucket, folder, monkeypatch):
    from google.cloud.storage import Blob

    upload = Blob.upload_from_filename

    def spoil(blob, path, **named):
        if blob.name.endswith("variables/data"):
            return blob.upload_from_string(b"other")
        return upload(blob, path, **named)

    monkeypatch.setattr(Blob, "upload_from_filename", spoil)

    with pytest.raises(DataError, match=r"'variables/data' arrived with another checksum"):
        upload_folder(folder, URI, last="saved_model.pb")


def test_what_was_there_before_is_found(bucket, folder):
    upload_folder(folder, URI)
    (folder / "empty").unlink()

    with pytest.raises(DataError, match=r"'empty' was there before"):
        upload_folder(folder, URI)


def test_a_folder_is_removed_with_nothing_beside_it(bucket, folder):
    upload_folder(folder, URI)
    upload_folder(folder, "gs://data/models/m/33")

    remove_folder(URI)
    remove_folder(URI)

    assert {name.removeprefix("gs://data/models/m/")[:3] for name in names()} == {"33/"}


def test_a_bucket_that_is_not_there_is_named(bucket, folder):
    with pytest.raises(DataError, match="there is no bucket for 'gs://nowhere/m'") as refused:
        upload_folder(folder, "gs://nowhere/m")

    assert "deploy.models_dir" in refused.value.hint


def test_other_storages_are_refused(folder):
    with pytest.raises(ConfigError, match="no address that Estafet reads"):
        upload_folder(folder, "s3://b/m")
