"""Small data sets, put together by hand, so that it is known what an inspection must find in them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from estafet.records.encoding import encode
from estafet.records.manifest import Manifest, Segment, Split, WindowSpec
from estafet.records.shards import ShardWriter
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema

CLASSES = ("no", "yes")
HOUR_S, START_S = 3600, 1_577_836_800  # 2020-01-01 00:00 UTC


def objects(rows):
    values = np.empty(np.shape(rows), dtype=object)
    values[...] = rows
    return values


def numeric(name, **values):
    return NumericFeature(**{"name": name, "mean": 0, "std": 1, "min": -1, "max": 1, "missing_share": 0, **values})


def write(folder, parts, *, segments=None, folds=(), **values):
    """Write the columns of each part, one record at a time in shards of 400 bytes, and a manifest."""
    folder.mkdir(parents=True)
    written = {}
    for name, columns in parts.items():
        num_rows = len(next(iter(columns.values())))
        with ShardWriter(folder, name, shard_bytes=400, compression=values.get("compression", "none")) as writer:
            for i in range(num_rows):
                writer.write(encode({key: column[i : i + 1] for key, column in columns.items()}), 1)
        counts = tuple(np.bincount(columns["label"], minlength=2).tolist()) if "label" in columns else None
        own = (segments or {}).get(name, ())
        written[name] = Split(shards=writer.shards, num_examples=num_rows, segments=own, class_counts=counts)
    splits = {name: split for name, split in written.items() if name not in folds}
    if folds:
        train = [written[name] for name in folds[1:]]
        splits["validation"] = written[folds[0]]
        splits["train"] = Split(
            shards=tuple(shard for fold in train for shard in fold.shards),
            num_examples=sum(fold.num_examples for fold in train),
        )
    values = {"version": "1" * 64, "sources": ("/data/patients.csv",), **values}
    Manifest(splits=splits, folds=tuple(written[name] for name in folds), **values).save(folder)
    return folder


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a table of the given ages in each part; the class is whether an age is odd."""

    def made(name="patients", folds=(), compression="none", overlap=None, sources=None, **ages):
        def columns(of):
            return {
                "numeric": np.array([[age, np.nan if age == 3 else age / 2] for age in of], np.float32).reshape(-1, 2),
                "integers": np.array([[age] for age in of], np.int64).reshape(-1, 1),
                "categorical": objects([["żółw".encode() if age % 3 else b""] for age in of]).reshape(-1, 1),
                "label": np.array(of, np.int64) % 2,
            }

        return write(
            tmp_path / name,
            {part: columns(of) for part, of in ages.items()},
            folds=folds,
            compression=compression,
            task="tabular_classification",
            data_schema=Schema(
                numeric=(
                    numeric("age", mean=41.5),
                    numeric("dose", missing_share=0.25),
                    numeric("visits", is_integer=True, storage="int"),
                ),
                categorical=(CategoricalFeature(name="animal", categories=("żółw",), missing_share=0.25),),
                label=Label(name="ill", classes=CLASSES),
            ),
            **({"overlap": overlap} if overlap else {}),
            **({"sources": sources} if sources else {}),
        )

    return made


@pytest.fixture
def series(tmp_path):
    """Return a function that writes hourly series; each part gives, for each series, its first and end step."""

    def made(context=0, overlap=None, **spans):
        parts, segments = {}, {}
        for part, of in spans.items():
            steps = np.concatenate([np.arange(first, end) for first, end in of.values()])
            parts[part] = {
                "values": np.sin(steps / 4).astype(np.float32)[:, None],
                "time": START_S + HOUR_S * steps.astype(np.int64),
            }
            num_context = context if part != "train" else 0
            segments[part] = tuple(
                Segment(key=(name,), num_steps=end - first, num_context_steps=num_context)
                for name, (first, end) in of.items()
            )
        return write(
            tmp_path / "series",
            parts,
            segments=segments,
            task="forecasting",
            window=WindowSpec(lookback=3, horizon=2, stride=1, season=1),
            data_schema=Schema(numeric=(numeric("load"),), label=Label(name="load"), time="hour", series_by=("store",)),
            **({"overlap": overlap} if overlap else {}),
        )

    return made


@pytest.fixture
def images(tmp_path):
    """Return a function that writes grey images of the given brightnesses; the class is whether one is above 100."""

    def made(name="images", labels=None, **brightnesses):
        def columns(part, of):
            files = []
            for brightness in of:
                file = io.BytesIO()
                Image.new("L", (6, 4), brightness).save(file, "PNG")
                files.append(file.getvalue())
            given = (labels or {}).get(part, [int(brightness > 100) for brightness in of])
            return {"image": objects(files), "label": np.array(given)}

        return write(
            tmp_path / name,
            {part: columns(part, of) for part, of in brightnesses.items()},
            task="image_classification",
            image_shape=(4, 6, 1),
            data_schema=Schema(label=Label(name="label", classes=("dark", "light"))),
        )

    return made
