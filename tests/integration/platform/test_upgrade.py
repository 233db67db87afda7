"""A desk that was released at 0016: upgraded with its data it works on, and its downgrade finds all of it again."""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.indicators.indicator_set import read_indicator_set
from chandlery.indicators.process_history import HistoryReport, process_history
from chandlery.platform.check_schema import check_schema
from chandlery.platform.connection import connect
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from chandlery.policies.apply_policies import plan_policies
from chandlery.rebuild.rebuild_timeframe import rebuild_timeframe
from chandlery.refresh.verify_candles import verify_candles
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window
from tests.conftest import empty
from tests.faults.contents import VIEWS, differences
from tests.integration.market import always, contents, insert, live
from tests.integration.platform.test_schema import catalogue
from tests.integration.policy_scene import DAY, HOUR, MINUTE, WANTED, came_in_time, hold_jobs, maintain
from tests.plain_fold import Tick, fold

RELEASED = "0016"
SCENE = Path(__file__).parents[1] / "desk_of_0016.sql"
IBM, AIG = 1, 2
REBUILT = "candles_1d_parts_beside"
FRIDAY = Window(datetime(2013, 10, 11, tzinfo=UTC), datetime(2013, 10, 12, tzinfo=UTC))
CLOSED = FRIDAY.ends
# Friday's minutes before then have been aggregated, and refreshed.
AGGREGATED_TO = FRIDAY.starts + 19 * HOUR + 30 * MINUTE
REFRESHED_TO = FRIDAY.starts + 19 * HOUR

_REFERENCE = """
INSERT INTO market.calendars VALUES ('XNYS', 'America/New_York', '2013-07-01', '2013-10-31');
INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at)
SELECT 'XNYS', day, day + TIME '13:30', day + TIME '20:00'
FROM generate_series('2013-10-01'::timestamptz, '2013-10-31', '1 day') AS day WHERE extract(isodow FROM day) < 6;
INSERT INTO market.feeds VALUES ('cts', 60);
INSERT INTO market.instruments (instrument_key, calendar, feed) VALUES
    ('XNYS@IBM@EQ', 'XNYS', 'cts'), ('XNYS@AIG@EQ', 'XNYS', 'cts');
"""
_TICKS = """
INSERT INTO market.ticks (instrument_id, time, seq, price, size, updates_ohlc)
SELECT %s, * FROM unnest(%s::timestamptz[], %s::bigint[], %s::numeric[], %s::numeric[], %s::boolean[])
"""
_VENDORS = """
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, session_date, extended, source, version, updated_at
)
SELECT %s, c.time, c.open, c.high, c.low, c.close, c.volume, s.session_date, s.extended, 'vendor_historical', 0,
    '2013-10-11 06:00Z'
FROM unnest(%s::timestamptz[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[])
    AS c (time, open, high, low, close, volume)
CROSS JOIN LATERAL market.session_stamp('XNYS', c.time) AS s
"""
_COLUMNS = """
SELECT compress_chunk(chunk) FROM show_chunks('market.ticks', older_than => '2013-10-11 18:00Z'::timestamptz) AS chunk
UNION ALL
SELECT compress_chunk(chunk) FROM show_chunks('market.candles', older_than => '2013-10-10 12:00Z'::timestamptz) AS chunk
"""
# What TimescaleDB keeps of the schema, without running numbers.
_POLICIES = {
    "jobs": "SELECT proc_name, schedule_interval, scheduled, config - 'hypertable_id' - 'mat_hypertable_id' AS config"
    " FROM timescaledb_information.jobs WHERE job_id >= 1000",
    # Values of indicators have gone to another table.
    "columnstore": "SELECT hypertable::text, segmentby, orderby"
    " FROM timescaledb_information.hypertable_columnstore_settings WHERE hypertable::text NOT LIKE '%indicator%'"
    " AND hypertable::text NOT IN ('market.option_quotes', 'market.open_interest', 'market.strike_candles',"
    " 'market.flows', 'market.sentiment')"
    " AND hypertable::text NOT IN (SELECT format('%I.%I', materialization_hypertable_schema,"
    " materialization_hypertable_name) FROM timescaledb_information.continuous_aggregates"
    " WHERE view_name ~ '^(strike_candles|flows|sentiment)_')",
    "chunks": "SELECT replace(hypertable_name, 'indicator_values', 'indicators'), range_start, range_end, is_compressed"
    " FROM timescaledb_information.chunks",
    "upkeep": "SELECT replace(policy, 'indicator_values', 'indicators'), ran_at, succeeded_at, failures, error"
    " FROM market.upkeep",
}
# Marks of hours have become one table.
_MARKS = {
    "uncounted": "SELECT hour, instrument_ids FROM market.marks WHERE work = 'count'",
    "stale": "SELECT hour, instrument_ids FROM market.marks WHERE work = 'refresh'",
    "unindicated": "SELECT hour, instrument_ids, timeframe, due_at FROM market.marks WHERE work = 'indicate'",
}
Rows = Mapping[str, "Counter[str]"]


