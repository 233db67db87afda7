"""Tell how complete a data set is, by instrument and session date."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.gaps.store import coverage
from chandlery.gaps.store.coverage import CalendarStretch, DayCoverage, JudgedDay
from chandlery.platform.domain.limits import PAGE_ROWS
from chandlery.platform.errors import NotFound, Refused
from chandlery.reading.domain.cursor import BROKEN, read_cursor, write_cursor
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import instruments
from chandlery.words.counting import spell
from chandlery.words.remark import Remark
from chandlery.words.window import MINUTE, WEEK, Window, floor_minute

# Session days that are looked at where none are named.
DAYS = 7
_NAMED = 3
_MOST_DAYS = 366


@dataclass(frozen=True)
class CoverageReport:
    """Session dates from `first` to `last` by key and date, and what the numbers alone do not tell, a line each.

    `next_cursor` leads on to more instruments, null at the end.
    """

    first: date
    last: date
    days: Sequence[DayCoverage]
    remarks: Sequence[Remark]
    next_cursor: str | None = None


def report_coverage(
    connection: Connection,
    at: datetime,
    *,
    keys: Sequence[str] = (),
    feed: str | None = None,
    first: date | None = None,
    last: date | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    dataset: Dataset = CANDLES,
) -> CoverageReport:
    """How complete the rows are that were due at a moment.

    Args:
        connection: in autocommit mode.
        at: minutes that ended less than a minute before it are not due yet; aware.
        keys: instruments; all where none is named, without their days on which no row is expected.
        feed: only its instruments; of any where absent.
        first: session date to begin with; where absent, the seventh judged one up to `last`, or the first after more
            than a week without any.
        last: session date to end with; the newest that a gap monitor has looked at where absent.
        limit: instruments a page; all where absent, and for as many days as may be. With it 366 days and 10,000 rows
            are the most.
        cursor: `next_cursor` of a page of the same question.
        dataset: whose rows; gaps are looked for in it.

    Raises:
        NotFound: an instrument is unknown, or nothing at all was expected; the message says why and what to do.
        Refused: a page would be too long, or the cursor is wrong.
        Retryable, Permanent: from the database.
    """
    asked = {"dataset": dataset.name, "keys": " ".join(keys), "feed": feed, "from": _said(first), "to": _said(last)}
    after, first, last = _position(cursor, asked, first, last)
    left = [each for each in _choose(connection, dataset, keys, feed) if each.key > after]
    chosen = left[:limit]
    names = sorted({instrument.calendar for instrument in chosen})
    due = floor_minute(at) - MINUTE
    if first is None or last is None:
        judged = coverage.list_judged_days(connection, dataset, [each.instrument_id for each in chosen], last, DAYS)
        if not judged or (first and first > judged[0].session_date):
            raise NotFound(
                Remark(
                    f"no gap monitor has looked at a session {_describe_stretch(first, last)}yet",
                    "; run: chandlery invoke live_gap_monitor, or name both --from DATE and --to DATE",
                )
            )
        due = due if last else min(due, judged[0].judged_until)
        first, last = first or _first_of(judged), last or judged[0].session_date
    if limit is not None:
        _refuse_too_many(len(chosen), first, last)
    calendars = coverage.describe_calendars(connection, names, first, last)
    days = _list_days(connection, dataset, chosen, calendars, due, first, last)
    silence = _silence_remarks(connection, dataset, chosen, calendars, days, due)
    remarks = [*_calendar_remarks(calendars, first, last), *silence]
    following = _cursor(asked, chosen[-1].key, first, last) if len(left) > len(chosen) else None
    if not days and following is None and cursor is None:
        raise NotFound(remarks[0] if remarks else f"no session from {first} to {last} has begun yet")
    silent = [day for day in days if day.not_judged]
    unasked = [(day.key, day.session_date) for day in silent]
    unawaited = coverage.list_unawaited(connection, dataset, unasked) if silent else set()
    remarks += _not_judged_remarks(dataset, silent, unawaited, at)
    if not keys:  # such days would hide how complete the others are
        days = [day for day in days if day.present or (day.key, day.session_date) not in unawaited]
        if silent and not days and following is None and cursor is None:
            raise NotFound(remarks[-1])
    return CoverageReport(first, last, days, remarks, following)


def _first_of(judged: Sequence[JudgedDay]) -> date:
    """The first day of the newest stretch: years may lie between days that were imported."""
    days = [each.session_date for each in judged]
    return next((later for later, earlier in pairwise(days) if later - earlier > WEEK), days[-1])


def _refuse_too_many(count: int, first: date, last: date) -> None:
    days = (last - first).days + 1
    if days > _MOST_DAYS:
        raise Refused("from", f"{spell(days, 'day')}; {_MOST_DAYS} are the most")
    if count * days > PAGE_ROWS:
        raise Refused(
            "limit",
            f"{spell(count, 'instrument')} of {spell(days, 'day')}; {PAGE_ROWS:,} rows are the most: ask for fewer",
        )


def _said(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _cursor(asked: Mapping[str, str | None], after: str, first: date, last: date) -> str:
    return write_cursor({**asked, "after": after, "first": first.isoformat(), "last": last.isoformat()})


def _position(
    cursor: str | None, asked: Mapping[str, str | None], first: date | None, last: date | None
) -> tuple[str, date | None, date | None]:
    """After which key a page begins, and of which days the first one was."""
    if cursor is None:
        return "", first, last
    try:
        said = read_cursor(cursor, asked, {"after": str, "first": str, "last": str})
    except ValueError as error:
        raise Refused("cursor", str(error)) from None
    try:
        return str(said["after"]), date.fromisoformat(str(said["first"])), date.fromisoformat(str(said["last"]))
    except ValueError:
        raise Refused("cursor", BROKEN) from None


def _choose(connection: Connection, dataset: Dataset, keys: Sequence[str], feed: str | None) -> Sequence[Instrument]:
    found = [instruments.find(connection, key) for key in dict.fromkeys(keys)] or instruments.list_all(connection)
    if dataset.watched.by:
        ids = coverage.list_parts(connection, dataset, keys)
        every = instruments.list_all(connection) if keys else found
        parts = [each for each in every if each.instrument_id in ids]
        if not parts and dataset.watched.is_set:
            add = f"; set one: chandlery cadence set {dataset.name} NAME EVERY"
            raise NotFound(Remark(f"no {dataset.watched.by[0]} of {dataset.name} has a cadence", add))
        found = parts or found
    if not found:
        add = "; add one: chandlery instruments add KEY --calendar NAME"
        raise NotFound(Remark("there is no instrument yet", add))
    chosen = [instrument for instrument in found if feed in (None, instrument.feed)]
    if not chosen:
        raise NotFound(Remark(f"none of these instruments has the feed {feed}", "; see: chandlery feeds list"))
    return sorted(chosen, key=lambda instrument: instrument.key)


def _list_days(
    connection: Connection,
    dataset: Dataset,
    chosen: Sequence[Instrument],
    calendars: Sequence[CalendarStretch],
    due: datetime,
    first: date,
    last: date,
) -> Sequence[DayCoverage]:
    starts = min((each.opens_at for each in calendars if each.opens_at), default=due)
    ends = min(max((each.closes_at for each in calendars if each.closes_at), default=due), due)
    if starts >= ends:
        return []
    ids = [instrument.instrument_id for instrument in chosen]
    return coverage.list_days(connection, dataset, ids, Window(starts, ends), first, last)


def _calendar_remarks(calendars: Sequence[CalendarStretch], first: date, last: date) -> Iterator[Remark]:
    for each in calendars:
        fill = f"chandlery sessions sync --calendar {each.calendar}"
        if each.known_from is None or each.known_to is None:
            yield Remark(f"the calendar {each.calendar} knows no day", f"; fill it: {fill}")
        elif each.known_from <= first and last <= each.known_to:
            if each.opens_at is None:
                none = f"the calendar {each.calendar} has no session from {first} to {last}"
                yield Remark(none, f"; if it should: {fill}")
        else:
            bounds = f" --from {first}" if first < each.known_from else ""
            bounds += f" --to {last}" if last > each.known_to else ""
            yield Remark(
                f"the calendar {each.calendar} is known from {each.known_from} to {each.known_to} only, other days"
                " count nothing",
                f"; fill them: {fill}{bounds}, or from a file: chandlery sessions import",
            )


def _silence_remarks(
    connection: Connection,
    dataset: Dataset,
    chosen: Sequence[Instrument],
    calendars: Sequence[CalendarStretch],
    days: Sequence[DayCoverage],
    due: datetime,
) -> Iterator[Remark]:
    """Say of which instruments nothing was expected although their market was open."""
    opens = {each.calendar: each.opens_at for each in calendars if each.opens_at and each.opens_at < due}
    told = {day.key for day in days}
    silent = [instrument for instrument in chosen if instrument.calendar in opens and instrument.key not in told]
    if silent and not dataset.watched.shows_feeds:
        keys = [instrument.key for instrument in silent]
        yield Remark(f"nothing was expected on these days of {_named(keys)}: {_unknown(dataset)} by then")
        return
    unknown = [instrument for instrument in silent if instrument.expected_since is None]
    ticked = set(instruments.list_ticked(connection, [instrument.instrument_id for instrument in unknown]))
    waiting = [instrument.key for instrument in unknown if instrument.instrument_id in ticked]
    if waiting:
        yield Remark(
            f"ticks of {_named(waiting)} are stored, and no candle is made of them yet",
            "; import their file once more, which makes them: chandlery import ticks FILE --instrument"
            f" {waiting[0]} --aggregate",
        )
    blank = [instrument.key for instrument in unknown if instrument.instrument_id not in ticked]
    if blank:
        yield Remark(
            f"nothing is expected yet of {_named(blank)}: neither data nor a listing is known",
            f"; import data, or run: chandlery instruments set {blank[0]} --listed TIME",
        )
    later = [instrument.key for instrument in silent if instrument.expected_since is not None]
    if later:
        yield Remark(
            f"nothing was expected on these days of {_named(later)}: see listed_at, data_from and delisted_at",
            " in chandlery instruments list",
        )


def _not_judged_remarks(
    dataset: Dataset, silent: Sequence[DayCoverage], unawaited: AbstractSet[tuple[str, date]], at: datetime
) -> Iterator[Remark]:
    idle = [day for day in silent if (day.key, day.session_date) in unawaited]
    if idle:
        nobody = f"{_unknown(dataset)} then"
        if dataset.watched.shows_feeds:
            nobody = "nobody imported these days, and the feed was not live then"
        yield Remark(
            f"{_named(sorted({day.key for day in idle}))}:"
            f" {spell(sum(day.not_judged for day in idle), 'minute is', 'minutes are')} not judged, and nothing is"
            f" missed there: {nobody}",
            "; see: chandlery explain",
        )
    found = [day for day in silent if (day.key, day.session_date) not in unawaited]
    if found:
        minutes = sum(day.not_judged for day in found)
        old = min(day.session_date for day in found) < (at - WEEK).date()
        yield Remark(
            f"{spell(minutes, 'minute is', 'minutes are')} not judged: no gap monitor has looked at them with these"
            " data, or the instrument never traded in what it looked at",
            f"; run: chandlery invoke {'historical' if old else 'live'}_gap_monitor",
        )


def _unknown(dataset: Dataset) -> str:
    return "no cadence was set" if dataset.watched.is_set else f"no {dataset.name} were known"


def _describe_stretch(first: date | None, last: date | None) -> str:
    return f"from {first} on " if first else f"up to {last} " if last else ""


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
    return ", ".join(keys[:_NAMED]) + more
