"""Objects in Google Cloud Storage, brought to where files are read."""

from __future__ import annotations

from estafet.storage.address import SCHEME
from estafet.storage.copies import local_copies
from estafet.storage.objects import StoredObject, list_objects

__all__ = ["SCHEME", "StoredObject", "list_objects", "local_copies"]
