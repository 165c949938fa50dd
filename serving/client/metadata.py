"""What a server says of a model: its signatures, as REST's JSON and as gRPC's messages have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from estafet.errors import ConfigError
from serving.server.signature import Signature, TensorSpec

_TYPES = {
    1: "float",
    2: "double",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    18: "complex128",
    19: "half",
    22: "uint32",
    23: "uint64",
}


@dataclass(frozen=True)
class Metadata:
    """What a served version takes and gives.

    Attributes:
        model: The model's name.
        version: The version that was asked.
        signatures: The ways to call it, by name.
    """

    model: str
    version: int
    signatures: dict[str, Signature]

    def signature(self, name: str) -> Signature:
        """Return one signature.

        Raises:
            ConfigError: There is no such signature.
        """
        if name not in self.signatures:
            raise ConfigError(
                f"version {self.version} of '{self.model}' has no signature '{name}'.",
                hint=f"it has {', '.join(sorted(self.signatures)) or 'none'}.",
            )
        return self.signatures[name]


def of_json(answer: Mapping[str, Any]) -> Metadata:
    """Read REST's answer."""
    spec = answer["model_spec"]
    found = answer["metadata"]["signature_def"]["signature_def"]
    signatures = {
        name: Signature(
            _sorted(entry.get("inputs", {}).items(), _json_spec),
            _sorted(entry.get("outputs", {}).items(), _json_spec),
            entry.get("method_name", ""),
        )
        for name, entry in found.items()
    }
    return Metadata(spec["name"], int(spec.get("version") or 0), signatures)


def of_messages(response: Any, signature_map: Any) -> Metadata:
    """Read gRPC's answer, and the map of signatures that it holds."""
    signatures = {
        entry.key: Signature(
            _sorted(((one.key, one.value) for one in entry.value.inputs), _message_spec),
            _sorted(((one.key, one.value) for one in entry.value.outputs), _message_spec),
            entry.value.method_name,
        )
        for entry in signature_map.signature_def
    }
    return Metadata(response.model_spec.name, response.model_spec.version.value, signatures)


def _sorted(items: Iterable[tuple[str, Any]], read: Callable[[Any], TensorSpec]) -> dict[str, TensorSpec]:
    return {name: read(entry) for name, entry in sorted(items)}


def _json_spec(entry: Mapping[str, Any]) -> TensorSpec:
    shape = entry.get("tensor_shape", {})
    sizes = None if shape.get("unknown_rank") else [int(dim["size"]) for dim in shape.get("dim", ())]
    return TensorSpec(entry.get("name", ""), entry["dtype"].removeprefix("DT_").lower(), _shape(sizes))


def _message_spec(entry: Any) -> TensorSpec:
    shape = entry.tensor_shape
    sizes = None if shape.unknown_rank else [dim.size for dim in shape.dim]
    return TensorSpec(entry.name, _TYPES.get(entry.dtype, str(entry.dtype)), _shape(sizes))


def _shape(sizes: list[int] | None) -> tuple[int | None, ...] | None:
    return None if sizes is None else tuple(None if size < 0 else size for size in sizes)
