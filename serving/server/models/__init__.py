"""The models that a server holds: versions are found, loaded, and freed when a newer one is ready."""

from __future__ import annotations

from serving.server.models.config import ModelConfig
from serving.server.models.life import Loaded, State, Version, VersionStatus
from serving.server.models.registry import Models
from serving.server.models.served import ServedModel, Settings

__all__ = ["Loaded", "ModelConfig", "Models", "ServedModel", "Settings", "State", "Version", "VersionStatus"]
