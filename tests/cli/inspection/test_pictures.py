"""Raw images: what is counted, found wrong and written down of them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cli.main import estafet
from estafet.source_schema import SourceSchema


def picture(width, height, mode="L", colour=0, form="PNG"):
    file = io.BytesIO()
    Image.new(mode, (width, height), colour).save(file, form)
    return file.getvalue()


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """Five sound images of two sizes, one file of which is in both classes, and two broken ones."""
    monkeypatch.chdir(tmp_path)
    files = {
        "cat/1.png": picture(6, 4, colour=10),
        "cat/2.png": picture(6, 4, colour=20),
        "cat/3.jpg": picture(8, 9, "RGB", form="JPEG"),
        "cat/empty.png": b"",
        "dog/1.png": picture(6, 4, colour=10),
        "dog/2.png": picture(6, 4, colour=30),
        "dog/3.png": picture(6, 4, colour=40)[:-20],
    }
    for name, content in files.items():
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(content)
    return tmp_path / "pets"


def inspect(*arguments):
    done = CliRunner().invoke(estafet, ["inspect", *map(str, arguments)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_sound_images_are_counted_by_class_and_size_and_the_others_named(pets):
    output = inspect(pets, "--no-html", "--schema", "schema.json")
    lines = [line.split() for line in output.splitlines()]

    assert "7 images of 2 classes; 2 problems" in output
    assert ["cat", "3", "60.0", "%"] in lines and ["dog", "2", "40.0", "%"] in lines
    assert ["4", "6", "1", "8", "4", "80.0", "%"] in lines and ["9", "8", "3", "8", "1", "20.0", "%"] in lines
    assert "cat/empty.png: the file is empty (0 bytes)" in output and "dog/3.png" in output
    assert "2 of the images have the same file as one of another class" in output
    assert SourceSchema.load("schema.json").images.model_dump() == {
        "min_height": 4, "max_height": 9, "min_width": 6, "max_width": 8, "channels": (1, 3),
    }  # fmt: skip


def test_the_page_shows_some_of_each_class(pets):
    inspect(pets)

    html = (pets.parent / "pets-inspection.html").read_text()

    assert [html.count(f'<img alt="{name}" src="data:image/png;base64,') for name in ("cat", "dog")] == [1, 1]


def test_images_in_no_folders_need_no_class(pets):
    (pets.parent / "flat").mkdir()
    (pets.parent / "flat" / "a.png").write_bytes(picture(6, 4))

    assert "1 image of 1 class; no problem" in inspect(pets.parent / "flat", "--no-html")


def test_arrays_of_more_than_two_axes_are_images(pets):
    np.savez("mnist.npz", x_train=np.zeros((3, 5, 7), np.uint8), y_train=[0, 1, 1])

    assert ["5", "7", "1", "8", "3", "100.0", "%"] in [
        line.split() for line in inspect("mnist.npz", "--no-html").splitlines()
    ]


def test_arrays_of_two_axes_are_a_table(pets):
    np.savez("rows.npz", x=np.arange(6.0).reshape(3, 2), y=[0, 1, 1])

    assert "3 rows × 3 columns" in inspect("rows.npz", "--no-html")


def test_the_classes_may_stand_in_a_list(pets):
    (pets.parent / "labels.csv").write_text("file,kind\ncat/1.png,old\ndog/2.png,new\ncat/9.png,new\n")
    (pets.parent / "run.yaml").write_text(
        "name: x\ntask: image_classification\ndata: {source: pets, labels: labels.csv, label: kind}\n"
    )

    output = inspect("--run", "run.yaml", "--no-html")

    assert "2 images of 2 classes" in output and "cat/9.png" in output
