"""A SavedModel on disk, asked as a client would ask it: raw columns in, named outputs out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from estafet.errors import DataError
from estafet.release import SIGNATURE, Contract


class SavedModel:
    """A served version, loaded into this process.

    Attributes:
        contract: What it takes and gives.
    """

    def __init__(self, version_dir: str | Path):
        """Load the SavedModel in `version_dir`.

        Raises:
            DataError: The folder holds no release, or its SavedModel cannot be loaded.
        """
        import tensorflow as tf

        self.contract = Contract.load(version_dir)
        try:
            self._loaded = tf.saved_model.load(str(version_dir))  # the signature lives only as long as its model
            self._signature = self._loaded.signatures[SIGNATURE]
        except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
            raise DataError(
                f"the SavedModel in '{version_dir}' cannot be loaded: {error}.",
                hint="export it again with `estafet run`.",
            ) from error

    def predict(self, raw: Mapping[str, np.ndarray], batch_size: int = 256) -> dict[str, np.ndarray]:
        """Answer raw examples.

        Args:
            raw: One array for each input, by name, all of one length N; others are left alone. Words and image files
                are arrays of str or bytes objects.
            batch_size: Examples that are answered at once.

        Returns:
            One array for each output, by name, N along the first axis; words as str objects.
        """
        import tensorflow as tf

        specs = self.contract.inputs()
        num_examples = len(raw[specs[0].name])
        parts = []
        for start in range(0, num_examples, batch_size):
            tensors = {}
            for spec in specs:
                batch = raw[spec.name][start : start + batch_size]
                tensors[spec.name] = tf.constant(list(batch) if spec.dtype == "string" else batch, spec.dtype)
            parts.append({name: value.numpy() for name, value in self._signature(**tensors).items()})
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return {name: _as_words(values) if values.dtype == object else values for name, values in joined.items()}


def _as_words(values: np.ndarray) -> np.ndarray:
    return np.array([value.decode() for value in values], dtype=object)
