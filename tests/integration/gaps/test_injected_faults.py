"""Faults put into five days of real trading: each is named, what ticks can heal is healed, nothing else is touched."""

import csv
import gzip
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.gaps.watch_historical_gaps import HistoricalGapReport, watch_historical_gaps
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.minutes.aggregate_live import LiveReport
from chandlery.minutes.import_ticks import import_ticks
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.reference.domain.session import Break
from chandlery.reference.store import instruments, sessions
from local import calendars
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.integration.market import MINUTE, always, contents, insert, live, row_versions, snapshot
from tests.plain_coverage import Desk, Gap, Minute, expected_minutes, minutes_of
from tests.plain_fold import Tick

IBM, AIG, RARE = "XNYS@IBM@EQ", "XNYS@AIG@EQ", "XNYS@RARE@EQ"
FILES = {IBM: "IBM", AIG: "AIG"}
LIQUID = (IBM, AIG)
# So few of the ticks that an hour without any is nothing unusual, a day without is.
ONE_IN = 4_000
FIRST, LAST = date(2013, 10, 7), date(2013, 10, 11)
DAYS = [FIRST + timedelta(days=day) for day in range(5)]
DAY, WEEK = timedelta(days=1), timedelta(days=7)
# The undisturbed state is that of this moment; faults are put in right after, and looked for from then on.
SETTLED = datetime(2013, 10, 12, 0, 5, tzinfo=UTC)
NEXT = SETTLED + 5 * MINUTE

# Each rule by itself is held by quicker tests: of reasons, of silence, of the ledger, of what is judged.
pytestmark = pytest.mark.long

_NO_VENDOR: dict[str, Any] = {"open_vendor": lambda: None, "most_vendor_days": 1}
_COLUMNS = "open, high, low, close, volume, turnover, trades, price_eligible"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2013, 10, day, hour, minute, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """What all trials begin with: kept in a schema of its own."""

    connection: Connection
    ids: dict[str, int]
    tables: Sequence[str]
    ticked: dict[str, dict[datetime, Minute]]
    expected: Sequence[datetime]


