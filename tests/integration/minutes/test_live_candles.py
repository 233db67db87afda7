"""The live processor's SQL against a plain fold, and the promises about what it writes."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import candles, marks
from chandlery.minutes.store.marks import Piece
from chandlery.reading.store.minute import find_candle
from chandlery.words.window import Window
from tests.conftest import SERVER_URL
from tests.integration.market import (
    MINUTE,
    NOON,
    around_the_clock,
    candles_of,
    contents,
    insert,
    live,
    put_candles,
    row_versions,
    snapshot,
)
from tests.plain_fold import Tick, fold

DATABASE = settings(
    max_examples=25 if SERVER_URL else 8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

# Few distinct times, around the first and last two seconds of a minute, and prices, so that ties are the rule; sequence
# numbers of every size.
TICKS = st.lists(
    st.builds(
        Tick,
        time=st.builds(
            lambda minute, second: NOON + minute * MINUTE + timedelta(seconds=second),
            st.integers(0, 3),
            st.sampled_from([0, 1.999999, 2, 40, 57.999999, 58, 59.999999]),
        ),
        seq=st.integers(-2, 3) | st.integers(2**40 - 2, 2**40 + 2) | st.integers(-(2**63), 2**63 - 1),
        price=st.decimals(0, 1000, places=3),
        size=st.decimals(0, 10**6, places=5),
        updates_ohlc=st.booleans(),
        updates_volume=st.booleans(),
        cancelled=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda tick: (tick.time, tick.seq),
)


def tick(second: float, price: str, seq: int = 0, size: str = "10") -> Tick:
    return Tick(NOON + timedelta(seconds=second), seq, Decimal(price), Decimal(size))


@pytest.mark.sampled(every=1)
@DATABASE
@given(ticks=TICKS, dense=st.booleans())
def test_candles_equal_the_plain_fold(connection: Connection, ticks: list[Tick], dense: bool) -> None:
    connection.execute("TRUNCATE market.ticks, market.dirty, market.candles")
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, ticks)
    for minute in range(4):
        starts = NOON + minute * MINUTE
        candles.write_from_marks(connection, Piece(starts, starts + MINUTE, dense))
    assert contents(connection, instrument) == fold(ticks)


@pytest.mark.sampled(every=1)
@DATABASE
@given(ticks=TICKS, order=st.randoms(use_true_random=False), cut=st.integers(0, 30))
def test_order_halves_and_duplicates_do_not_matter(
    connection: Connection, ticks: list[Tick], order: Random, cut: int
) -> None:
    connection.execute("TRUNCATE market.ticks, market.dirty, market.candles")
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    shuffled = list(ticks)
    order.shuffle(shuffled)
    insert(connection, instrument, shuffled[:cut])
    live(connection, NOON + 5 * MINUTE)
    insert(connection, instrument, shuffled)
    live(connection, NOON + 9 * MINUTE)
    assert contents(connection, instrument) == fold(ticks)


def test_a_candle_is_described_whole(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(
        connection,
        instrument,
        [tick(1, "10", seq=2), tick(1, "11", seq=1), tick(59, "9.5", seq=7, size="30")],
    )
    report = live(connection, NOON + MINUTE)
    assert (report.candles_written, report.lag_seconds, report.pieces_left) == (1, 0, 0)
    (candle,) = candles_of(connection, instrument, Window(NOON, NOON + MINUTE))
    assert (candle.open, candle.high, candle.low, candle.close) == (11, 11, Decimal("9.5"), Decimal("9.5"))
    assert (candle.volume, candle.vwap, candle.trades) == (50, Decimal("9.9"), 3)
    assert (candle.source, candle.version, candle.revision) == (
        "live_aggregated",
        int(NOON.timestamp() * 1000),
        0,
    )
    whole = find_candle(connection, instrument, NOON)
    assert whole
    assert (whole.session_date, whole.extended, whole.partial) == (NOON.date(), False, False)


def test_an_open_bucket_is_left_alone(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10")])
    assert live(connection, NOON + timedelta(seconds=59)).candles_written == 0
    assert live(connection, NOON + MINUTE).candles_written == 1


def test_marks_older_than_a_day_are_not_the_live_processors(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10")])
    assert live(connection, NOON + timedelta(hours=24, minutes=1)).candles_written == 0
    assert live(connection, NOON + timedelta(hours=24)).candles_written == 1


def test_a_late_tick_revises_its_candle_once(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10")])
    live(connection, NOON + MINUTE)
    insert(connection, instrument, [tick(2, "12")])
    report = live(connection, NOON + 2 * MINUTE)
    assert (report.candles_revised, report.late_ticks) == (1, 1)
    (candle,) = candles_of(connection, instrument, Window(NOON, NOON + MINUTE))
    assert (candle.high, candle.revision, candle.source) == (12, 1, "live_aggregated")


def test_a_revised_candle_keeps_when_it_was_first_written(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    written = "SELECT created_at, updated_at FROM market.candles"
    insert(connection, instrument, [tick(1, "10")])
    live(connection, NOON + MINUTE)
    ((created, updated),) = connection.execute(written).fetchall()
    assert created == updated
    insert(connection, instrument, [tick(2, "12")])
    live(connection, NOON + 2 * MINUTE)
    ((still, later),) = connection.execute(written).fetchall()
    assert still == created < later


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE market.ticks SET cancelled = true WHERE price = 12",
        "DELETE FROM market.ticks WHERE price = 12",
        "UPDATE market.ticks SET price = 11 WHERE price = 12",
        "UPDATE market.ticks SET updates_ohlc = false WHERE price = 12",
    ],
)
def test_a_cancelled_or_corrected_tick_changes_its_candle(connection: Connection, change: str) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10"), tick(2, "12")])
    live(connection, NOON + MINUTE)
    connection.execute(change)
    assert live(connection, NOON + 2 * MINUTE).candles_revised == 1
    (candle,) = candles_of(connection, instrument, Window(NOON, NOON + MINUTE))
    assert (candle.high < 12, candle.revision) == (True, 1)


def test_a_tick_moved_to_another_minute_changes_both(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    ticks = [tick(1, "10"), tick(2, "12"), tick(70, "15")]
    insert(connection, instrument, ticks)
    live(connection, NOON + 2 * MINUTE)
    connection.execute("UPDATE market.ticks SET time = time + INTERVAL '1 minute' WHERE price = 12")
    assert live(connection, NOON + 3 * MINUTE).candles_revised == 2
    assert contents(connection, instrument) == fold(
        [ticks[0], replace(ticks[1], time=ticks[1].time + MINUTE), ticks[2]]
    )


def test_a_candle_whose_ticks_are_all_cancelled_goes(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10"), tick(61, "10")])
    live(connection, NOON + 2 * MINUTE)
    connection.execute("DELETE FROM market.ticks WHERE time < %s", [NOON + MINUTE])
    assert live(connection, NOON + 3 * MINUTE).candles_deleted == 1
    assert list(contents(connection, instrument)) == [NOON + MINUTE]


def test_dropped_ticks_are_no_reason_to_touch_a_candle(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10"), tick(7 * 3600, "10")])
    live(connection, NOON + timedelta(hours=8))
    connection.execute("UPDATE market.ticks SET size = 11 WHERE time < %s", [NOON + MINUTE])
    connection.execute("SELECT drop_chunks('market.ticks', older_than => %s::timestamptz)", [NOON + timedelta(hours=6)])
    before = row_versions(connection)
    live(connection, NOON + timedelta(hours=8))
    assert [row for row in row_versions(connection) if row[0] == "candle"] == [r for r in before if r[0] == "candle"]


def test_the_same_run_again_writes_no_row_version(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(second, "10", seq=second) for second in range(300)])
    live(connection, NOON + 5 * MINUTE)
    before = row_versions(connection)
    assert not live(connection, NOON + 5 * MINUTE).changed
    assert row_versions(connection) == before


def test_a_mark_without_a_change_writes_no_row_version(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10")])
    live(connection, NOON + MINUTE)
    before = row_versions(connection)
    connection.execute("UPDATE market.ticks SET venue = 'elsewhere'")
    report = live(connection, NOON + 2 * MINUTE)
    assert (report.pieces, report.changed) == (1, False)
    assert row_versions(connection) == before


def test_an_outage_is_caught_up_in_pieces_and_time_that_runs_out_leaves_the_rest(
    connection: Connection,
) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    ticks = [tick(60 * minute, "10", seq=minute) for minute in range(200)]
    insert(connection, instrument, ticks)
    looks = iter([True, True, False])
    at = NOON + 200 * MINUTE
    report = live(connection, at, piece_candles=50, has_time=lambda: next(looks))
    assert (report.pieces, report.pieces_left > 0) == (2, True)
    assert report.lag_seconds == 199 * 60
    # The newest first: a desk that comes back wants now before then.
    assert max(contents(connection, instrument)) == NOON + 199 * MINUTE
    live(connection, at + MINUTE, piece_candles=50)
    assert contents(connection, instrument) == fold(ticks)


def test_ticks_whose_marks_were_lost_become_gap_filled_candles(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10")])
    connection.execute("DELETE FROM market.dirty")
    filled = [live(connection, NOON + minute * MINUTE).gaps_filled for minute in range(1, 30)]
    assert sum(filled) == 1
    (candle,) = candles_of(connection, instrument, Window(NOON, NOON + MINUTE))
    assert (candle.source, candle.version) == ("live_gap_filled", int(NOON.timestamp() * 1000) - 1)


def test_a_recomputed_gap_fill_keeps_its_source(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(1, "10")])
    connection.execute("DELETE FROM market.dirty")
    candles.write_from_ticks(connection, Window(NOON, NOON + MINUTE), [instrument], [NOON], Source.LIVE_GAP_FILLED)
    insert(connection, instrument, [tick(2, "11")])
    live(connection, NOON + MINUTE)
    (candle,) = candles_of(connection, instrument, Window(NOON, NOON + MINUTE))
    assert (candle.high, candle.source, candle.revision) == (11, "live_gap_filled", 1)


def test_a_live_candle_replaces_a_vendors(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    put_candles(connection, instrument, [NOON])
    insert(connection, instrument, [tick(1, "10")])
    live(connection, NOON + MINUTE)
    (candle,) = candles_of(connection, instrument, Window(NOON, NOON + MINUTE))
    assert (candle.open, candle.source, candle.revision) == (10, "live_aggregated", 1)


def test_a_vendors_candle_outlives_cancelled_ticks(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    put_candles(connection, instrument, [NOON])
    insert(connection, instrument, [replace(tick(1, "10"), cancelled=True)])
    live(connection, NOON + MINUTE)
    assert [row[13] for row in snapshot(connection)] == ["vendor_historical"]


def test_marks_in_the_future_wait_and_are_reported(connection: Connection) -> None:
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    insert(connection, instrument, [tick(3600, "10")])
    report = live(connection, NOON + MINUTE)
    assert (report.future_marks, report.candles_written) == (1, 0)
    assert live(connection, NOON + timedelta(minutes=61)).candles_written == 1


def test_a_new_minute_is_written_as_any_other(connection: Connection) -> None:
    ids = around_the_clock(connection, "X@A@EQ", "X@B@EQ", "X@C@EQ")
    connection.execute("UPDATE market.feeds SET silence_seconds = 30")
    insert(connection, ids[0], [tick(1, "10"), tick(2, "11", seq=2**41), tick(2, "12"), tick(20, "9")])
    insert(connection, ids[1], [replace(tick(3, "7"), updates_ohlc=False, updates_volume=False)])
    insert(connection, ids[2], [replace(tick(5, "8"), cancelled=True)])
    marked = connection.execute("SELECT bucket, instrument_ids, ticks FROM market.dirty").fetchall()
    written = []
    for dense in (True, False):
        connection.execute("TRUNCATE market.candles, market.feed_minutes")
        counts = candles.write_from_marks(connection, Piece(NOON, NOON + MINUTE, dense))
        feeds = connection.execute("SELECT * FROM market.feed_minutes").fetchall()
        assert not connection.execute("SELECT FROM market.dirty").fetchall()
        written.append((counts.written, snapshot(connection), feeds))
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO market.dirty (bucket, instrument_ids, ticks) VALUES (%s, %s, %s)", marked)
    assert written[0] == written[1]
    assert [row[10] for row in written[0][1]] == [True, True]


def test_a_dense_minute_whose_candles_were_deleted_is_a_gap_that_is_filled(connection: Connection) -> None:
    ids = around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    for each in ids:
        insert(connection, each, [tick(1, "10")])
    candles.write_from_marks(connection, Piece(NOON, NOON + MINUTE, dense=True))
    connection.execute("DELETE FROM market.candles")
    insert(connection, ids[0], [tick(2, "11")])
    candles.write_from_marks(connection, Piece(NOON, NOON + MINUTE, dense=True))
    assert [row[13] for row in snapshot(connection)] == ["live_aggregated", "live_gap_filled"]


def test_a_late_tick_of_a_dense_minute_revises_its_candle(connection: Connection) -> None:
    ids = around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    for each in ids:
        insert(connection, each, [tick(1, "10")])
    candles.write_from_marks(connection, Piece(NOON, NOON + MINUTE, dense=True))
    insert(connection, ids[0], [tick(2, "11")])
    counts = candles.write_from_marks(connection, Piece(NOON, NOON + MINUTE, dense=True))
    assert (counts.revised, counts.late_ticks, counts.instrument_ids) == (1, 1, set(ids))
    assert [row[15] for row in snapshot(connection)] == [1, 0]


def test_many_statements_make_a_minute_dense(connection: Connection) -> None:
    ids = around_the_clock(connection, *(f"X@S{number}@EQ" for number in range(501)))
    for places in (ids[:250], ids[250:500], ids[499:]):
        connection.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size)"
            " SELECT i, %s, 0, 10, 1 FROM unnest(%s::integer[]) i ON CONFLICT DO NOTHING",
            [NOON, places],
        )
    assert [piece.dense for piece in marks.plan_pieces(connection, CANDLES, Window(NOON, NOON + MINUTE), 10)] == [True]


def test_dense_minutes_are_pieces_of_their_own(connection: Connection) -> None:
    keys = [f"X@S{number}@EQ" for number in range(600)]
    ids = around_the_clock(connection, *keys)
    connection.execute(
        "INSERT INTO market.ticks (instrument_id, time, seq, price, size)"
        " SELECT i, %s::timestamptz + m * INTERVAL '1 minute', 0, 10, 1"
        " FROM unnest(%s::integer[]) i, unnest(ARRAY[0, 2]) m",
        [NOON, ids],
    )
    insert(connection, ids[0], [tick(65, "10"), tick(185, "10")])
    report = live(connection, NOON + 4 * MINUTE)
    assert (report.pieces, report.candles_written) == (4, 1202)
