"""Writes scikit-learn's handwritten digits as `data/<class>/<index>.png`: 1,797 grey images of 8×8 pixels."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

DATA = Path(__file__).parent / "data"
MAX_INK = 16


def main() -> None:
    """Write the images that are missing; those that are there keep their bytes and their times."""
    digits = load_digits()
    images_NHW = np.rint(digits.images * (255 / MAX_INK)).astype(np.uint8)
    images = {f"{label}/{index:04d}.png": images_NHW[index] for index, label in enumerate(digits.target)}
    missing = {name: image_HW for name, image_HW in images.items() if not (DATA / name).is_file()}
    if missing:
        write(missing)
    print(f"{DATA}: {f'wrote {len(missing):,} of' if missing else 'complete,'} {len(images):,} images")


def write(images: dict[str, np.ndarray]) -> None:
    """Write images beside their place and rename them, so that nobody reads half a file, or half of a new folder."""
    with tempfile.TemporaryDirectory(prefix=".data-", dir=DATA.parent, ignore_cleanup_errors=True) as building:
        for name, image_HW in images.items():
            path = Path(building, "data", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image_HW).save(path)
        if not DATA.exists():
            os.rename(Path(building, "data"), DATA)
            return
        for name in images:
            (DATA / name).parent.mkdir(exist_ok=True)
            os.replace(Path(building, "data", name), DATA / name)


if __name__ == "__main__":
    main()
