"""Small data sets, put together by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from estafet.records.encoding import encode
from estafet.records.manifest import Manifest, Segment, Split, WindowSpec
from estafet.records.shards import ShardWriter
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema


def objects(rows):
    values = np.empty(np.shape(rows), dtype=object)
    values[...] = rows
    return values


def numeric(name):
    return NumericFeature(name=name, mean=0, std=1, min=-1, max=1, missing_share=0)


@pytest.fixture(scope="session")
def write_dataset():
    """Return a function that writes columns, one record at a time, as the splits of a data set."""

    def write(folder, splits, *, context=None, shard_bytes=200, **values):
        folder.mkdir()
        written = {}
        for split, columns in splits.items():
            num_rows = len(next(iter(columns.values())))
            with ShardWriter(folder, split, shard_bytes=shard_bytes) as writer:
                for i in range(num_rows):
                    writer.write(encode({name: column[i : i + 1] for name, column in columns.items()}), 1)
            segments = ()
            if "time" in columns:
                segments = (Segment(num_steps=num_rows, num_context_steps=(context or {}).get(split, 0)),)
            written[split] = Split(shards=writer.shards, num_examples=num_rows, segments=segments)
        folds = tuple(part for split, part in written.items() if split.startswith("fold"))
        splits = {split: part for split, part in written.items() if not split.startswith("fold")}
        Manifest(version="1" * 64, splits=splits, folds=folds, **values).save(folder)
        return folder

    return write


@pytest.fixture(scope="session")
def table_folder(write_dataset, tmp_path_factory):
    """Ten rows for training and three for testing: two numbers, one of them sometimes missing, a word, two classes."""

    def columns(num_rows):
        numbers = np.arange(2 * num_rows, dtype=np.float32).reshape(-1, 2)
        numbers[:1, 1] = np.nan
        return {
            "numeric": numbers,
            "categorical": objects([["żółw".encode() if i % 2 else b""] for i in range(num_rows)]),
            "label": np.arange(num_rows) % 2,
        }

    return write_dataset(
        tmp_path_factory.mktemp("table") / "dataset",
        {"train": columns(10), "validation": columns(0), "test": columns(3)},
        task="tabular_classification",
        data_schema=Schema(
            numeric=(numeric("age"), numeric("height")),
            categorical=(CategoricalFeature(name="animal", categories=("żółw",), missing_share=0.5),),
            label=Label(name="y", classes=("no", "yes")),
        ),
    )


@pytest.fixture(scope="session")
def image_folder(write_dataset, tmp_path_factory):
    """Four images of one brightness each, of different sizes and modes, to be read as 4 by 6 grey pixels."""
    files = []
    for size, mode, colour in [
        ((6, 4), "L", 10),
        ((12, 8), "L", 60),
        ((6, 4), "RGB", (90, 90, 90)),
        ((3, 2), "L", 200),
    ]:
        buffer = io.BytesIO()
        Image.new(mode, size, colour).save(buffer, format="PNG")
        files.append(buffer.getvalue())
    return write_dataset(
        tmp_path_factory.mktemp("images") / "dataset",
        {"train": {"image": objects(files), "label": np.array([0, 1, 0, 1])}},
        task="image_classification",
        image_shape=(4, 6, 1),
        data_schema=Schema(label=Label(name="label", classes=("dark", "light"))),
    )


@pytest.fixture(scope="session")
def series_folder(write_dataset, tmp_path_factory):
    """A series 0, 1, 2, … with a second channel of its negatives: ten steps to train on, then three and two more."""

    def steps(first, end):
        values = np.arange(first, end, dtype=np.float32)
        return {"values": np.stack([values, -values], axis=1), "time": np.arange(first, end) * 60}

    return write_dataset(
        tmp_path_factory.mktemp("series") / "dataset",
        {"train": steps(0, 10), "validation": steps(7, 13), "test": steps(10, 15)},
        context={"validation": 3, "test": 3},
        task="forecasting",
        window=WindowSpec(lookback=3, horizon=2, stride=1, season=1),
        data_schema=Schema(numeric=(numeric("x"), numeric("y")), label=Label(name="x"), time="t"),
    )
