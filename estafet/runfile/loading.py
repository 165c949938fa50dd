"""Reads a run file: YAML, then a profile, then overrides; every error names the file, the line and the next step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from estafet.errors import ConfigError
from estafet.runfile.problems import Key, explain
from estafet.runfile.run import RunFile


@dataclass(frozen=True)
class LoadedRunFile:
    """A run file as it was read.

    Attributes:
        run: The validated run file, with the profile and the overrides applied.
        path: Absolute path of the file.
        profile: Name of the profile that was applied, if any.
        overrides: The overrides, as they were typed.
    """

    run: RunFile
    path: Path
    profile: str | None = None
    overrides: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the run file start from."""
        return self.path.parent

    @property
    def workspace(self) -> Path:
        """Absolute path of the workspace."""
        return (self.folder / self.run.workspace).resolve()

    @property
    def models_dir(self) -> Path:
        """Absolute path of the folder of served models.

        Raises:
            ConfigError: They are in a bucket.
        """
        given = self.run.deploy.models_dir
        if given and "://" in given:
            raise ConfigError(
                f"the served models are in '{given}', and this command needs them in a folder of this machine.",
                hint="copy the versions (`gcloud storage cp -r`), and give the folder with `--set deploy.target=local "
                "--set deploy.models_dir=FOLDER`.",
            )
        return (self.folder / given).resolve() if given else self.workspace / "models"

    @property
    def models_address(self) -> str:
        """Where served models are: the absolute path of a folder, or the address of a bucket's folder."""
        given = self.run.deploy.models_dir
        return given if given and "://" in given else str(self.models_dir)

    @property
    def sources(self) -> tuple[str, ...]:
        """The data sources: absolute paths or globs, and URLs as they are."""
        return tuple(self.absolute(source) for source in self.run.data.source)

    def absolute(self, path: str) -> str:
        """Return `path` as seen from the run file's folder; a URL stays as it is."""
        return path if "://" in path else os.path.normpath(self.folder / Path(path).expanduser())


def load(path: str | Path, *, profile: str | None = None, overrides: Iterable[str] = ()) -> LoadedRunFile:
    """Read and validate a run file.

    Args:
        path: The YAML file.
        profile: Name of an entry of the file's `profiles`, merged over the rest.
        overrides: Settings such as `train.epochs=5`; the value is read as YAML.

    Returns:
        The validated run file.

    Raises:
        ConfigError: The file is missing or no YAML, a key or value is wrong, or there is no such profile.
    """
    path = Path(path)
    text = _read(path)
    values, lines = _parse(text, path)
    origin = {key: f"{path.name}:{line}" for key, line in lines.items()}
    profiles = values.pop("profiles", None) or {}
    if profile is not None:
        values = _merge(values, _profile(profiles, profile, path, origin))
        prefix = ("profiles", profile)
        origin.update({key[2:]: where for key, where in origin.items() if key[:2] == prefix and len(key) > 2})
    overrides = tuple(overrides)
    for override in overrides:
        key, value = _parse_override(override)
        _set(values, key, value, override)
        origin[key] = f"--set {override}"
    return LoadedRunFile(_validate(values, path, origin), path.resolve(), profile, overrides)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        near = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        found = f"there are {', '.join(near)} in that folder" if near else "write one with `estafet init DATA`"
        raise ConfigError(f"there is no run file '{path}'.", hint=found) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the run file '{path}' cannot be read: {error}.", hint="give a YAML file in UTF-8."
        ) from error


def _parse(text: str, path: Path) -> tuple[dict[str, Any], dict[Key, int]]:
    """Return the file's values, and the line of each key (from 1)."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        raise ConfigError(
            f"{where}: this is not YAML: {getattr(error, 'problem', error)}.",
            hint="check the indentation and the quotes on that line.",
        ) from error
    if not isinstance(values, dict):
        kind = "empty" if values is None else f"a {type(values).__name__}"
        raise ConfigError(
            f"{path.name} must hold keys such as name, task and data, but it is {kind}.",
            hint="write a run file with `estafet init DATA`.",
        )
    lines: dict[Key, int] = {}
    try:
        _collect_lines(root, (), lines, path)
    except RecursionError:
        raise ConfigError(
            f"{path.name}: an alias (`*name`) stands inside what it names, so the file has no end.",
            hint="write the values out in place of the alias.",
        ) from None
    return values, lines


def _collect_lines(node: yaml.Node, key: Key, lines: dict[Key, int], path: Path) -> None:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            child = (*key, str(name.value))
            if child in lines:
                raise ConfigError(
                    f"{path.name}:{name.start_mark.line + 1}: the key '{name.value}' stands twice "
                    f"(first on line {lines[child]}).",
                    hint="remove one of the two.",
                )
            lines[child] = name.start_mark.line + 1
            _collect_lines(value, child, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*key, index), lines, path)


def _profile(profiles: object, name: str, path: Path, origin: Mapping[Key, str]) -> dict[str, Any]:
    if not isinstance(profiles, dict) or name not in profiles:
        names = sorted(profiles) if isinstance(profiles, dict) else []
        raise ConfigError(
            f"{path.name} has no profile '{name}'.",
            hint=f"choose one of {', '.join(names)}." if names else "add it under `profiles:`.",
        )
    chosen = profiles[name] or {}
    if not isinstance(chosen, dict):
        raise ConfigError(
            f"{origin.get(('profiles', name), path.name)}: the profile '{name}' must hold sections of the run file.",
            hint="write it like the run file itself, such as `train: {epochs: 5}`.",
        )
    return chosen


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _parse_override(text: str) -> tuple[Key, Any]:
    name, equals, value = text.partition("=")
    if not equals or not all(name.split(".")):
        raise ConfigError(f"--set {text}: this is not KEY=VALUE.", hint="write it like `--set train.epochs=5`.")
    try:
        return tuple(name.split(".")), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: the value is not YAML: {error}.", hint="quote it.") from error


def _set(values: dict[str, Any], key: Key, value: Any, text: str) -> None:
    for depth, part in enumerate(key[:-1]):
        below = values.get(part)
        if below is None:
            below = {}
        if not isinstance(below, dict):
            raise ConfigError(
                f"--set {text}: '{'.'.join(map(str, key[: depth + 1]))}' is a value, not a section.",
                hint="see docs/run-file.md for the keys.",
            )
        values[part] = dict(below)
        values = values[part]
    values[key[-1]] = value


def _validate(values: dict[str, Any], path: Path, origin: Mapping[Key, str]) -> RunFile:
    try:
        return RunFile.model_validate(values)
    except ValidationError as error:
        raise explain(error.errors(), path.name, origin) from error
