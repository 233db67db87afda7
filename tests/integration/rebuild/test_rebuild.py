"""Aggregates rebuilt next to those in use, and swapped: nothing is lost, readers miss nothing, there is a way back."""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql

from chandlery.datasets.candles import CANDLES
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.settings import Settings
from chandlery.policies.apply_policies import plan_policies
from chandlery.policies.store import policies
from chandlery.rebuild.domain.rebuild import Place, RebuildReport, RebuildStep
from chandlery.rebuild.rebuild_timeframe import discard, rebuild_timeframe, restore_timeframe
from chandlery.rebuild.store import rebuilds
from chandlery.refresh.store import refreshes
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window
from tests.integration import derived_scene
from tests.integration.market import around_the_clock
from tests.integration.policy_scene import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    WANTED,
    came_in_time,
    count,
    desk,
    drop,
    keep,
    maintain,
    refresh_all,
    relation_of,
    store_candles,
)

__all__ = ["desk"]

# Chunks of candles begin on Thursdays: retention drops the one that ends here, 95 days before NOON.
EDGE = datetime.fromisoformat("2025-11-27T00:00Z")
INTRADAY = ["candles_5m", "candles_15m", "candles_30m", "candles_1h", "candles_4h"]
PARTS = ["candles_1d_parts"]
ALL = [rollup.relation for rollup in CANDLES.rollups]


def forget(connection: Connection) -> None:
    """Leave no rebuilt aggregate."""
    for suffix in ("_beside", "_before"):
        connection.execute("CALL market.drop_aggregates(%s, %s)", [ALL, suffix])
    connection.execute("TRUNCATE market.rebuilds")


@pytest.fixture
def history(desk: Connection) -> Iterator[Connection]:
    """Candles before and after the edge, and of today; everything derived from them."""
    forget(desk)
    around_the_clock(desk, "X@A@EQ")
    for starts in (EDGE - DAY, EDGE, NOON - 6 * HOUR):
        store_candles(desk, starts, starts + 6 * HOUR, 10 * MINUTE)
    refresh_all(desk, NOON)
    yield desk
    forget(desk)


def quiet(_step: RebuildStep, _done: int, _total: int) -> None:
    """No hook."""


def rebuild(connection: Connection, timeframe: Timeframe, **changes: Any) -> RebuildReport:
    values: dict[str, Any] = {"now": lambda: NOON, "progress": quiet}
    return rebuild_timeframe(connection, CANDLES, timeframe, WANTED, **(values | changes))


def back(connection: Connection, timeframe: Timeframe, **changes: Any) -> RebuildReport:
    values: dict[str, Any] = {"now": lambda: NOON, "progress": quiet}
    return restore_timeframe(connection, CANDLES, timeframe, WANTED, **(values | changes))


