"""Sources in a bucket, read through Google's own client from a small server that speaks its protocol."""

import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from estafet.errors import ConfigError, DataError, ServiceUnavailable
from estafet.storage import StoredObject, list_objects, local_copies

OBJECTS = {
    "raw/": b"",
    "raw/a.csv": b"x,y\n1,2\n",
    "raw/b.csv": b"x,y\n3,4\n",
    "raw/deep/c.csv": b"x,y\n5,6\n",
    "rawer.csv": b"another",
}


class Bucket(BaseHTTPRequestHandler):
    """The two calls of the JSON API that a reader makes: list, and download."""

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if "/b/missing" in url.path:
            return self._answer(404, json.dumps({"error": {"code": 404, "message": "no such bucket"}}).encode())
        if url.path.endswith("/o"):
            prefix = urllib.parse.parse_qs(url.query).get("prefix", [""])[0]
            items = [
                {"name": name, "bucket": "data", "size": len(OBJECTS[name]), "generation": "7"}
                for name in OBJECTS
                if name.startswith(prefix)
            ]
            return self._answer(200, json.dumps({"items": items}).encode())
        if "/o/" not in url.path:
            return self._answer(200, json.dumps({"name": "data"}).encode())
        return self._answer(200, OBJECTS[urllib.parse.unquote(url.path.rsplit("/o/", 1)[1])])

    def _answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *values):
        """Say nothing."""


@pytest.fixture
def bucket(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


def files_below(path):
    return sorted(file.relative_to(path).as_posix() for file in Path(path).rglob("*") if file.is_file())


def test_local_sources_stay_as_they_are(tmp_path):
    with local_copies((str(tmp_path), "/data/*.csv")) as sources:
        assert sources == (str(tmp_path), "/data/*.csv")


def test_one_object_becomes_a_file_until_the_block_ends(bucket):
    with local_copies(("gs://data/raw/a.csv", "/data/local.csv")) as (path, local):
        assert Path(path).read_bytes() == OBJECTS["raw/a.csv"]
        assert local == "/data/local.csv"
    assert not Path(path).exists()


def test_a_folder_becomes_a_folder_without_its_namesakes(bucket):
    with local_copies(("gs://data/raw/",)) as (path,):
        assert files_below(path) == ["a.csv", "b.csv", "deep/c.csv"]


def test_a_glob_becomes_a_glob(bucket):
    with local_copies(("gs://data/raw/*.csv",)) as (pattern,):
        found = sorted(Path(pattern).parent.glob(Path(pattern).name))
        assert [path.name for path in found] == ["a.csv", "b.csv"]


def test_nothing_there_is_an_error_that_says_how_to_look(bucket):
    with pytest.raises(DataError, match="nothing at 'gs://data/other'") as caught:
        with local_copies(("gs://data/other",)):
            pass
    assert "gcloud storage ls" in caught.value.hint


def test_a_bucket_that_refuses_is_an_error(bucket):
    with pytest.raises(ServiceUnavailable, match="did not give 'gs://missing/x'"):
        with local_copies(("gs://missing/x",)):
            pass


def test_no_answer_is_an_error(monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr("estafet.storage.RETRY_S", 0.2)

    with pytest.raises(ServiceUnavailable, match="did not give 'gs://data/x'"):
        with local_copies(("gs://data/x",)):
            pass


def test_objects_are_listed_with_what_tells_one_write_from_the_next(bucket):
    assert list_objects("gs://data/raw/a.csv") == [StoredObject("gs://data/raw/a.csv", 8, 7, "")]


def test_an_address_of_another_storage_is_refused(bucket):
    with pytest.raises(ConfigError, match=r"s3://data/a\.csv"):
        list_objects("s3://data/a.csv")
