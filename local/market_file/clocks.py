"""How files write times: one way for the whole of a file, and never guessed row by row."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.asked import Unit
from local.market_file.values import (
    EPOCH,
    INSTANT,
    Parsed,
    check_times,
    explain_time,
    instants_of,
    microseconds_of,
    moment_of,
    quote,
)

NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?")
_WHOLE = r"\A[0-9]{1,19}\z"
_DECIMAL = r"\A(?P<whole>[0-9]{1,11})(?:\.(?P<part>[0-9]*))?\z"
# As files have them: 2 parts of a date, then the time of day.
_TWO = r"\A\s*([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})"
_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
# Numbers from here on count the unit; those below count one that is coarser.
_LEAST = {Unit.S: 0, Unit.MS: 10**11, Unit.US: 10**14, Unit.NS: 10**17}
SPELLED = {Unit.S: "seconds", Unit.MS: "milliseconds", Unit.US: "microseconds", Unit.NS: "nanoseconds"}
# Of the year 9999.
_LAST_SECOND = 253_402_300_800
_LAST_MOMENT = (_LAST_SECOND - 1) * 10**6
_PER_SECOND = {Unit.S: 1, Unit.MS: 10**3, Unit.US: 10**6, Unit.NS: 10**9}


class Form(Enum):
    """How a time is written."""

    ISO = "ISO 8601"
    NUMBER = "a number"
    DAY_FIRST = "the day first"
    MONTH_FIRST = "the month first"
    COMPACT = "digits without separators"


@dataclass(frozen=True)
class Clock:
    """How a file writes its times.

    `unit` is that of numbers, `zone` the clock of times without an offset. Where `is_judged`, a number of another size
    than the file's others is bad.
    """

    form: Form = Form.ISO
    unit: Unit | None = None
    zone: str | None = None
    is_judged: bool = False

    def __str__(self) -> str:
        if self.unit in SPELLED:
            return f"times in {SPELLED[self.unit]}"
        written = "days since 1900" if self.unit else "" if self.form is Form.ISO else f"{self.form.value}"
        told = [
            f"dates with {written}" if "first" in written else written,
            f"times of {self.zone}" if self.zone else "",
        ]
        return ", ".join(each for each in told if each)

    def instants(self, texts: pa.Array) -> pa.Array:
        """The times as UTC microseconds, null where one is not written so."""
        if pa.types.is_timestamp(texts.type):
            return instants_of(texts) if texts.type.tz else _zoned(texts, self.zone)
        if self.unit is Unit.EXCEL:
            return _zoned(_excel_days(texts), self.zone)
        if self.unit:
            return _counted(pc.utf8_trim_whitespace(texts), self.unit, is_judged=self.is_judged)
        if self.form is Form.ISO and self.zone is None:
            return instants_of(texts)
        return _zoned(as_iso(texts, self.form), self.zone)

    def explain(self, text: str, last: datetime) -> str:
        """What is wrong with a time."""
        bare = text.strip()
        if not bare:
            return "is empty"
        if self.unit and not NUMBER.fullmatch(bare):
            return f"{quote(text)} is not a number, as the file's other times are"
        if self.unit in SPELLED and self.is_judged and (other := unit_of(bare)) is not self.unit:
            return f"{quote(text)} counts {SPELLED[other]}, the file's other times {SPELLED[self.unit]}"
        if self.form is Form.ISO and not self.unit and self.zone is None:
            reason = explain_time(text, last)
            return f"{reason}, or give --time-zone ZONE" if "has no time zone" in reason else reason
        microseconds = self.instants(pa.array([text])).cast(pa.int64())[0].as_py()
        if microseconds is not None:
            return explain_time(text, last, EPOCH + timedelta(microseconds=min(microseconds, _LAST_MOMENT)))
        if self.zone and (moment := moment_of(as_iso(pa.array([text]), self.form)[0].as_py())):
            many = "twice" if _is_twice(moment, self.zone) else "never"
            return f"{quote(text)} comes {many} on {moment:%Y-%m-%d} by the clock of {self.zone}; write an offset"
        return f"{quote(text)} is not a time written as the file's others: {self.form.value}"


def parse_moments(
    texts: pa.Array, *, clock: Clock, latest: datetime | None = None, whole_minutes: bool = False
) -> Parsed:
    """Times as a file's clock writes them; what is bad is as with `parse_times`."""
    return check_times(clock.instants(texts), clock.explain, latest, whole_minutes=whole_minutes)


def unit_of(text: str) -> Unit:
    """What a number counts that is a time of our days."""
    number = int(text.split(".")[0])
    return next(unit for unit, least in reversed(_LEAST.items()) if number >= least)


