"""The camera in front of the model: the digits as it takes them when it is new, and when it has aged."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CONTRAST = 0.3
GLARE = 150.0  # what black becomes, from 0 to 255
NOISE = 12.0


@dataclass(frozen=True)
class Digits:
    """Photographs of digits, as PNG files, and what they show."""

    images: list[bytes]
    labels: list[str]

    def shuffled(self, generator: np.random.Generator) -> Digits:
        """Return the same photographs in another order."""
        order = generator.permutation(len(self.images))
        return Digits([self.images[i] for i in order], [self.labels[i] for i in order])

    def take(self, num: int) -> Digits:
        """Return the first photographs."""
        return Digits(self.images[:num], self.labels[:num])

    def split(self, num: int) -> tuple[Digits, Digits]:
        """Return the first photographs, and the rest."""
        return self.take(num), Digits(self.images[num:], self.labels[num:])

    def without(self, others: Digits) -> Digits:
        """Return the photographs that are not among the others."""
        known = set(others.images)
        pairs = [pair for pair in zip(self.images, self.labels, strict=True) if pair[0] not in known]
        return Digits([image for image, _ in pairs], [label for _, label in pairs])

    def aged(self, generator: np.random.Generator, takes: int) -> Digits:
        """Return each digit as the aged camera takes it, several times over."""
        images = [aged_camera(image, generator) for image in self.images for _ in range(takes)]
        return Digits(images, [label for label in self.labels for _ in range(takes)])

    def accuracy(self, answers: list[str]) -> float:
        """Return the share of answers that are right."""
        return float(np.mean(np.array(answers) == np.array(self.labels)))

    def copy_to(self, folder: Path) -> None:
        """Write the photographs into one folder for each class."""
        for index, (image, label) in enumerate(zip(self.images, self.labels, strict=True)):
            (folder / label).mkdir(parents=True, exist_ok=True)
            (folder / label / f"{index:04d}.png").write_bytes(image)


def read_digits(folder: Path) -> Digits:
    """Read the PNG files below one folder for each class, in a fixed order."""
    paths = sorted(folder.glob("*/*.png"))
    return Digits([path.read_bytes() for path in paths], [path.parent.name for path in paths])


def aged_camera(png: bytes, generator: np.random.Generator) -> bytes:
    """Return an image as a worn lens and a tired sensor take it: glare, little contrast, and noise.

    Args:
        png: A PNG file.
        generator: Where the noise comes from.
    """
    with Image.open(io.BytesIO(png)) as image:
        pixels_HW = np.asarray(image, dtype=np.float32)
    faded_HW = GLARE + CONTRAST * pixels_HW
    noisy_HW = faded_HW + generator.normal(0, NOISE, pixels_HW.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(noisy_HW, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
