"""Chunks in the columnstore take whatever the writers of candles have for them, as any chunk does."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg import Connection
from psycopg import errors as pg

from chandlery.gaps.watch_historical_gaps import watch_historical_gaps
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import feeds, sessions
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.conftest import SERVER_URL
from tests.integration.derived_scene import assert_rolled, listed, open_hours, refresh
from tests.integration.market import NOON, always, contents, insert, live, timescaledb_of
from tests.plain_fold import Tick, fold

# Enough rows that the planner of a server comes to bitmap scans; the embedded one never does.
INSTRUMENTS = 30 if SERVER_URL else 8
TABLES = ("ticks", "candles")


@pytest.fixture
def desk(connection: Connection) -> Iterator[Sequence[int]]:
    """Many instruments in the columnstore: three hours of candles of their ticks, twenty of a vendor's before them."""
    keys = [f"X@S{number:02}@EQ" for number in range(INSTRUMENTS)]
    ids = listed(connection, "24/7", date(2026, 2, 20), date(2026, 3, 8), *keys)
    feeds.set_limit(connection, "test", 60)
    for instrument in ids:
        insert(connection, instrument, ticks(instrument))
        times = [NOON - 30 * HOUR + number * MINUTE for number in range(20 * 60)]
        prices = [Decimal(9)] * len(times)
        columns = CandleColumns(times, prices, prices, prices, prices, prices, [None] * len(times), [None] * len(times))
        candles.write_vendor(connection, instrument, columns)
    live(connection, NOON + 4 * HOUR)
    refresh(connection, NOON + 3 * DAY)
    for table in TABLES:
        connection.execute(
            f"ALTER TABLE market.{table} SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'instrument_id',"
            " timescaledb.orderby = 'time')"
        )
        to_columns(connection, table)
    yield ids
    for table in TABLES:
        connection.execute(f"SELECT decompress_chunk(chunk, true) FROM show_chunks('market.{table}') AS chunk")  # noqa: S608  # our own words
        connection.execute(f"ALTER TABLE market.{table} SET (timescaledb.enable_columnstore = false)")


def to_columns(connection: Connection, table: str) -> None:
    connection.execute(f"SELECT compress_chunk(chunk, true) FROM show_chunks('market.{table}') AS chunk")  # noqa: S608  # our own words


def flat(at: datetime, price: int) -> CandleColumns:
    prices = [Decimal(price)]
    return CandleColumns([at], prices, prices, prices, prices, prices, [None], [None])


def ticks(instrument: int) -> Sequence[Tick]:
    return [
        Tick(NOON + number * 20 * timedelta(seconds=1), number, Decimal(10 + (number + instrument) % 9), Decimal(1))
        for number in range(3 * 180)
    ]


def rows_beside_columns(connection: Connection, desk: Sequence[int]) -> None:
    """Make the planner want bitmap scans, which before 2.25 miss what is in columns: see set_bitmap_scans."""
    at = NOON - 20 * HOUR
    for instrument in desk:
        candles.write_vendor(connection, instrument, flat(at, 8))
    connection.execute("ANALYZE market.candles")
    connection.execute("SET enable_seqscan = off")
    connection.execute("SET enable_indexscan = off")
    if SERVER_URL is None:  # which plans otherwise
        return
    # Without Chandlery's protection nothing would be found there.
    with connection.transaction(force_rollback=True):
        missed = connection.execute(
            "DELETE FROM market.candles WHERE time >= %s AND time < %s", [NOON + HOUR, NOON + HOUR + MINUTE]
        )
        assert (missed.rowcount < len(desk)) == (timescaledb_of(connection) < (2, 25))


def late_run(connection: Connection) -> None:
    live(connection, NOON + 5 * HOUR)


def test_late_ticks_revise_a_candle(connection: Connection, desk: Sequence[int]) -> None:
    late = Tick(NOON + 90 * MINUTE + timedelta(seconds=1), 9999, Decimal(99), Decimal(5))
    insert(connection, desk[3], [late])
    late_run(connection)
    stored = contents(connection, desk[3])
    assert {at: stored[at] for at in stored if at >= NOON} == fold([*ticks(desk[3]), late])
    refresh(connection, NOON + 3 * DAY)
    assert_rolled(connection, desk[3], open_hours(connection, "24/7"))


@pytest.mark.long
def test_cancelled_ticks_take_their_candles_with_them(connection: Connection, desk: Sequence[int]) -> None:
    rows_beside_columns(connection, desk)
    connection.execute("SET enable_bitmapscan = off")
    gone = Window(NOON + 60 * MINUTE, NOON + 70 * MINUTE)
    connection.execute("DELETE FROM market.ticks WHERE time >= %s AND time < %s", [gone.starts, gone.ends])
    connection.execute("SET enable_bitmapscan = on")
    late_run(connection)
    for instrument in desk:
        left = [at for at in contents(connection, instrument) if gone.starts <= at < gone.ends]
        assert left == [], instrument
    refresh(connection, NOON + 3 * DAY)
    assert_rolled(connection, desk[7], open_hours(connection, "24/7"))


