"""Times and lengths of time, as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from estafet.errors import ConfigError


def pause_of(text: str) -> timedelta:
    """Return a length of time such as `30s`, `15m`, `6h` or `7d`.

    Raises:
        ConfigError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or float(found[1]) <= 0:
        raise ConfigError(f"'{text}' is no length of time.", hint="write it as 30s, 15m, 6h or 7d.")
    return timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[found[2]]: float(found[1])})


def time_of(text: str, now: datetime) -> datetime:
    """Return a time: an ISO date or time (of this machine's zone where it has none), or one so long before `now`.

    Raises:
        ConfigError: It is none.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return now - pause_of(text)
    return when.astimezone(UTC)


def local(at_s: float) -> str:
    """Return a time as people here write it."""
    return datetime.fromtimestamp(at_s).astimezone().strftime("%Y-%m-%d %H:%M")