def materialized(connection: Connection, aggregates: Sequence[str] = ALL) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that aggregates hold."""
    query = "SELECT * FROM {} ORDER BY instrument_id, time"
    return {
        name: connection.execute(sql.SQL(query).format(sql.SQL(relation_of(connection, name)))).fetchall()
        for name in aggregates
    }


def relations(connection: Connection) -> dict[str, str]:
    """The tables that hold the rows of the aggregates in use."""
    return {name: relation_of(connection, name) for name in ALL}


def damage(connection: Connection, aggregate: str) -> int:
    """Spoil materialized rows by hand, none that an open bucket is made of; how many."""
    statement = sql.SQL("UPDATE {} SET high = 99 WHERE time BETWEEN %s AND %s")
    relation = sql.SQL(relation_of(connection, aggregate))
    return connection.execute(statement.format(relation), [EDGE, NOON - DAY]).rowcount


def beside(connection: Connection) -> set[str]:
    """What is stored next to those in use."""
    return {
        each.aggregate + place
        for each in rebuilds.list_all(connection)
        for place, there in ((Place.BESIDE, each.is_beside), (Place.BEFORE, each.is_before))
        if there
    }


def test_a_rebuilt_timeframe_and_what_is_built_on_it_are_the_same_as_before(history: Connection) -> None:
    shown, rows, was = derived_scene.whole(history), materialized(history), relations(history)
    report = rebuild(history, Timeframe.M5)
    assert [each.aggregate for each in report.comparisons] == INTRADAY
    assert (report.unlike, report.swapped, report.resumed, report.copied) == (0, True, False, 0)
    # As they are read: the newest bucket is not materialized yet.
    assert [each.same for each in report.comparisons] == [len(shown[n.removeprefix("candles_")]) for n in INTRADAY]
    assert (derived_scene.whole(history), materialized(history)) == (shown, rows)
    assert [name for name, relation in relations(history).items() if relation == was[name]] == PARTS
    assert beside(history) == {name + "_before" for name in INTRADAY}


@pytest.mark.long
def test_what_comes_afterwards_arrives_in_every_timeframe(history: Connection) -> None:
    rebuild(history, Timeframe.M15)
    rebuild(history, Timeframe.W1)
    history.execute("UPDATE market.candles SET high = 50 WHERE time = %s", [EDGE + HOUR])
    store_candles(history, NOON - 3 * DAY, NOON - 3 * DAY + MINUTE)
    refresh_all(history, NOON)
    for timeframe, rows in derived_scene.whole(history).items():
        assert {row for row in rows if 50 in row}, timeframe
        starts = Timeframe(timeframe).floor_bucket(NOON - 3 * DAY)
        assert [row for row in rows if starts in row], timeframe
    assert rebuild_differs(history) == 0


def rebuild_differs(connection: Connection) -> int:
    """Buckets of all aggregates in use that are not the fold of the candles, by building all of it again."""
    forget(connection)
    return rebuild(connection, Timeframe.M5).unlike + rebuild(connection, Timeframe.D1).unlike


@pytest.mark.parametrize(
    ("timeframe", "rebuilt"),
    [(Timeframe.H1, ["candles_1h", "candles_4h"]), (Timeframe.MO1, PARTS)],
)
def test_what_was_damaged_is_repaired_when_differences_are_accepted(
    history: Connection, timeframe: Timeframe, rebuilt: list[str]
) -> None:
    rows = materialized(history)
    damaged = damage(history, rebuilt[0])
    history.execute("DELETE FROM market.marks WHERE work = 'indicate'")
    with pytest.raises(
        Permanent, match=rf"^{damaged} buckets? would change .*\({rebuilt[0]} {damaged}\): nothing"
    ) as refused:
        rebuild(history, timeframe)
    report = refused.value.report
    assert isinstance(report, RebuildReport)
    assert (report.swapped, report.comparisons[0].different) == (False, damaged)
    assert report.comparisons[0].examples[0].startswith(f"{rebuilt[0]}: different: was (1,")
    assert materialized(history) != rows

    report = rebuild(history, timeframe, accept_differences=True)
    assert (report.swapped, report.resumed, report.unlike) == (True, True, damaged)
    assert materialized(history) == rows
    # Indicators over them were computed from what was wrong.
    assert history.execute("SELECT count(*) FROM market.marks WHERE work = 'indicate'").fetchone() == (damaged,)


def test_missing_and_duplicate_buckets_are_differences(history: Connection) -> None:
    relation = sql.SQL(relation_of(history, "candles_4h"))
    history.execute(sql.SQL("DELETE FROM {} WHERE time = %s").format(relation), [EDGE])
    history.execute(sql.SQL("INSERT INTO {0} SELECT * FROM {0} WHERE time = %s").format(relation), [EDGE - DAY])
    with pytest.raises(Permanent) as refused:
        rebuild(history, Timeframe.H4)
    assert isinstance(refused.value.report, RebuildReport)
    (compared,) = refused.value.report.comparisons
    assert (compared.different, compared.only_old, compared.only_new) == (0, 1, 1)


def test_derived_history_whose_minutes_were_dropped_survives(history: Connection) -> None:
    rows = materialized(history)
    assert drop(history, "candles", EDGE) == (1, None)
    for timeframe in (Timeframe.M5, Timeframe.D1):
        report = rebuild(history, timeframe)
        assert (report.unlike, report.copied > 0) == (0, True)
    assert materialized(history) == rows
    # It does not go afterwards either, when something changes at the edge.
    history.execute("UPDATE market.candles SET high = 9 WHERE time = %s", [EDGE])
    refresh_all(history, NOON)
    assert {name: len(each) for name, each in materialized(history).items()} == {
        n: len(each) for n, each in rows.items()
    }


@pytest.mark.long
def test_history_between_what_was_dropped_is_rebuilt_and_copied_once_it_went_too(history: Connection) -> None:
    rows = materialized(history)
    history.execute(
        "INSERT INTO market.imports (table_name, instrument_id, starts, ends) VALUES ('candles', 1, %s, %s)",
        [EDGE - DAY, EDGE],
    )
    assert drop(history, "candles", EDGE + 7 * DAY) == (1, None)
    spoil = sql.SQL("UPDATE {} SET high = 99 WHERE time < %s").format(sql.SQL(relation_of(history, "candles_5m")))
    damaged = history.execute(spoil, [EDGE]).rowcount
    report = rebuild(history, Timeframe.M5, accept_differences=True)
    assert (report.unlike, report.copied > 0) == (damaged, True)
    assert materialized(history) == rows
    # What the rebuild replaced is wrong there still, until the minutes go: from then on only a copy is right.
    history.execute("DELETE FROM market.imports")
    assert drop(history, "candles", EDGE + 7 * DAY) == (1, None)
    assert back(history, Timeframe.M5).unlike == 0
    assert materialized(history) == rows


def test_damage_below_the_horizon_cannot_be_repaired_and_is_kept(history: Connection) -> None:
    assert drop(history, "candles", EDGE) == (1, None)
    relation = sql.SQL(relation_of(history, "candles_4h"))
    history.execute(sql.SQL("UPDATE {} SET high = 99 WHERE time < %s").format(relation), [EDGE])
    assert rebuild(history, Timeframe.H4).unlike == 0
    row = history.execute("SELECT count(*) FROM market.candles_4h WHERE high = 99").fetchone()
    assert row == (2,)


def test_a_bucket_over_the_horizon_is_copied(history: Connection) -> None:
    # Somebody dropped chunks of another length: the horizon lies inside a bucket.
    history.execute("DELETE FROM market.candles WHERE time < %s", [EDGE + HOUR])
    history.execute("DELETE FROM market.marks WHERE work = 'refresh'; DELETE FROM market.open_hours")
    history.execute("INSERT INTO market.horizons VALUES ('candles', %s)", [EDGE + HOUR])
    rows = materialized(history)
    assert rebuild(history, Timeframe.M5).unlike == 0
    assert materialized(history) == rows


def test_retention_waits_for_what_is_being_built_and_not_for_what_was_replaced(history: Connection) -> None:
    damage(history, "candles_4h")
    with pytest.raises(Permanent):
        rebuild(history, Timeframe.H4)
    assert drop(history, "candles", EDGE) == (0, "candles from 2025-11-20T00:00Z on: candles_4h is being rebuilt")
    rebuild(history, Timeframe.H4, accept_differences=True)
    store_candles(history, EDGE - 2 * DAY, EDGE - 2 * DAY + MINUTE)
    refresh_all(history, NOON)
    assert drop(history, "candles", EDGE) == (1, None)


@pytest.mark.long
def test_the_way_back_has_what_changed_and_what_was_dropped_meanwhile(history: Connection) -> None:
    was = relations(history)
    rebuild(history, Timeframe.M5)
    store_candles(history, EDGE - HOUR, EDGE - HOUR + MINUTE)
    history.execute("UPDATE market.candles SET high = 50 WHERE time = %s", [EDGE + HOUR])
    refresh_all(history, NOON)
    assert drop(history, "candles", EDGE) == (1, None)
    rows, shown = materialized(history), derived_scene.whole(history)
    report = back(history, Timeframe.M5)
    assert (report.unlike, report.swapped, report.copied > 0) == (0, True, True)
    assert relations(history) == was
    assert (materialized(history), derived_scene.whole(history)) == (rows, shown)
    assert beside(history) == set()
    assert history.execute("SELECT count(*) FROM market.rebuilds").fetchone() == (0,)


def test_the_way_back_to_what_was_wrong_wants_permission(history: Connection) -> None:
    damaged = damage(history, "candles_1d_parts")
    wrong = materialized(history)
    rebuild(history, Timeframe.D1, accept_differences=True)
    with pytest.raises(Permanent, match=r"chandlery rebuild 1d --back --accept-differences; .* --discard-before"):
        back(history, Timeframe.D1)
    assert back(history, Timeframe.D1, accept_differences=True).unlike == damaged
    assert materialized(history) == wrong
    row = history.execute("SELECT max(high) FROM market.candles_1mo").fetchone()
    assert row == (99,)


@pytest.mark.long
def test_a_second_rebuild_waits_until_the_first_is_discarded(history: Connection) -> None:
    rebuild(history, Timeframe.H1)
    for timeframe in (Timeframe.M5, Timeframe.H1, Timeframe.H4):
        with pytest.raises(
            Permanent, match=r"candles_1h_before is still kept .* chandlery rebuild 1h --discard-before"
        ):
            rebuild(history, timeframe)
    for place in Place.BEFORE, Place.BESIDE:
        with pytest.raises(Permanent, match=r"the rebuild of 1h is the one there is|no rebuild is under way"):
            discard(history, CANDLES, Timeframe.M5, place)
    with pytest.raises(Permanent, match="run: chandlery rebuild 1h --back or"):
        back(history, Timeframe.H4)
    assert discard(history, CANDLES, Timeframe.H1, Place.BEFORE) == ["candles_1h_before", "candles_4h_before"]
    assert beside(history) == set()
    with pytest.raises(Permanent, match="nothing is kept from before a rebuild of 1h"):
        back(history, Timeframe.H1)
    assert rebuild(history, Timeframe.M5).swapped


def test_minutes_are_not_rebuilt(history: Connection) -> None:
    with pytest.raises(Permanent, match="1m is no timeframe that candles are rolled up to"):
        rebuild(history, Timeframe.M1)


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("step", [RebuildStep.REFRESH, RebuildStep.COMPARE, RebuildStep.SWAP, RebuildStep.SETTLE])
def test_a_run_that_dies_is_gone_on_with(history: Connection, step: RebuildStep) -> None:
    rows, was = materialized(history), relations(history)

    def die(reached: RebuildStep, _done: int, _total: int) -> None:
        if reached is step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(history, Timeframe.H1, progress=die)
    assert materialized(history) == rows
    assert (relations(history) == was) is (step is not RebuildStep.SETTLE)
    if step is not RebuildStep.SETTLE:
        with pytest.raises(
            Permanent, match=r"the rebuild of 1h is under way, not one of 4h; run: chandlery rebuild 1h or"
        ):
            rebuild(history, Timeframe.H4)
    else:
        with pytest.raises(Permanent, match="not quite over; finish it: chandlery rebuild 1h"):
            discard(history, CANDLES, Timeframe.H1, Place.BEFORE)
    # A minute changes, and its mark is taken while the half-built ones know nothing of it.
    history.execute("UPDATE market.candles SET high = 50 WHERE time = %s", [EDGE + HOUR])
    refresh_all(history, NOON)
    report = rebuild(history, Timeframe.H1)
    assert (report.resumed, report.swapped, report.unlike) == (True, True, 0)
    assert relations(history) != was
    row = history.execute("SELECT time FROM market.candles_1h WHERE high = 50").fetchall()
    assert row == [(EDGE + HOUR,)]
    discard(history, CANDLES, Timeframe.H1, Place.BEFORE)


def test_copying_that_was_cut_off_is_gone_on_with(history: Connection) -> None:
    rows = materialized(history)
    assert drop(history, "candles", EDGE) == (1, None)

    def die(reached: RebuildStep, done: int, _total: int) -> None:
        if (reached, done) == (RebuildStep.COPY, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(history, Timeframe.M5, progress=die)
    copied = rebuild(history, Timeframe.M5).copied
    assert 0 < copied < sum(len(rows[name]) for name in INTRADAY)
    assert materialized(history) == rows


def test_a_rebuild_that_was_begun_can_be_given_up(history: Connection) -> None:
    damage(history, "candles_4h")
    with pytest.raises(Permanent, match=r"chandlery rebuild 4h --discard-beside"):
        rebuild(history, Timeframe.H4)
    assert discard(history, CANDLES, Timeframe.H4, Place.BESIDE) == ["candles_4h_beside"]
    assert beside(history) == set()


@pytest.mark.long
def test_changes_during_every_step_are_in_the_new_ones(history: Connection) -> None:
    changes = iter(range(1, 100))

    def change(_step: RebuildStep, _done: int, _total: int) -> None:
        minute = next(changes) * 10 * MINUTE
        with history.transaction():
            history.execute("SELECT set_config('chandlery.writing', 'on', true)")
            history.execute("UPDATE market.candles SET high = high + 1 WHERE time = %s", [EDGE + minute])
        # Maintenance takes the mark at once, against the former ones.
        refresh_all(history, NOON)

    assert rebuild(history, Timeframe.H1, progress=change).unlike == 0
    assert next(changes) > 4
    discard(history, CANDLES, Timeframe.H1, Place.BEFORE)
    assert rebuild(history, Timeframe.H1).unlike == 0


def test_stale_buckets_are_no_differences(history: Connection) -> None:
    history.execute("UPDATE market.candles SET high = 50 WHERE time = %s", [EDGE + HOUR])
    report = rebuild(history, Timeframe.H4)
    assert [(each.waiting, each.unlike) for each in report.comparisons] == [(0, 0)]
    refresh_all(history, NOON)
    history.execute("UPDATE market.candles SET high = 60 WHERE time = %s", [EDGE + HOUR])
    report = rebuild(history, Timeframe.D1)
    assert [(each.waiting, each.unlike) for each in report.comparisons] == [(1, 0)]


def test_rights_indexes_and_everybodys_views_go_along(history: Connection) -> None:
    history.execute("CREATE INDEX dearest_first ON market.candles_1h (high DESC)")
    history.execute("CREATE ROLE rebuild_reader")
    history.execute("GRANT SELECT ON market.candles_1h TO rebuild_reader WITH GRANT OPTION")
    history.execute("GRANT SELECT ON market.candles_4h TO PUBLIC")
    history.execute("CREATE VIEW public.dearest WITH (security_barrier) AS SELECT max(high) FROM market.candles_1h")
    try:
        damage(history, "candles_1h")
        rebuild(history, Timeframe.H1, accept_differences=True)
        assert history.execute("SELECT * FROM public.dearest").fetchone() == (2,)
        row = history.execute(
            "SELECT has_table_privilege('rebuild_reader', 'market.candles_1h', 'SELECT WITH GRANT OPTION'),"
            " has_table_privilege('rebuild_reader', 'market.candles_4h', 'SELECT'),"
            " (SELECT reloptions FROM pg_class WHERE oid = 'public.dearest'::regclass)"
        ).fetchone()
        assert row == (True, True, ["security_barrier=true"])
        indexes = history.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = market.policy_relation('candles_1h')"
            " AND pg_get_indexdef(indexrelid) LIKE '% USING btree (high DESC)'"
        ).fetchall()
        assert len(indexes) == 1
        history.execute(f"DROP INDEX {indexes[0][0]}".encode())
        discard(history, CANDLES, Timeframe.H1, Place.BEFORE)
    finally:
        history.execute("DROP INDEX IF EXISTS _timescaledb_internal.dearest_first")
        history.execute("DROP VIEW public.dearest")
        history.execute("REVOKE ALL ON market.candles_1h FROM rebuild_reader CASCADE")
        history.execute("REVOKE ALL ON market.candles_4h FROM PUBLIC")
        history.execute("DROP ROLE rebuild_reader")


def test_what_cannot_be_led_to_the_new_ones_is_named_at_the_start(history: Connection) -> None:
    history.execute("CREATE MATERIALIZED VIEW public.frozen AS SELECT * FROM market.candles_4h")
    history.execute(
        "CREATE MATERIALIZED VIEW public.own WITH (timescaledb.continuous) AS SELECT time_bucket('8 hours', time),"
        " max(high) FROM market.candles_4h GROUP BY 1 WITH NO DATA"
    )
    try:
        with pytest.raises(Permanent, match=r"the continuous aggregate public.own, the materialized view frozen"):
            rebuild(history, Timeframe.H4)
        assert beside(history) == set()
    finally:
        history.execute("DROP MATERIALIZED VIEW public.own")
        history.execute("DROP MATERIALIZED VIEW public.frozen")


def test_a_role_without_rights_is_reported(history: Connection) -> None:
    history.execute("CREATE ROLE rebuild_reader")
    history.execute("GRANT USAGE ON SCHEMA market TO rebuild_reader")
    history.execute("GRANT SELECT ON ALL TABLES IN SCHEMA market TO rebuild_reader")
    try:
        history.execute("SET ROLE rebuild_reader")
        with pytest.raises(
            Permanent, match=r"the database role lacks a right: .*; grant it, or connect as the role that"
        ):
            rebuild(history, Timeframe.H4)
    finally:
        history.execute("RESET ROLE")
        history.execute("DROP OWNED BY rebuild_reader")
        history.execute("DROP ROLE rebuild_reader")
    assert beside(history) == set()


def test_the_policies_are_those_wanted_afterwards(history: Connection) -> None:
    keep(history)
    jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000"
    before = history.execute(jobs).fetchone()
    report = rebuild(history, Timeframe.M5)
    # Those that go by a name, as that of the refresh, stay with it.
    assert any("candles_5m: turn chunks into columns" in says for says in report.policies or ())
    assert history.execute(jobs).fetchone() == before
    maintain(history, NOON)
    for done in (lambda: discard(history, CANDLES, Timeframe.M5, Place.BEFORE), lambda: rebuild(history, Timeframe.D1)):
        assert plan_policies(history, NOON, WANTED).actions == []
        done()
    assert back(history, Timeframe.D1).policies == []
    assert plan_policies(history, NOON, WANTED).actions == []
    assert maintain(history, NOON + 5 * MINUTE).drift == 0
    health = {each.aggregate: each.health for each in policies.list_aggregation_health(history, NOON + 5 * MINUTE)}
    assert {*health} > {*ALL}
    assert {*health.values()} == {"HEALTHY"}


def test_nothing_at_all_is_rebuilt_as_well(desk: Connection) -> None:
    forget(desk)
    assert rebuild(desk, Timeframe.D1).swapped
    store_candles_of_one(desk)
    assert count(desk, "candles_1d_parts") == 1
    forget(desk)


def store_candles_of_one(connection: Connection) -> None:
    around_the_clock(connection, "X@A@EQ")
    store_candles(connection, EDGE, EDGE + HOUR)
    refresh_all(connection, NOON)


class Reading(threading.Thread):
    """Reads aggregates over and over, and remembers how many rows it saw of each."""

    def __init__(self, url: str, names: Sequence[str]) -> None:
        super().__init__()
        self.seen: dict[str, set[int]] = {name: set() for name in names}
        self.rounds = 0
        self.failed: Exception | None = None
        self.done = threading.Event()
        self._url = url

    def run(self) -> None:
        try:
            with connect(Settings(database_url=self._url), "test") as own:
                while not self.done.is_set():
                    for name in self.seen:
                        row = own.execute(
                            sql.SQL("SELECT count(*) FROM market.{}").format(sql.Identifier(name))
                        ).fetchone()
                        self.seen[name].add(row[0] if row else -1)
                    self.rounds += 1
        except psycopg.Error as error:
            self.failed = error


def test_readers_see_every_candle_all_along(server_url: str, database_url: str, history: Connection) -> None:
    names = [*INTRADAY, "candles_1d", "candles_1w", "candles_1mo"]
    stored = {name: len(rows) for name, rows in derived_scene.whole(history).items()}
    readers = [Reading(database_url, names), Reading(database_url, names[::-1])]
    for reader in readers:
        reader.start()
    try:
        for timeframe in (Timeframe.M5, Timeframe.D1):
            rebuild(history, timeframe)
            back(history, timeframe)
            rebuild(history, timeframe)
            discard(history, CANDLES, timeframe, Place.BEFORE)
    finally:
        for reader in readers:
            reader.done.set()
            reader.join()
    for reader in readers:
        assert reader.failed is None
        assert reader.rounds > 5
        assert reader.seen == {name: {stored[name.removeprefix("candles_")]} for name in names}


def test_only_one_rebuild_runs_at_a_time(server_url: str, database_url: str, history: Connection) -> None:
    with (
        connect(Settings(database_url=database_url), "test") as other,
        rebuilds.rebuilding(other),
        pytest.raises(Retryable, match="another rebuild is running; try again when it is over"),
    ):
        rebuild(history, Timeframe.H4)


def test_a_reader_that_does_not_end_puts_the_exchange_off(
    server_url: str, database_url: str, history: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilds, "_LOCK_MILLISECONDS", 50)
    was = relations(history)
    with connect(Settings(database_url=database_url), "test") as other:
        with other.transaction():
            other.execute("SELECT count(*) FROM market.candles_4h")
            with pytest.raises(Retryable, match=r"tried 5 times: .*; the former ones are in use still; run the same"):
                rebuild(history, Timeframe.H4)
        assert relations(history) == was
    assert rebuild(history, Timeframe.H4).resumed


def test_writers_of_candles_wait_for_the_exchange(
    server_url: str, database_url: str, history: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []
    put = rebuilds.put_in_use

    def spy(connection: Connection, aggregates: Sequence[str]) -> None:
        with connect(Settings(database_url=database_url), "test") as other:
            row = other.execute("SELECT pg_try_advisory_xact_lock(hashtext('market.candles'))").fetchone()
            waited.append(row)
        put(connection, aggregates)

    monkeypatch.setattr(rebuilds, "put_in_use", spy)
    rebuild(history, Timeframe.H4)
    assert waited == [(False,)]
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    assert history.execute(held).fetchone() == (0,)


def test_a_chunk_in_columns_is_copied_and_compared(history: Connection) -> None:
    keep(history)
    came_in_time(history)
    maintain(history, NOON)
    refreshes.refresh(history, "candles_5m", Window(EDGE, EDGE + HOUR))
    policies.turn_to_columns(history, "candles_5m", NOON)
    rows = materialized(history)
    report = rebuild(history, Timeframe.M5)
    assert (report.unlike, report.copied > 0) == (0, True)
    assert materialized(history) == rows
