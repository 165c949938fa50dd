"""Images in folders by class or named by a CSV file: what is taken, what is reported, and what is refused."""

import os

import numpy as np
import pytest

from estafet.errors import ConfigError, DataError


def total(manifest):
    return sum(split.num_examples for split in manifest.splits.values())


def told(manifest):
    return {(found.kind, found.count, found.first[0].where) for found in manifest.anomalies}


def test_folders_within_a_class_belong_to_it_and_hidden_files_to_nothing(animals, ingested, jpeg):
    (animals / "cat" / "2026" / "may").mkdir(parents=True)
    (animals / "cat" / "2026" / "may" / "1.JPEG").write_bytes(jpeg(7))
    (animals / "cat" / "._00.jpg").write_text("what macOS leaves")
    (animals / "__MACOSX").mkdir()
    (animals / ".thumbnails").mkdir()
    (animals / "notes").mkdir()
    (animals / "notes" / "readme.txt").write_text("no class, and nobody says so")

    manifest, _ = ingested(animals)

    assert total(manifest) == 61
    assert manifest.data_schema.label.classes == ("cat", "dog")
    assert manifest.anomalies == ()


def test_a_loop_of_links_ends_and_counts_nothing_twice(animals, ingested):
    (animals / "cat" / "self").symlink_to(animals / "cat", target_is_directory=True)
    (animals / "dog" / "deeper").mkdir()
    (animals / "dog" / "deeper" / "up").symlink_to(animals / "dog", target_is_directory=True)

    manifest, _ = ingested(animals)

    assert total(manifest) == 60


def test_a_link_back_to_where_the_classes_are_gives_no_class_the_images_of_another(animals, ingested):
    (animals / "cat" / "all").symlink_to(animals, target_is_directory=True)
    (animals / "all").symlink_to(animals.parent, target_is_directory=True)

    manifest, _ = ingested(animals)

    assert manifest.data_schema.label.classes == ("cat", "dog")
    assert sum(split.class_counts[0] for split in manifest.splits.values()) == 30
    assert total(manifest) == 60


def test_a_class_without_images_is_named(animals, ingested):
    (animals / "fish").mkdir()

    with pytest.raises(DataError, match=r"class 'fish' has no image: the folder '.*fish' is empty") as caught:
        ingested(animals)

    assert "remove the folder" in caught.value.hint


def test_a_class_of_which_another_source_has_images_is_not_empty(animals, ingested, settings, tmp_path):
    (tmp_path / "more" / "dog").mkdir(parents=True)
    (tmp_path / "more" / "cat").mkdir()
    (tmp_path / "more" / "dog" / "x.jpg").write_bytes((animals / "cat" / "00.jpg").read_bytes())

    manifest, _ = ingested(tmp_path / "[am]*")

    assert total(manifest) == 61


def test_images_of_other_formats_and_outside_of_the_classes_are_reported(animals, ingested):
    (animals / "stray.png").write_bytes(b"")
    (animals / "cat" / "old.gif").write_bytes(b"GIF89a")

    manifest, _ = ingested(animals)

    assert told(manifest) == {("missing_label", 1, "stray.png"), ("unsupported", 1, "cat/old.gif")}
    assert manifest.num_bad_examples == 0


