"""What a `gs://` address means: one object, all of a folder, or what a glob matches, as on a local disk."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from estafet.errors import ConfigError, DataError

SCHEME = "gs://"
WILDCARDS = "*?["
MAX_SEGMENT_BYTES = 255
"""Longest name of one file that the usual file systems take."""


@dataclass(frozen=True)
class Address:
    """A bucket, and a name, folder or glob in it.

    Attributes:
        bucket: The bucket's name.
        name: What follows it, without slashes at the end; "" is the whole bucket.
        only_folder: Whether it ends in a slash, so that no object is meant by itself.
    """

    bucket: str
    name: str
    only_folder: bool

    @classmethod
    def parse(cls, uri: str) -> Address:
        """Take a `gs://BUCKET/…` apart.

        Raises:
            ConfigError: The address is of a storage that Estafet does not read, or names no bucket.
        """
        if not uri.startswith(SCHEME):
            hint = "give a local path, or a gs:// address."
            raise ConfigError(f"'{uri}' is no address that Estafet reads.", hint=hint)
        bucket, _, name = uri.removeprefix(SCHEME).partition("/")
        if not bucket:
            raise ConfigError(f"'{uri}' names no bucket.", hint="write gs://BUCKET/FOLDER, with two slashes.")
        return cls(bucket, name.rstrip("/"), name.endswith("/") or not name)

    @property
    def is_glob(self) -> bool:
        """Whether the name has a wildcard in it; an object may have such a name, too."""
        return any(sign in self.name for sign in WILDCARDS)

    @property
    def prefix(self) -> str:
        """What the names of all objects that may be meant begin with."""
        if self.is_glob:
            return self.name[: min(self.name.find(sign) for sign in WILDCARDS if sign in self.name)]
        return f"{self.name}/" if self.name else ""

    def covers(self, name: str) -> bool:
        """Whether an object is meant: it lies in the folder, or the glob matches it or a folder that it lies in.

        Wildcards keep to the rules of Python's `glob`: they do not cross slashes except for `**`, which stands for any
        number of folders, and none matches a dot at the beginning.
        """
        if not self.is_glob:
            return name.startswith(self.prefix)
        return _covers(self.name.split("/"), name.split("/"), self.only_folder)


def file_name(bucket: str, name: str) -> PurePosixPath:
    """Return where an object goes below the folder of copies.

    Raises:
        DataError: No file can have this name, or one that is somewhere else would have it.
    """
    segments = name.split("/")
    if any(s in ("", ".", "..") or "\0" in s or len(s.encode()) > MAX_SEGMENT_BYTES for s in segments):
        raise DataError(
            f"the object '{SCHEME}{bucket}/{name}' has a name that no file can have.",
            hint="rename it (gcloud storage mv), or set data.source to a glob that leaves it out.",
        )
    return PurePosixPath(*segments)


def _covers(patterns: Sequence[str], segments: Sequence[str], only_folder: bool) -> bool:
    if not patterns:
        return bool(segments) or not only_folder
    if list(patterns) == ["**"]:
        return bool(segments)
    if patterns[0] == "**" and _covers(patterns[1:], segments, only_folder):
        return True
    if not segments or not _matches(patterns[0], segments[0]):
        return False
    return _covers(patterns if patterns[0] == "**" else patterns[1:], segments[1:], only_folder)


def _matches(pattern: str, segment: str) -> bool:
    if not any(sign in pattern for sign in WILDCARDS):
        return pattern == segment
    return fnmatch.fnmatchcase(segment, pattern) and (pattern.startswith(".") or not segment.startswith("."))