class Market:
    """The database, and the oracle that goes along with it."""

    def __init__(self, scene: Scene) -> None:
        self.connection, self.ids, self._scene = scene.connection, scene.ids, scene
        since = {key: min(minutes) for key, minutes in scene.ticked.items()}
        self.desk = Desk(scene.expected, scene.ticked, since)
        self.look(SETTLED)

    def look(self, now: datetime) -> None:
        """What the live gap monitor should find."""
        self.desk.look((now - WEEK).replace(minute=0), now - MINUTE)

    def live(self, now: datetime) -> LiveReport:
        return live(self.connection, now)

    def watch(self, now: datetime, verify_buckets: int = 1_000) -> LiveGapReport:
        return watch_live_gaps(
            self.connection,
            now,
            piece_candles=20_000,
            verify_buckets=verify_buckets,
            share_instruments=2,
            has_time=always,
        )

    def watch_history(self, now: datetime) -> HistoricalGapReport:
        return watch_historical_gaps(
            self.connection,
            now,
            **_NO_VENDOR,
            piece_candles=20_000,
            verify_buckets=500_000,
            share_instruments=2,
            has_time=always,
        )

    def run(self, now: datetime) -> LiveGapReport:
        """The live processor and the live gap monitor at their next time; all that they report must be true."""
        self.live(now)
        report = self.watch(now)
        self.look(now)
        self.check(now, report)
        return report

    def lose(self, keys: Iterable[str], starts: datetime, ends: datetime) -> None:
        """Ticks and candles of a stretch, deleted."""
        keys = list(keys)
        stretch = [[self.ids[key] for key in keys], starts, ends]
        with self.connection.transaction():
            for table in ("ticks", "candles"):
                self.connection.execute(
                    f"DELETE FROM market.{table} WHERE instrument_id = ANY (%s) AND time >= %s AND time < %s",  # noqa: S608
                    stretch,
                )
        self.desk = self.desk.without(keys, starts, ends)

    def never_had(self, starts: datetime, ends: datetime, *keys: str) -> None:
        """As if nothing of a stretch had come in (all instruments, or some), and no gap had been looked for."""
        stretch = [[self.ids[key] for key in keys or self.ids], starts, ends]
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")
            for table, column in (("ticks", "time"), ("candles", "time"), ("candle_hours", "hour")):
                self.connection.execute(
                    f"DELETE FROM market.{table}"  # noqa: S608
                    f" WHERE instrument_id = ANY (%s) AND {column} >= %s AND {column} < %s",
                    stretch,
                )
            if not keys:
                self.connection.execute(
                    "DELETE FROM market.feed_minutes WHERE bucket >= %s AND bucket < %s", stretch[1:]
                )
            self.connection.execute("DELETE FROM market.gaps")
            self.connection.execute("TRUNCATE market.scans, market.judged, market.reaches")
        self.desk = replace(self.desk.without(keys or self.ids, starts, ends), open={}, judged=set())

    def deliver(self, keys: Iterable[str], starts: datetime, ends: datetime) -> None:
        """The real ticks of a stretch come in, again or late."""
        keys = list(keys)
        self.connection.execute(
            "INSERT INTO market.ticks SELECT * FROM undisturbed.ticks"
            " WHERE instrument_id = ANY (%s) AND time >= %s AND time < %s",
            [[self.ids[key] for key in keys], starts, ends],
        )
        ticked = {
            key: {
                **minutes,
                **{
                    minute: told
                    for minute, told in self._scene.ticked[key].items()
                    if key in keys and starts <= minute < ends
                },
            }
            for key, minutes in self.desk.ticked.items()
        }
        self.desk = replace(self.desk, ticked=ticked)

    def check(self, now: datetime, report: LiveGapReport | None = None) -> None:
        """Candles, their count by hours, the ledger and all that is reported of coverage: as the oracle has them."""
        for key, instrument_id in self.ids.items():
            found = contents(self.connection, instrument_id), self._partial(instrument_id)
            wanted = self.desk.candles(key)
            assert found[0] == {minute: candle for minute, (candle, _) in wanted.items()}
            assert found[1] & set(self.desk.expected) == {minute for minute, (_, partial) in wanted.items() if partial}
        assert self._wrong_hours() == []
        assert self.open_gaps() == self.desk.gaps()
        assert self._overlapping() == []
        [(judged_until,)] = self.connection.execute(
            "SELECT max(upper(stretches)) FROM market.judged_stretches"
        ).fetchall()
        assert self._coverage_view() == {
            (key, day): (
                counted.expected,
                counted.present,
                counted.explained,
                counted.missing,
                counted.not_judged,
            )
            for key in self.ids
            for day in DAYS
            if (counted := self._count_day(key, day, judged_until)).expected
        }
        if report is not None:
            week, day = (self.desk.count(now - length, now - MINUTE) for length in (WEEK, DAY))
            assert (report.coverage_7d, report.coverage_24h) == (week.coverage, day.coverage)
            assert [(feed.feed, feed.coverage_7d, feed.coverage_24h) for feed in report.feeds] == [
                ("cts", week.coverage, day.coverage)
            ]
            assert report.minutes_not_judged == week.not_judged
            assert (report.gaps_open, report.minutes_open) == (len(self.desk.gaps()), len(self.desk.open))

    def _count_day(self, key: str, day: date, judged_until: datetime) -> Any:
        starts = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return self.desk.count(starts, min(starts + DAY, judged_until), key)

    def _partial(self, instrument_id: int) -> set[datetime]:
        rows = self.connection.execute(
            "SELECT time FROM market.candles WHERE instrument_id = %s AND partial", [instrument_id]
        )
        return {time for (time,) in rows}

    def _wrong_hours(self) -> Sequence[tuple[Any, ...]]:
        return self.connection.execute(
            "WITH counted AS (SELECT instrument_id, date_trunc('hour', time) AS hour, sum(trades) AS trades,"
            "  string_agg(CASE WHEN partial THEN 'p' ELSE 'c' END || date_part('minute', time), ' ' ORDER BY time)"
            "  AS minutes"
            "  FROM market.candles GROUP BY 1, 2"
            "), noted AS (SELECT instrument_id, hour, trades, ("
            "   SELECT string_agg(CASE WHEN get_bit(partial, m) = 1 THEN 'p' ELSE 'c' END || m, ' ' ORDER BY m)"
            "   FROM generate_series(0, 59) AS m WHERE get_bit(partial | complete, m) = 1) AS minutes"
            "  FROM market.candle_hours WHERE bit_count(complete | partial) > 0)"
            " SELECT * FROM counted FULL JOIN noted USING (instrument_id, hour)"
            " WHERE (counted.trades, counted.minutes) IS DISTINCT FROM (noted.trades, noted.minutes)"
        ).fetchall()

    def open_gaps(self) -> list[Gap]:
        rows = self.connection.execute(
            "SELECT instrument_key, starts, ends, minutes, reason::text FROM market.open_gaps"
        ).fetchall()
        return sorted((Gap(*row) for row in rows), key=lambda gap: (gap.instrument, gap.starts))

    def _overlapping(self) -> Sequence[tuple[Gap, Gap]]:
        return [
            (one, other)
            for one, other in pairwise(self.open_gaps())
            if one.instrument == other.instrument and other.starts < one.ends
        ]

    def _coverage_view(self) -> dict[tuple[str, date], tuple[int, ...]]:
        rows = self.connection.execute(
            "SELECT instrument_key, session_date, expected, present, explained, missing,"
            " not_judged, coverage FROM market.coverage"
        ).fetchall()
        for _, _, expected, present, explained, missing, not_judged, coverage in rows:
            assert coverage == round((present + explained) / expected, 6)
            assert expected == present + explained + missing + not_judged
        return {(key, day): tuple(int(number) for number in numbers[:5]) for key, day, *numbers in rows}

    def healed(self) -> set[tuple[str, str, str, datetime]]:
        """Instrument, reason, what healed it, when: of the ledger's history."""
        return set(
            self.connection.execute(
                "SELECT instrument_key, reason::text, healed_from, healed_at FROM market.gaps"
                " JOIN market.instruments USING (instrument_id) WHERE healed_at IS NOT NULL"
            ).fetchall()
        )

    def other_candles(self) -> dict[tuple[int, datetime], tuple[Any, ...]]:
        """Candles that are not row for row what they were: source, version, revision of each."""
        rows = self.connection.execute(
            "SELECT instrument_id, time, source::text, version, revision FROM ("
            " SELECT * FROM market.candles EXCEPT SELECT * FROM undisturbed.candles) AS other"
        ).fetchall()
        return {(instrument_id, time): tuple(rest) for instrument_id, time, *rest in rows}

    def versions(self) -> Sequence[tuple[Any, ...]]:
        """The row versions of all that monitors may write."""
        return [
            *row_versions(self.connection),
            *self.connection.execute(
                "SELECT 'gap', gap_id::text, starts, xmin::text, xmax::text FROM market.gaps"
                " UNION ALL SELECT 'hour', instrument_id::text, hour, xmin::text, xmax::text FROM market.candle_hours"
                " UNION ALL SELECT 'second', feed, bucket, xmin::text, xmax::text FROM market.feed_minutes"
                " UNION ALL SELECT 'mark', instrument_ids::text, hour, xmin::text, xmax::text FROM market.marks"
                "  WHERE work = 'count'"
                " UNION ALL SELECT 'instrument', instrument_key, data_from, xmin::text, xmax::text"
                "  FROM market.instruments"
                " ORDER BY 1, 2, 3"
            ),
        ]


