"""tensorflow_model_server's command line, so that one moves between that server and this one unchanged."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estafet.errors import ConfigError
from serving.server.models.config import ModelConfig
from serving.server.options import TOKEN_VARIABLE, Options
from serving.server.status import invalid

HONOURED: dict[str, Any] = {
    "port": 8500,
    "grpc_socket_path": "",
    "rest_api_port": 0,
    "rest_api_timeout_in_ms": 30_000,
    "rest_api_enable_cors_support": False,
    "enable_batching": False,
    "allow_version_labels_for_unavailable_models": False,
    "batching_parameters_file": "",
    "enable_per_model_batching_parameters": False,
    "model_config_file": "",
    "model_config_file_poll_wait_seconds": 0,
    "model_name": "default",
    "model_base_path": "",
    "num_load_threads": 0,
    "max_num_load_retries": 5,
    "load_retry_interval_micros": 60_000_000,
    "file_system_poll_wait_seconds": 1,
    "tensorflow_session_parallelism": 0,
    "tensorflow_session_config_file": "",
    "tensorflow_intra_op_parallelism": 0,
    "tensorflow_inter_op_parallelism": 0,
    "ssl_config_file": "",
    "saved_model_tags": "serve",
    "grpc_channel_arguments": "",
    "enable_model_warmup": True,
    "num_request_iterations_for_warmup": 0,
    "version": False,
    "monitoring_config_file": "",
    "enable_signature_method_name_check": False,
    "enable_grpc_healthcheck_service": False,
    "enable_serialization_as_tensor_content": False,
}
WITHOUT_EFFECT: dict[str, tuple[Any, str]] = {
    "rest_api_num_threads": (0, "one event loop answers REST"),
    "grpc_max_threads": (0, "one event loop answers gRPC"),
    "num_unload_threads": (0, "each version is freed in a thread of its own"),
    "flush_filesystem_caches": (True, "the operating system looks after them"),
    "use_alts_credentials": (False, "ALTS exists inside Google Cloud only; use --ssl_config_file"),
    "platform_config_file": ("", "TensorFlow is the only platform here"),
    "per_process_gpu_memory_fraction": (0.0, "TensorFlow's own settings divide a GPU"),
    "remove_unused_fields_from_bundle_metagraph": (True, "there is nothing to remove"),
    "prefer_tflite_model": (False, "SavedModels only are served"),
    "num_tflite_pools": (0, "SavedModels only are served"),
    "num_tflite_interpreters_per_pool": (1, "SavedModels only are served"),
    "xla_cpu_compilation_enabled": (False, "use TF_XLA_FLAGS"),
    "xla_gpu_compilation_enabled": (False, "use TF_XLA_FLAGS"),
    "enable_profiler": (True, "there is no profiler service"),
    "thread_pool_factory_config_file": ("", "the session has its own threads"),
    "mixed_precision": ("", "a model is run as it was exported"),
    "skip_initialize_tpu": (False, "there is no TPU"),
}
OURS: dict[str, Any] = {
    "host": "127.0.0.1",
    "bind_address": "127.0.0.1",
    "requests_dir": "",
    "log_sampling": 1.0,
    "log_json": False,
    "max_body_bytes": Options.max_body_bytes,
    "max_tensor_bytes": Options.max_tensor_bytes,
    "max_concurrent_requests": Options.max_concurrent,
    "announce": "",
    "parent_pid": 0,
}
"""Ours, which tensorflow_model_server does not know. With `announce` a port of 0 takes a free one, not none."""

DEFAULTS = HONOURED | {name: default for name, (default, _) in WITHOUT_EFFECT.items()} | OURS
TELLING = frozenset(name for name in DEFAULTS if "_" in name) | {"version"}
_BOOLEANS = {"true": True, "1": True, "t": True, "yes": True, "false": False, "0": False, "f": False, "no": False}
_FLAG = re.compile(r"--?([A-Za-z][A-Za-z0-9_]*)(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Flags:
    """A command line that was read.

    Attributes:
        values: Every flag's value, by name.
        given: The flags that were given.
        unknown: Arguments that are no flag of this server's.
    """

    values: dict[str, Any]
    given: frozenset[str]
    unknown: tuple[str, ...]


def are_flags(arguments: Sequence[str]) -> bool:
    """Whether a command line is one of tensorflow_model_server's: it has a flag that only that one has."""
    names = (match[1] for argument in arguments if (match := _FLAG.fullmatch(argument)))
    return any(name in TELLING for name in names)


def read(arguments: Sequence[str]) -> Flags:
    """Read a command line: `--name=value`, `--name value`, and `--name` for a switch.

    Raises:
        ConfigError: A value is not of the flag's kind.
    """
    values, given, unknown = dict(DEFAULTS), set(), []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        match = _FLAG.fullmatch(argument)
        if match is None or match[1] not in DEFAULTS:
            unknown.append(argument)
            continue
        name, text = match.groups()
        is_switch = isinstance(DEFAULTS[name], bool)
        if text is None and is_switch:
            text = rest.pop(0) if rest and rest[0].lower() in _BOOLEANS else "true"
        elif text is None:
            if not rest or _FLAG.fullmatch(rest[0]):
                raise ConfigError(f"--{name} needs a value.", hint=f"write --{name}=VALUE.")
            text = rest.pop(0)
        values[name] = _value(name, text)
        given.add(name)
    return Flags(values, frozenset(given), tuple(unknown))


