"""The form in which a column of times is written, so that new ones are written alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

DATE = re.compile(r"\s*(\d{1,4})([/.\-])(\d{1,2})(?:\2(\d{1,4}))?(?!\d)")
LAST_MONTH = 12


def form_of(texts: Iterable[str | None]) -> str | None:
    """Return the form of times that are written out, as `strftime` takes it; None where they are no dates.

    Where no value tells whether the day or the month comes first, it is the month before slashes, and else the day.

    Args:
        texts: Some values of the column.
    """
    found = [match for text in texts if (match := DATE.match(text or ""))]
    if not found:
        return None
    first, mark, _, third = found[0].groups()
    if third is None:
        return f"%Y{mark}%m"
    if len(first) > 2:
        return f"%Y{mark}%m{mark}%d %H:%M:%S"
    is_day_first = any(int(match[1]) > LAST_MONTH for match in found)
    is_month_first = any(int(match[3]) > LAST_MONTH for match in found)
    if is_day_first or (mark != "/" and not is_month_first):
        return f"%d{mark}%m{mark}%Y %H:%M:%S"
    return f"%m{mark}%d{mark}%Y %H:%M:%S"
