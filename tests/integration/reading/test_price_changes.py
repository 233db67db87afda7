"""Price changes, series and statistics, compared with plain Python over the plain rows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from psycopg import Connection

from chandlery.gaps.list_gaps import list_gaps
from chandlery.platform.errors import NotFound, Refused
from chandlery.reading.describe_instruments import latest, list_instruments
from chandlery.reading.list_price_changes import price_changes
from chandlery.reading.list_statistics import find_statistics
from chandlery.reading.store.series import read_series
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE
from tests.integration.derived_scene import listed, open_hours, refresh, write
from tests.plain_derived import Minute, roll

FIRST = datetime(2024, 1, 2, tzinfo=UTC)
KEYS = ["X@A@EQ", "X@B@EQ", "X@Ä漢@EQ"]


def minutes(every: int, days: int) -> Sequence[Minute]:
    return [
        Minute(
            FIRST + n * MINUTE, Decimal(n % 17 + 3), Decimal(30), Decimal(1), Decimal(n % 13 + 2), Decimal(1), None, 1
        )
        for n in range(0, days * 1440, every)
    ]


def test_price_changes_are_those_of_the_rows(connection: Connection) -> None:
    ids = listed(connection, "24/7", date(2024, 1, 1), date(2024, 3, 31), *KEYS, "X@NEVER@EQ")
    written = {key: minutes(every, days) for key, every, days in zip(KEYS, (97, 61, 7), (50, 20, 2), strict=True)}
    for key, instrument in zip(KEYS, ids, strict=False):
        write(connection, instrument, written[key])
    at = FIRST + 60 * DAY
    rows = price_changes(connection, at, sort="key", descending=False).rows
    assert [row.key for row in rows] == sorted(KEYS)
    for row in rows:
        each = written[row.key]
        newest = each[-1].time
        a_month = newest.replace(month=newest.month - 1) if newest.month > 1 else newest.replace(year=2023, month=12)
        for change, moment in (
            (row.previous, newest - MINUTE),
            (row.day, newest - DAY),
            (row.week, newest - 7 * DAY),
            (row.month, a_month),
        ):
            earlier = [minute.close for minute in each if minute.time <= moment]
            assert (change.close if change else None) == (earlier[-1] if earlier else None), (row.key, moment)
    for sort, name in (("change", "previous"), ("change_1d", "day"), ("change_1w", "week"), ("change_1mo", "month")):
        for descending in (True, False):
            whole = price_changes(connection, at, sort=sort, descending=descending).rows  # type: ignore[arg-type]
            percents = [getattr(row, name).percent for row in whole if getattr(row, name)]
            assert percents == sorted(percents, reverse=descending)
            paged: list[object] = []
            cursor: str | None = None
            while True:
                page = price_changes(connection, at, sort=sort, descending=descending, limit=1, cursor=cursor)  # type: ignore[arg-type]
                paged += page.rows
                if (cursor := page.next_cursor) is None:
                    break
            assert paged == list(whole)
    with pytest.raises(Refused):
        price_changes(connection, at, cursor="x")
    with pytest.raises(NotFound):
        price_changes(connection, at, keys=["X@NONE@EQ"])


def test_statistics_outlive_minutes(connection: Connection) -> None:
    (instrument,) = listed(connection, "24/7", date(2024, 1, 1), date(2024, 3, 31), KEYS[0])
    written = minutes(37, 20)
    write(connection, instrument, written)
    assert refresh(connection, FIRST + 30 * DAY).marks_left == 0
    before = find_statistics(connection, KEYS[0])
    days = roll(written, open_hours(connection, "24/7"), "1d")
    closes = [day.close for day in days.values()]
    assert (before.minutes, before.days, before.first, before.last) == (
        len(written),
        20,
        written[0].time,
        written[-1].time,
    )
    assert (before.high, before.low, before.high_day) == (30, 1, FIRST.date())
    assert before.average_close == round(sum(closes, Decimal()) / len(closes), 10)
    connection.execute("SELECT drop_chunks('market.candles', older_than => %s)", [FIRST + 9 * DAY])
    after = find_statistics(connection, KEYS[0])
    assert (after.minutes, after.first, after.average_close) == (before.minutes, before.first, before.average_close)
    report = latest(connection, KEYS[0], written[-1].time + 2 * MINUTE)
    assert report.seconds_behind == 60
    assert report.newest.previous_close == closes[-2]


def test_a_series_has_what_is_needed_ahead(connection: Connection) -> None:
    (instrument,) = listed(connection, "CMES", date(2024, 1, 1), date(2024, 3, 31), KEYS[0])
    written = minutes(7, 12)
    write(connection, instrument, written)
    ends = FIRST + 11 * DAY + 3 * MINUTE
    days = {
        row[0]: (row[1] - date(1970, 1, 1)).days
        for row in connection.execute("SELECT time, session_date FROM market.candles")
    }
    plain = [minute for minute in written if minute.time < ends]
    for starts in (None, ends - DAY):
        wanted = plain[-100:] if starts is None else [minute for minute in plain if minute.time >= starts]
        first = plain.index(wanted[0]) - 30
        for whole in (0, 1, 2):
            found = read_series(
                connection, instrument, Timeframe.M1, starts, ends, len(wanted), before=30,
                whole_sessions=whole,
            )  # fmt: skip
            read = plain[len(plain) - len(found) :]
            assert found.candles.time[found.first] == int(wanted[0].time.timestamp())
            assert found.candles.time.tolist() == [int(m.time.timestamp()) for m in read]
            assert found.candles.close.tolist() == [float(m.close) for m in read]
            assert found.candles.session.tolist() == [days[m.time] for m in read]
            session = days[plain[first].time]
            needed = {0: [], 1: [session], 2: [session, max(day for day in days.values() if day < session)]}[whole]
            ahead = [minute for minute in plain[:first] if days[minute.time] in needed]
            assert len(found) - len(wanted) - 30 == len(ahead), (starts, whole)


def test_pages_of_instruments_and_gaps(connection: Connection) -> None:
    listed(connection, "24/7", date(2024, 1, 1), date(2024, 1, 31), *KEYS)
    first = list_instruments(connection, limit=2)
    rest = list_instruments(connection, limit=2, cursor=first.next_cursor)
    assert sorted(each.key for page in (first, rest) for each in page.instruments) == sorted(KEYS)
    assert rest.next_cursor is None
    assert [each.key for each in list_instruments(connection, prefix="X@Ä").instruments] == [KEYS[2]]
    assert list_gaps(connection, datetime(2026, 3, 2, tzinfo=UTC), key=KEYS[2]).gaps == []
    with pytest.raises(Refused):
        list_gaps(connection, datetime(2026, 3, 2, tzinfo=UTC), reasons=["bored"])
