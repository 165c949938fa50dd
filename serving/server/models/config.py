"""Which models a server has, as TensorFlow Serving's `ModelServerConfig` says it, and what is refused in one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.server.models.policies import All, Latest, Policy, Specific
from serving.server.status import Code, StatusError, invalid

TENSORFLOW = "tensorflow"
_URI = re.compile(r"[a-zA-Z][0-9a-zA-Z.]*://")


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
        name: What requests call it.
        base_path: Folder or `gs://` address with one sub-folder for each version.
        policy: Which versions are served.
        labels: Version numbers by label.
        platform: What runs it; only "tensorflow" does.
        has_logging: Whether it asks for TensorFlow Serving's own request log, which nobody has.
    """

    name: str
    base_path: str
    policy: Policy = field(default_factory=Latest)
    labels: Mapping[str, int] = field(default_factory=dict)
    platform: str = TENSORFLOW
    has_logging: bool = False


def read_config(path: str | Path) -> Any:
    """Return the `ModelServerConfig` in a text file.

    Raises:
        StatusError: INVALID_ARGUMENT, where it cannot be read or does not parse; why stands on stderr.
    """
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    return read_text_proto(path, ModelServerConfig())


def read_text_proto(path: str | Path, message: Any) -> Any:
    """Fill a message from a text file.

    Raises:
        StatusError: INVALID_ARGUMENT, where it cannot be read or does not parse; why stands on stderr.
    """
    from google.protobuf import text_format

    try:
        return text_format.Parse(Path(path).read_bytes(), message)
    except text_format.ParseError as error:
        print(f"Error parsing text-format {message.DESCRIPTOR.full_name}: {error}", file=sys.stderr, flush=True)
        raise invalid(f"Invalid protobuf file: '{path}'") from error
    except OSError as error:
        raise StatusError(Code.NOT_FOUND, f"{path}; {error.strerror}") from error


def models_of(config: Any, current: Mapping[str, ModelConfig] | None) -> list[ModelConfig] | None:
    """Check a `ModelServerConfig` in itself and against the one before it.

    Args:
        config: The new one.
        current: The models that there are now, by name; None before the first config.

    Returns:
        Its models, or None for an empty config, which changes nothing.

    Raises:
        StatusError: It is refused.
    """
    kind = config.WhichOneof("config")
    if kind is None:
        return None
    if kind != "model_config_list":
        if current is not None:
            raise StatusError(
                Code.FAILED_PRECONDITION,
                "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to "
                "another.",
            )
        raise invalid("custom_model_config is not supported by this server.")
    given = list(config.model_config_list.config)
    check_names_and_paths((model.name, model.base_path) for model in given)
    models = [_model_of(model) for model in given]
    for model in models:
        before = (current or {}).get(model.name)
        if before is not None and before.platform != model.platform:
            raise invalid(
                f"Illegal to change a model's platform. For model {model.name} platform was {before.platform} and new "
                f"platform requested is {model.platform}"
            )
    return models


def check_names_and_paths(given: Iterable[tuple[str, str]]) -> None:
    """Check names and base paths.

    Raises:
        StatusError: A name is there twice, or a path is relative.
    """
    names = set()
    given = list(given)
    for name, _ in given:
        if name in names:
            raise invalid(f"Illegal to list model {name} multiple times in config list")
        names.add(name)
    for name, base_path in given:
        if not base_path.startswith("/") and not _URI.match(base_path):
            raise invalid(f"Expected model {name} to have an absolute path or URI; got base_path()={base_path}")


def check_what_runs_it(models: Iterable[ModelConfig]) -> None:
    """Check that every model is one that this server can run.

    Raises:
        StatusError: One is not.
    """
    models = list(models)
    for model in models:
        if model.platform != TENSORFLOW:
            raise invalid(f"Model {model.name} requests unsupported platform {model.platform}")
    if any(model.has_logging for model in models):
        raise invalid("No request-logger-creator provided.")


def _model_of(model: Any) -> ModelConfig:
    return ModelConfig(
        name=model.name,
        base_path=model.base_path,
        policy=_policy_of(model.model_version_policy),
        labels=dict(model.version_labels),
        platform=_platform_of(model),
        has_logging=model.HasField("logging_config"),
    )


def _platform_of(model: Any) -> str:
    if model.model_type and model.model_platform:
        raise invalid(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform."
        )
    if model.model_type == 1:
        return TENSORFLOW
    if model.model_type:
        raise invalid(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
    if not model.model_platform:
        raise invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
            f"model name is {model.name}"
        )
    return model.model_platform


def _policy_of(policy: Any) -> Policy:
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return All()
    if kind == "specific":
        return Specific(tuple(policy.specific.versions))
    return Latest(max(policy.latest.num_versions, 1) if kind == "latest" else 1)