class Desk:
    """The database, and every row of it as revision 0016 has its columns."""

    def __init__(self, connection: Connection, url: str, ticks: Sequence[Tick]) -> None:
        self.connection, self.ticks = connection, ticks
        self.config = alembic_config(url)
        columns = connection.execute(
            "SELECT table_name::text, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)"
            # A session's one break, and a rebuild's one copied stretch, have become one of several, under other names;
            # the numbers of marks are others.
            " FROM information_schema.columns WHERE table_schema = 'market'"
            " AND column_name NOT LIKE 'break\\_%' AND column_name NOT IN ('copied_before', 'stale_id') GROUP BY 1"
        ).fetchall()
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = 'market' AND tablename <> 'schema_revision'"
            )
        ]
        read = {*tables, *(f"candles_{each}" for each in VIEWS), REBUILT}
        self._queries = {
            name: f"SELECT {names} FROM market.{name}"  # noqa: S608  # our own words
            for name, names in columns
            if name in read
        } | _POLICIES
        self.catalogue = _held(connection)

    def rows(self, *left_out: str) -> Rows:
        """Every row of every table, of every aggregate as it is read, and of the policies; some may be left out."""
        has_marks = self.connection.execute("SELECT to_regclass('market.marks') IS NOT NULL").fetchone() == (True,)
        queries = self._queries | (_MARKS if has_marks else {})
        if has_marks:
            queries["scans"] += " WHERE dataset = 'candles'"
        return {
            name: Counter(row for (row,) in self.connection.execute(f"SELECT row::text FROM ({query}) AS row"))  # noqa: S608
            for name, query in queries.items()
            if name not in left_out
        }

    def upgrade(self) -> None:
        command.upgrade(self.config, "head")

    def downgrade(self) -> None:
        command.downgrade(self.config, RELEASED)


def _held(connection: Connection) -> list[tuple[Any, ...]]:
    """The catalogue. A constraint that came back holds for new rows, and no longer says that the old ones were read."""
    return [(*row[:3], str(row[3]).removesuffix(" NOT VALID")) for row in catalogue(connection)]


@pytest.fixture(scope="module")
def desk(migrated_url: str, real_data: Path) -> Iterator[Desk]:
    """A database at 0016 that was in use, to which each test leads back; afterwards it is at the newest, and empty."""
    config = alembic_config(migrated_url)
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        command.downgrade(config, "base")
        command.upgrade(config, RELEASED)
        ticks = list(_read_ticks(real_data / "us-trades" / "IBM-2013-10-11.csv.gz"))
        _fill(connection, ticks, real_data / "us-candles-1m")
        yield Desk(connection, migrated_url, ticks)
        connection.execute("SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000")
        connection.execute("DROP SCHEMA market CASCADE")
        command.upgrade(config, "head")


def _read_ticks(path: Path) -> Iterator[Tick]:
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            at, price, size = datetime.fromisoformat(row["time"]), Decimal(row["price"]), Decimal(row["size"])
            yield Tick(at, int(row["seq"]), price, size, updates_ohlc=row["updates_ohlc"] == "1")


def _read_candles(path: Path, before: datetime) -> list[list[str]]:
    """A vendor's candles, column by column."""
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.DictReader(file) if datetime.fromisoformat(row["time"]) < before]
    return [[row[name] for row in rows] for name in ("time", "open", "high", "low", "close", "volume")]


def _fill(connection: Connection, ticks: Sequence[Tick], vendors: Path) -> None:
    """By plain SQL, as the released code left it."""
    connection.execute(_REFERENCE)
    columns: list[Any] = [
        [getattr(t, name) for t in ticks] for name in ("time", "seq", "price", "size", "updates_ohlc")
    ]
    connection.execute(_TICKS, [IBM, *columns])
    for instrument, symbol, before in ((IBM, "IBM", FRIDAY.starts), (AIG, "AIG", REFRESHED_TO)):
        connection.execute(_VENDORS, [instrument, *_read_candles(vendors / f"{symbol}.csv.gz", before)])
    connection.execute(
        "DELETE FROM market.candles"
        " WHERE instrument_id = 2 AND time >= '2013-10-08 15:00Z' AND time < '2013-10-08 15:05Z'"
    )
    connection.execute(SCENE.read_text())
    hold_jobs(connection)
    for each in CANDLES.rollups:
        ends = FRIDAY.starts if each.timeframe is Timeframe.D1 else REFRESHED_TO
        connection.execute(f"CALL refresh_continuous_aggregate('market.{each.relation}', NULL, '{ends}')")
    connection.execute(f"CALL refresh_continuous_aggregate('market.{REBUILT}', NULL, '{FRIDAY.starts - 2 * DAY}')")
    connection.execute("DELETE FROM market.stale WHERE hour < %s", [REFRESHED_TO])
    connection.execute(_COLUMNS)
    came_in_time(connection)


