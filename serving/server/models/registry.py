"""All models of a server: which there are, which version answers a request, and how that changes while it runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from estafet.storage.address import SCHEME
from serving.server.models.config import ModelConfig, check_names_and_paths, check_what_runs_it, models_of
from serving.server.models.labels import Labels
from serving.server.models.life import Loaded, Version, VersionStatus
from serving.server.models.places import LocalPlace, Place
from serving.server.models.served import FREE_S, ServedModel, Settings
from serving.server.status import Code, StatusError, invalid

logger = logging.getLogger("estafet.serving")
WAIT_S = 0.05


class Models:
    """The models of a server. Every method may be called by any thread.

    Attributes:
        ready: Whether every model has a version that answers.
    """

    def __init__(
        self,
        load: Callable[[Path], Loaded],
        *,
        settings: Settings = Settings(),
        labels_may_wait: bool = False,
        cache: Path | None = None,
    ):
        """Begin without models.

        Args:
            load: Brings a version's folder into memory.
            settings: How versions are looked for.
            labels_may_wait: Whether a new label may name a version that is not available yet.
            cache: Where copies from buckets go; below the user's cache folder where none is given.
        """
        self._load, self._settings, self._cache = load, settings, cache
        self._slots = threading.Semaphore(max(settings.num_load_threads, 1))
        self._models: dict[str, ServedModel] = {}
        self._gone: dict[str, ServedModel] = {}
        self._configs: dict[str, ModelConfig] | None = None
        self._labels = Labels(may_wait=labels_may_wait)
        self._reloading = threading.Lock()
        self._stopping = threading.Event()

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(list(self._models.values()))

    def use(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> AbstractContextManager[Version]:
        """Hold the version that a request is for until it is answered.

        Args:
            name: The model.
            version: Its version; the newest that is ready where neither version nor label is given.
            label: A label that stands for a version: one of the config, or `stable` and `canary` of a release.

        Raises:
            StatusError: The name is empty, the label unknown, or the version not ready.
        """
        if not name:
            raise invalid("ModelSpec has no name specified.")
        model = self._models.get(name)
        if label:
            released = model.labelled(label) if model is not None and label not in self._labels.of(name) else None
            version = self._labels.find(name, label) if released is None else released
        if model is None:
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise StatusError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        return model.use(version)

    def status(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """Return all versions of a model that were ever seen, newest first, or the one asked for.

        Raises:
            StatusError: NOT_FOUND, where there is none.
        """
        model = self._models.get(name) or self._gone.get(name)
        if model is None:
            which = "any versions" if version is None else f"version {version}"
            raise StatusError(Code.NOT_FOUND, f"Could not find {which} of model {name}")
        return model.status(version)

    def names(self) -> list[str]:
        """Return the names of the models that are configured."""
        return sorted(self._models)

    def labels(self, name: str) -> dict[str, int]:
        """Return a model's labels, with the versions that they stand for."""
        return dict(self._labels.of(name))

    @property
    def ready(self) -> bool:
        """Whether every model has a version that answers."""
        return self._configs is not None and all(model.available for model in self)

    def reload(self, config: Any, *, waits: bool = True) -> None:
        """Take a new `ModelServerConfig`, and wait until each new model has a version that answers.

        A config that is refused changes nothing. An empty one is ignored.

        Args:
            config: The config.
            waits: Whether to wait for new models.

        Raises:
            StatusError: It is refused, or a new model has no version that loads.
        """
        with self._reloading:
            models = models_of(config, self._configs)
            if models is None:
                return
            self._labels.check(models, self._available)
            check_what_runs_it(models)
            added = self._replace(models)
        if waits:
            self._wait_for_new(added)

    def configure(self, models: Sequence[ModelConfig]) -> None:
        """Serve these models from now on, without waiting for their versions.

        Raises:
            StatusError: A name is there twice, a path relative, a label's version not available, or a platform unknown.
        """
        with self._reloading:
            check_names_and_paths((model.name, model.base_path) for model in models)
            self._labels.check(models, self._available)
            check_what_runs_it(models)
            self._replace(models)

    def wait_until_settled(self, timeout_s: float) -> bool:
        """Wait until every model has a version that is ready, or nothing but versions that failed."""
        deadline = time.monotonic() + timeout_s
        return all(model.wait_until(lambda model=model: model.settled, deadline - time.monotonic()) for model in self)

    def failures(self) -> list[tuple[str, VersionStatus]]:
        """Return the versions that failed of every model that has no version that answers."""
        return [(model.name, status) for model in self if not model.available for status in model.failed]

    def stop(self, timeout_s: float = FREE_S) -> None:
        """Stop looking for versions, and free all of them."""
        self._stopping.set()
        models = list(self)
        for model in models:
            model.retire()
        for model in models:
            model.join(timeout_s)

    def _replace(self, models: Sequence[ModelConfig]) -> list[ServedModel]:
        """Let go of models that are no longer there, change those that are, and begin with those that are new."""
        before, after = self._configs or {}, {model.name: model for model in models}
        self._labels.replace(models)
        for name in set(self._models) - set(after):
            self._gone[name] = self._models.pop(name)
            self._gone[name].retire()
        added = []
        for name, config in after.items():
            if name in self._models:
                self._change(self._models[name], before.get(name), config)
            else:
                added.append(self._begin(config))
        self._configs = after
        return added

    def _begin(self, config: ModelConfig) -> ServedModel:
        model = ServedModel(
            config.name,
            self._place(config.base_path),
            self._load,
            policy=config.policy,
            settings=self._settings,
            slots=self._slots,
        )
        self._gone.pop(config.name, None)
        self._models = self._models | {config.name: model}
        model.start()
        return model

    def _change(self, model: ServedModel, before: ModelConfig | None, after: ModelConfig) -> None:
        has_moved = before is None or before.base_path != after.base_path
        if has_moved or before.policy != after.policy:
            model.change(self._place(after.base_path) if has_moved else model.place, after.policy)

    def _place(self, base_path: str) -> Place:
        if not base_path.startswith(SCHEME):
            return LocalPlace(base_path.removeprefix("file://"))
        from serving.server.models.buckets import BucketPlace, cache_folder

        cache = cache_folder(base_path)
        return BucketPlace(base_path, self._cache / cache.name if self._cache else cache)

    def _available(self, name: str) -> list[int]:
        model = self._models.get(name)
        return model.available if model is not None else []

    def _wait_for_new(self, added: Iterable[ServedModel]) -> None:
        added = list(added)
        for model in added:
            while not model.wait_until(lambda model=model: model.settled, WAIT_S):
                if self._stopping.is_set() or self._models.get(model.name) is not model:
                    raise StatusError(Code.CANCELLED, f"Waiting for model {model.name} ended before it was available")
        failed = [(model.name, status) for model in added if not model.available for status in model.failed]
        if failed:
            raise not_available(failed, "model(s)")


def not_available(failed: Sequence[tuple[str, VersionStatus]], what: str) -> StatusError:
    """Return the error for models without a version that answers, in TensorFlow Serving's words."""
    listed = "".join(
        f"{{{{name: {name} version: {status.number}}} due to error: {status.error}}}, " for name, status in failed
    )
    return StatusError(Code.UNKNOWN, f"{len(failed)} {what} did not become available: {{{listed}}}")
