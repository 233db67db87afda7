"""How late the ticks of each feed come: compared with a plain count of what is stored, and shown to all who ask."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.health.domain.health import Cause, Health
from chandlery.health.report_status import report_status
from chandlery.platform import runs
from chandlery.platform.domain.limits import LATENCY_SECONDS
from chandlery.reference.store import feeds, instruments
from chandlery.reference.store.feeds import FeedLatency
from chandlery.words.window import DAY, HOUR, MINUTE
from tests.integration.market import NOON, always, around_the_clock

SECOND = timedelta(seconds=1)


def come(connection: Connection, instrument: int, times: Iterable[datetime], *late: timedelta) -> None:
    """Ticks of these times, each received that much later; alternating, where several are given."""
    rows = [(time, time + late[place % len(late)]) for place, time in enumerate(times)]
    connection.execute(
        "INSERT INTO market.ticks (instrument_id, time, seq, price, size, received_at)"
        " SELECT %s, time, place, 1, 1, received_at"
        " FROM unnest(%s::timestamptz[], %s::timestamptz[]) WITH ORDINALITY AS t (time, received_at, place)",
        [instrument, *map(list, zip(*rows, strict=True))],
    )


def before(at: datetime, count: int, apart: timedelta = SECOND) -> list[datetime]:
    """N moments up to one."""
    return [at - place * apart for place in range(count, 0, -1)]


def two_feeds(connection: Connection) -> tuple[int, int]:
    """An instrument of a feed each."""
    fast, slow = around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    instruments.add(connection, "X@B@EQ", "24/7", "slow")
    return fast, slow


def watch(connection: Connection, latency_limit: float) -> LiveGapReport:
    limits = {"piece_candles": 20_000, "verify_buckets": 0, "share_instruments": 1_000}
    return watch_live_gaps(connection, NOON, **limits, has_time=always, latency_limit=latency_limit)


def test_half_and_ninety_nine_of_a_hundred_of_each_feed(connection: Connection) -> None:
    fast, slow = two_feeds(connection)
    # One in fifty takes twenty seconds, the others 10 to 58 hundredths of one.
    late = [*(place * timedelta(milliseconds=10) for place in range(10, 59)), 20 * SECOND]
    times = before(NOON - 20 * SECOND, 200)
    come(connection, fast, times, *late)
    # A quarter of an hour behind: none of its own times lies in the last five minutes.
    come(connection, slow, before(NOON - 16 * MINUTE, 60), 15 * MINUTE)
    # What came before these five minutes, or after the moment asked for, or nobody knows when, counts as nothing.
    come(connection, fast, before(NOON - 10 * MINUTE, 10), 4 * MINUTE)
    come(connection, fast, before(NOON - 5 * SECOND, 3), MINUTE)
    connection.execute(
        "INSERT INTO market.ticks (instrument_id, time, seq, price, size, received_at) VALUES (%s, %s, 1, 1, 1, NULL)",
        [fast, NOON],
    )
    spent = sorted(late[place % len(late)].total_seconds() for place in range(len(times)))
    expected = [FeedLatency("slow", 900.0, 900.0), FeedLatency("test", spent[99], spent[197])]
    assert feeds.list_feed_latency(connection, NOON) == expected
    assert feeds.list_feed_latency(connection, NOON + DAY) == []


def test_what_an_import_brought_is_no_latency_nor_is_a_feed_that_is_not_live(connection: Connection) -> None:
    fast, slow = two_feeds(connection)
    come(connection, fast, before(NOON - SECOND, 60), SECOND)
    come(connection, slow, before(NOON - 30 * MINUTE, 60), 28 * MINUTE)
    assert [each.feed for each in feeds.list_feed_latency(connection, NOON)] == ["slow", "test"]
    connection.execute(
        "INSERT INTO market.imports (table_name, instrument_id, starts, ends) VALUES ('ticks', %s, %s, %s)",
        [slow, NOON - HOUR, NOON],
    )
    # A month ago is beyond what is looked at, imported or not.
    come(connection, slow, before(NOON - 30 * DAY, 60), 30 * DAY - 10 * SECOND)
    assert [each.feed for each in feeds.list_feed_latency(connection, NOON)] == ["test"]
    feeds.set_live(connection, "test", live=False)
    assert feeds.list_feed_latency(connection, NOON) == []


def test_of_many_instruments_others_are_looked_at_each_minute(connection: Connection) -> None:
    """Of 1,000 a third at a time, and of each its newest ten ticks."""
    around_the_clock(connection, "X@A@EQ")
    connection.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed)"
        " SELECT format('X@M%s@EQ', n), '24/7', 'test' FROM generate_series(2, 1000) AS n"
    )
    seen = set()
    for minute in range(3):
        at = NOON + minute * MINUTE
        # As late as its number says, so that what is found shows whose it is.
        connection.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size, received_at)"
            " SELECT instrument_id, %(at)s - INTERVAL '1 minute', %(minute)s, 1, 1,"
            " %(at)s - INTERVAL '1 minute' + instrument_id * INTERVAL '1 millisecond' FROM market.instruments",
            {"at": at, "minute": minute},
        )
        (found,) = feeds.list_feed_latency(connection, at)
        assert found.latency_p99_seconds > found.latency_p50_seconds
        seen.add(round(1000 * found.latency_p99_seconds))
    assert len(seen) == 3


def test_status_and_health_show_what_the_live_gap_monitor_reports(connection: Connection) -> None:
    fast, slow = two_feeds(connection)
    come(connection, fast, before(NOON - 2 * SECOND, 60), SECOND)
    come(connection, slow, before(NOON - 41 * MINUTE, 60), 40 * MINUTE)
    within = watch(connection, 2_400.0)
    assert (within.late_feeds, within.latency_p99_seconds) == ([], 2400.0)
    report = watch(connection, LATENCY_SECONDS)
    assert report.late_feeds == ["slow"]
    told = {"late_feeds": ["slow"], "feed_latencies": [vars(each) for each in report.feed_latencies]}
    runs.record(connection, "live_gap_monitor", NOON, counts=told, changed=True, seconds=1)
    status = report_status(connection, NOON)
    assert [(each["feed"], each["latency_p99_seconds"]) for each in status.feed_latencies] == [
        ("slow", 2400.0),
        ("test", 1.0),
    ]
    says = "its ticks come late: half of them within 40 min, 99 of 100 within 40 min of their own time"
    assert Cause(Health.WARNING, "feed slow", says) in status.causes
    assert not any("come late" in cause.says for cause in status.causes if cause.subject == "feed test")