@pytest.fixture(scope="module")
def scene(migrated_url: str, real_data: Path) -> Iterator[Scene]:
    """Five days of two instruments and a rarely traded third, aggregated and looked through; kept in a schema."""
    with connect(Settings(database_url=migrated_url), "test") as connection:
        tables = [
            f"market.{name}"
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables"
                " WHERE schemaname = 'market' AND tablename NOT IN ('schema_revision', 'rollups')"
            )
        ]
        connection.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY")
        sessions.replace(connection, calendars.from_library("XNYS", FIRST, LAST))
        ids = {}
        for key in (*LIQUID, RARE):
            instruments.add(connection, key, "XNYS", "cts")
            ids[key] = instruments.find(connection, key).instrument_id
        ticks = {key: list(_read_ticks(real_data / "us-trades", name)) for key, name in FILES.items()}
        ticks[RARE] = ticks[AIG][::ONE_IN]
        for key, name in FILES.items():
            for path in sorted((real_data / "us-trades").glob(f"{name}-*.csv.gz")):
                with open_tick_file(path) as reader:
                    import_ticks(connection, ids[key], tick_lots(iter(reader), ids[key], lambda: None))
        insert(connection, ids[RARE], ticks[RARE])
        for day in DAYS:
            live(connection, datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY)
        kept = Scene(
            connection,
            ids,
            tables,
            {key: minutes_of(each) for key, each in ticks.items()},
            expected_minutes("XNYS", FIRST, LAST),
        )
        Market(kept).watch(SETTLED)
        connection.execute("DROP SCHEMA IF EXISTS undisturbed CASCADE; CREATE SCHEMA undisturbed")
        for table in tables:
            connection.execute(f"CREATE TABLE {_copy_of(table)} AS TABLE {table}")
        yield kept
        connection.execute("DROP SCHEMA undisturbed CASCADE")


