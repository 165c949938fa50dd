"""What a server says when it is ready: where it listens, a request that works, and where the log goes."""

from __future__ import annotations

import json
from pathlib import Path

from estafet.errors import EstafetError
from estafet.release import Smoke
from serving.server.models import Models, ServedModel, State
from serving.server.signature import DEFAULT, Signature, TensorSpec

TINY_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
MAX_EXAMPLE_CHARS = 1500


def greeting(models: Models, url: str, requests_dir: Path | None) -> list[str]:
    """Return the lines that greet a person."""
    lines = []
    for model in models:
        versions = [version for version in model.status() if version.state == State.AVAILABLE]
        if versions:
            lines.append(f"serving {model.name} version {versions[0].number} at {url}/v1/models/{model.name}")
            lines += ["try it:", f"  {curl_example(model, url)}"]
        else:
            broken = model.status()[0]
            lines.append(f"{model.name} version {broken.number} cannot be served: {broken.error}")
            lines.append(f"listening at {url}; a version that is added under {model.place.address} is picked up")
    lines.append(f"requests are logged in {requests_dir}" if requests_dir else "requests are not logged")
    lines.append("stop with Ctrl-C")
    return lines


def curl_example(model: ServedModel, url: str) -> str:
    """Return a command that asks a model for a prediction, with a held-out example where the version has one."""
    with model.use() as version:
        instance = _held_out_instance(version.folder)
        signatures = version.model.signatures
    name = DEFAULT if DEFAULT in signatures else next(iter(signatures), DEFAULT)
    if instance is None and name in signatures:
        instance = empty_instance(signatures[name])
    body: dict[str, object] = {"instances": [_rounded(instance)]}
    if name != DEFAULT:
        body["signature_name"] = name
    text = json.dumps(body, ensure_ascii=False).replace("'", "\\u0027")
    return f"curl -s {url}/v1/models/{model.name}:predict -d '{text}'"


def _rounded(value: object) -> object:
    """Return an instance as a person would type it: float32 values in the six digits that they hold."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def empty_instance(signature: Signature) -> dict[str, object]:
    """Return an instance of zeros, empty words, and a tiny picture for an input that takes bytes."""
    return {name: _filled(_empty(name, spec), spec.shape) for name, spec in signature.inputs.items()}


def _held_out_instance(folder: Path) -> dict[str, object] | None:
    try:
        instances = Smoke.load(folder).instances
    except (EstafetError, ValueError, OSError):
        return None
    short = (instance for instance in instances if len(json.dumps(instance)) <= MAX_EXAMPLE_CHARS)
    return next(short, None)


def _empty(name: str, spec: TensorSpec) -> object:
    if spec.dtype == "string":
        return {"b64": TINY_PNG} if name.endswith("_bytes") else ""
    if spec.dtype == "bool":
        return False
    return 0.0 if spec.dtype in ("float", "double") else 0


def _filled(value: object, shape: tuple[int | None, ...] | None) -> object:
    for size in reversed((shape or (None,))[1:]):
        value = [value] * (1 if size is None else size)
    return value