def test_an_upgrade_keeps_every_row_and_so_does_its_downgrade(desk: Desk) -> None:
    before = desk.rows()
    assert len(before["ticks"]) > 19_000
    assert min(len(rows) for rows in before.values()) > 0
    desk.upgrade()
    assert differences(before, desk.rows()) == []
    assert check_schema(desk.connection).differing == []
    desk.downgrade()
    assert differences(before, desk.rows()) == []
    assert _held(desk.connection) == desk.catalogue


def test_the_components_work_on_what_they_find(desk: Desk) -> None:
    connection = desk.connection
    done = Window(FRIDAY.starts, AGGREGATED_TO)
    before = desk.rows()
    desk.upgrade()
    aggregated = _candles(connection, done)

    # Nobody knows when those were written.
    assert connection.execute("SELECT count(created_at) FROM market.candles").fetchone() == (0,)
    # The marks left are taken, and no candle of the former code changes.
    report = live(connection, CLOSED)
    assert (report.candles_revised, report.late_ticks) == (0, 0)
    assert _candles(connection, done) == aggregated
    assert contents(connection, IBM) | fold(desk.ticks) == contents(connection, IBM)
    # One that comes late changes its minute, in a chunk of columns.
    late = Tick(FRIDAY.starts + 14 * HOUR, 10**9, Decimal(999), Decimal(1))
    insert(connection, IBM, [late])
    assert live(connection, CLOSED + MINUTE).candles_revised == 1

    assert _watch(connection, CLOSED).coverage_7d is not None

    _converge(connection, CLOSED + 5 * MINUTE)
    history = _process(connection, CLOSED + 10 * MINUTE)
    assert (history.marks_left, history.indicators_unfilled, history.indicator_marks_left) == (0, 0, 0)
    rebuilt = rebuild_timeframe(connection, CANDLES, Timeframe.D1, WANTED, now=lambda: CLOSED, progress=lambda *_: None)
    assert (rebuilt.swapped, rebuilt.resumed) == (True, True)
    verified = verify_candles(connection, None, repair=False, progress=lambda *_: None)
    assert {each.table: each.wrong for each in verified.tables if each.wrong} == {}
    hold_jobs(connection)

    # A quarter later retention would have dropped all of it. It waits for the operator.
    later = maintain(connection, CLOSED + 120 * DAY)
    assert (later.rows_dropped, later.drops) == (0, [])
    assert len(later.waiting_for_permission) == 2
    # What was rebuilt is in use now, and jobs go down with the procedures that they call.
    after = desk.rows(REBUILT, "jobs")
    for kept in ("ticks", "gaps"):
        assert before[kept] - after[kept] == Counter(), kept

    desk.downgrade()
    assert differences(after, desk.rows(REBUILT, "jobs")) == []


def _candles(connection: Connection, window: Window) -> Sequence[Any]:
    return connection.execute(
        "SELECT * FROM market.candles WHERE time >= %s AND time < %s ORDER BY instrument_id, time",
        [window.starts, window.ends],
    ).fetchall()


def _watch(connection: Connection, at: datetime) -> LiveGapReport:
    return watch_live_gaps(
        connection, at, piece_candles=20_000, verify_buckets=1_000, share_instruments=1_000, has_time=always
    )


def _process(connection: Connection, at: datetime) -> HistoryReport:
    return process_history(
        connection,
        at,
        wanted=read_indicator_set(),
        most_marks=200_000,
        piece_hours=50_000,
        has_time=always,
    )


def _converge(connection: Connection, at: datetime) -> None:
    """What the former code left of policies is corrected by one run; what would drop rows waits for the operator."""
    first = maintain(connection, at)
    assert len(first.waiting_for_permission) == 2
    assert all("drop" in said for said in first.waiting_for_permission)
    # What is carried over before anybody let rows of the table go is history.
    assert [said.partition(",")[0] for said in first.history_kept] == ["indicator_values"]
    assert first.drift_applied == first.drift - 2 > 30
    assert [action.says for action in plan_policies(connection, at, WANTED).actions] == first.waiting_for_permission
    second = maintain(connection, at + 5 * MINUTE)
    assert (second.drift, second.drift_applied) == (2, 0)
    assert (first.rows_dropped, second.rows_dropped) == (0, 0)