def _columns_of(connection: Connection, table: str) -> str:
    """What can be written of it: a column that is made of others cannot."""
    columns = connection.execute(
        "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        [table],
    ).fetchone()
    return str(columns[0]) if columns else ""


def _copy_of(table: str) -> str:
    return table.replace("market.", "undisturbed.")


def _read_ticks(folder: Path, symbol: str) -> Iterator[Tick]:
    for path in sorted(folder.glob(f"{symbol}-*.csv.gz")):
        with gzip.open(path, "rt") as file:
            for row in csv.DictReader(file):
                time, price, size = datetime.fromisoformat(row["time"]), Decimal(row["price"]), Decimal(row["size"])
                yield Tick(time, int(row["seq"]), price, size, updates_ohlc=row["updates_ohlc"] == "1")


@pytest.fixture
def market(scene: Scene) -> Market:
    """The undisturbed state, put back row by row: no trigger sees it."""
    connection = scene.connection
    others = [table for table in scene.tables if table != "market.ticks"]
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(f"TRUNCATE {', '.join(others)}")
        for table in others:
            columns = _columns_of(connection, table)
            connection.execute(
                f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {_copy_of(table)}"  # noqa: S608
            )
        # Trials only take ticks away, or bring them back: what is missing is found by the day.
        for day in DAYS:
            stretch = "WHERE time >= %(day)s AND time < %(day)s::timestamptz + INTERVAL '1 day'"
            counted = [
                connection.execute(f"SELECT count(*) FROM {schema}.ticks {stretch}", {"day": day}).fetchone()  # noqa: S608
                for schema in ("market", "undisturbed")
            ]
            if counted[0] != counted[1]:
                connection.execute(
                    f"INSERT INTO market.ticks SELECT * FROM undisturbed.ticks {stretch} ON CONFLICT DO NOTHING",  # noqa: S608
                    {"day": day},
                )
    return Market(scene)


def test_undisturbed(market: Market) -> None:
    market.check(SETTLED)
    assert market.run(NEXT).changed is False


def settle(market: Market, now: datetime) -> LiveGapReport:
    """Both live components run; run a second time, they write nothing."""
    report = market.run(now)
    before = market.versions()
    again = market.live(now), market.watch(now)
    assert [each.changed for each in again] == [False, False]
    assert market.versions() == before
    return report


def settle_history(market: Market, now: datetime) -> None:
    """The historical monitor runs; run a second time, it writes nothing."""
    market.watch_history(now)
    market.desk.look(at(7, 0), now - WEEK)
    market.check(now)
    before = market.versions()
    assert market.watch_history(now).changed is False
    assert market.versions() == before


def some_candles(market: Market, count: int) -> dict[tuple[int, datetime], bool]:
    """Candles chosen at random, of every day; whether each is partial."""
    rows = market.connection.execute("SELECT instrument_id, time, partial FROM market.candles ORDER BY 1, 2").fetchall()
    chosen = random.Random(count).sample(rows, count)
    assert {time.date() for _, time, _ in chosen} == set(DAYS)
    return {(instrument_id, time): partial for instrument_id, time, partial in chosen}


def change(market: Market, chosen: Iterable[tuple[int, datetime]], verb: str) -> None:
    """By SQL, behind Chandlery's back."""
    ids, times = zip(*chosen, strict=True)
    market.connection.execute(
        f"WITH chosen AS (SELECT unnest(%s::integer[]) AS instrument_id, unnest(%s::timestamptz[]) AS time) {verb}"  # noqa: S608
        " (SELECT instrument_id, time FROM chosen)",
        [list(ids), list(times)],
    )


DELETE = "DELETE FROM market.candles WHERE (instrument_id, time) IN"
TAMPER = (
    "UPDATE market.candles SET high = high + 1, close = high + 0.5, volume = volume * 2, trades = trades + 3"
    " WHERE (instrument_id, time) IN"
)


def milliseconds(time: datetime) -> int:
    return int(time.timestamp()) * 1000