def test_a_folder_that_may_not_be_read_is_named(animals, ingested, monkeypatch):
    """Root may read everything, so the refusal is made here."""
    real = os.scandir

    def scandir(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)

    with pytest.raises(DataError, match="dog") as caught:
        ingested(animals, format="images")

    assert "chmod" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "kind"),
    [(PermissionError(13, "Permission denied"), "undecodable"), (FileNotFoundError(), "missing_file")],
)
def test_a_file_that_may_not_be_read_or_is_gone_is_bad(animals, ingested, monkeypatch, error, kind):
    real = os.open

    def refusing(path, *given):
        if str(path).endswith("cat/05.jpg"):
            raise error
        return real(path, *given)

    monkeypatch.setattr(os, "open", refusing)

    manifest, _ = ingested(animals, on_anomaly="ignore")

    assert told(manifest) == {(kind, 1, "cat/05.jpg")}
    assert total(manifest) == 59


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a CSV file of labels."""

    def write(lines, name="labels.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return str(path)

    return write


@pytest.fixture
def flat(tmp_path, jpeg):
    """Forty images in one folder and another in that."""
    root = tmp_path / "flat"
    (root / "deeper").mkdir(parents=True)
    for i in range(40):
        (root / ("deeper" if i % 4 == 0 else ".") / f"{i:02d}.jpg").write_bytes(jpeg(i, size=(8, 8)))
    return root


def path_of(i):
    return f"deeper/{i:02d}.jpg" if i % 4 == 0 else f"{i:02d}.jpg"


def rows(count=40):
    return [f"{i},{path_of(i)},{'odd' if i % 2 else 'even'},p{i // 4}" for i in range(count)]


def test_classes_from_a_csv_file(flat, table, ingested, records, jpeg):
    labels = table(["id,file,parity,patient", *rows()])

    manifest, folder = ingested(flat, labels=labels, label="parity")

    found = [record for split in manifest.splits.values() for record in records(folder, split)]
    assert sorted(found) == sorted((jpeg(i, size=(8, 8)), i % 2) for i in range(40))
    assert manifest.data_schema.label.classes == ("even", "odd")
    assert manifest.data_schema.label.name == "parity"


def test_a_table_in_utf16_with_paths_without_endings(flat, table, ingested):
    lines = [line.replace(".jpg", "").replace("/", "\\").replace(",", ";") for line in rows()]
    labels = table(["id;file;parity;patient", *lines], encoding="utf-16")

    manifest, _ = ingested(flat, labels=labels, label="parity", delimiter=";")

    assert total(manifest) == 40


def test_what_is_listed_and_missing_is_bad_and_what_is_not_listed_is_reported(flat, table, ingested):
    labels = table(["file,parity", *(",".join(row.split(",")[1:3]) for row in rows(38)), "gone.jpg,odd", "01.jpg,odd"])

    with pytest.raises(DataError, match=r"1 of 39 images cannot be used \(gone.jpg: labels.csv row 39 lists it"):
        ingested(flat, labels=labels, label="parity")
    manifest, _ = ingested(flat, labels=labels, label="parity", on_anomaly="quarantine")

    assert total(manifest) == 38
    assert told(manifest) == {
        ("missing_file", 1, "gone.jpg"),
        ("missing_label", 2, "38.jpg"),
        ("duplicate", 1, "labels.csv row 40"),
    }
    assert manifest.num_bad_examples == 1


def test_rows_that_say_too_little_or_two_things(flat, table, ingested):
    lines = [*(row for row in rows()), "7,07.jpg,even,p9", "8,x", "9,09.jpg,,p2"]
    labels = table(["id,file,parity,patient", *lines])

    manifest, _ = ingested(flat, labels=labels, label="parity", on_anomaly="quarantine")

    assert {(bad.where, bad.reason) for bad in manifest.bad_examples} == {
        ("labels.csv row 41", "'07.jpg' is of the class 'odd' in row 8, and 'even' here"),
        ("labels.csv row 42", "it has 2 fields, and the header 4"),
        ("labels.csv row 43", "the label is missing"),
    }
    assert total(manifest) == 40


def test_a_group_stays_together(flat, table, ingested, records, jpeg):
    labels = table(["id,file,parity,patient", *rows()])
    split = {"group_by": "patient", "seed": 1, "train": 0.4, "validation": 0.3, "test": 0.3}

    manifest, folder = ingested(flat, labels=labels, label="parity", split=split)

    number = {jpeg(i, size=(8, 8)): i for i in range(40)}
    apart = [{number[image] // 4 for image, _ in records(folder, part)} for part in manifest.splits.values()]
    assert sum(map(len, apart)) == len(set.union(*apart)) == 10
    assert manifest.overlap.groups == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"label": "partiy"}, "no column 'partiy'"),
        ({"label": "parity", "image_column": "fiel"}, "no column 'fiel'"),
        ({"label": "parity", "split": {"group_by": "patiens"}}, "no column 'patiens'"),
        ({}, "data.label names no column"),
    ],
)
def test_columns_that_are_not_there(flat, table, ingested, values, message):
    with pytest.raises(ConfigError, match=message) as caught:
        ingested(flat, labels=table(["id,file,parity,patient", *rows()]), **values)

    assert any(name in caught.value.hint for name in ("parity", "file", "patient"))


def test_no_column_of_paths(flat, table, ingested):
    with pytest.raises(ConfigError, match=r"no column of 'labels\.csv' holds paths") as caught:
        ingested(flat, labels=table(["id,parity", "a,odd", "b,even"]), label="parity")

    assert "data.image_column to one of: id, parity" in caught.value.hint


def test_groups_and_labels_need_what_they_need(animals, ingested, tmp_path):
    with pytest.raises(ConfigError, match="no column 'patient' to group by"):
        ingested(animals, split={"group_by": "patient"})
    with pytest.raises(ConfigError, match="no time to split by"):
        ingested(animals, split={"by": "time"})
    np.savez(tmp_path / "x.npz", x=np.zeros((9, 4, 4), np.uint8), y=np.arange(9))
    with pytest.raises(ConfigError, match=r"data\.labels is for folders of images, and .*x\.npz"):
        ingested(tmp_path / "x.npz", labels=str(tmp_path / "x.csv"))


def test_a_csv_file_that_is_not_there_or_empty(flat, table, ingested):
    with pytest.raises(DataError, match="does not exist"):
        ingested(flat, labels=str(flat / "none.csv"), label="parity")
    with pytest.raises(DataError, match="is empty"):
        ingested(flat, labels=table([]), label="parity")
    with pytest.raises(DataError, match="holds a header and no rows"):
        ingested(flat, labels=table(["file,parity"]), label="parity")


def test_a_csv_file_that_is_written_otherwise(flat, table, ingested):
    with pytest.raises(DataError, match="several columns named 'parity'"):
        ingested(flat, labels=table(["file,parity,parity", "01.jpg,odd,even"]), label="parity")
    with pytest.raises(DataError, match="has one column, 'file;parity'") as caught:
        ingested(flat, labels=table(["file;parity", "01.jpg;odd"]), label="parity")
    assert caught.value.hint == 'set data.delimiter: ";"'
    with pytest.raises(DataError, match=r"labels\.csv' is not UTF-8: byte 0xe4 in row 2") as caught:
        ingested(flat, labels=table(["file,parity", "01.jpg,odd", "02.jpg,ä"], encoding="latin-1"), label="parity")
    assert "data.encoding: latin-1" in caught.value.hint


def test_what_is_only_reported_is_not_counted_among_what_cannot_be_used(flat, table, ingested):
    """Images that the CSV file does not list, and one that it lists twice, are no reason to end."""
    lines = ["file,parity", *(f"{path_of(i)},{i % 2}" for i in range(30)), "01.jpg,1", "02.jpg,", "none.jpg,1"]

    with pytest.raises(DataError) as caught:
        ingested(flat, labels=table(lines), label="parity")

    first, *kinds = caught.value.message.splitlines()
    assert first.startswith("2 of 32 images cannot be used")
    assert kinds == [
        "  1 × the file is missing (none.jpg)",
        "  1 × no usable label (labels.csv row 32)",
    ]
