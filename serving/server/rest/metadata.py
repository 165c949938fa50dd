"""REST metadata: the signatures of a model as protobuf prints them, defaults included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def metadata_text(version: tuple[str, int], signature_defs: Mapping[str, Any]) -> str:
    """Return the answer to `…/metadata`.

    Args:
        version: The model's name and the version's number.
        signature_defs: The graph's SignatureDefs by name.
    """
    from google.protobuf import json_format

    signatures = {
        name: json_format.MessageToDict(
            definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for name, definition in sorted(signature_defs.items())
    }
    answer = {
        "model_spec": {"name": version[0], "signature_name": "", "version": str(version[1])},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }
    return json.dumps(answer, indent=1, ensure_ascii=False)