def test_candles_changed_by_another_hand_are_what_they_were_and_nothing_else_changes(market: Market) -> None:
    chosen = some_candles(market, 600)
    deleted, tampered = list(chosen)[::2], list(chosen)[1::2]
    assert any(chosen[each] for each in deleted)
    assert any(chosen[each] for each in tampered)
    change(market, deleted, DELETE)
    change(market, tampered, TAMPER)
    settle(market, NEXT)
    assert market.other_candles() == {
        (instrument_id, time): ("live_gap_filled", milliseconds(time) - 1, 0) for instrument_id, time in deleted
    } | {(instrument_id, time): ("live_aggregated", milliseconds(time), 1) for instrument_id, time in tampered}


def test_changes_no_trigger_saw_are_found_within_a_round_of_turns(market: Market) -> None:
    # TimescaleDB refuses to disable triggers of a hypertable; there are other ways past them.
    chosen = list(some_candles(market, 240))
    deleted, tampered, in_chunk = chosen[::3], chosen[1::3], chosen[2::3]
    with market.connection.transaction():
        market.connection.execute("SET LOCAL session_replication_role = replica")
        change(market, deleted, DELETE)
        change(market, tampered, TAMPER)
    for (chunk,) in market.connection.execute("SELECT show_chunks('market.candles')::text").fetchall():
        change(market, in_chunk, TAMPER.replace("market.candles", chunk))
    assert market.connection.execute("SELECT count(*) FROM market.dirty").fetchone() == (0,)
    # By then all five days are the gap monitor's.
    now = SETTLED + DAY
    for turn in range(9):
        market.watch(now + turn * 5 * MINUTE, verify_buckets=3_000)
    market.look(now + 8 * 5 * MINUTE)
    market.check(now)
    assert market.other_candles() == {
        (instrument_id, time): ("live_gap_filled", milliseconds(time) - 1, 0) for instrument_id, time in deleted
    } | {
        (instrument_id, time): ("live_aggregated", milliseconds(time), 1) for instrument_id, time in tampered + in_chunk
    }


def test_beyond_seven_days_the_historical_monitor_heals(market: Market) -> None:
    chosen = list(some_candles(market, 200))
    deleted, tampered = chosen[::2], chosen[1::2]
    change(market, deleted[::2], DELETE)
    change(market, tampered[::2], TAMPER)
    with market.connection.transaction():
        market.connection.execute("SET LOCAL session_replication_role = replica")
        change(market, deleted[1::2], DELETE)
        change(market, tampered[1::2], TAMPER)
    now = at(19, 2)
    settle_history(market, now)
    assert market.other_candles() == dict.fromkeys(deleted, ("historical_aggregated", 1, 0)) | {
        (instrument_id, time): ("live_aggregated", milliseconds(time), 1) for instrument_id, time in tampered
    }


def test_lost_hours_of_a_feed_are_its_own_fault(market: Market) -> None:
    chance = random.Random(5)
    hours = [
        at(day, hour) for day in range(7, 12) for hour in (chance.choice((13, 14, 15)), chance.choice((17, 18, 19)))
    ]
    hours += [at(chance.randrange(7, 12), hour) for hour in (8, 12, 20, 21)]
    for hour in hours:
        market.lose(market.ids, hour, hour + 60 * MINUTE)
    settle(market, NEXT)
    down = {
        (key, minute)
        for key in market.ids
        for hour in hours
        for minute in market.desk.expected
        if minute.replace(minute=0) == hour
    }
    assert len(down) > 1_500
    assert {market.desk.open.get(each) for each in down} == {"feed_down"}


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param(
            [(IBM, at(9, 15), at(9, 16)), (AIG, at(11, 18), at(11, 19)), (IBM, at(8, 14), at(8, 18))], id="hours"
        ),
        pytest.param([(IBM, at(7, 0), at(7, 14, 30)), (AIG, at(10, 0), at(11, 0))], id="the first hour, a whole day"),
    ],
)
def test_a_lost_instrument_is_silent_while_its_feed_lives(
    market: Market, spans: Sequence[tuple[str, datetime, datetime]]
) -> None:
    for key, starts, ends in spans:
        market.lose([key], starts, ends)
    settle(market, NEXT)
    for key, starts, ends in spans:
        other = market.desk.ticked[IBM if key == AIG else AIG]
        lost = [minute for minute in market.desk.expected if starts <= minute < ends]
        assert {minute: market.desk.open.get((key, minute)) for minute in lost} == {
            minute: "instrument_silent" if minute in other else "feed_down" for minute in lost
        }


