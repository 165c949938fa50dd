"""Sources in a bucket, read through Google's own client from an emulator of Cloud Storage."""

import errno
import glob
import gzip
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from estafet.errors import DataError, ServiceUnavailable, StepFailed
from estafet.storage import local_copies, partial

CONTENT = np.random.default_rng(0).bytes(1_500_000)


def files_below(path):
    return sorted(file.relative_to(path).as_posix() for file in Path(path).rglob("*") if file.is_file())


def ranges_asked(storage):
    return [asked.bytes_asked for asked in storage.of("media")]


@pytest.fixture
def raw(storage):
    """A folder of small objects, a mark of a folder, and a namesake."""
    for name in ("raw/a.csv", "raw/b.csv", "raw/deep/c.csv", "rawer.csv"):
        storage.put(name, f"x,y\n{name},1\n".encode())
    storage.put("raw/", b"")
    return storage


def test_local_sources_stay_as_they_are(tmp_path):
    with local_copies((str(tmp_path), "/data/*.csv")) as sources:
        assert sources == (str(tmp_path), "/data/*.csv")


def test_one_object_becomes_a_file_until_the_block_ends(raw):
    with local_copies(("gs://data/raw/a.csv", "/data/local.csv")) as (path, local):
        assert Path(path).read_bytes() == b"x,y\nraw/a.csv,1\n"
        assert Path(path).name == "a.csv"
        assert local == "/data/local.csv"
    assert not Path(path).exists()


def test_a_folder_becomes_a_folder_without_its_namesakes(raw):
    with local_copies(("gs://data/raw", "gs://data/raw/")) as (path, same):
        assert files_below(path) == files_below(same) == ["a.csv", "b.csv", "deep/c.csv"]
    assert len(raw.of("media")) == 3


@pytest.mark.parametrize("pattern", ["*.csv", "raw/*.csv", "**/*.csv", "*/*/"])
def test_a_glob_becomes_a_glob(raw, tmp_path, pattern):
    with local_copies((f"gs://data/{pattern}",), folder=tmp_path / "odd [name]") as (local,):
        found = sorted(Path(path).name for path in glob.glob(local, recursive=True))
    expected = {
        "*.csv": ["rawer.csv"],
        "raw/*.csv": ["a.csv", "b.csv"],
        "**/*.csv": ["a.csv", "b.csv", "c.csv", "rawer.csv"],
        "*/*/": ["deep"],
    }
    assert found == expected[pattern]


def test_names_are_kept_whatever_they_are(storage):
    names = ["Ä ö/ß +%#?&.csv", "Ä ö/[1].csv", "Ä ö/*.csv"]
    for name in names:
        storage.put(name, name.encode())

    with local_copies(("gs://data/Ä ö", "gs://data/Ä ö/[1].csv")) as (folder, one):
        assert {path.name: path.read_text() for path in Path(folder).iterdir()} == {n[4:]: n for n in names}
        assert Path(one).read_text() == "Ä ö/[1].csv"


def test_an_empty_object_is_an_empty_file(storage):
    storage.put("empty.csv", b"")

    with local_copies(("gs://data/empty.csv",)) as (path,):
        assert Path(path).read_bytes() == b""
    assert not storage.of("media")


def test_an_object_that_marks_a_folder_gives_way_to_it_and_another_one_is_refused(storage):
    storage.put("raw", b"")
    storage.put("raw/a.csv", b"x\n1\n")
    with local_copies(("gs://data/raw",)) as (path,):
        assert files_below(path) == ["a.csv"]
    with local_copies(("gs://data/",)) as (path,):
        assert files_below(path) == ["raw/a.csv"]

    storage.put("raw", b"x\n2\n")
    with local_copies(("gs://data/raw", "gs://data/raw/")) as (one, folder):
        assert Path(one).read_bytes() == b"x\n2\n"
        assert files_below(folder) == ["a.csv"]
    with pytest.raises(DataError, match="'gs://data/raw' is an object, and there are others below it"):
        with local_copies(("gs://data/",)):
            pass


