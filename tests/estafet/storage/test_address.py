"""What a `gs://` address means, held against Python's own glob on a disk."""

import glob
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from estafet.errors import ConfigError, DataError
from estafet.storage.address import Address, file_name

SEGMENT = st.sampled_from(["a", "b", ".h", "a.csv", "b.csv", "x y", "é", "[1]"])
NAMES = st.lists(st.lists(SEGMENT, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6)
PIECE = st.sampled_from(["*", "**", "?", "a*", "*.csv", ".*", "[ab]", "[[]1]", "a", "b", "**b", "[1]"])
PATTERN = st.lists(PIECE, min_size=1, max_size=3).map("/".join).filter(lambda p: any(sign in p for sign in "*?["))


@given(NAMES, PATTERN, st.booleans())
@example(["a/b/a.csv", "a.csv", ".h/a.csv"], "**/*.csv", False)
@example(["a/b", "a/.h"], "a/**", False)
@example(["a"], "*/**", False)
def test_a_glob_means_what_it_would_mean_on_a_disk(tmp_path_factory, names, pattern, only_folder):
    root = str(tmp_path_factory.mktemp("bucket"))
    names = [name for name in names if not any(other.startswith(f"{name}/") for other in names)]
    for name in names:
        os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
        open(f"{root}/{name}", "w").close()
    ending = "/" if only_folder else ""
    found = [os.path.normpath(path) for path in glob.glob(f"{root}/{pattern}{ending}", recursive=True)]

    meant = {name for name in names if any(f"{root}/{name}/".startswith(f"{path}/") for path in found)}

    address = Address.parse(f"gs://data/{pattern}{ending}")
    assert {name for name in names if address.covers(name)} == meant
    assert all(name.startswith(address.prefix) for name in meant)


def test_a_folder_does_not_mean_its_namesakes():
    address = Address.parse("gs://data/raw")

    assert address.covers("raw/deep/a.csv")
    assert not address.covers("rawer.csv")
    assert Address.parse("gs://data").covers("anything")


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", "a//b", "./a", "a\0b", "é" * 128])
def test_an_object_that_would_go_astray_is_refused(name):
    with pytest.raises(DataError, match="a name that no file can have"):
        file_name("data", name)


def test_a_long_name_and_an_odd_one_are_taken():
    assert str(file_name("data", "Ä ö/..a/" + "é" * 127)) == "Ä ö/..a/" + "é" * 127


@pytest.mark.parametrize("uri", ["s3://data/a.csv", "gs:///a.csv"])
def test_an_address_that_names_no_bucket_of_ours_is_refused(uri):
    with pytest.raises(ConfigError, match=uri):
        Address.parse(uri)