def test_silence_that_is_plausible_is_explained(market: Market) -> None:
    market.lose([RARE], at(9, 15), at(9, 16))
    market.run(NEXT)
    assert not [gap for gap in market.open_gaps() if gap.instrument == RARE and gap.reason == "instrument_silent"]
    told = market.desk.count(at(9, 15), at(9, 16), RARE)
    assert (told.expected, told.present, told.explained) == (60, 0, 60)
    # A whole day is too long, even for what trades so rarely.
    market.lose([RARE], at(10, 0), at(11, 0))
    settle(market, NEXT + 5 * MINUTE)
    silent = [gap for gap in market.open_gaps() if gap.instrument == RARE and gap.reason == "instrument_silent"]
    assert [(gap.starts <= at(10, 13, 30), gap.ends >= at(10, 20)) for gap in silent] == [(True, True)]


def test_the_silence_of_days_is_judged_by_the_days_before_it(market: Market) -> None:
    # A few trades a day are not to be expected in any one hour; those of four days are.
    market.lose([RARE], at(8, 0), at(12, 0))
    settle(market, NEXT)
    assert [gap.ends for gap in market.open_gaps() if gap.instrument == RARE and gap.minutes >= 4 * 390] == [at(11, 20)]


def test_a_silence_of_more_than_a_week_does_not_explain_itself(market: Market) -> None:
    market.never_had(at(8, 0), at(12, 0), AIG)
    market.watch(NEXT)
    lost = [gap for gap in market.open_gaps() if gap.instrument == AIG]
    # Nothing of what it used to trade lies in the last seven days any more.
    week = market.watch(at(15, 0, 5)).coverage_7d
    assert week is not None
    assert week < 0.8
    assert [gap for gap in market.open_gaps() if gap.instrument == AIG] == lost


def test_what_does_not_count_its_trades_is_judged_by_its_presence(market: Market) -> None:
    # As candles do that were imported without a count of trades.
    with market.connection.transaction():
        market.connection.execute("SET LOCAL session_replication_role = replica")
        for table in ("candles", "candle_hours"):
            market.connection.execute(
                f"UPDATE market.{table} SET trades = NULL WHERE instrument_id = %s",  # noqa: S608
                [market.ids[IBM]],
            )
    market.never_had(at(9, 0), at(12, 0))
    market.lose([IBM], at(8, 15), at(8, 15, 4))
    market.live(NEXT)
    market.watch(NEXT)
    silent = [minute for minute in market.desk.expected if at(8, 15) <= minute < at(8, 15, 4)]
    told = [gap for gap in market.open_gaps() if gap.instrument == IBM and gap.reason == "instrument_silent"]
    assert {minute for gap in told for minute in silent if gap.starts <= minute < gap.ends} == {
        minute for minute in silent if minute in market.desk.ticked[AIG]
    }


def test_a_run_over_the_night_stays_one_gap_while_the_week_moves_on(market: Market) -> None:
    market.lose([IBM], at(8, 19, 30), at(9, 14))
    settle(market, NEXT)
    assert Gap(IBM, at(8, 19, 30), at(9, 14), 60, "instrument_silent") in market.open_gaps()
    settle(market, at(16, 0, 5))
    settle_history(market, at(16, 2))


def test_a_corrected_calendar_moves_what_is_expected(market: Market) -> None:
    market.lose([IBM], at(9, 15, 30), at(9, 16, 30))
    settle(market, NEXT)
    calendar = calendars.from_library("XNYS", FIRST, LAST)
    with_break = tuple(
        replace(session, breaks=(Break(session.opens_at + 150 * MINUTE, session.opens_at + 210 * MINUTE),))
        for session in calendar.sessions
    )
    sessions.replace(market.connection, replace(calendar, sessions=with_break))
    expected = [minute for minute in market.desk.expected if minute.hour != 16]
    market.desk = replace(market.desk, expected=expected, open={}, judged=set())
    settle(market, NEXT + 5 * MINUTE)
    assert (IBM, "instrument_silent", "not_expected", NEXT + 5 * MINUTE) in market.healed()


