"""Models in memory, and what a request feeds and fetches."""

from __future__ import annotations

import numpy as np
import pytest

from serving.server.engine.savedmodel import SavedModel


def tensors(model: SavedModel, name: str = "serving_default", **arrays: np.ndarray) -> tuple[dict, list[str]]:
    """Return feeds and fetches for a call of a signature."""
    signature = model.signatures[name]
    feeds = {signature.inputs[alias].tensor: array for alias, array in arrays.items()}
    return feeds, [spec.tensor for spec in signature.outputs.values()]


@pytest.fixture(scope="module")
def loaded(toy) -> SavedModel:
    """y = x / 2 + 2, and other signatures."""
    model = SavedModel(toy)
    yield model
    model.close()
