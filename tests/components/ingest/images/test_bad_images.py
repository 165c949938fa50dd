"""Damaged images and folders that are laid out otherwise: said with their names, and nothing is left half-written."""

import numpy as np
import pytest
from PIL import Image

from components.ingest import step


@pytest.fixture
def damaged_images(tmp_path):
    """Sixty good images of two classes, and four that are not."""
    root = tmp_path / "images"
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for i in range(30):
            Image.new("L", (4, 4), 4 * i + (2 if name == "dog" else 0)).save(root / name / f"{i:02d}.png")
    whole = (root / "cat" / "00.png").read_bytes()
    (root / "cat" / "zero.png").touch()
    (root / "cat" / "cut.png").write_bytes(whole[:-20])
    (root / "dog" / "text.jpg").write_text("this is no image")
    (root / "dog" / "flipped.png").write_bytes(whole[:45] + bytes([whole[45] ^ 1]) + whole[46:])
    (root / "dog" / "notes.txt").write_text("neither is this, but nobody says so")
    (root / "dog" / ".DS_Store").write_text("")
    return root


def test_unreadable_images_are_counted_and_named(damaged_images, settings, refused):
    message, hint = refused(settings("image_classification", damaged_images, max_bad_share=0.05))

    assert message.startswith("4 of 64 images cannot be used")
    for name in (
        "cat/zero.png: the file is empty",
        "cat/cut.png: ",
        "dog/text.jpg: it is no PNG or JPEG",
        "dog/flipped",
    ):
        assert name in message
    assert "data.max_bad_share: 0.0625 (it is 0.05)" in hint


def test_unreadable_images_below_the_share_are_left_out(damaged_images, settings, tmp_path):
    manifest = step.ingest(settings("image_classification", damaged_images, max_bad_share=0.0625), tmp_path / "out")

    assert sum(split.num_examples for split in manifest.splits.values()) == 60
    assert manifest.num_bad_examples == 4
    assert {bad.where for bad in manifest.bad_examples} == {
        "cat/zero.png",
        "cat/cut.png",
        "dog/text.jpg",
        "dog/flipped.png",
    }


def test_folders_of_folders_are_no_classes(damaged_images, settings, refused, tmp_path):
    (tmp_path / "all").mkdir()
    damaged_images.rename(tmp_path / "all" / "train")

    message, hint = refused(settings("image_classification", tmp_path / "all"))

    assert "holds folders (cat, dog)" in message
    assert "all/train" in hint


def test_images_as_fractions(settings, refused, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((9, 4, 4)), y=np.arange(9))

    message, hint = refused(settings("image_classification", tmp_path / "x.npz"))

    assert "float64 and shape (9, 4, 4)" in message
    assert "uint8" in hint
