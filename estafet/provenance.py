"""Fingerprints of what a step's result depends on beside its settings: the code behind it and the data before it.

Kubeflow's cache key has the step's wrapper and arguments, not the package behind the wrapper, nor what lies at an
unchanged path. So both are fingerprinted before a run starts, and passed as arguments.
"""

from __future__ import annotations

import ast
import contextlib
import glob
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path

from estafet.errors import StepFailed

OWN_PACKAGES = ("estafet", "components", "serving", "monitoring")
NOT_PART_OF_A_RESULT = ("estafet.telemetry", "estafet.tracking", "estafet.errors", "estafet.provenance")
"""Modules that carry results about but do not make them; a change there reruns nothing."""


@dataclass(frozen=True)
class CodeFingerprint:
    """What a step's code was.

    Attributes:
        digest: Fingerprint of it all, in hexadecimal.
        parts: Fingerprint of each source file (by its module name) and version of each library.
    """

    digest: str
    parts: Mapping[str, str]


@dataclass(frozen=True)
class SourceFingerprint:
    """What lay at the sources.

    Attributes:
        digest: Fingerprint of the files' names, sizes and times of change, in hexadecimal.
        num_files: Number of files.
        num_bytes: Their size in all.
        files: Size and time of change of each, by path.
    """

    digest: str
    num_files: int
    num_bytes: int
    files: Mapping[str, str]


def fingerprint_code(module: str, *, user_module: str = "", user_folder: Path | None = None) -> CodeFingerprint:
    """Fingerprint a module with everything of ours that it imports, at any depth, and the libraries behind that.

    Args:
        module: A module's name, such as `components.train.step`.
        user_module: The module of the user's own model, if there is one; it counts with what it imports of its own
            package and of `user_folder`.
        user_folder: The folder in which a user's module is looked for where it is not installed.

    Returns:
        The fingerprint; comments count, since telling them apart is not worth a wrong reuse.

    Raises:
        StepFailed: The module's source is not there; an empty fingerprint would be the same for ever.
    """
    if _source_of(module) is None:
        raise StepFailed(
            f"the source of {module} is not there, so its results could not be reused honestly.",
            hint="install Estafet anew: `make setup`, or `pip install --editable .` in its folder.",
        )
    parts: dict[str, str] = {}
    libraries: set[str] = set()
    for name, _, digest, imported in _walk(module, _source_of):
        parts[name] = digest
        libraries |= imported
    if user_module and user_folder:
        for name, path, digest, imported in _walk(user_module, partial(_user_source_of, user_folder, user_module)):
            depth = name.count(".") + (path.name == "__init__.py")
            parts["/".join(path.parts[-depth - 1 :])] = digest
            libraries |= imported
    parts |= _library_versions(libraries)
    parts["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    return CodeFingerprint(_digest(f"{key}={value}" for key, value in sorted(parts.items())), parts)


def fingerprint_sources(sources: Iterable[str]) -> SourceFingerprint:
    """Fingerprint the files that sources name: size and time of change, without reading them.

    Args:
        sources: Absolute paths or globs; URLs are fingerprinted by the storage's generation and checksum.

    Returns:
        The fingerprint; a source that is not there counts as empty, and `ingest` says so.
    """
    files: dict[str, str] = {}
    num_bytes = 0
    for source in sources:
        listed = _remote_files(source) if "://" in source else _local_files(source)
        for name, size, stamp in listed:
            files[name] = f"{size} {stamp}"
            num_bytes += size
    lines = (f"{name} {stamp}" for name, stamp in sorted(files.items()))
    return SourceFingerprint(_digest(lines), len(files), num_bytes, files)


def fingerprint(*values: object) -> str:
    """Return a short fingerprint of JSON values; the order of an object's keys does not count."""
    return _digest(json.dumps(value, sort_keys=True) for value in values)


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()[:32]


def _source_of(module: str) -> Path | None:
    """Return the source file of one of our modules, without importing it; None for anything else."""
    if module.partition(".")[0] not in OWN_PACKAGES:
        return None
    package, *inner = module.split(".")
    root = importlib.util.find_spec(package)
    for folder in (root.submodule_search_locations or ()) if root else ():
        path = Path(folder).joinpath(*inner)
        for candidate in (path.with_suffix(".py"), path / "__init__.py") if inner else (path / "__init__.py",):
            if candidate.is_file():
                return candidate
    return None


def _user_source_of(folder: Path, user_module: str, module: str) -> Path | None:
    """Return a source file of the user's, found where a step finds it: installed first, then in the run file's folder.

    Of what is installed only the package of `user_module` itself is the user's; the rest counts by its version.
    """
    package, *inner = module.split(".")
    if not package:
        return None
    with contextlib.suppress(ValueError):  # `__main__` has no spec
        if found := importlib.util.find_spec(package):
            places = [Path(place) for place in found.submodule_search_locations or ()]
            home = places[0].parent if places else Path(found.origin or "").parent
            if home.resolve() != folder.resolve() and package != user_module.partition(".")[0]:
                return None
            folder = home
    path = folder.joinpath(package, *inner)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _walk(module: str, source_of: Callable[[str], Path | None]) -> Iterator[tuple[str, Path, str, set[str]]]:
    """Yield each module reached from `module`: its name, source, fingerprint, and the packages that it imports."""
    seen: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        if name in seen or name in NOT_PART_OF_A_RESULT:
            continue
        seen.add(name)
        path = source_of(name)
        if path is None:
            continue
        digest, imported = _read_module(path, name, path.stat().st_mtime_ns)
        yield name, path, digest, {other.partition(".")[0] for other in imported}
        pending += [*imported, *_parents(name)]


def _parents(module: str) -> list[str]:
    pieces = module.split(".")
    return [".".join(pieces[:n]) for n in range(1, len(pieces))]


@lru_cache(maxsize=4096)
def _read_module(path: Path, name: str, _mtime_ns: int) -> tuple[str, tuple[str, ...]]:
    text = path.read_bytes()
    return hashlib.sha256(text).hexdigest()[:16], tuple(sorted(_imports(text, name, path.name == "__init__.py")))


def _imports(text: bytes, module: str, is_package: bool) -> Iterator[str]:
    """Name every module that a source file imports, inside functions too; `from a import b` names a and a.b."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join([*here[: len(here) - node.level + 1], *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _library_versions(imported: set[str]) -> dict[str, str]:
    others = {name for name in imported if name not in OWN_PACKAGES and name not in sys.stdlib_module_names}
    versions = {}
    for name in others:
        for distribution in sorted(set(_distributions().get(name, ()))):
            versions[distribution] = metadata.version(distribution)
    return versions


def _local_files(source: str) -> Iterator[tuple[str, int, int]]:
    """List every file that `ingest` may read there: what a glob matches may be a folder, and a folder a link to one."""
    for found in [source] if os.path.exists(source) else glob.glob(source, recursive=True):
        for path in _files_below(found) if os.path.isdir(found) else [found]:
            if os.path.isfile(path):  # and no link to nothing
                stat = os.stat(path)
                yield path, stat.st_size, stat.st_mtime_ns


def _files_below(folder: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in above:  # a link in a circle
        return
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files_below(entry.path, (*above, real))
        else:
            yield entry.path


def _remote_files(source: str) -> Iterator[tuple[str, int, str]]:
    from estafet.storage import list_objects

    for item in list_objects(source):
        yield item.url, item.num_bytes, f"{item.generation} {item.crc32c}"