def test_while_the_live_processor_is_stopped(market: Market) -> None:
    undisturbed = snapshot(market.connection), market.open_gaps()
    stopped = at(10, 15)
    market.never_had(stopped, at(12, 0))
    market.run(stopped)
    for hour in (16, 17):
        # Ticks come in, and nobody takes their marks.
        market.deliver(market.ids, at(10, hour - 1), at(10, hour))
        market.desk.waiting = {
            key: {minute for minute in minutes if minute >= stopped} for key, minutes in market.desk.ticked.items()
        }
        report = market.watch(at(10, hour))
        market.look(at(10, hour))
        market.check(at(10, hour), report)
        assert ("unaggregated", 60 * (hour - 15) - 1) in {(gap.reason, gap.minutes) for gap in market.open_gaps()}
    market.desk.waiting = {}
    settle(market, at(10, 17))
    assert {row for row in market.healed() if row[1] == "unaggregated"} == {
        (key, "unaggregated", "live_aggregated", at(10, 17)) for key in market.ids
    }
    market.deliver(market.ids, at(10, 17), at(11, 0))
    market.live(at(11, 0))
    market.deliver(market.ids, at(11, 0), at(12, 0))
    market.live(at(12, 0))
    settle(market, SETTLED)
    assert (snapshot(market.connection), market.open_gaps()) == undisturbed


@pytest.mark.parametrize("vendor_first", [False, True], ids=["nothing there", "a vendor's candles there"])
def test_a_day_that_comes_eight_days_late(market: Market, real_data: Path, vendor_first: bool) -> None:
    market.never_had(at(9, 0), at(10, 0))
    settle(market, SETTLED)
    for key in market.ids:
        assert Gap(key, at(9, 13, 30), at(9, 20), 390, "feed_down") in market.open_gaps()
    if vendor_first:
        for key in LIQUID:
            columns = vendor_day(real_data / "us-candles-1m" / f"{FILES[key]}.csv.gz", date(2013, 10, 9))
            assert candles.write_vendor(market.connection, market.ids[key], columns).written > 390
        assert market.watch(NEXT).gaps_filled >= 2
        assert {row[:3] for row in market.healed()} == {(key, "feed_down", "vendor_historical") for key in LIQUID}
    market.deliver(market.ids, at(9, 0), at(10, 0))
    now = at(17, 2)
    market.watch_history(now)
    before = market.versions()
    assert market.watch_history(now).changed is False
    assert market.versions() == before
    # A silence that reached over the edge between the two monitors may be the live one's to explain.
    market.desk.look(at(7, 0), now - WEEK)
    settle(market, now + 5 * MINUTE)
    revision = {market.ids[key]: int(vendor_first and key in LIQUID) for key in market.ids}
    late = {each for each, told in market.other_candles().items() if told[0] == "historical_aggregated"}
    for (instrument_id, time), told in market.other_candles().items():
        assert time.date() == date(2013, 10, 9)
        assert told[:2] == ("historical_aggregated", 1), (instrument_id, time)
        assert told[2] <= revision[instrument_id]
    assert len(late) == len(
        [1 for key in market.ids for minute in market.desk.ticked[key] if minute.date() == date(2013, 10, 9)]
    )
    healed = {row for row in market.healed() if row[3] == now}
    assert {row[2] for row in healed if row[0] in LIQUID} == ({"historical_aggregated"} if not vendor_first else set())


def vendor_day(path: Path, day: date) -> CandleColumns:
    """A vendor's candles of one day."""
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["time"].startswith(str(day))]
    times = [datetime.fromisoformat(row["time"]) for row in rows]
    opens, highs, lows, closes, volumes = (
        [row[name] for row in rows] for name in ("open", "high", "low", "close", "volume")
    )
    return CandleColumns(times, opens, highs, lows, closes, volumes, [None] * len(rows), [None] * len(rows))


def test_what_is_healed_and_lost_again_is_a_new_gap(market: Market) -> None:
    lost = [AIG], at(9, 15), at(9, 16)
    market.lose(*lost)
    settle(market, NEXT)
    market.deliver(*lost)
    settle(market, NEXT + 5 * MINUTE)
    first = market.healed()
    assert {row for row in first if row[0] == AIG} == {(AIG, "instrument_silent", "live_gap_filled", NEXT + 5 * MINUTE)}
    market.lose(*lost)
    settle(market, NEXT + 10 * MINUTE)
    assert market.healed() >= first
    assert [gap for gap in market.open_gaps() if gap.instrument == AIG and gap.reason == "instrument_silent"]
