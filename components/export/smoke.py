"""A few requests with the answers that a healthy server gives, kept with the model."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np

from estafet.release import Smoke
from estafet.saved_model import SavedModel

NUM_REQUESTS = 3


def make(served: SavedModel, raw: Mapping[str, np.ndarray]) -> Smoke:
    """Return the first examples as REST instances, with the SavedModel's answers.

    Args:
        served: The SavedModel, already verified.
        raw: Held-out examples. A missing number, which JSON cannot hold, becomes the training split's mean.
    """
    contract = served.contract
    means = {feature.name: feature.mean for feature in contract.data_schema.numeric}
    columns = {}
    for spec in contract.inputs():
        values = raw[spec.name][:NUM_REQUESTS]
        columns[spec.name] = (
            np.where(np.isfinite(values), values, means.get(spec.name, 0)).astype(np.float32)
            if spec.dtype == "float32"
            else values
        )
    answers = served.predict(columns)[contract.main_output()]
    instances = tuple(
        {name: _as_json(values[i], name) for name, values in columns.items()} for i in range(len(answers))
    )
    return Smoke(instances=instances, output=contract.main_output(), expected=tuple(answers.tolist()))


def _as_json(value: object, name: str) -> object:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
