"""Which clock a file's times are by, judged by the file as a whole: two readings refuse it."""

import re
from collections.abc import Callable, Iterable
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from local.market_file.asked import Asked, DayOrder
from local.market_file.clocks import NUMBER, SPELLED, Clock, Form, as_iso, unit_of
from local.market_file.values import quote

_SLASHED = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-][0-9]{4}(?:[T ,]+.*)?")
_EXCEL_DAY = re.compile(r"[2-7][0-9]{4}(?:\.[0-9]+)?")
_COMPACT = re.compile(r"(?:19|20)[0-9]{6}[T ]?(?:[0-9]{4}|[0-9]{6}|[0-9]{9})")
_OFFSET = re.compile(r".*[0-9](?:Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)")

Lines = Iterable[tuple[int, str]]


class UnclearTimes(ValueError):
    """A file's times can be read in more than one way, or in none."""


def judge_clock(sample: Lines, asked: Asked, zone: str | None, every: Callable[[], Lines]) -> Clock:
    """The clock of a file's times.

    Args:
        sample: the first of them, with their lines.
        asked: what the command line says.
        zone: of times without an offset, as the layout has it.
        every: reads all times of the file, where the first leave open what is day and what month.

    Raises:
        UnclearTimes: they can be read in two ways, or lack a time zone.
    """
    times = [(line, text.strip()) for line, text in sample if text.strip()]
    zone = asked.time_zone or zone
    if asked.time_unit:
        return _with_zone(Clock(Form.NUMBER, asked.time_unit, zone), times)
    if not times:
        return Clock(zone=zone)
    if _most(_COMPACT, times):
        return _with_zone(Clock(Form.COMPACT, zone=zone), times)
    if days := _most(_EXCEL_DAY, times):
        line, text = days[0]
        raise UnclearTimes(
            f"line {line}: the time {quote(text)} looks like a number of days, as spreadsheets have it: if so, give"
            f" --time-unit excel{'' if zone else ' --time-zone ZONE (as in Europe/Berlin, or UTC)'}"
        )
    if numbers := _most(NUMBER, times):
        return Clock(Form.NUMBER, unit_of(numbers[0][1]), is_judged=True)
    if _SLASHED.fullmatch(times[0][1]):
        has_zone = bool(zone) or any(_OFFSET.fullmatch(text) for _, text in times)
        return _with_zone(Clock(_judge_order(times, asked, every, has_zone=has_zone), zone=zone), times)
    return Clock(zone=zone)


def _most(pattern: re.Pattern[str], times: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Times of a pattern, if at least half of all are: a bad row among good ones does not decide how they are read."""
    found = [each for each in times if pattern.fullmatch(each[1])]
    return found if 2 * len(found) >= len(times) else []


def _with_zone(clock: Clock, times: list[tuple[int, str]]) -> Clock:
    """The same; raises `UnclearTimes` where nobody says whose clock it is."""
    if clock.zone or not times or clock.unit in SPELLED or any(_OFFSET.fullmatch(text) for _, text in times):
        return clock
    line, text = times[0]
    order = f" (it has {clock.form.value})" if clock.form in (Form.DAY_FIRST, Form.MONTH_FIRST) else ""
    raise UnclearTimes(
        f"line {line}: the time {quote(text)}{order} has no time zone; say whose clock it is by: --time-zone ZONE,"
        " as in --time-zone America/New_York or --time-zone UTC"
    )


def _judge_order(times: list[tuple[int, str]], asked: Asked, every: Callable[[], Lines], *, has_zone: bool) -> Form:
    if asked.day_order:
        return Form.DAY_FIRST if asked.day_order is DayOrder.DAY_FIRST else Form.MONTH_FIRST
    for lines in (times, every()):
        for _, text in lines:
            if found := _order_of(text):
                return found
    line, text = times[0]
    readings = []
    for form, flag in ((Form.DAY_FIRST, "--day-first"), (Form.MONTH_FIRST, "--month-first")):
        days = pc.utf8_slice_codeunits(as_iso(pa.array([each for _, each in islice(times, 3)]), form), 0, 10)
        readings.append(f"{', '.join(days.to_pylist())} with {flag}")
    zone = "" if has_zone else ", and --time-zone ZONE, for its times have none"
    raise UnclearTimes(
        f"line {line}: the date of {quote(text)} begins with the day or with the month, and no date of the file tells"
        f" which: its first are {' or '.join(readings)}; give the flag that is right{zone}"
    )


def _order_of(text: str) -> Form | None:
    found = _SLASHED.fullmatch(text.strip())
    if not found:
        return None
    first, second = int(found[1]), int(found[2])
    if first > 12 >= second:
        return Form.DAY_FIRST
    return Form.MONTH_FIRST if second > 12 >= first else None
