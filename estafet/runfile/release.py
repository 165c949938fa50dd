"""The `export`, `deploy` and `serve` sections: the SavedModel, where it goes, and how it is served."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from estafet.runfile.section import Section


class Export(Section):
    """The SavedModel and what is stored with it."""

    verify_examples: int = Field(32, ge=1)
    """Number of held-out examples on which the SavedModel must agree with the Keras model before it is let out."""


class Canary(Section):
    """A trial of a new version with a share of the requests, before it gets all of them."""

    share: float = Field(0.0, ge=0, lt=1)
    """Share of the requests without a version that the new version answers for a while; 0 leaves the canary out. It
    needs a running `estafet serve`, and somebody who asks it."""
    minutes: float = Field(5.0, gt=0)
    """How long."""
    min_requests: int = Field(100, ge=0)
    """Requests that the new version must have answered by then; with fewer it is rolled back, as unproven."""
    max_error_rate: float = Field(0.01, ge=0, le=1)
    """Share of its requests that may fail, beyond the share that fails on the served version."""
    max_latency_ratio: float = Field(1.5, gt=0)
    """How much longer its median request may take than the served version's."""


class Deploy(Section):
    """Where a released model goes."""

    target: Literal["local"] = "local"
    """`local`: a folder that a model server watches."""
    models_dir: str | None = None
    """Folder with one sub-folder for each model and one numbered sub-folder for each version; `models` in the
    workspace where it is not given."""
    keep_versions: int = Field(5, ge=2)
    """Number of versions that stay on disk; older ones are removed after a release."""
    smoke_timeout_s: float = Field(120, gt=0)
    """Seconds that a candidate has to load and answer its smoke test."""
    canary: Canary = Canary()


class Serve(Section):
    """How `estafet serve` answers."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8501, ge=0, le=65535)
    """REST port; 0 takes a free one."""
    log_sample_rate: float = Field(1.0, ge=0, le=1)
    """Share of the requests that are written to the request log."""
    log_flush_s: float = Field(5.0, gt=0)
    """Seconds after which logged requests are on disk."""
    poll_s: float = Field(1.0, gt=0)
    """Seconds between two looks for new versions."""
