"""Hands calls of Predict to the request log; a call is answered all the same where that fails."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from serving.server.signature import DEFAULT, Signature

if TYPE_CHECKING:
    from serving.request_log import RequestLog

logger = logging.getLogger("estafet.serving")


def log_call(
    request_log: RequestLog | None,
    version: tuple[str, int],
    signature_name: str,
    signature: Signature,
    request_id: str,
    inputs: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
) -> None:
    """Log one call, where it was to the default signature (the reference data belong to that one) and got all outputs.

    Args:
        request_log: The log, if there is one.
        version: The model's name and the version that answered.
        signature_name: Name of the signature.
        signature: The signature.
        request_id: The request's id.
        inputs: The inputs by name.
        outputs: The outputs by name.
    """
    if request_log is None or signature_name != DEFAULT or len(outputs) != len(signature.outputs):
        return
    from serving.request_log import batch_of

    try:
        batch = batch_of(*version, signature, request_id, inputs, outputs)
        if batch is not None:
            request_log.log(batch)
    except Exception:
        logger.exception("a request cannot be logged")
