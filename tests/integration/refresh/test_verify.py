"""Verification: what is wrong is found, named and repaired, and nothing else is touched."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets import declared
from chandlery.health.report_status import report_status
from chandlery.platform import runs
from chandlery.refresh.domain.verification import VerifyReport
from chandlery.refresh.verify_candles import verify_candles, verify_sample
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration.derived_scene import assert_rolled, minutes, open_hours, refresh, whole, write
from tests.integration.market import NOON, around_the_clock
from tests.integration.policies.test_retention import EDGE, history
from tests.integration.policy_scene import desk, keep, maintain, relation_of, store_candles

__all__ = ["desk", "history"]

LATE = NOON + 3 * DAY
STARTS = NOON - 12 * HOUR

TWICE = "INSERT INTO {table} SELECT * FROM {table} WHERE instrument_id = 2 AND {bucket} = '{at}'"
DIFFERENT = "UPDATE {table} SET high = high + 1 WHERE instrument_id = 2 AND {bucket} = '{at}'"
LOST = "DELETE FROM {table} WHERE instrument_id = 2 AND {bucket} = '{at}'"
STRAY = "UPDATE {table} SET instrument_id = 3 WHERE instrument_id = 2 AND {bucket} = '{at}'"


@pytest.fixture
def verified(connection: Connection) -> Connection:
    """Fourteen hours of two instruments, and everything derived from them; a third one has nothing."""
    for instrument in around_the_clock(connection, "X@A@EQ", "X@B@EQ", "X@C@EQ")[:2]:
        write(connection, instrument, minutes(STARTS, 14 * 60))
    refresh(connection, LATE)
    return connection


def verify(connection: Connection, *, repair: bool = False, window: Window | None = None) -> VerifyReport:
    return verify_candles(connection, window, repair=repair, progress=lambda *_: None)


def damage(connection: Connection, statement: str, aggregate: str) -> None:
    bucket = "day" if aggregate == "candles_1d_parts" else "time"
    table = relation_of(connection, aggregate)
    connection.execute(statement.format(table=table, bucket=bucket, at=STARTS.isoformat()))


def wrong(report: VerifyReport) -> Mapping[str, Any]:
    names = ("twice", "different", "only_derived", "only_minutes")
    return {
        each.table: {name: getattr(each, name) for name in names if getattr(each, name)}
        for each in report.tables
        if each.wrong
    }


def test_what_is_right_is_reported_as_right(verified: Connection) -> None:
    report = verify(verified)
    assert (report.wrong, report.repaired) == (0, 0)
    same = {each.table: each.same for each in report.tables}
    assert same == {
        "candles_5m": 336, "candles_15m": 112, "candles_30m": 56, "candles_1h": 28, "candles_4h": 8,
        "candles_1d_parts": 2, "ticks": 0, "candles": 0, "indicator_values": 0, "option_quotes": 0,
        "open_interest": 0, "strike_candles": 0, "strike_candles_5m": 0, "strike_candles_15m": 0,
        "strike_candles_1h": 0,
        "strike_candles_1d": 0, "flows": 0, "flows_1h": 0, "flows_1d": 0, "sentiment": 0, "sentiment_1h": 0,
        "sentiment_1d": 0,
    }  # fmt: skip


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("aggregate", "statement", "found", "says"),
    [
        ("candles_5m", TWICE, {"twice": 1}, "X@B@EQ: stands twice, "),
        ("candles_4h", DIFFERENT, {"different": 1}, "X@B@EQ: is "),
        ("candles_1d_parts", LOST, {"only_minutes": 1}, "X@B@EQ: is missing, should be "),
        ("candles_15m", STRAY, {"only_minutes": 1, "only_derived": 1}, "X@B@EQ: is missing, should be "),
    ],
)
def test_wrong_buckets_are_named_and_put_right(
    verified: Connection, aggregate: str, statement: str, found: Mapping[str, int], says: str
) -> None:
    before = whole(verified)
    damage(verified, statement, aggregate)
    verified.execute("DELETE FROM market.marks WHERE work = 'indicate'")

    report = verify(verified)
    assert wrong(report) == {aggregate: found}
    (table,) = (each for each in report.tables if each.wrong)
    assert f"{STARTS:%Y-%m-%dT%H:%MZ} of {says}" in table.examples[0]
    assert verify(verified, window=Window(NOON + DAY, NOON + 2 * DAY)).wrong == 0

    report = verify(verified, repair=True)
    assert (wrong(report), report.repaired) == ({aggregate: found}, sum(found.values()))
    assert verify(verified).wrong == 0
    # What is built on it is refreshed, and its indicators are computed again.
    assert refresh(verified, LATE).marks_taken > 0
    assert verified.execute("SELECT FROM market.marks WHERE work = 'indicate' LIMIT 1").fetchall() != []
    assert whole(verified) == before
    assert_rolled(verified, 2, open_hours(verified, "24/7"))


def test_duplicates_in_columns_go_and_stay_away(verified: Connection) -> None:
    before = whole(verified)
    table = relation_of(verified, "candles_5m")
    verified.execute("CALL market.set_columnstore('candles_5m', 'instrument_id', 'time')")
    to_columns = f"SELECT compress_chunk(chunk, true) FROM show_chunks('{table}') AS chunk"  # noqa: S608
    verified.execute(to_columns)
    damage(verified, TWICE, "candles_5m")  # one in columns, one in rows
    assert verify(verified, repair=True).repaired == 1
    assert verify(verified).wrong == 0
    verified.execute(to_columns)
    # A change under columns, by a refresh that deletes before it inserts.
    write(verified, 2, minutes(STARTS, 5, price=50))
    refresh(verified, LATE)
    write(verified, 2, minutes(STARTS, 5))
    refresh(verified, LATE)
    assert verify(verified).wrong == 0
    assert whole(verified) == before


def test_what_is_marked_waits_and_is_not_wrong(verified: Connection) -> None:
    write(verified, 1, minutes(STARTS, 1, price=77))
    report = verify(verified)
    assert report.wrong == 0
    assert {each.table: each.waiting for each in report.tables if each.waiting} == dict.fromkeys(
        ("candles_5m", "candles_15m", "candles_30m", "candles_1h", "candles_4h", "candles_1d_parts"), 1
    )


def test_where_minutes_were_dropped_only_duplicates_go(history: Connection) -> None:
    maintain(history, NOON)
    before = whole(history)
    table = relation_of(history, "candles_1h")
    at = EDGE - 2 * HOUR
    history.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE time = %s", [at])  # noqa: S608
    history.execute(f"UPDATE {table} SET high = 99 WHERE time = %s", [EDGE - 3 * HOUR])  # noqa: S608
    report = verify(history, repair=True)
    assert (wrong(report), report.repaired) == ({"candles_1h": {"twice": 1}}, 1)
    left = {name: [row for row in rows if row[3] != 99] for name, rows in whole(history).items()}
    assert {name: len(rows) for name, rows in left.items()} == {
        name: len(rows) - (name == "1h") for name, rows in before.items()
    }


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("table", "order"), [("ticks", "cancelled"), ("candles", "version"), ("indicator_values", "made_at")]
)
def test_of_a_duplicate_key_the_best_row_stays(verified: Connection, table: str, order: str) -> None:
    at = STARTS + timedelta(minutes=3)
    verified.execute("INSERT INTO market.ticks (time, instrument_id, seq, price, size) VALUES (%s, 1, 7, 10, 1)", [at])
    verified.execute(
        "INSERT INTO market.indicator_values VALUES (1, 1, %s, 1, NULL, NULL, %s, 'test', %s)", [at, at, at]
    )
    key = verified.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'",
        [f"market.{table}"],
    ).fetchone()
    assert key is not None
    # A chunk in columns has been seen to hold a key twice.
    verified.execute(f"ALTER TABLE market.{table} DROP CONSTRAINT {key[0]}")
    try:
        hold_the_best(verified, table, order, at)
    finally:
        verified.execute(f"ALTER TABLE market.{table} ADD CONSTRAINT {key[0]} {key[1]}")


def hold_the_best(verified: Connection, table: str, order: str, at: datetime) -> None:
    better = {"cancelled": "true", "version": "version + 1", "made_at": "made_at + INTERVAL '1 h'"}[order]
    columns = [
        name
        for (name,) in verified.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [f"market.{table}"],
        )
    ]
    values = ", ".join(better if name == order else name for name in columns)
    its = f"FROM market.{table} WHERE instrument_id = 1 AND time = %s"
    verified.execute(f"INSERT INTO market.{table} SELECT {values} {its}", [at])
    (best,) = verified.execute(f"SELECT max({order}::text) {its}", [at]).fetchone() or ()
    rows = verified.execute(f"SELECT count(*) FROM market.{table}").fetchone()  # noqa: S608
    refresh(verified, LATE)

    report = verify(verified)
    assert wrong(report)[table] == {"twice": 1}
    assert verify(verified, repair=True).repaired >= 1
    assert verified.execute(f"SELECT {order}::text {its}", [at]).fetchall() == [(best,)]
    assert verified.execute(f"SELECT count(*) + 1 FROM market.{table}").fetchone() == rows  # noqa: S608
    refresh(verified, LATE)
    assert verify(verified).wrong == 0


def test_samples_take_turns_over_all_that_is_stored(verified: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chandlery.refresh.verify_candles._SAMPLE_INSTRUMENTS", 1)
    damage(verified, TWICE, "candles_5m")
    damage(verified, DIFFERENT, "candles_1h")
    # Seven days of a chunk's minutes, by three instruments, one of them a run; data sets take turns.
    turns = 7 * 3 * len(declared.rolled_up())
    found = [verify_sample(verified, NOON + DAY + run * 5 * MINUTE).wrong for run in range(turns)]
    assert sorted(found)[-2:] == [0, 2]


def test_maintenance_reports_what_its_sample_found(desk: Connection) -> None:
    around_the_clock(desk, "X@A@EQ")
    keep(desk)
    store_candles(desk, NOON - HOUR, NOON)
    assert maintain(desk, NOON).wrong_buckets == 0
    table = relation_of(desk, "candles_5m")
    desk.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE time = %s", [NOON - 10 * MINUTE])  # noqa: S608
    reports = (maintain(desk, NOON + run * 5 * MINUTE) for run in range(7))
    told = next(report for report in reports if report.wrong_buckets)
    runs.record(desk, "policy_maintenance", NOON, counts=asdict(told), changed=True, seconds=0)
    assert report_status(desk, NOON + HOUR).wrong_buckets == told.wrong_buckets
    assert told.verified_day == "2026-03-02"
    assert "candles_5m 2026-03-02T11:50Z of X@A@EQ: stands twice" in told.wrong_derived[0]
    # Once its day, or all, was verified since, that is over.
    day = NOON.replace(hour=0)
    for at, starts, ends, left in (
        (NOON - MINUTE, None, None, True),
        (NOON + MINUTE, day - 9 * DAY, day, True),
        (NOON + 2 * MINUTE, day + HOUR, day + 9 * DAY, True),
        (NOON + 3 * MINUTE, day, day + DAY, False),
    ):
        counts = {"starts": starts and starts.isoformat(), "ends": ends and ends.isoformat()}
        runs.record(desk, "verify", at, counts=counts, changed=True, seconds=0)
        assert (report_status(desk, NOON + HOUR).wrong_buckets > 0) is left
    desk.execute("DELETE FROM market.runs WHERE component = 'verify'")
    runs.record(desk, "verify", NOON + MINUTE, counts={}, changed=True, seconds=0)
    assert report_status(desk, NOON + HOUR).wrong_buckets == 0
