"""Where a study may be kept: a SQLite file or PostgreSQL; and no password in the run file."""

from __future__ import annotations

from estafet.runfile.architectures import Misfit

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql", "postgresql+psycopg")
MASK = "***"


def misfit_of_storage(storage: str) -> Misfit | None:
    """Return what is wrong with `tune.storage`, without showing a password; None where nothing is.

    A step's settings are kept in caches, in pipeline arguments and in MLflow, so a password must come in another way.
    """
    if storage.startswith(SQLITE) and len(storage) > len(SQLITE):
        return None
    scheme, _, rest = _split(storage)
    path = rest.partition("/")[2]
    if scheme not in POSTGRESQL or not path.partition("?")[0]:
        return Misfit(
            f"'{shown(storage)}' is no place for a study",
            "write sqlite:///FILE, or postgresql://USER@HOST/DATABASE for several machines.",
        )
    if without_password(storage) != storage:
        return Misfit(
            "the storage holds a password, which would be kept in caches and in pipeline arguments",
            f"write {without_password(storage)}, and set PGPASSWORD in the environment, or keep it in ~/.pgpass.",
        )
    return None


def is_server(storage: str) -> bool:
    """Return whether several machines can reach a storage, and not only the one that has the file."""
    return not storage.startswith(SQLITE)


def shown(storage: str) -> str:
    """Return a storage as it may be shown: with a mask in place of the password."""
    return _with_password(storage, MASK)


def without_password(storage: str) -> str:
    """Return a storage without its password."""
    return _with_password(storage, "")


def _with_password(storage: str, password: str) -> str:
    scheme, user, rest = _split(storage)
    name, colon, _ = user.partition(":")
    if colon and password:
        name += f":{password}"
    place, question, query = rest.partition("?")
    parts = [part for part in query.split("&") if password or not part.startswith("password=")]
    parts = [f"password={password}" if part.startswith("password=") else part for part in parts]
    start = f"{scheme}://" if scheme else ""
    return f"{start}{name}{'@' if user else ''}{place}{question if any(parts) else ''}{'&'.join(parts)}"


def _split(storage: str) -> tuple[str, str, str]:
    """Return scheme, user with password, and the rest; a password may hold `/`, `@` and `?` that were not escaped."""
    scheme, colon, rest = storage.partition("://")
    if not colon:
        scheme, rest = "", storage
    place, _, query = rest.partition("?")
    is_query = "=" in query.partition("@")[0]
    end = (place if "@" in place and (is_query or "@" not in query) else rest).rfind("@")
    return (scheme, rest[:end], rest[end + 1 :]) if end >= 0 else (scheme, "", rest)
