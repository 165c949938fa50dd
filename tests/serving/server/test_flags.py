"""tensorflow_model_server's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from estafet.errors import ConfigError
from serving.server.flags import DEFAULTS, HONOURED, OURS, WITHOUT_EFFECT, are_flags, options_of, read, remarks, usage
from serving.server.models.config import ModelConfig
from serving.server.options import Options
from serving.server.status import StatusError

MODEL = ["--model_name=m", "--model_base_path=/models/m"]


def options(*arguments: str) -> Options:
    return options_of(read(arguments))


def refused(*arguments: str) -> str:
    with pytest.raises(StatusError) as caught:
        options(*arguments)
    return str(caught.value)


def test_the_command_of_the_docker_image_is_understood():
    found = options("--port=8500", "--rest_api_port=8501", *MODEL)

    assert found == Options(port=8501, grpc_port=8500, models=(ModelConfig("m", "/models/m"),), is_strict=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model_name=m", "--model_base_path=/x", "--enable_batching", "--port=1"],
        ["--model_name", "m", "--model_base_path", "/x", "--enable_batching=true", "--port", "1"],
        ["-model_name=m", "-model_base_path=/x", "--enable_batching", "1", "--port=1"],
        ["--enable_batching=True", "--model_name=no", "--model_name=m", "--model_base_path=/x", "--port=1"],
    ],
)
def test_values_may_follow_an_equals_sign_or_a_space(arguments):
    assert options(*arguments) == Options(
        port=None, grpc_port=1, models=(ModelConfig("m", "/x"),), is_strict=True, enable_batching=True
    )


def test_the_defaults_are_tensorflow_servings():
    found = options("--model_base_path=/x")

    assert found.models == (ModelConfig("default", "/x"),)
    assert (found.grpc_port, found.port, found.grpc_socket) == (8500, None, None)
    assert (found.poll_s, found.max_num_load_retries, found.retry_s) == (1, 5, 60)
    assert (found.rest_timeout_s, found.tags, found.warm_up, found.enable_batching) == (30, ("serve",), True, False)


@pytest.mark.parametrize(
    ("argument", "option", "value"),
    [
        ("--grpc_socket_path=/run/s", "grpc_socket", "/run/s"),
        ("--rest_api_timeout_in_ms=1500", "rest_timeout_s", 1.5),
        ("--rest_api_enable_cors_support", "rest_cors", True),
        ("--allow_version_labels_for_unavailable_models=true", "labels_may_wait", True),
        ("--model_config_file_poll_wait_seconds=7", "config_poll_s", 7),
        ("--file_system_poll_wait_seconds=-1", "poll_s", -1),
        ("--file_system_poll_wait_seconds=0", "poll_s", 0),
        ("--load_retry_interval_micros=2500000", "retry_s", 2.5),
        ("--max_num_load_retries=0", "max_num_load_retries", 0),
        ("--num_load_threads=3", "num_load_threads", 3),
        ("--tensorflow_session_parallelism=2", "session_threads", 2),
        ("--tensorflow_intra_op_parallelism=2", "intra_op_threads", 2),
        ("--tensorflow_inter_op_parallelism=2", "inter_op_threads", 2),
        ("--tensorflow_session_config_file=/c", "session_config_file", Path("/c")),
        ("--ssl_config_file=/c", "ssl_config_file", Path("/c")),
        ("--monitoring_config_file=/c", "monitoring_file", Path("/c")),
        ("--saved_model_tags=serve,gpu", "tags", ("serve", "gpu")),
        ("--grpc_channel_arguments=grpc.max_age=5,a=b", "grpc_arguments", (("grpc.max_age", 5), ("a", "b"))),
        ("--enable_model_warmup=false", "warm_up", False),
        ("--num_request_iterations_for_warmup=4", "warm_up_iterations", 4),
        ("--enable_signature_method_name_check", "check_method_name", True),
        ("--enable_serialization_as_tensor_content", "as_content", True),
        ("--enable_per_model_batching_parameters", "per_model_batching", True),
        ("--host=0.0.0.0", "host", "0.0.0.0"),
        ("--bind_address=::", "host", "::"),
        ("--max_concurrent_requests=5", "max_concurrent", 5),
    ],
)
def test_each_flag_reaches_the_server(argument, option, value):
    assert getattr(options(*MODEL, argument), option) == value
    assert getattr(options(*MODEL), option) != value


def test_a_file_of_models_comes_before_a_base_path():
    found = options(*MODEL, "--model_config_file=/models.config")

    assert found.config_file == Path("/models.config")
    assert found.models == ()


def test_the_batching_file_reaches_the_server():
    found = options(*MODEL, "--enable_batching", "--batching_parameters_file=/b")

    assert found.batching_file == Path("/b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [*MODEL, "--batching_parameters_file=/b"],
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true.",
        ),
        (["--port=1"], "Both server_options.model_base_path and server_options.model_config_file are empty!"),
        (
            [*MODEL, "--port=0"],
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.",
        ),
        (
            [*MODEL, *(f"--tensorflow_{kind}_parallelism=1" for kind in ("session", "intra_op", "inter_op"))],
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all.",
        ),
    ],
)
def test_flags_that_contradict_one_another_are_refused_word_for_word(arguments, message):
    assert refused(*arguments) == f"INVALID_ARGUMENT: {message}"


def test_port_0_is_no_port_unless_somebody_asks_to_be_told():
    without = options(*MODEL, "--port=0", "--grpc_socket_path=/s", "--rest_api_port=0")
    told = options(*MODEL, "--port=0", "--rest_api_port=0", "--announce=/a")

    assert (without.grpc_port, without.port) == (None, None)
    assert (told.grpc_port, told.port) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port=a"], "--port is 'a', which is not a whole number"),
        (["--enable_batching=maybe"], "--enable_batching is 'maybe', which is not true or false"),
        (["--model_name"], "--model_name needs a value"),
        (["--model_name", "--port=1"], "--model_name needs a value"),
    ],
)
def test_a_value_of_another_kind_is_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        read(arguments)


def test_what_has_no_effect_is_said_once_and_only_where_it_would_change_something():
    flags = read([*MODEL, "--per_process_gpu_memory_fraction=0.5", "--enable_profiler=true", "--num_tflite_pools=2"])

    assert remarks(flags) == [
        "--num_tflite_pools has no effect here: SavedModels only are served.",
        "--per_process_gpu_memory_fraction has no effect here: TensorFlow's own settings divide a GPU.",
    ]


def test_unknown_arguments_are_said_and_stop_nothing():
    flags = read([*MODEL, "--no_such_flag=1", "stray"])

    assert remarks(flags) == ["unknown argument: --no_such_flag=1", "unknown argument: stray"]
    assert options_of(flags).models[0].name == "m"


def test_every_flag_of_the_specification_is_known():
    names = """port grpc_socket_path rest_api_port rest_api_num_threads rest_api_timeout_in_ms
        rest_api_enable_cors_support enable_batching allow_version_labels_for_unavailable_models
        batching_parameters_file enable_per_model_batching_parameters model_config_file
        model_config_file_poll_wait_seconds model_name model_base_path num_load_threads num_unload_threads
        max_num_load_retries load_retry_interval_micros file_system_poll_wait_seconds flush_filesystem_caches
        tensorflow_session_parallelism tensorflow_session_config_file tensorflow_intra_op_parallelism
        tensorflow_inter_op_parallelism use_alts_credentials ssl_config_file platform_config_file
        per_process_gpu_memory_fraction saved_model_tags grpc_channel_arguments grpc_max_threads enable_model_warmup
        num_request_iterations_for_warmup version monitoring_config_file remove_unused_fields_from_bundle_metagraph
        prefer_tflite_model num_tflite_pools num_tflite_interpreters_per_pool enable_signature_method_name_check
        xla_cpu_compilation_enabled xla_gpu_compilation_enabled enable_profiler thread_pool_factory_config_file
        mixed_precision skip_initialize_tpu enable_grpc_healthcheck_service enable_serialization_as_tensor_content"""

    assert set(names.split()) == set(HONOURED) | set(WITHOUT_EFFECT)
    assert not set(OURS) & set(names.split())
    assert all(f"--{name}=" in usage() for name in DEFAULTS)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run.yaml"], False),
        (["run.yaml", "--port", "0", "--models-dir", "/x"], False),
        (["--help"], False),
        ([], False),
        (["--model_base_path=/x"], True),
        (["--port=1", "--model_config_file", "/x"], True),
        (["--rest_api_port=1"], True),
        (["--version"], True),
    ],
)
def test_flags_are_told_from_a_run_file(arguments, expected):
    assert are_flags(arguments) == expected


def test_the_token_comes_from_the_environment_and_is_never_shown(monkeypatch):
    monkeypatch.setenv("ESTAFET_SERVE_TOKEN", "secret")

    found = options(*MODEL)

    assert found.token == "secret"
    assert "secret" not in repr(found)
