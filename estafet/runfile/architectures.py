"""The architectures that `model.build` may name, for each task, and what is wrong with a name that is none of them.

They stand here and not beside their code, so that a run file is checked without a model's code: what a step reads of
the run file is part of the fingerprint of its code, and `ingest` must not run anew for a change in a model.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from estafet.runfile.tasks import Task

DEFAULT = "default"

KERAS_APPLICATIONS = {
    **dict.fromkeys(("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"), 32),
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), 32),
    **{f"EfficientNetB{size}": 32 for size in range(8)},
    **{f"EfficientNetV2{size}": 32 for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **{"InceptionResNetV2": 75, "InceptionV3": 75},
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small"), 32),
    **{"NASNetLarge": 32, "NASNetMobile": 32},
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2"), 32),
    **{"VGG16": 32, "VGG19": 32, "Xception": 71},
}
"""The models of `keras.applications`, each with the least height and width, in pixels, that it takes."""

_TABLES = ("wide_and_deep", "mlp", "linear")
BY_TASK: dict[Task, tuple[str, ...]] = {
    Task.IMAGE_CLASSIFICATION: ("cnn", "resnet", *KERAS_APPLICATIONS),
    Task.TABULAR_CLASSIFICATION: _TABLES,
    Task.TABULAR_REGRESSION: _TABLES,
    Task.FORECASTING: ("nlinear", "linear", "lstm", "gru", "tcn", "patchtst"),
}
"""For each task its architectures; the first is what `default` means."""


@dataclass(frozen=True)
class Misfit:
    """Why a `model.build` does not do.

    Attributes:
        message: What is wrong, with the names that there are.
        hint: What to write instead.
    """

    message: str
    hint: str


def is_users(build: str) -> bool:
    """Return whether `build` is the user's own, `module:function`, and no name."""
    return ":" in build


def name_of(build: str, task: Task) -> str:
    """Return the architecture that `build`, which is not the user's own, means: that of the task for `default`."""
    return BY_TASK[task][0] if build == DEFAULT else build


def misfit(build: str, task: Task, image_size: tuple[int, int] | None = None) -> Misfit | None:
    """Return what is wrong with `model.build`, or None where it is the user's own or fits.

    Args:
        build: `default`, the name of an architecture, or `module:function`.
        task: What the model is asked to do.
        image_size: Height and width of the images in pixels, where they are known.
    """
    if is_users(build):
        return None
    name = name_of(build, task)
    if name not in BY_TASK[task]:
        return _not_of_the_task(build, task)
    least = KERAS_APPLICATIONS.get(name, 1) if task is Task.IMAGE_CLASSIFICATION else 1
    if image_size and min(image_size) < least:
        return Misfit(
            f"model.build is '{build}', which takes images of at least {least} × {least} pixels, and these are "
            f"{image_size[0]} × {image_size[1]}",
            f"write data.image_size: [{least}, {least}] to have them enlarged, or model.build: resnet.",
        )
    return None


def _not_of_the_task(build: str, task: Task) -> Misfit:
    known = [DEFAULT, *BY_TASK[task]]
    others = [other.value for other in Task if build in BY_TASK[other]]
    what = f"is for {' and '.join(others)}" if others else "is no architecture that Estafet knows"
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(build.rpartition(".")[2].lower(), by_lower, n=1)
    take = f"did you mean '{by_lower[near[0]]}'?" if near and not others else f"`default` is {known[1]}."
    return Misfit(
        f"model.build is '{build}', which {what}; for {task} there are {', '.join(known)}",
        f"{take} A model of your own is `module:function` (docs/models.md).",
    )
