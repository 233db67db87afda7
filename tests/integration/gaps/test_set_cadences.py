"""Cadences that an operator sets: a source whose rows do not come is a gap, and of any other nothing is expected."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from psycopg import Connection
from typer.testing import CliRunner

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.gaps.set_cadence import clear_cadence, set_cadence
from chandlery.gaps.store import cadences
from chandlery.gaps.watch_historical_gaps import watch_historical_gaps
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.platform.errors import NotFound, Permanent, Refused, Retryable
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from local.command_line import app
from tests.conftest import SERVER_URL
from tests.faults.steps import go_on, refuse, stepping
from tests.integration.api_scene import get, settings
from tests.integration.market import NOON, always, around_the_clock
from tests.plain_beats import Source, missing

SENTIMENT, FLOWS = (next(each for each in declared.DATASETS if each.name == name) for name in ("sentiment", "flows"))
BTC, ETH = "X@BTC@SPOT", "X@ETH@SPOT"
KEYS = {1: BTC, 2: ETH}
NEWS, KRAKEN = "SENTIMENT@news@SOURCE", "FLOWS@kraken-X.BTC.SPOT@VENUE"
Found = Sequence[tuple[str, datetime, datetime, int, str]]
Command = Callable[..., str]


@pytest.fixture
def market(connection: Connection) -> Connection:
    """Two instruments, of March 1 to 4."""
    around_the_clock(connection, BTC, ETH)
    return connection


@pytest.fixture
def chandlery(market: Connection, migrated_url: str) -> Command:
    """A command: what it says, on whichever stream; it does well where no exit code is named."""

    def command(*arguments: str, exits: int = 0) -> str:
        environment = {"DATABASE_URL": migrated_url, "CHANDLERY_PROGRESS": "false"}
        done = CliRunner().invoke(app, list(arguments), env=environment)
        assert done.exit_code == exits, done.output
        return done.output + str(done.exception or "")

    return command


def put(connection: Connection, dataset: Dataset, source: str, times: Iterable[datetime], instrument: int = 1) -> None:
    """Rows of a source by plain SQL; stored ones stay."""
    columns = {
        "sentiment": ("source, item_id, score", "'n', 0.5"),
        "flows": ("venue, tx, leg, direction, amount", "time::text, 0, 'in', 5"),
    }[dataset.name]
    connection.execute(
        f"INSERT INTO market.{dataset.name} (instrument_id, time, {columns[0]})"  # noqa: S608
        f" SELECT %s, time, %s, {columns[1]} FROM unnest(%s::timestamptz[]) AS time ON CONFLICT DO NOTHING",
        [instrument, source, list(times)],
    )


def watch(connection: Connection, at: datetime) -> LiveGapReport:
    return watch_live_gaps(
        connection, at, piece_candles=20_000, verify_buckets=0, share_instruments=100, has_time=always
    )


def look_back(connection: Connection, at: datetime) -> None:
    watch_historical_gaps(
        connection, at, open_vendor=lambda: None, most_vendor_days=1, verify_buckets=0, share_instruments=100,
        piece_candles=20_000, has_time=always,
    )  # fmt: skip


def open_gaps(connection: Connection) -> Found:
    return connection.execute(
        "SELECT instrument_key, starts, ends, minutes, reason::text FROM market.open_gaps"
        " WHERE dataset IN ('sentiment', 'flows') ORDER BY 1, 2"
    ).fetchall()


def healed(connection: Connection) -> Found:
    return connection.execute(
        "SELECT starts, ends, healed_from, healed_at FROM market.gaps WHERE healed_at IS NOT NULL ORDER BY 1"
    ).fetchall()


def known(connection: Connection) -> Sequence[Any]:
    """All that is kept for cadences, but for when it was written."""
    queries = (
        "SELECT 'cadence', source, every::text, since::text, instrument_id::text FROM market.cadences",
        "SELECT 'part', instrument_key, calendar, feed, '' FROM market.instruments WHERE feed <> 'test'",
        "SELECT 'known', dataset, instrument_id::text, data_from::text, live_since::text FROM market.known_data",
        "SELECT 'hour', instrument_id::text, hour::text, complete::text, '' FROM market.candle_hours",
        "SELECT 'gap', instrument_key, starts::text, ends::text, reason::text FROM market.open_gaps",
        "SELECT 'judged', instrument_id::text, stretches::text, dataset, '' FROM market.judged_stretches",
        "SELECT DISTINCT 'mark', dataset, work, hour::text, '' FROM market.marks WHERE work = 'beat'",
        "SELECT 'feed', feed, live::text, '', '' FROM market.feeds",
    )
    return connection.execute(" UNION ALL ".join(queries) + " ORDER BY 1, 2, 3, 4, 5").fetchall()


def test_a_source_that_falls_silent_is_a_gap_until_its_rows_come(market: Connection) -> None:
    put(market, SENTIMENT, "news", [NOON - 5 * HOUR])
    set_cadence(market, NOON + MINUTE, SENTIMENT, "news", 15 * MINUTE)
    # The first beat begins at a quarter past: at any second of it there may be a row, of any instrument.
    at = NOON + 15 * MINUTE
    put(market, SENTIMENT, "news", [at + 899 * timedelta(seconds=1)], instrument=2)
    put(market, SENTIMENT, "posts", [at + 15 * MINUTE])
    assert watch(market, at + 30 * MINUTE).gaps_open == 0
    report = watch(market, at + 35 * MINUTE)
    gap = (NEWS, at + 15 * MINUTE, at + 30 * MINUTE, 15, "feed_down")
    assert (report.gaps_open_of, open_gaps(market)) == ({"sentiment": 1}, [gap])
    # Two beats in a row are one gap. A second look, or a late one, finds the same.
    for moment in (50, 50, 55):
        watch(market, at + moment * MINUTE)
        assert open_gaps(market) == [(NEWS, gap[1], at + 45 * MINUTE, 30, "feed_down")]
    put(market, SENTIMENT, "news", [at + 20 * MINUTE])
    assert watch(market, at + HOUR).gaps_filled == 1
    assert open_gaps(market) == [(NEWS, at + 30 * MINUTE, at + 45 * MINUTE, 15, "feed_down")]
    assert healed(market) == [(gap[1], at + 30 * MINUTE, "news", at + HOUR)]
    # A row that goes leaves a gap.
    market.execute("DELETE FROM market.sentiment WHERE source = 'news' AND instrument_id = 2")
    watch(market, at + 55 * MINUTE)
    assert [each[1:4] for each in open_gaps(market)] == [
        (at, at + 15 * MINUTE, 15), (at + 30 * MINUTE, at + 45 * MINUTE, 15),
    ]  # fmt: skip


@pytest.mark.parametrize("every", [HOUR, 6 * HOUR, DAY], ids=["hourly", "six hours", "daily"])
def test_a_beat_of_hours_is_whole_or_it_is_missing(market: Connection, every: timedelta) -> None:
    set_cadence(market, NOON - 35 * HOUR, FLOWS, "kraken", every, instrument=BTC)
    first = NOON - 12 * HOUR
    # Of another instrument, or at another venue.
    put(market, FLOWS, "kraken", [first + MINUTE], instrument=2)
    put(market, FLOWS, "bank", [first + MINUTE])
    put(market, FLOWS, "kraken", [first - DAY + n * HOUR for n in range(24)])
    watch(market, first + every)
    assert open_gaps(market) == []
    watch(market, first + every + 5 * MINUTE)
    assert open_gaps(market) == [(KRAKEN, first, first + every, every // MINUTE, "feed_down")]
    # Its first row heals it whole, and one of the beat under way leaves nothing to miss.
    put(market, FLOWS, "kraken", [first + every - MINUTE, first + every])
    watch(market, first + every + 10 * MINUTE)
    assert open_gaps(market) == []
    assert healed(market) == [(first, first + every, "kraken", first + every + 10 * MINUTE)]


def test_an_instrument_is_silent_where_its_source_is_not(market: Connection) -> None:
    for key in (None, BTC):
        set_cadence(market, NOON, FLOWS, "kraken", 5 * MINUTE, instrument=key)
    put(market, FLOWS, "kraken", [NOON + MINUTE])
    put(market, FLOWS, "kraken", [NOON + 6 * MINUTE], instrument=2)
    report = watch(market, NOON + 16 * MINUTE)
    assert open_gaps(market) == [
        (KRAKEN, NOON + 5 * MINUTE, NOON + 10 * MINUTE, 5, "instrument_silent"),
        (KRAKEN, NOON + 10 * MINUTE, NOON + 15 * MINUTE, 5, "feed_down"),
        ("FLOWS@kraken@VENUE", NOON + 10 * MINUTE, NOON + 15 * MINUTE, 5, "feed_down"),
    ]
    assert report.coverage_24h == 1
    assert {each.key for each in instruments.list_all(market)} >= {KRAKEN, "FLOWS@kraken@VENUE"}


def test_rows_are_expected_in_the_hours_of_another_calendar_if_one_is_named(market: Connection) -> None:
    opens, closes = NOON + 2 * HOUR + 30 * MINUTE, NOON + 3 * HOUR
    sessions.replace(
        market,
        Calendar("SHORT", "UTC", date(2026, 3, 2), date(2026, 3, 2), (Session(date(2026, 3, 2), opens, closes),)),
    )
    set_cadence(market, NOON, SENTIMENT, "news", HOUR, calendar="SHORT")
    watch(market, NOON + 5 * HOUR)
    assert open_gaps(market) == [(NEWS, opens, closes, 30, "feed_down")]
    # Half an hour before the open, in the same beat.
    put(market, SENTIMENT, "news", [NOON + 2 * HOUR])
    watch(market, NOON + 5 * HOUR)
    assert (open_gaps(market), [each[2] for each in healed(market)]) == ([], ["its beat"])


def test_another_cadence_judges_again_and_never_more_than_it_was_set_for(market: Connection) -> None:
    set_cadence(market, NOON, SENTIMENT, "news", 5 * MINUTE)
    put(market, SENTIMENT, "news", [NOON + n * 15 * MINUTE for n in range(5)])
    watch(market, NOON + 61 * MINUTE)
    assert [each[3] for each in open_gaps(market)] == [10] * 4
    # A multiple of it: what is missing since then is less.
    at = NOON + 61 * MINUTE
    set_cadence(market, at, SENTIMENT, "news", 15 * MINUTE)
    market.execute("DELETE FROM market.sentiment WHERE time = %s", [NOON + 30 * MINUTE])
    watch(market, at)
    assert open_gaps(market) == [(NEWS, NOON + 30 * MINUTE, NOON + 45 * MINUTE, 15, "feed_down")]
    # Rows were never promised that often before.
    report = set_cadence(market, at, SENTIMENT, "news", 2 * MINUTE)
    assert [each and each.since for each in (report.before, report.now)] == [NOON, at + MINUTE]
    watch(market, at + 4 * MINUTE)
    assert [each[1:4] for each in open_gaps(market)] == [(at + MINUTE, at + 3 * MINUTE, 2)]
    assert (NOON + 30 * MINUTE, NOON + 45 * MINUTE, "not_expected", at + 4 * MINUTE) in healed(market)
    # Unless the operator says since when.
    set_cadence(market, at, SENTIMENT, "news", 30 * MINUTE, starts=NOON)
    market.execute("DELETE FROM market.sentiment WHERE time < %s", [NOON + 30 * MINUTE])
    watch(market, at + 4 * MINUTE)
    assert [each[1:4] for each in open_gaps(market)] == [(NOON, NOON + 30 * MINUTE, 30)]
    unchanged = set_cadence(market, at, SENTIMENT, "news", 30 * MINUTE)
    assert unchanged.now == unchanged.before


def test_a_cadence_that_is_cleared_leaves_nothing(market: Connection) -> None:
    watch(market, NOON)
    before = known(market)
    set_cadence(market, NOON, SENTIMENT, "news", 5 * MINUTE)
    set_cadence(market, NOON, SENTIMENT, "posts", 5 * MINUTE, instrument=ETH)
    put(market, SENTIMENT, "news", [NOON])
    watch(market, NOON + HOUR)
    assert len(open_gaps(market)) == 2
    clear_cadence(market, SENTIMENT, "news")
    assert [each[0] for each in open_gaps(market)] == ["SENTIMENT@posts-X.ETH.SPOT@SOURCE"]
    # It goes with its instrument.
    instruments.remove(market, ETH)
    watch(market, NOON + HOUR + 5 * MINUTE)
    market.execute("DELETE FROM market.feeds WHERE feed = 'sentiment/posts'")
    assert known(market) == before
    with pytest.raises(NotFound, match="no cadence is set for news of sentiment"):
        clear_cadence(market, SENTIMENT, "news")


def test_where_no_cadence_is_set_nothing_is_looked_for(market: Connection) -> None:
    put(market, SENTIMENT, "news", [NOON - HOUR])
    put(market, FLOWS, "kraken", [NOON - HOUR])
    watch(market, NOON)
    marks = "SELECT DISTINCT work FROM market.marks WHERE dataset IN ('sentiment', 'flows')"
    assert market.execute(marks).fetchall() == [("refresh",)]
    looked = " UNION ".join(f"SELECT dataset FROM market.{name}" for name in ("scans", "candle_hours", "reaches"))  # noqa: S608
    assert {name for (name,) in market.execute(looked)} == {"candles", "strike_candles"}
    set_cadence(market, NOON, FLOWS, "kraken", HOUR)
    watch(market, NOON + 5 * MINUTE)
    assert ("sentiment",) not in market.execute(looked).fetchall()


def test_what_cannot_be_set_is_refused_and_changes_nothing(market: Connection, chandlery: Command) -> None:
    before = known(market)
    for every in (7 * MINUTE, 90 * MINUTE, 5 * HOUR, 2 * DAY, timedelta(seconds=30), timedelta(0)):
        with pytest.raises(Refused, match="divides an hour in whole minutes"):
            set_cadence(market, NOON, SENTIMENT, "news", every)
    with pytest.raises(NotFound, match="no instrument X@NO@SPOT"):
        set_cadence(market, NOON, SENTIMENT, "news", HOUR, instrument="X@NO@SPOT")
    assert "divides an hour" in chandlery("cadence", "set", "sentiment", "news", "7m", exits=2)
    assert "is not a cadence" in chandlery("cadence", "set", "sentiment", "news", "often", exits=2)
    assert "no data set candles here" in chandlery("cadence", "set", "candles", "news", "5m", exits=2)
    assert "no cadence is set for news" in chandlery("cadence", "clear", "sentiment", "news", exits=1)
    assert "no source of sentiment has a cadence" in chandlery("coverage", "--dataset", "sentiment", exits=1)
    assert known(market) == before
    set_cadence(market, NOON, SENTIMENT, "my news", HOUR)
    with pytest.raises(Permanent, match="SENTIMENT@my_news@SOURCE, which would stand for my@news, is an instrument"):
        set_cadence(market, NOON, SENTIMENT, "my@news", HOUR)


def test_commands_and_routes_report_a_silent_source(market: Connection, chandlery: Command, migrated_url: str) -> None:
    said = chandlery("cadence", "set", "flows", "kraken", "15m", "--instrument", BTC, "--from", "2026-03-02T12:00Z")
    assert f"{KRAKEN}: a row is expected every 15m from 2026-03-02T12:00:00Z on, by the calendar 24/7" in said
    (listed,) = json.loads(chandlery("cadence", "list", "--json"))
    assert listed == {
        "dataset": "flows", "source": "kraken", "instrument": BTC, "every": "15m", "calendar": "24/7",
        "since": "2026-03-02T12:00:00Z", "key": KRAKEN,
    }  # fmt: skip
    put(market, FLOWS, "kraken", [NOON + 20 * MINUTE])
    watch(market, NOON + 46 * MINUTE)
    gaps = [("2026-03-02T12:00:00Z", "2026-03-02T12:15:00Z"), ("2026-03-02T12:30:00Z", "2026-03-02T12:45:00Z")]
    for asked in ([], [BTC], [KRAKEN], ["--feed", "flows/kraken"]):
        found = json.loads(chandlery("gaps", *asked, "--dataset", "flows", "--json"))
        assert [(each["key"], each["starts"], each["ends"], each["reason"]) for each in found] == [
            (KRAKEN, *gap, "feed_down") for gap in gaps
        ]
        assert found[0]["evidence"] == {"feed": "flows/kraken"}
    for asked in ([], [BTC]):
        days = json.loads(chandlery("coverage", *asked, "--dataset", "flows", "--json"))
        assert [(day["key"], day["expected"], day["present"], day["explained"], day["missing"]) for day in days] == [
            (KRAKEN, 45, 15, 0, 30)
        ]
    status = json.loads(chandlery("status", "--at", "2026-03-02T12:46Z", "--exit-zero", "--json"))
    (cause,) = (each["says"] for each in status["causes"] if each["subject"] == "gaps")
    assert f"2 open, of 30 minutes; the oldest, of {KRAKEN}," in cause
    assert "; 2 of flows" in cause
    assert not [each for each in status["causes"] if "kraken" in each["subject"]]
    with settings(migrated_url):
        served = get("/api/v1/gaps", dataset="flows", instrument_key=BTC).json["gaps"]
        day = get("/api/v1/coverage", dataset="flows", **{"from": "2026-03-02", "to": "2026-03-03"}).json["days"]
    assert [(each["instrument_key"], each["reason"], each["minutes"]) for each in served] == [
        (KRAKEN, "feed_down", 15)
    ] * 2
    assert [(each["instrument_key"], each["missing"]) for each in day] == [(KRAKEN, 30)]
    assert f"{KRAKEN}: no row is expected any more" in chandlery(
        "cadence", "clear", "flows", "kraken", "--instrument", BTC
    )
    assert (open_gaps(market), json.loads(chandlery("cadence", "list", "--json"))) == ([], [])


def test_older_beats_are_judged_by_the_historical_monitor(market: Connection) -> None:
    days = [date(2026, 3, 1) + n * DAY for n in range(31)]
    opens = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    open_hours = tuple(Session(day, at, at + DAY) for day, at in zip(days, opens, strict=True))
    sessions.replace(market, Calendar("24/7", "UTC", days[0], days[-1], open_hours))
    set_cadence(market, NOON, SENTIMENT, "news", DAY)
    put(market, SENTIMENT, "news", [opens[n] + HOUR for n in range(31) if n not in (4, 11)])
    at = opens[20] + 2 * HOUR
    for look in (watch, look_back, watch, look_back):
        look(market, at)
    gaps = [(NEWS, opens[n], opens[n] + DAY, 1440, "feed_down") for n in (4, 11)]
    assert open_gaps(market) == gaps
    # Its edge lies in the middle of the later one.
    look_back(market, opens[18] + 14 * HOUR)
    watch(market, opens[18] + 14 * HOUR)
    assert open_gaps(market) == gaps
    put(market, SENTIMENT, "news", [opens[4] + 5 * HOUR])
    look_back(market, at + DAY)
    assert open_gaps(market) == gaps[1:]


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_ledger_is_what_plain_python_finds_through_a_random_history(market: Connection, seed: int) -> None:
    random, now = Random(seed), NOON - 10 * HOUR
    always_open = [Window(NOON - 36 * HOUR, NOON + 60 * HOUR)]
    datasets = {each.name: each for each in (SENTIMENT, FLOWS)}
    ids = {None: 1, BTC: 1, ETH: 2}
    sources: dict[tuple[str, str, str | None], Source] = {}
    rows: set[tuple[str, str, int, datetime]] = set()
    for _ in range(9 if SERVER_URL else 3):
        now += random.randrange(1, 150) * MINUTE
        dataset, source, key = (
            random.choice(("sentiment", "flows")),
            random.choice("ab"),
            random.choice((None, BTC, ETH)),
        )
        named = (dataset, source, key)
        for deed in random.sample(("put", "put", "delete", "set", "set", "clear"), 4):
            if deed == "put":
                times = [now - random.randrange(86400) * timedelta(seconds=1) for _ in range(random.randrange(9))]
                put(market, datasets[dataset], source, times, ids[key])
                rows |= {(dataset, source, ids[key], time) for time in times}
            elif deed == "delete":
                gone = random.sample(sorted(rows), len(rows) // 4)
                for name, _, number, time in gone:
                    market.execute(
                        f"DELETE FROM market.{name} WHERE instrument_id = %s AND time = %s",  # noqa: S608
                        [number, time],
                    )
                at = {(name, number, time) for name, _, number, time in gone}
                rows = {row for row in rows if (row[0], row[2], row[3]) not in at}
            elif deed == "set":
                every = random.choice((MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, DAY))
                report = set_cadence(market, now, datasets[dataset], source, every, instrument=key)
                assert report.now
                former = sources.get(named)
                earliest = former.since if former and not every % former.every else now
                sources[named] = Source(f"{dataset}/{source}", every, earliest, always_open)
                beat = sources[named].beat(earliest)
                sources[named].since = beat.starts if beat.starts == earliest else beat.ends
                assert report.now.since == sources[named].since
            elif named in sources:
                clear_cadence(market, datasets[dataset], source, key)
                del sources[named]
        heard = {
            (name, source, key): replace(
                each, rows={t for d, s, number, t in rows if (d, s) == (name, source) and key in (None, KEYS[number])}
            )
            for (name, source, key), each in sources.items()
        }
        watch(market, now)
        keys = {each.key: (each.dataset, each.source, each.instrument) for each in cadences.list_all(market)}
        found: dict[Any, list[Any]] = {named: [] for named in sources}
        for key, *gap in open_gaps(market):
            found[keys[key]].append(tuple(gap))
        assert found == missing(heard, now - MINUTE)  # type: ignore[arg-type]


def refused(connection: "Connection[Any]", exchange: Any) -> Any:
    """The server answers a statement with an error; transactions begin and end as they would."""
    if exchange.__name__ in ("_enter_gen", "_exit_gen"):
        return go_on(connection, exchange)
    return refuse("40001")(connection, exchange)


@pytest.mark.sampled(every=20)
@pytest.mark.parametrize("step", range(3, 63, 3))
def test_what_is_refused_at_any_statement_is_put_right_by_the_next_run(market: Connection, step: int) -> None:
    def deeds(connection: Connection) -> None:
        set_cadence(connection, NOON, SENTIMENT, "news", 10 * MINUTE, starts=NOON)
        watch(connection, NOON + 31 * MINUTE)

    def scene() -> None:
        if cadences.list_all(market):
            clear_cadence(market, SENTIMENT, "news")
        market.execute("DELETE FROM market.sentiment; DELETE FROM market.marks; DELETE FROM market.scans")
        put(market, SENTIMENT, "news", [NOON + MINUTE])
        set_cadence(market, NOON, SENTIMENT, "news", 5 * MINUTE)
        watch(market, NOON + 21 * MINUTE)
        put(market, SENTIMENT, "news", [NOON + 22 * MINUTE])

    def ended() -> Sequence[Any]:
        numbers = {row[4] for row in known(market) if row[0] == "cadence"}
        return [tuple("N" if cell in numbers else cell for cell in row) for row in known(market)]

    scene()
    deeds(market)
    wanted = ended()
    scene()
    with suppress(Retryable), stepping(step, refused) as count:
        deeds(market)
    assert count.steps >= step
    deeds(market)
    assert ended() == wanted
