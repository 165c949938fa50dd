"""Dates and times that are written out: ISO 8601, or one other form that the whole column shares."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.columns import as_numpy
from estafet.errors import DataError

MISSING = np.iinfo(np.int64).min
ISO, DAY_FIRST, MONTH_FIRST = "year-month-day", "day/month/year", "month/day/year"
FORMS = (ISO, DAY_FIRST, MONTH_FIRST)
REORDERED = {DAY_FIRST: r"\3-\2-\1\4", MONTH_FIRST: r"\3-\1-\2\4"}
_NAMES_ZONE = r"\d\d:\d\d[0-9:.,]*\s*([zZ]|[+-]\d\d(:?\d\d)?)$"
_OTHER_FORM = r"^(\d\d?)[/.\-](\d\d?)[/.\-](\d{4})(\D.*)?$"
_YEAR_FIRST = re.compile(r"\d{4}(-\d\d)?(-\d\d.*)?$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = datetime.resolution


class Texts:
    """Times as text, batch by batch."""

    def __init__(self, name: str):
        """Begin a column.

        Args:
            name: Its name, for errors.
        """
        self._name = name
        self._forms: tuple[str, ...] = ()
        self._parts: dict[str, list[np.ndarray]] = {form: [] for form in FORMS}
        self._first = ("", "")
        self._zones: bool | None = None

    def add(self, texts: pa.StringArray, where: Callable[[int], str]) -> np.ndarray:
        """Take in some rows, and return those that hold something that is no time, int64.

        Raises:
            DataError: Not all are in one form, or some name a time zone and others do not.
        """
        texts = pc.utf8_trim_whitespace(texts)
        is_there_N = _as_bools(pc.fill_null(pc.not_equal(texts, ""), False))
        possible = self._forms or FORMS
        read = {possible[0]: _microseconds(texts, possible[0])}
        if len(self._forms) > 1 or np.any(is_there_N & (read[possible[0]] == MISSING)):
            read = {form: _microseconds(texts, form) for form in FORMS}
        can_read = {form: values_N != MISSING for form, values_N in read.items()}
        is_time_N = np.logical_or.reduce(list(can_read.values()))
        for form in possible:
            self._parts[form].append(read.get(form, np.full(len(texts), MISSING)))
        self._narrow(can_read, is_time_N, texts, where)
        self._check_zones(texts, is_time_N, where)
        return np.flatnonzero(is_there_N & ~is_time_N)

    def finish(self) -> tuple[np.ndarray, str]:
        """Return microseconds since 1970, int64 (N,), `MISSING` where there is none; and `utc` or `local`.

        Raises:
            DataError: They may be meant day first or month first.
        """
        if len(self._forms) > 1:
            text, place = self._first
            raise DataError(
                f"the times in column '{self._name}', such as {text!r} ({place}), may be meant as day/month or as "
                "month/day: no value tells.",
                hint=one_form_hint(),
            )
        (form,) = self._forms or (ISO,)
        return np.concatenate([np.zeros(0, np.int64), *self._parts[form]]), "utc" if self._zones else "local"

    def _narrow(
        self, can_read: dict[str, np.ndarray], is_time_N: np.ndarray, texts: pa.StringArray, where: Callable
    ) -> None:
        """Keep the forms in which all times can be read that can be read in any."""
        if not is_time_N.any():
            return
        before = self._forms or tuple(can_read)
        left = tuple(form for form in before if form in can_read and np.array_equal(can_read[form], is_time_N))
        if not left:
            odd_N = is_time_N.copy()
            if self._forms:
                odd_N &= ~np.logical_or.reduce([can_read.get(form, ~is_time_N) for form in before])
            else:
                first = int(np.argmax(is_time_N))
                self._first = (texts[first].as_py(), where(first))
                shared = [form for form in before if can_read[form][first]]
                odd_N &= ~np.logical_or.reduce([can_read[form] for form in shared])
            row = int(np.argmax(odd_N if odd_N.any() else is_time_N))
            raise DataError(
                f"{where(row)}: the time {texts[row].as_py()!r} in column '{self._name}' is in another form than "
                f"{self._first[0]!r} ({self._first[1]}).",
                hint=one_form_hint(),
            )
        if not self._forms:
            first = int(np.argmax(is_time_N))
            self._first = (texts[first].as_py(), where(first))
        self._forms = left

    def _check_zones(self, texts: pa.StringArray, is_time_N: np.ndarray, where: Callable) -> None:
        if not is_time_N.any():
            return
        has_zone_N = _as_bools(pc.fill_null(pc.match_substring_regex(texts, _NAMES_ZONE), False))
        expected = bool(has_zone_N[int(np.argmax(is_time_N))]) if self._zones is None else self._zones
        self._zones = expected
        odd = np.flatnonzero(is_time_N & (has_zone_N != expected))
        if len(odd):
            row, what = int(odd[0]), "names no time zone" if expected else "names a time zone"
            raise DataError(
                f"{where(row)}: the time {texts[row].as_py()!r} in column '{self._name}' {what}, and "
                f"{self._first[0]!r} ({self._first[1]}) {'does' if expected else 'does not'}.",
                hint="write all times with a zone, such as 2026-11-20T08:00:00+01:00, or none with one.",
            )


def iso_microseconds(texts: pa.StringArray) -> np.ndarray:
    """Return microseconds since 1970 of times in the forms of ISO 8601, int64 (N,), `MISSING` where there is none.

    Beside them 2026/11/20 is read. Times that name no zone are taken as UTC. Arrow casts the usual forms in one go;
    what is left is read one by one.
    """
    for zone in (None, "UTC"):
        try:
            times = pc.cast(texts, pa.timestamp("us", zone))
            return as_numpy(pc.cast(times, pa.int64()), missing=MISSING)
        except pa.ArrowInvalid:
            continue
    known: dict[str | None, int] = {None: MISSING}
    words = texts.to_pylist()
    for text in words:
        if text not in known:
            known[text] = _one(text)
    return np.array([known[text] for text in words], np.int64)


def _microseconds(texts: pa.StringArray, form: str) -> np.ndarray:
    return iso_microseconds(texts if form == ISO else _reordered(texts, form))


def one_form_hint() -> str:
    """Say how times are best written."""
    return "write times like 2026-11-20 or 2026-11-20T08:00:00, or as whole numbers."


def _one(text: str) -> int:
    if not text[:1].isdigit():
        return MISSING
    try:
        time = datetime.fromisoformat(text.replace("/", "-").replace(",", "."))
        return (time.replace(tzinfo=time.tzinfo or UTC) - _EPOCH) // _MICROSECOND
    except ValueError:
        pass
    try:
        return int(np.datetime64(text, "us").astype(np.int64)) if _YEAR_FIRST.match(text) else MISSING
    except ValueError:
        return MISSING


def _reordered(texts: pa.StringArray, form: str) -> pa.StringArray:
    """Write dates of another form as ISO 8601 does; what is in no such form becomes null."""
    is_other = pc.match_substring_regex(texts, _OTHER_FORM)
    turned = pc.replace_substring_regex(texts, _OTHER_FORM, REORDERED[form])
    for one_digit in (r"^(\d{4}-)(\d)(-)", r"^(\d{4}-\d\d-)(\d)(\D|$)", r"([ T])(\d)(:)"):
        turned = pc.replace_substring_regex(turned, one_digit, r"\10\2\3")
    return pc.if_else(is_other, turned, None)


def _as_bools(values: pa.BooleanArray) -> np.ndarray:
    return np.from_dlpack(pc.cast(values, pa.uint8())).astype(bool)
