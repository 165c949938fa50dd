"""The parts that a data set was divided into, as the manifest names them, and whether a model can learn from them."""

from __future__ import annotations

from collections.abc import Mapping

from estafet.errors import DataError
from estafet.records.manifest import Split
from estafet.records.selection import joined
from estafet.runfile.data import Data
from estafet.runfile.data import Split as Shares


def splits_and_folds(parts: Mapping[str, Split]) -> tuple[dict[str, Split], tuple[Split, ...]]:
    """Return the splits and the folds of which `parts` consist.

    Args:
        parts: By their names, those of `splitting.part_names`.

    Returns:
        `train`, `validation` and `test`, and the folds, if there are any: then the first one is `validation`, and the
        others together are `train`.
    """
    folds = tuple(part for name, part in parts.items() if name.startswith("fold-"))
    if not folds:
        return {name: parts[name] for name in ("train", "validation", "test")}, ()
    return {"train": joined(folds[1:]), "validation": folds[0], "test": parts["test"]}, folds


def training_parts(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers of the parts whose examples the schema's statistics are made of."""
    if "train" in names:
        return (names.index("train"),)
    return tuple(i for i, name in enumerate(names) if name not in ("fold-0", "test"))


def check_parts(parts: Mapping[str, Split], data: Data, classes: tuple[str, ...] | None, num_duplicates: int) -> None:
    """Refuse a data set of which a part is empty, or whose training split holds one class.

    Args:
        parts: By their names, those of `splitting.part_names`.
        data: The run file's `data` section.
        classes: For classification the classes, in the order of `class_counts`.
        num_duplicates: How many examples repeat another one.

    Raises:
        DataError: It is so.
    """
    num_examples = sum(part.num_examples for part in parts.values())
    bound, another_seed = "", ", or try another data.split.seed"
    if data.split.group_by is not None:
        bound = f", kept together by '{data.split.group_by}',"
    elif data.split.by == "time":
        bound, another_seed = ", those of one time kept together,", ""
    elif num_duplicates:
        bound = f", of which {num_duplicates:,} repeat another one,"
    for name, part in parts.items():
        if part.num_examples == 0 and _share(name, data.split) > 0:
            key = "k_folds a smaller number" if name.startswith("fold-") else f"{name} a larger share"
            raise DataError(
                f"the {name} split is empty: {num_examples:,} examples{bound} are too few for a share of "
                f"{_share(name, data.split):g}.",
                hint=f"bring more data, or give data.split.{key}{another_seed}.",
            )
    if classes is not None:
        _check_classes(splits_and_folds(parts)[0]["train"], data, classes)


def _share(name: str, shares: Shares) -> float:
    return getattr(shares, name) if hasattr(shares, name) else (1 - shares.test) / (shares.k_folds or 1)


def _check_classes(train: Split, data: Data, classes: tuple[str, ...]) -> None:
    present = [name for name, count in zip(classes, train.class_counts or (), strict=True) if count]
    if len(present) >= 2:
        return
    where = f"the label '{data.label}'" if data.label else "the data set"
    raise DataError(
        f"{where} holds {len(present)} class in the training split ({', '.join(map(repr, present))}); "
        "a classifier needs at least 2.",
        hint="check data.label and data.source.",
    )
