"""Turns a column of text into typed values, a whole batch at a time, and says what is wrong with a value.

Every parser takes a string array (the time parser a timestamp array too), treats null as empty, and returns
`Parsed`. Values that fail the vectorised way are looked at one by one, so a batch costs little more when a
few of its values are unusual.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

INSTANT = pa.timestamp("us", "UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)

# Bounded, so that every number fits PostgreSQL's numeric and has a finite, non-zero double.
_NUMBER = (
    r"\A(?:\+?(?:[0-9]{1,100}(?:\.[0-9]{0,100})?|\.[0-9]{1,100})(?:[eE][+-]?0?[0-9]{1,2})?"
    r"|-0+(?:\.0*)?)\z"  # what is left of a negative zero
)
_SIGNED_NUMBER = _NUMBER.replace(r"\+?", "[+-]?")
_ANY_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_SHORT_INTEGER = r"\A-?[0-9]{1,18}\z"
_INTEGER = re.compile(r"([+-]?[0-9]{1,30})(?:\.0*)?")
_ISO_8601 = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[Tt ].*)?")
_TRUE = pa.array(["1", "true", "t", "True", "TRUE", "T"])
_FALSE = pa.array(["0", "false", "f", "False", "FALSE", "F"])
_SHOWN = 60


class Parsed(NamedTuple):
    """A parsed column: its values, which of them are bad (None: none are), and why a given text is."""

    values: pa.Array
    bad: pa.Array | None
    reason: Callable[[str], str]


def quote(text: str) -> str:
    """The text in double quotes, control characters escaped, cut if long."""
    return json.dumps(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…", ensure_ascii=False)


def parse_times(texts: pa.Array, *, latest: datetime | None = None, whole_minutes: bool = False) -> Parsed:
    """ISO 8601 times with an offset or Z, as UTC microseconds.

    Digits past the microsecond are cut off, never rounded: ticks that then share a time keep their order by
    `seq`. Bad are times before 1970, after `latest`, and, with `whole_minutes`, inside a minute.

    Raises:
        ValueError: `latest` has no time zone.
    """
    return check_times(instants_of(texts), explain_time, latest, whole_minutes=whole_minutes)


def check_times(
    instants: pa.Array,
    explain: Callable[[str, datetime], str],
    latest: datetime | None,
    *,
    whole_minutes: bool,
) -> Parsed:
    """The same of times that are read already, null where one is none; `explain` says why a text is bad."""
    last = latest or LATEST
    if last.tzinfo is None:
        raise ValueError(f"latest needs a time zone: {last}")
    good = pc.and_(
        pc.greater_equal(instants, pa.scalar(EPOCH, INSTANT)),
        pc.less_equal(instants, pa.scalar(last, INSTANT)),
    )
    if whole_minutes:
        good = pc.and_(good, pc.equal(instants, pc.floor_temporal(instants, unit="minute")))
    return Parsed(instants, _bad(good), lambda text: explain(text, last))


def parse_numbers(texts: pa.Array, *, nullable: bool = False, negative: bool = False) -> Parsed:
    """Decimal numbers from zero up, kept as exact text that PostgreSQL reads as numeric (`1e-05` too).

    With `negative`, below zero as well.
    """
    texts = pc.ascii_trim_whitespace(texts)
    good = pc.match_substring_regex(texts, _SIGNED_NUMBER if negative else _NUMBER)
    return _with_nulls(texts, texts, good, partial(_explain_number, negative=negative), nullable=nullable)


def parse_integers(texts: pa.Array, *, least: int = -(2**63), bits: int = 64, nullable: bool = False) -> Parsed:
    """Integers from `least` up that fit 64 bits, or fewer; `12.0`, as pandas writes them, is one."""
    texts = pc.ascii_trim_whitespace(texts)
    integers = _integers(texts)
    most = 2 ** (bits - 1)
    least = max(least, -most)
    good = pc.and_(pc.greater_equal(integers, least), pc.less(integers, most) if bits < 64 else True)
    return _with_nulls(texts, integers, good, lambda text: _explain_integer(text, least), nullable=nullable)


def parse_any_integers(texts: pa.Array) -> Parsed:
    """Integers that fit 64 bits; null whatever else stands there."""
    return Parsed(_integers(pc.ascii_trim_whitespace(texts)), None, _explain_number)


def parse_flags(texts: pa.Array, *, empty: bool = True) -> Parsed:
    """1, true, t or 0, false, f in any usual case; empty means what an absent column does."""
    texts = pc.ascii_trim_whitespace(texts)
    said = pc.is_in(texts, _TRUE)
    blank = pc.equal(texts, "")
    flags = pc.or_(said, blank) if empty else said
    good = pc.or_(pc.or_(said, blank), pc.is_in(texts, _FALSE))
    return Parsed(flags, _bad(good), lambda text: f"{quote(text)} is neither 1, true, t nor 0, false, f")


def parse_texts(texts: pa.Array) -> Parsed:
    """Free text as it stands, null where empty; a zero byte is bad, for PostgreSQL cannot hold one."""
    good = pc.invert(pc.match_substring(texts, "\0"))
    filled = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return Parsed(filled, _bad(good), lambda text: f"{quote(text)} holds a zero byte")


def parse_dates(texts: pa.Array) -> Parsed:
    """Dates in ISO 8601."""
    texts = pc.ascii_trim_whitespace(texts)
    seen = texts.dictionary_encode()
    dates = pa.array([_day(text) for text in seen.dictionary.to_pylist()], pa.date32()).take(seen.indices)
    return Parsed(dates, _bad(pc.is_valid(dates)), lambda text: f"{quote(text)} is not a date, as in 2024-05-01")


def parse_cells(cells: pa.Array, *, parse: Callable[[pa.Array], Parsed], may_be_empty: bool) -> Parsed:
    """What `parse` makes of them; null where one is empty, which may be bad."""
    times = pa.types.is_timestamp(cells.type)
    empty = pc.is_null(cells) if times else pc.equal(pc.ascii_trim_whitespace(cells), "")
    parsed = parse(cells)
    values = pc.if_else(empty, pa.scalar(None, parsed.values.type), parsed.values)
    bad = pa.repeat(pa.scalar(value=False), len(cells)) if parsed.bad is None else parsed.bad
    bad = pc.and_not(bad, empty) if may_be_empty else pc.or_(bad, empty)
    return Parsed(values, bad, lambda text: parsed.reason(text) if text.strip() else "is empty")


def _bad(good: pa.Array) -> pa.Array | None:
    """The opposite of `good`, null taken as not good; None if all are good."""
    good = pc.fill_null(good, fill_value=False)
    return None if pc.all(good, min_count=0).as_py() else pc.invert(good)


def _with_nulls(
    texts: pa.Array, values: pa.Array, good: pa.Array, reason: Callable[[str], str], *, nullable: bool
) -> Parsed:
    if nullable:
        empty = pc.equal(texts, "")
        values = pc.if_else(empty, pa.scalar(None, values.type), values)
        good = pc.or_kleene(good, empty)
    return Parsed(values, _bad(good), reason)


def instants_of(texts: pa.Array) -> pa.Array:
    """The times as `INSTANT`, null where the text is not a time with an offset."""
    if pa.types.is_timestamp(texts.type):
        return _to_microseconds(texts)
    for unit in ("us", "ns"):
        try:
            return _to_microseconds(texts.cast(pa.timestamp(unit, "UTC")))
        except pa.ArrowInvalid:
            continue
    moments = (moment_of(text) for text in texts.to_pylist())
    return pa.array([microseconds_of(moment) for moment in moments], pa.int64()).cast(INSTANT)


def _to_microseconds(times: pa.Array) -> pa.Array:
    times = times.cast(pa.timestamp(times.type.unit, "UTC"))
    if times.type.unit == "ns":
        times = pc.floor_temporal(times, unit="microsecond")
    return times.cast(INSTANT)


def moment_of(text: str) -> datetime | None:
    """The time that a text says in ISO 8601, with its offset where it has one."""
    text = text.strip().upper()
    if not _ISO_8601.fullmatch(text) or text.isdigit():
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def microseconds_of(moment: datetime | None) -> int | None:
    """Since 1970; null where it has no offset."""
    if moment is None or moment.tzinfo is None:
        return None
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _integers(texts: pa.Array) -> pa.Array:
    """The integers as int64, null where the text is not one that fits."""
    if pc.all(pc.match_substring_regex(texts, _SHORT_INTEGER), min_count=0).as_py():
        return texts.cast(pa.int64())
    return pa.array([_integer(text) for text in texts.to_pylist()], pa.int64())


def _integer(text: str) -> int | None:
    found = _INTEGER.fullmatch(text)
    value = int(found[1]) if found else None
    return value if value is not None and -(2**63) <= value < 2**63 else None


def explain_time(text: str, last: datetime, moment: datetime | None = None) -> str:
    """What is wrong with a time, that is `moment` where it could be read."""
    if not text.strip():
        return "is empty"
    moment = moment or moment_of(text)
    if moment is None and _ANY_NUMBER.fullmatch(text.strip()):
        return f"{quote(text)} is a number; write the time in ISO 8601, as in 2024-05-01T13:30:00.123456Z"
    if moment is None:
        return f"{quote(text)} is not a time in ISO 8601, as in 2024-05-01T13:30:00.123456Z"
    if moment.tzinfo is None:
        return f"{quote(text)} has no time zone; write an offset or Z"
    if moment < EPOCH:
        return f"{quote(text)} lies before 1970"
    if moment > last:
        return f"{quote(text)} lies in the future"
    return f"{quote(text)} is not on a whole minute"


def _explain_number(text: str, *, negative: bool = False) -> str:
    bare = text.strip()
    if not bare:
        return "is empty"
    if _NOT_FINITE.fullmatch(bare):
        return f"{quote(text)} is not a finite number"
    if not _ANY_NUMBER.fullmatch(bare):
        return f"{quote(text)} is not a number"
    if bare.startswith("-") and not negative:
        return f"{quote(text)} is negative"
    return f"{quote(text)} is too long a number (at most 100 digits on each side of the point, exponent to 99)"


def _explain_integer(text: str, least: int) -> str:
    if not text.strip():
        return "is empty"
    if not _INTEGER.fullmatch(text.strip()):
        return f"{quote(text)} is not an integer"
    value = _integer(text.strip())
    return f"{quote(text)} is negative" if value is not None and value < least else f"{quote(text)} is too large"
