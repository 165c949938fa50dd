"""What is known of a training, and reading a model back."""

from __future__ import annotations

import numpy as np
import pytest

from estafet.errors import DataError
from estafet.training.trained import load_model, version_of


def test_the_version_changes_with_one_bit_of_one_weight_and_with_a_shape():
    weights = [np.zeros((2, 3), np.float32)]
    changed = [np.nextafter(weights[0], 1, dtype=np.float32)]

    versions = {version_of(weights), version_of(changed), version_of([weights[0].reshape(3, 2)])}

    assert len(versions) == 3
    assert version_of(weights) == version_of([np.zeros((2, 3), np.float32)])


def test_an_unfinished_model_is_not_read(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"half")

    with pytest.raises(DataError, match="no finished model"):
        load_model(tmp_path)
