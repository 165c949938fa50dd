"""Listing a bucket, and what its refusals mean."""

import base64
import json
import sys

import google.auth
import google.cloud
import google_crc32c
import pytest
from google.auth.exceptions import DefaultCredentialsError, RefreshError
from google.oauth2.credentials import Credentials

from estafet.errors import ConfigError, DataError, ServiceUnavailable
from estafet.provenance import fingerprint_sources
from estafet.storage import list_objects, session

CONTENT = b"x,y\n1,2\n"


def urls(uri):
    return [item.url for item in list_objects(uri)]


def test_objects_are_listed_with_what_tells_one_write_from_the_next(storage):
    storage.put("raw/a.csv", CONTENT)
    storage.put("raw/", b"")

    (first,) = list_objects("gs://data/raw")
    storage.put("raw/a.csv", CONTENT)
    (second,) = list_objects("gs://data/raw/a.csv")

    checksum = google_crc32c.Checksum(CONTENT).digest()
    assert (first.url, first.num_bytes) == ("gs://data/raw/a.csv", 8)
    assert first.crc32c == second.crc32c == base64.b64encode(checksum).decode()
    assert first.generation < second.generation
    assert not storage.of("media")


def test_a_source_has_another_fingerprint_when_it_was_written_anew(storage):
    storage.put("raw/a.csv", CONTENT)
    first = fingerprint_sources(["gs://data/raw"])
    same = fingerprint_sources(["gs://data/raw"])
    storage.put("raw/a.csv", CONTENT)

    assert first == same
    assert fingerprint_sources(["gs://data/raw"]).digest != first.digest


def test_many_objects_come_in_pages(storage):
    storage.listed_too = [f"raw/{i:05}.png" for i in range(3500)]

    assert urls("gs://data/raw/*.png") == [f"gs://data/{name}" for name in storage.listed_too]
    assert len(storage.of("list")) == 4


def test_a_file_is_found_without_listing_what_begins_alike(storage):
    storage.put("raw/a.csv", CONTENT)
    storage.put("raw/a.csv.old", CONTENT)

    assert urls("gs://data/raw/a.csv") == ["gs://data/raw/a.csv"]
    assert not storage.of("list")
    assert urls("gs://data/raw/a.csv/") == []


def test_a_bucket_that_is_not_there_is_an_error(storage):
    with pytest.raises(DataError, match="nothing at 'gs://missing/x': there is no bucket of this name"):
        list_objects("gs://missing/x")


@pytest.mark.parametrize("status, said", [(401, r"is not public\."), (403, r"is not public: Not for you\.")])
def test_where_nobody_is_signed_in_a_refusal_says_how_to(storage, status, said):
    message = {"message": "Not for you."}
    storage.break_("list", status=status, message=json.dumps({"error": {**message, "errors": [message]}}))

    with pytest.raises(DataError, match=rf"nobody is signed in to Google Cloud, and 'gs://data/\*' {said}") as caught:
        list_objects("gs://data/*")
    assert "gcloud auth application-default login" in caught.value.hint


def test_a_refusal_names_the_account_and_what_it_needs(storage, monkeypatch):
    someone = Credentials(token="t")
    someone.service_account_email = "reader@project.iam"
    monkeypatch.setattr(session, "credentials", lambda: someone)
    storage.break_("list", status=403, message="No access.")

    with pytest.raises(DataError, match=r"reader@project\.iam may not read 'gs://data/\*': No access\.") as caught:
        list_objects("gs://data/*")
    assert "storage.objects.list" in caught.value.hint


def test_a_weakness_that_does_not_pass_is_an_error_after_a_while(storage, impatient):
    storage.break_("list", status=503, message="Backend Error")

    with pytest.raises(ServiceUnavailable, match=r"'gs://data/\*' within 0\.3 s: Backend Error\."):
        list_objects("gs://data/*")
    assert len(storage.of("list")) > 1


def test_no_answer_is_an_error(storage, impatient, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")

    with pytest.raises(ServiceUnavailable, match="did not give 'gs://data/x'"):
        list_objects("gs://data/x")


def test_a_sign_in_that_has_expired_is_an_error(storage, monkeypatch):
    def refuse(*_):
        raise RefreshError("invalid_grant: Token has been expired or revoked.")

    monkeypatch.setattr(session, "_client", refuse)
    monkeypatch.setattr(session, "credentials", lambda: Credentials(token="t"))
    with pytest.raises(DataError, match="the sign-in to Google Cloud is not good for 'gs://data/x': invalid_grant"):
        list_objects("gs://data/x")


def test_without_credentials_a_bucket_is_asked_as_nobody(monkeypatch):
    def nothing(**_):
        raise DefaultCredentialsError("not found")

    monkeypatch.setattr(google.auth, "default", nothing)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    session._credentials.cache_clear()
    session._client.cache_clear()
    assert session.open_bucket("data").client.project is None
    assert type(session.credentials()).__name__ == "AnonymousCredentials"

    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/none.json")
    session._credentials.cache_clear()
    session._client.cache_clear()
    with pytest.raises(DataError, match="the credentials for Google Cloud cannot be read: not found"):
        session.open_bucket("data")


def test_a_name_that_no_bucket_has_is_an_error():
    with pytest.raises(ConfigError, match=r"no bucket can be named 'data\*'"):
        list_objects("gs://data*/a.csv")


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
    monkeypatch.delattr(google.cloud, "storage")
    session._client.cache_clear()
    with pytest.raises(ConfigError, match="needs google-cloud-storage") as caught:
        list_objects("gs://data/x")
    assert caught.value.hint == "pip install 'estafet[storage]'"
