"""Base paths in an emulator of Cloud Storage."""

from __future__ import annotations

import pytest

from serving.server.models import ServedModel, Settings
from serving.server.models.buckets import BucketPlace, cache_folder
from serving.server.models.places import LocalPlace
from serving.server.models.registry import Models

from .conftest import FakeModel, settle, states

URL = "gs://data/models/m"


class ReadingModel(FakeModel):
    """A model that reads its graph when it is loaded."""

    def __init__(self, folder):
        super().__init__(folder)
        self.graph = (folder / "saved_model.pb").read_bytes()


def put(storage, version: str, graph: bytes = b"graph", **files: bytes) -> None:
    for name, content in {"saved_model.pb": graph, "assets/words.txt": b"a\nb", **files}.items():
        storage.put(f"models/m/{version}/{name}", content)


def downloads(storage) -> list[str]:
    return sorted(asked.name for asked in storage.of("media"))


@pytest.fixture
def make(storage, tmp_path):
    made = []

    def make(cache=tmp_path / "cache") -> ServedModel:
        settings = Settings(max_num_load_retries=0)
        made.append(ServedModel("m", BucketPlace(URL, cache), ReadingModel, settings=settings))
        return made[-1]

    yield make
    for model in made:
        model.place.close()


def graph_of(model: ServedModel) -> bytes:
    with model.use() as version:
        return version.model.graph


def test_the_newest_version_is_downloaded_and_served(storage, make):
    put(storage, "1", b"old")
    put(storage, "0002", b"new")
    storage.put("models/m/readme.txt", b"no version")
    storage.put("models/m/.tmp-3/saved_model.pb", b"no version")
    model = make()

    settle(model)

    assert states(model) == {2: "AVAILABLE"}
    assert graph_of(model) == b"new"
    assert len(downloads(storage)) == 2
    with model.use() as version:
        assert (version.folder / "assets" / "words.txt").read_text() == "a\nb"


def test_a_newer_version_replaces_the_older_one_whose_copy_goes(storage, make):
    put(storage, "1", b"old")
    model = make()
    settle(model)
    with model.use() as version:
        old = version.folder
    put(storage, "2", b"new")

    settle(model)

    assert states(model) == {2: "AVAILABLE", 1: "END"}
    assert graph_of(model) == b"new"
    assert not old.exists()


def test_a_server_that_starts_again_downloads_nothing_twice(storage, make):
    put(storage, "1")
    first = make()
    settle(first)
    first.retire()
    first.join()
    before = downloads(storage)
    again = make()

    settle(again)

    assert graph_of(again) == b"graph"
    assert downloads(storage) == before


def test_a_second_server_does_not_touch_the_first_ones_copies(storage, make):
    put(storage, "1")
    first, second = make(), make()
    settle(first)

    settle(second)

    with first.use() as one, second.use() as other:
        assert one.folder != other.folder
        assert one.model.graph == other.model.graph


def test_a_version_whose_graph_has_not_arrived_waits(storage, make):
    storage.put("models/m/1/variables/variables.index", b"")
    model = make()
    settle(model)
    assert states(model) == {1: "START"}
    put(storage, "1")
    storage.delete("models/m/1/variables/variables.index")

    settle(model)

    assert states(model) == {1: "AVAILABLE"}


def test_a_version_that_failed_is_tried_again_when_it_was_written_anew(storage, make):
    put(storage, "1", corrupt=b"")
    model = make()
    settle(model)
    assert states(model) == {1: "END"}
    storage.delete("models/m/1/corrupt")
    put(storage, "1", b"mended")

    settle(model)

    assert graph_of(model) == b"mended"


def test_what_is_no_longer_in_the_bucket_leaves_the_cache(storage, make, tmp_path):
    put(storage, "1", b"first")
    model = make()
    settle(model)
    put(storage, "2", b"second")
    settle(model)
    for name in ("saved_model.pb", "assets/words.txt"):
        storage.delete(f"models/m/1/{name}")

    settle(model)

    kept = [path.read_bytes() for path in (tmp_path / "cache" / "objects").iterdir()]
    assert sorted(kept) == sorted([b"second", b"a\nb"])


def test_an_emptied_or_silent_bucket_changes_nothing(storage, make, caplog):
    put(storage, "1")
    model = make()
    settle(model)
    for name in ("saved_model.pb", "assets/words.txt"):
        storage.delete(f"models/m/1/{name}")
    settle(model)
    storage.break_("list", status=403, message="no")

    settle(model)

    assert states(model) == {1: "AVAILABLE"}
    assert sum("cannot be read" in record.message for record in caplog.records) == 1


def test_the_address_says_where_a_model_is(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    models = Models(FakeModel)

    assert isinstance(models._place("/models/m"), LocalPlace)
    assert models._place(f"{URL}/").address == URL
    assert cache_folder(f"{URL}/") == cache_folder(URL)
    assert cache_folder(URL).is_relative_to(tmp_path / "estafet" / "models")