def test_a_vendor_heals_and_a_better_source_replaces(connection: Connection, desk: Sequence[int]) -> None:
    hole = NOON - 8 * HOUR
    columns = flat(hole, 7)
    assert candles.write_vendor(connection, desk[5], columns).written == 1
    assert candles.write_vendor(connection, desk[5], columns) == candles.Written()
    changed = flat(NOON - 20 * HOUR, 8)
    assert candles.write_vendor(connection, desk[5], changed).revised == 1
    insert(connection, desk[5], [Tick(NOON - 20 * HOUR, 9999, Decimal(77), Decimal(1))])
    live(connection, NOON)
    row = connection.execute(
        "SELECT close, source::text FROM market.candles WHERE instrument_id = %s AND time = %s",
        [desk[5], NOON - 20 * HOUR],
    ).fetchone()
    assert row == (Decimal(77), "live_aggregated")
    refresh(connection, NOON + 3 * DAY)
    assert_rolled(connection, desk[5], open_hours(connection, "24/7"))


@pytest.mark.long
def test_history_is_healed_from_ticks(connection: Connection, desk: Sequence[int]) -> None:
    connection.execute("SET enable_bitmapscan = off")
    connection.execute(
        "DELETE FROM market.candles WHERE instrument_id = %s AND time >= %s AND time < %s",
        [desk[2], NOON, NOON + 30 * MINUTE],
    )
    connection.execute("SET enable_bitmapscan = on")
    watch_historical_gaps(
        connection,
        NOON + 9 * DAY,
        open_vendor=lambda: None,
        piece_candles=20_000,
        verify_buckets=100_000,
        share_instruments=1_000,
        most_vendor_days=1,
        has_time=always,
    )
    stored = contents(connection, desk[2])
    assert {at: stored[at] for at in stored if at >= NOON} == fold(ticks(desk[2]))
    refresh(connection, NOON + 9 * DAY)
    assert_rolled(connection, desk[2], open_hours(connection, "24/7"))


def test_a_corrected_calendar_stamps_every_candle(connection: Connection, desk: Sequence[int]) -> None:
    rows_beside_columns(connection, desk)
    day = NOON.date()
    opens = datetime(day.year, day.month, day.day, 13, tzinfo=UTC)
    stamped = sessions.replace(connection, Calendar("24/7", "UTC", day, day, (Session(day, opens, opens + HOUR),)))
    wrong = connection.execute(
        "SELECT count(*) FROM market.candles AS c JOIN market.instruments USING (instrument_id)"
        " CROSS JOIN LATERAL market.session_stamp(calendar, time) AS s"
        " WHERE (c.session_date, c.extended) IS DISTINCT FROM (s.session_date, s.extended)"
    ).fetchone()
    assert wrong == (0,)
    assert stamped.restamped > INSTRUMENTS * 60
    refresh(connection, NOON + 3 * DAY)
    for instrument in (desk[0], desk[-1]):
        assert_rolled(connection, instrument, open_hours(connection, "24/7"))


@pytest.mark.long
def test_a_changed_grade_reaches_every_candle(connection: Connection, desk: Sequence[int]) -> None:
    feeds.set_limit(connection, "test", 20)
    silent = NOON + 100 * MINUTE
    window = Window(silent, silent + MINUTE)
    connection.execute("DELETE FROM market.feed_minutes")
    candles.write_from_ticks(connection, window, list(desk), [silent] * len(desk), Source.LIVE_GAP_FILLED)
    assert grades(connection, silent) == {(False, INSTRUMENTS)}
    connection.execute("SET enable_bitmapscan = off")
    connection.execute(
        "DELETE FROM market.ticks WHERE time > %s AND time < %s", [silent + timedelta(seconds=10), silent + MINUTE]
    )
    connection.execute("SET enable_bitmapscan = on")
    late_run(connection)
    assert grades(connection, silent) == {(True, INSTRUMENTS)}


def grades(connection: Connection, at: datetime) -> set[tuple[bool, int]]:
    # Counted here: the embedded TimescaleDB cannot group columns by a boolean.
    rows = connection.execute("SELECT partial FROM market.candles WHERE time = %s", [at]).fetchall()
    return set(Counter(partial for (partial,) in rows).items())


def test_a_tick_is_not_moved_onto_one_in_columns(connection: Connection, desk: Sequence[int]) -> None:
    with pytest.raises(pg.UniqueViolation):
        connection.execute(
            "UPDATE market.ticks SET instrument_id = %s WHERE instrument_id = %s AND time = %s",
            [desk[1], desk[0], NOON],
        )
    # A free key can be taken, except that TimescaleDB, from 2.28 on, lets no key in columns be changed.
    with contextlib.suppress(pg.FeatureNotSupported):
        connection.execute("UPDATE market.ticks SET seq = 7 WHERE instrument_id = %s AND seq = 0", desk[:1])