def as_iso(texts: pa.Array, form: Form) -> pa.Array:
    """Times as ISO 8601 has them; what is not written in this form stays as it is."""
    if form is Form.COMPACT:
        texts = pc.replace_substring_regex(
            texts,
            r"\A\s*([0-9]{4})([0-9]{2})([0-9]{2})[T ]?([0-9]{2})([0-9]{2})([0-9]{2})?([0-9]{3})?\s*\z",
            r"\1-\2-\3T\4:\5:\6.\7",
        )
        # Of parts that are not there the separators are left.
        return pc.replace_substring_regex(pc.replace_substring_regex(texts, r"\.\z", ""), r":\z", ":00")
    if form in (Form.DAY_FIRST, Form.MONTH_FIRST):
        day_first = form is Form.DAY_FIRST
        texts = pc.replace_substring_regex(texts, _TWO + r"[ ,T]*", r"\3-\2-\1T" if day_first else r"\3-\1-\2T")
        texts = pc.replace_substring_regex(texts, r"-([0-9])-", r"-0\1-")
        texts = pc.replace_substring_regex(texts, r"-([0-9])T", r"-0\1T")
        texts = pc.replace_substring_regex(texts, r"T([0-9]):", r"T0\1:")
        return pc.replace_substring_regex(texts, r"T\z", "T00:00:00")
    # A date with dots, as platforms write it, and a time behind it.
    return pc.replace_substring_regex(texts, r"\A\s*([0-9]{4})[-./]([0-9]{2})[-./]([0-9]{2})[D ]", r"\1-\2-\3T")


def _counted(texts: pa.Array, unit: Unit, *, is_judged: bool) -> pa.Array:
    """Numbers of a unit since 1970 as instants; digits past the microsecond are cut off."""
    if pc.all(pc.match_substring_regex(texts, _WHOLE), min_count=0).as_py():
        return _counted_whole(texts, unit, is_judged=is_judged)
    if unit is Unit.S and pc.all(pc.match_substring_regex(texts, _DECIMAL), min_count=0).as_py():
        parts = pc.extract_regex(texts, _DECIMAL)
        whole = pc.struct_field(parts, "whole").cast(pa.int64())
        part = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.struct_field(parts, "part"), 6, "0"), 0, 6)
        return pc.add(pc.multiply(whole, 10**6), part.cast(pa.int64())).cast(INSTANT)
    found = [_moment_of_number(text, unit, is_judged=is_judged) for text in texts.to_pylist()]
    return pa.array(found, pa.int64()).cast(INSTANT)


def _counted_whole(texts: pa.Array, unit: Unit, *, is_judged: bool) -> pa.Array:
    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        numbers = pa.array(map(_whole, texts.to_pylist()), pa.int64())
    if is_judged:
        most = next((least for least in _LEAST.values() if least > _LEAST[unit]), 2**63 - 1)
        inside = pc.and_(pc.greater_equal(numbers, _LEAST[unit]), pc.less(numbers, most))
        numbers = pc.if_else(inside, numbers, None)
    per_second = _PER_SECOND[unit]
    if unit is Unit.NS:
        return pc.divide(numbers, 1_000).cast(INSTANT)
    fitting = pc.if_else(pc.less(numbers, _LAST_SECOND * per_second), numbers, None)
    return pc.multiply(fitting, 10**6 // per_second).cast(INSTANT)


def _whole(text: str) -> int | None:
    number = int(text)
    return number if number < 2**63 else None


def _moment_of_number(text: str, unit: Unit, *, is_judged: bool) -> int | None:
    if not NUMBER.fullmatch(text) or len(text) > 40 or (is_judged and unit_of(text) is not unit):
        return None
    microseconds = int(Decimal(text) * 10**6 / _PER_SECOND[unit])
    return microseconds if microseconds < 2**62 else None


def _excel_days(texts: pa.Array) -> pa.Array:
    """Days since 1900 as a spreadsheet has them, to the millisecond: its doubles say no more."""
    return pa.array(map(_excel_day, pc.utf8_trim_whitespace(texts).to_pylist()), pa.timestamp("us"))


def _excel_day(text: str) -> datetime | None:
    if not NUMBER.fullmatch(text) or len(text) > 40 or Decimal(text) > 2_000_000:
        return None
    milliseconds = (Decimal(text) * 86_400_000).to_integral_value()
    return (_EXCEL_EPOCH + timedelta(milliseconds=int(milliseconds))).replace(tzinfo=None)


def _zoned(times: pa.Array, zone: str | None) -> pa.Array:
    """Times without an offset by the clock of `zone`, others by their offset; null where it has none such, or two."""
    for unit in ("us", "ns"):
        try:
            naive = times if pa.types.is_timestamp(times.type) else times.cast(pa.timestamp(unit))
            return instants_of(pc.assume_timezone(naive, zone or "UTC", ambiguous="raise", nonexistent="raise"))
        except (pa.ArrowInvalid, ValueError):
            continue
    texts = times.cast(pa.string()).to_pylist() if pa.types.is_timestamp(times.type) else times.to_pylist()
    moments = map(partial(_moment_in, zone=ZoneInfo(zone) if zone else None), texts)
    return pa.array(map(microseconds_of, moments), pa.int64()).cast(INSTANT)


def _moment_in(text: str | None, *, zone: ZoneInfo | None) -> datetime | None:
    moment = moment_of(text) if text else None
    if moment is None or moment.tzinfo or zone is None:
        return moment
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return first if first.utcoffset() == second.utcoffset() else None


def _is_twice(moment: datetime, zone: str) -> bool:
    first, second = (moment.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    return (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta())