def options_of(flags: Flags) -> Options:
    """Return what a command line asks for.

    Raises:
        StatusError: The flags contradict one another, as tensorflow_model_server says it.
    """
    values = flags.values
    takes_free_ports = bool(values["announce"])
    _check(values, takes_free_ports=takes_free_ports)
    return Options(
        host=values["bind_address"] if "bind_address" in flags.given else values["host"],
        port=values["rest_api_port"] if values["rest_api_port"] or takes_free_ports else None,
        grpc_port=values["port"] if values["port"] or takes_free_ports else None,
        grpc_socket=values["grpc_socket_path"] or None,
        grpc_arguments=_channel_arguments(values["grpc_channel_arguments"]),
        models=() if values["model_config_file"] else (ModelConfig(values["model_name"], values["model_base_path"]),),
        is_strict=True,
        labels_may_wait=values["allow_version_labels_for_unavailable_models"],
        config_poll_s=float(values["model_config_file_poll_wait_seconds"]),
        poll_s=float(values["file_system_poll_wait_seconds"]),
        retry_s=values["load_retry_interval_micros"] / 1e6,
        rest_timeout_s=values["rest_api_timeout_in_ms"] / 1000,
        rest_cors=values["rest_api_enable_cors_support"],
        enable_batching=values["enable_batching"],
        per_model_batching=values["enable_per_model_batching_parameters"],
        tags=tuple(tag for tag in values["saved_model_tags"].split(",") if tag),
        max_num_load_retries=values["max_num_load_retries"],
        num_load_threads=values["num_load_threads"],
        session_threads=values["tensorflow_session_parallelism"],
        intra_op_threads=values["tensorflow_intra_op_parallelism"],
        inter_op_threads=values["tensorflow_inter_op_parallelism"],
        warm_up=values["enable_model_warmup"],
        warm_up_iterations=max(values["num_request_iterations_for_warmup"], 1),
        check_method_name=values["enable_signature_method_name_check"],
        as_content=values["enable_serialization_as_tensor_content"],
        log_sample_rate=values["log_sampling"],
        log_json=values["log_json"],
        max_body_bytes=values["max_body_bytes"],
        max_tensor_bytes=values["max_tensor_bytes"],
        max_concurrent=values["max_concurrent_requests"],
        parent_pid=values["parent_pid"] or None,
        token=os.environ.get(TOKEN_VARIABLE) or None,
        **{option: Path(values[name]) for option, name in _FILES.items() if values[name]},
    )


def _check(values: Mapping[str, Any], *, takes_free_ports: bool) -> None:
    """Raise StatusError where flags contradict one another."""
    if values["batching_parameters_file"] and not values["enable_batching"]:
        raise invalid(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
        )
    if not values["model_base_path"] and not values["model_config_file"]:
        raise invalid("Both server_options.model_base_path and server_options.model_config_file are empty!")
    parallelism = ("session", "intra_op", "inter_op")
    if all(values[f"tensorflow_{kind}_parallelism"] > 0 for kind in parallelism):
        raise invalid(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all."
        )
    if not values["port"] and not values["grpc_socket_path"] and not takes_free_ports:
        raise invalid("At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.")


_FILES = {
    "config_file": "model_config_file",
    "batching_file": "batching_parameters_file",
    "ssl_config_file": "ssl_config_file",
    "monitoring_file": "monitoring_config_file",
    "session_config_file": "tensorflow_session_config_file",
    "requests_dir": "requests_dir",
    "announce": "announce",
}


def remarks(flags: Flags) -> list[str]:
    """Return what is to be said once about flags that change nothing here."""
    said = [
        f"--{name} has no effect here: {WITHOUT_EFFECT[name][1]}."
        for name in sorted(flags.given & set(WITHOUT_EFFECT))
        if flags.values[name] != WITHOUT_EFFECT[name][0]
    ]
    return [*said, *(f"unknown argument: {argument}" for argument in flags.unknown)]


def usage() -> str:
    """Return the list of flags."""
    lines = ["usage: estafet serve [flags]", "Flags of tensorflow_model_server:"]
    lines += _described(HONOURED.items())
    lines.append("Flags of tensorflow_model_server that are accepted and have no effect here:")
    lines += _described((name, default) for name, (default, _) in WITHOUT_EFFECT.items())
    return "\n".join([*lines, "Flags that tensorflow_model_server does not have:", *_described(OURS.items())])


def _described(flags: Iterable[tuple[str, Any]]) -> list[str]:
    kinds = {bool: "bool", int: "int", float: "float", str: "string"}
    return [f"\t--{name}={_text(default)}\t{kinds[type(default)]}" for name, default in flags]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def _value(name: str, text: str) -> Any:
    default = DEFAULTS[name]
    try:
        if isinstance(default, bool):
            return _BOOLEANS[text.lower()]
        return type(default)(text)
    except (KeyError, ValueError):
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(default)]
        raise ConfigError(
            f"--{name} is '{text}', which is not {kind}.", hint=f"write --{name}={_text(default)}."
        ) from None


def _channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    found = []
    for part in filter(None, text.split(",")):
        key, separator, value = part.partition("=")
        if not separator:
            raise ConfigError(f"--grpc_channel_arguments has '{part}', which is no KEY=VALUE.", hint="write KEY=VALUE.")
        found.append((key, int(value) if re.fullmatch(r"-?\d+", value) else value))
    return tuple(found)
