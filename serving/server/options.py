"""What a server serves, where, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from serving.server.models.config import ModelConfig

TOKEN_VARIABLE = "ESTAFET_SERVE_TOKEN"


@dataclass(frozen=True)
class Options:
    """What a server serves, and where. All but the first two have TensorFlow Serving's own defaults or ours.

    Attributes:
        models_dir: Folder with one sub-folder for each of `names`.
        names: The models in it.
        host: Address to listen on.
        port: REST port; 0 takes a free one, None answers no REST.
        requests_dir: The request log's folder, or None to log nothing.
        log_sample_rate: Share of the requests that are logged.
        log_flush_s: Seconds after which logged requests are on disk.
        log_max_bytes: Size of the request log beyond which its oldest files are deleted.
        poll_s: Seconds between two looks for new versions; 0 looks once, less never.
        announce: File that says `{"host": …, "port": …, "grpc_port": …}` as soon as the server listens.
        parent_pid: Process with which the server ends.
        models: Models, wherever they are.
        config_file: Text of a `ModelServerConfig`, in place of them.
        config_poll_s: Seconds between two looks at that file; 0 never looks again.
        labels_may_wait: Whether a new label may name a version that is not available yet.
        is_strict: Whether a model of which no version loads keeps the server from starting.
        max_num_load_retries: How often a version that failed is tried again.
        retry_s: Seconds between two such tries.
        num_load_threads: Versions that are loaded at a time; 0 chooses.
        grpc_port: gRPC port; 0 takes a free one, None answers none.
        grpc_socket: Path of a UNIX socket that gRPC listens on too.
        grpc_arguments: More channel arguments.
        with_health: Whether `grpc.health.v1.Health` is answered.
        rest_timeout_s: Seconds that a model may take for a REST request.
        rest_cors: Whether pages of other sites may call.
        ssl_config_file: Text of an `SSLConfig`, for gRPC and REST.
        token: What callers must bring as a bearer token.
        monitoring_file: Text of a `MonitoringConfig`.
        max_body_bytes: Size of the largest REST body and of the largest gRPC message.
        max_tensor_bytes: Memory that one input may take.
        max_concurrent: Requests that are answered at a time; more are refused.
        enable_batching: Whether requests are batched by TensorFlow Serving's rules.
        batching_file: Text of `BatchingParameters`.
        per_model_batching: Whether each version's folder has its own.
        tags: Tags of the graph that is taken from a SavedModel.
        session_config_file: Text of a `ConfigProto`.
        session_threads: Threads for both kinds of parallelism, unless they have their own number; 0 chooses.
        intra_op_threads: Threads for one operation; 0 chooses.
        inter_op_threads: Threads for several operations; 0 chooses.
        warm_up: Whether recorded requests are replayed before a version is served.
        warm_up_iterations: How often each of them.
        check_method_name: Whether Predict refuses signatures with an unknown method.
        as_content: Whether answers hold `tensor_content`.
        log_json: Whether the server's own log is one JSON object a line.
    """

    models_dir: Path | None = None
    names: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int | None = 8501
    requests_dir: Path | None = None
    log_sample_rate: float = 1.0
    log_flush_s: float = 5.0
    log_max_bytes: int = 10 * 2**30
    poll_s: float = 1.0
    announce: Path | None = None
    parent_pid: int | None = None
    models: tuple[ModelConfig, ...] = ()
    config_file: Path | None = None
    config_poll_s: float = 0.0
    labels_may_wait: bool = False
    is_strict: bool = False
    max_num_load_retries: int = 5
    retry_s: float = 60.0
    num_load_threads: int = 0
    grpc_port: int | None = None
    grpc_socket: str | None = None
    grpc_arguments: tuple[tuple[str, int | str], ...] = ()
    with_health: bool = True
    rest_timeout_s: float = 30.0
    rest_cors: bool = False
    ssl_config_file: Path | None = None
    token: str | None = field(default=None, repr=False)
    monitoring_file: Path | None = None
    max_body_bytes: int = 256 * 2**20
    max_tensor_bytes: int = 2**30
    max_concurrent: int = 1000
    enable_batching: bool = False
    batching_file: Path | None = None
    per_model_batching: bool = False
    tags: tuple[str, ...] = ("serve",)
    session_config_file: Path | None = None
    session_threads: int = 0
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    warm_up: bool = True
    warm_up_iterations: int = 1
    check_method_name: bool = False
    as_content: bool = False
    log_json: bool = False

    @property
    def configured(self) -> tuple[ModelConfig, ...]:
        """The models, where no file lists them."""
        named = (ModelConfig(name, str((self.models_dir / name).resolve())) for name in self.names)
        return (*named, *self.models)
