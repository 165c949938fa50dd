"""Labels: names such as `stable` that stand for a version."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from serving.server.models.config import ModelConfig
from serving.server.status import Code, StatusError, invalid


class Labels:
    """The labels of all models; each new config replaces them all at once."""

    def __init__(self, *, may_wait: bool = False):
        """Start without labels.

        Args:
            may_wait: Whether a new label may name a version that is not available yet
                (`--allow_version_labels_for_unavailable_models`).
        """
        self._may_wait = may_wait
        self._versions: Mapping[str, Mapping[str, int]] = {}

    def find(self, name: str, label: str) -> int:
        """Return the version that a model's label stands for.

        Raises:
            StatusError: There is no such label, or no such model.
        """
        try:
            return self._versions[name][label]
        except KeyError:
            raise invalid(f"Unrecognized servable version label: {label}") from None

    def check(self, models: Iterable[ModelConfig], available: Callable[[str], Collection[int]]) -> None:
        """Check that labels stand for versions that answer now.

        Args:
            models: The models with their new labels.
            available: Gives the versions of a model that answer.

        Raises:
            StatusError: FAILED_PRECONDITION, where one does not.
        """
        for model in models:
            answering = available(model.name) if model.labels else ()
            for label, version in sorted(model.labels.items()):
                before = self._versions.get(model.name, {}).get(label, version)
                if version not in answering and not (self._may_wait and before == version):
                    raise StatusError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {version} of model {model.name}, which is not currently "
                        "available for inference",
                    )

    def replace(self, models: Iterable[ModelConfig]) -> None:
        """Forget all labels, and take those of `models`."""
        self._versions = {model.name: dict(model.labels) for model in models}

    def of(self, name: str) -> Mapping[str, int]:
        """Return a model's labels."""
        return self._versions.get(name, {})