def test_an_object_that_was_uploaded_compressed_is_unpacked_unless_its_name_says_so(storage):
    packed = gzip.compress(b"x,y\n1,2\n")
    storage.put("a.csv", packed, encoding="gzip")
    storage.put("b.csv.gz", packed, encoding="gzip")

    with local_copies(("gs://data",)) as (path,):
        assert Path(path, "a.csv").read_bytes() == b"x,y\n1,2\n"
        assert Path(path, "b.csv.gz").read_bytes() == packed

    storage.put("a.csv", b"x,y\n1,2\n", encoding="gzip")
    with pytest.raises(DataError, match=r"'gs://data/a\.csv' is marked as compressed"):
        with local_copies(("gs://data/a.csv",)):
            pass


def test_large_objects_come_in_ranges_and_progress_ends_with_all_bytes(storage, monkeypatch):
    monkeypatch.setattr(partial, "RANGE_BYTES", 400_000)
    storage.put("large.bin", CONTENT)
    storage.put("small.bin", b"12345")
    said = []

    with local_copies(("gs://data/*.bin",), progress=lambda *values: said.append(values)) as (pattern,):
        assert Path(pattern).parent.joinpath("large.bin").read_bytes() == CONTENT
    assert sorted(ranges_asked(storage)) == ["0-399999", "0-4", "1200000-1499999", "400000-799999", "800000-1199999"]
    assert said[-1] == ("downloading 1.5 of 1.5 MB", 1_500_005, 1_500_005)


def test_a_connection_that_breaks_off_is_gone_on_with_from_there(storage):
    storage.put("a.bin", CONTENT)
    for num_bytes in (600_000, 0, 10):
        storage.break_(cut_after=num_bytes, times=1)

    with local_copies(("gs://data/a.bin",)) as (path,):
        assert Path(path).read_bytes() == CONTENT
    assert ranges_asked(storage) == ["0-1499999", "600000-1499999", "600000-1499999", "600010-1499999"]


def test_a_failed_download_is_gone_on_with_by_the_next_run(storage, impatient, tmp_path):
    storage.put("a.bin", CONTENT)
    storage.put("b.bin", b"whole")
    storage.break_(name="a.bin", cut_after=1_000_000, times=1)
    storage.break_(name="a.bin", status=503)
    with pytest.raises(ServiceUnavailable, match=r"did not give 'gs://data/a\.bin' within 0.3 s"):
        with local_copies(("gs://data",), folder=tmp_path / "kept"):
            pass
    storage.faults.clear()
    storage.asked.clear()

    with local_copies(("gs://data",), folder=tmp_path / "kept") as (path,):
        assert Path(path, "a.bin").read_bytes() == CONTENT
        assert Path(path, "b.bin").read_bytes() == b"whole"

    assert ranges_asked(storage) == ["1000000-1499999"]
    assert not (tmp_path / "kept").exists()


def test_what_a_failed_block_leaves_is_checked_and_not_fetched_again(storage, tmp_path):
    storage.put("a.bin", CONTENT)
    storage.put("b.bin", b"12345")
    with pytest.raises(ValueError):
        with local_copies(("gs://data",), folder=tmp_path) as (path,):
            os.truncate(os.path.realpath(Path(path, "b.bin")), 3)
            raise ValueError
    storage.asked.clear()

    with local_copies(("gs://data",), folder=tmp_path) as (path,):
        assert Path(path, "a.bin").read_bytes() == CONTENT
        assert Path(path, "b.bin").read_bytes() == b"12345"
    assert ranges_asked(storage) == ["0-4"]


def test_what_is_left_of_other_generations_is_removed(storage, tmp_path):
    storage.put("a.bin", b"the first")
    with pytest.raises(ValueError):
        with local_copies(("gs://data/a.bin",), folder=tmp_path):
            raise ValueError
    storage.put("a.bin", b"the second")

    with local_copies(("gs://data/a.bin",), folder=tmp_path) as (path,):
        assert Path(path).read_bytes() == b"the second"
        assert len(list(tmp_path.joinpath("objects").iterdir())) == 1


