"""A second data set next to candles: neither disturbs what is known of the other."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.cadence import Cadence
from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.gaps.find_gaps import count_hours, find_gaps
from chandlery.gaps.store import scans
from chandlery.platform.errors import Permanent
from chandlery.platform.migrations import alembic_config, run_verb
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration.market import NOON, always, around_the_clock
from tests.integration.policy_scene import store_candles

STRIKES = Dataset(
    "strikes",
    columns={
        "instrument_id": Kind.INTEGER,
        "time": Kind.TIME,
        "strike": Kind.INTEGER,
    },
    key=("instrument_id", "strike", "time"),
    cadence=Cadence(5 * MINUTE, "strike_minutes", is_silence_plausible=False),
)
ONE_HOUR = Window(NOON, NOON + HOUR)
_TABLE = """
CREATE TABLE market.strikes (
    instrument_id integer NOT NULL, time timestamptz NOT NULL, strike integer NOT NULL,
    PRIMARY KEY (instrument_id, time, strike)
);
CREATE VIEW market.strike_minutes AS
SELECT instrument_id, time, false AS partial, NULL::bigint AS trades, 'exchange' AS source
FROM market.strikes GROUP BY instrument_id, time;
CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.strikes
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('strikes');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.strikes
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('strikes');
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.strikes
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('strikes');
"""
_KNOWN = (
    "SELECT dataset, work, hour::text, instrument_ids::text FROM market.marks",
    "SELECT dataset, 'open', hour::text, settled::text FROM market.open_hours",
    "SELECT dataset, 'present', hour::text, instrument_id || ' ' || complete::text FROM market.candle_hours",
    "SELECT dataset, 'gap', starts::text, instrument_id || ' ' || ends || ' ' || reason FROM market.gaps",
    "SELECT dataset, 'judged', instrument_id::text, stretches::text FROM market.judged_stretches",
    "SELECT dataset, 'scanned', component, ends::text FROM market.scans",
    "SELECT dataset, 'version', hour::text, share || ' ' || version FROM market.hour_versions",
    "SELECT dataset, 'life', instrument_id::text, life::text FROM market.lives",
)


@pytest.fixture
def desk(connection: Connection) -> Iterator[Connection]:
    """Two instruments with candles of an hour, some of which are missing, and strikes every five minutes."""
    around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    store_candles(connection, NOON, NOON + HOUR)
    connection.execute("DELETE FROM market.candles WHERE time >= %s AND time < %s", [NOON + MINUTE, NOON + 7 * MINUTE])
    connection.execute(_TABLE)
    connection.execute(
        "INSERT INTO market.strikes SELECT i, at, strike"
        " FROM generate_series(%s::timestamptz, %s, INTERVAL '5 minutes') AS at,"
        " generate_series(1, 2) AS i, generate_series(100, 102) AS strike",
        [NOON, NOON + HOUR],
    )
    yield connection
    connection.execute("DROP TABLE market.strikes CASCADE")


def known(connection: Connection, dataset: Dataset) -> Sequence[tuple[Any, ...]]:
    """All that is known of a data set's rows."""
    query = f"SELECT * FROM ({' UNION ALL '.join(_KNOWN)}) AS k WHERE dataset = %s ORDER BY 1, 2, 3, 4"  # noqa: S608
    return connection.execute(query, [dataset.name]).fetchall()


def look(connection: Connection, dataset: Dataset) -> None:
    """Count, and find gaps."""
    count_hours(connection, lambda: True, dataset=dataset)
    shares = scans.plan_shares(connection, 10)
    find_gaps(connection, "monitor", ONE_HOUR, ONE_HOUR.ends, shares=shares, has_time=always, dataset=dataset)


def open_gaps(connection: Connection, dataset: Dataset) -> Sequence[tuple[int, datetime, datetime, int, str]]:
    return connection.execute(
        "SELECT instrument_id, starts, ends, minutes, reason::text FROM market.gaps"
        " WHERE dataset = %s AND healed_at IS NULL ORDER BY 1, 2",
        [dataset.name],
    ).fetchall()


def test_gaps_of_a_data_set_are_found_by_its_cadence_and_healed_by_its_rows(desk: Connection) -> None:
    look(desk, STRIKES)
    assert open_gaps(desk, STRIKES) == []
    silent, down = (NOON + 10 * MINUTE, NOON + 16 * MINUTE), (NOON + 30 * MINUTE, NOON + 31 * MINUTE)
    desk.execute("DELETE FROM market.strikes WHERE instrument_id = 1 AND time >= %s AND time < %s", silent)
    desk.execute("DELETE FROM market.strikes WHERE time = %s", [down[0]])
    look(desk, STRIKES)
    assert open_gaps(desk, STRIKES) == [
        (1, *silent, 2, "instrument_silent"),
        (1, *down, 1, "feed_down"),
        (2, *down, 1, "feed_down"),
    ]
    desk.execute("INSERT INTO market.strikes SELECT 1, at, 100 FROM unnest(%s::timestamptz[]) AS at", [[silent[0]]])
    look(desk, STRIKES)
    assert open_gaps(desk, STRIKES)[0] == (1, NOON + 15 * MINUTE, silent[1], 1, "instrument_silent")
    healed = desk.execute("SELECT starts, minutes, healed_from FROM market.gaps WHERE healed_at IS NOT NULL").fetchall()
    assert healed == [(silent[0], 1, "exchange")]


def test_neither_data_set_touches_what_is_known_of_the_other(desk: Connection) -> None:
    look(desk, CANDLES)
    assert len(open_gaps(desk, CANDLES)) > 0
    desk.execute("UPDATE market.candles SET volume = volume + 1")
    before = known(desk, CANDLES)
    desk.execute("DELETE FROM market.strikes WHERE time = %s", [NOON + 10 * MINUTE])
    look(desk, STRIKES)
    assert len(open_gaps(desk, STRIKES)) > 0
    assert known(desk, CANDLES) == before

    desk.execute("INSERT INTO market.open_hours (dataset, hour) VALUES ('strikes', %s)", [NOON])
    desk.execute("DELETE FROM market.strikes WHERE time = %s", [NOON + 20 * MINUTE])
    before = known(desk, STRIKES)
    assert {kind for _, kind, *_ in before} == {
        *("count", "refresh", "open", "present", "gap", "judged", "scanned", "version", "life")
    }
    look(desk, CANDLES)
    assert refresh_stale(desk, NOON + DAY, has_time=always).marks_taken > 0
    assert known(desk, STRIKES) == before


def test_rows_of_a_second_data_set_block_the_way_down(desk: Connection, database_url: str) -> None:
    look(desk, STRIKES)
    before = known(desk, STRIKES)
    with pytest.raises(Permanent, match=r"knows candles alone.* market.candle_hours of strikes.*delete them"):
        run_verb("downgrade", alembic_config(database_url), "0030")
    assert known(desk, STRIKES) == before
    # Those above 0032 have gone down.
    run_verb("upgrade", alembic_config(database_url), "head")
