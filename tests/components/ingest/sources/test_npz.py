"""Arrays in .npz files as tables."""

import numpy as np
import pytest

from components.ingest.sources.npz import read_arrays
from estafet.errors import DataError


@pytest.fixture
def write(tmp_path):
    def written(name="x.npz", **arrays):
        np.savez_compressed(tmp_path / name, **arrays)
        return tmp_path / name

    return written


def test_training_and_test_arrays_are_one_table(write, open_files, read_all):
    """The layout of MNIST, the labels as a column of their own axis."""
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    path = write(x_train=x[:3], y_train=np.array([[0], [1], [0]]), x_test=x[3:], y_test=np.array([[1], [0]]))

    table = open_files([path], "npz", label="digit")
    read = read_all(table)

    assert read.schema == {"f0": "float", "f1": "float", "digit": "int64"}
    assert read.columns == {"f0": [0, 2, 4, 6, 8], "f1": [1, 3, 5, 7, 9], "digit": [0, 1, 0, 1, 0]}
    assert read.numbers[4] == "x.npz row 5"
    assert (table.num_rows, read.batches[-1].num_bytes_read) == (5, path.stat().st_size)


def test_several_files_and_labels_of_words(write, open_files, read_all):
    paths = [
        write("1.npz", x=np.ones((2, 1), np.int64), y=np.array(["a", "b"])),
        write("2.npz", x=np.full((1, 1), 0.5), y=np.array(["c"])),
    ]

    read = read_all(open_files(paths, "npz"))

    assert read.schema == {"f0": "double", "label": "string"}
    assert read.columns == {"f0": [1, 1, 0.5], "label": ["a", "b", "c"]}


def test_arrays_that_are_no_table(write, open_files):
    with pytest.raises(DataError, match=r"x of shape \(2, 3, 3\), and a table has two axes"):
        open_files([write(x=np.zeros((2, 3, 3)), y=np.zeros(2))], "npz")
    with pytest.raises(DataError, match="holds no rows"):
        open_files([write(x=np.zeros((0, 3)), y=np.zeros(0))], "npz")


def test_arrays_that_do_not_fit_each_other_or_have_other_names(write):
    with pytest.raises(DataError, match=r"x of shape \(2, 3\) and y of shape \(4,\)"):
        read_arrays(write(x=np.zeros((2, 3)), y=np.zeros(4)))
    with pytest.raises(DataError, match="holds the arrays data, target") as caught:
        read_arrays(write(data=np.zeros((9, 4)), target=np.arange(9)))
    assert "x_train" in caught.value.hint


def test_files_that_are_damaged_or_hold_objects(write):
    """Objects are never unpickled: that would run what is in the file."""
    path = write(x=np.zeros((2, 3)), y=np.array([{}, {}]))
    with pytest.raises(DataError, match=r"x.npz' cannot be read: Object arrays cannot be loaded"):
        read_arrays(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"x.npz' cannot be read: "):
        read_arrays(path)


def test_half_precision_comes_as_single_and_complex_numbers_are_refused(write, open_files, read_all):
    read = read_all(open_files([write(x=np.array([[0.5], [2]], np.float16), y=np.zeros(2))], "npz"))

    assert (read.schema["f0"], read.columns["f0"]) == ("float", [0.5, 2])
    with pytest.raises(DataError, match=r"x.npz' cannot be read: Unsupported numpy type"):
        open_files([write(x=np.zeros((2, 1), complex), y=np.zeros(2))], "npz")