def test_whoever_comes_second_leaves_the_folder_of_the_first_alone(storage, tmp_path):
    storage.put("a.bin", b"12345")
    with local_copies(("gs://data/a.bin",), folder=tmp_path) as (first,):
        with local_copies(("gs://data/a.bin",), folder=tmp_path) as (second,):
            assert Path(second).read_bytes() == b"12345"
        assert not Path(second).exists()
        assert Path(first).read_bytes() == b"12345"


def test_bytes_that_change_on_their_way_are_fetched_once_more(storage):
    storage.put("a.bin", CONTENT)
    storage.break_(flips=True, times=1)
    said = []

    with local_copies(("gs://data/a.bin",), progress=lambda *values: said.append(values)) as (path,):
        assert Path(path).read_bytes() == CONTENT
    assert said[-1][1:] == (len(CONTENT), len(CONTENT))
    assert len(storage.of("media")) == 2

    storage.break_(flips=True)
    with pytest.raises(DataError, match=r"'gs://data/a\.bin' arrived 2 times with another checksum"):
        with local_copies(("gs://data/a.bin",)):
            pass


@pytest.mark.parametrize("happened", ["written anew", "deleted"])
def test_an_object_that_changes_while_it_comes_is_an_error(storage, happened):
    storage.put("a.bin", CONTENT)
    change = {"written anew": lambda: storage.put("a.bin", b"another"), "deleted": lambda: storage.delete("a.bin")}
    storage.break_(cut_after=500_000, then=change[happened], times=1)

    with pytest.raises(DataError, match=f"'gs://data/a.bin' was {happened} while it was downloaded"):
        with local_copies(("gs://data/a.bin",)):
            pass


def test_a_full_disk_is_an_error_and_what_is_there_is_kept(storage, tmp_path, monkeypatch):
    storage.put("a.bin", CONTENT)
    real, room = os.pwrite, [600_000]

    def pwrite(descriptor, content, offset):
        room[0] -= len(content)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(StepFailed, match=r"the disk is full while 'gs://data/a\.bin' is downloaded"):
        with local_copies(("gs://data/a.bin",), folder=tmp_path):
            pass
    monkeypatch.setattr(os, "pwrite", real)
    assert [path.suffix for path in tmp_path.joinpath("objects").iterdir()] == [".part"]

    with local_copies(("gs://data/a.bin",), folder=tmp_path) as (path,):
        assert Path(path).read_bytes() == CONTENT
    assert int(ranges_asked(storage)[1].partition("-")[0]) > 0


def test_a_disk_without_room_for_it_is_an_error_before_anything_is_fetched(storage, monkeypatch):
    storage.put("a.bin", CONTENT)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free=1_000_000))

    with pytest.raises(StepFailed, match=r"the disk is full: 0\.00 GB are to be downloaded"):
        with local_copies(("gs://data/a.bin",)):
            pass
    assert not storage.of("media")


def test_nothing_there_is_an_error_that_says_how_to_look(raw):
    with pytest.raises(DataError, match=r"there is nothing at 'gs://data/other/\*\.csv'") as caught:
        with local_copies(("gs://data/other/*.csv",)):
            pass
    assert caught.value.hint == "list what there is: gcloud storage ls gs://data/other/*.csv"


def test_a_download_that_is_refused_says_so_at_once(storage):
    storage.put("a.bin", CONTENT)
    storage.break_(status=403, message="x@y.z does not have storage.objects.get access.")

    with pytest.raises(DataError, match=r"not public: x@y\.z does not have storage\.objects\.get access\."):
        with local_copies(("gs://data/a.bin",)):
            pass
    assert len(storage.of("media")) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_weakness_is_waited_for(storage, status):
    storage.put("a.bin", CONTENT)
    storage.break_("get", status=status, times=2)
    storage.break_(status=status, times=3)

    with local_copies(("gs://data/a.bin",)) as (path,):
        assert Path(path).read_bytes() == CONTENT
    assert (len(storage.of("get")), len(storage.of("media"))) == (3, 4)
