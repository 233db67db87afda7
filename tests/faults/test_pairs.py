"""Each work held open before it commits, while each other one runs: all is as after one and the other."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations_with_replacement

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.outbox.deliver_messages import deliver_messages
from chandlery.outbox.finish_run import publishers
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.reference.store import instruments
from chandlery.refresh.aggregate_history import aggregate_history
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.refresh.verify_candles import verify_candles
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from local.command_line.functions import replay_window
from local.schedules import read_functions
from tests.faults import desk
from tests.faults.components import COMPONENTS, fire
from tests.faults.conftest import Tell
from tests.faults.contents import INSTEAD, Contents, differences
from tests.faults.databases import WRONG, Templates
from tests.faults.holding import Gate, Step, Stop, blocked, held_open, writing_commits
from tests.faults.option_files import import_beside_others
from tests.faults.published import PUBLISHED
from tests.faults.scene import CopiedScene
from tests.faults.trial import Child, Ended, Work, in_child
from tests.faults.works import NOW, SUBJECTS, Subject, command, component, rebuild
from tests.integration.market import always
from tests.integration.policy_scene import relation_of
from tests.waiting import wait_until

# When every policy is due again.
LATER = NOW + 12 * HOUR
# How a run may end while another is open: all but the first are tried again. The last is TimescaleDB's job of columns,
# where another one has turned a chunk meanwhile.
ALLOWED = {"succeeded", "Retryable", "DataException"}


def is_allowed(ended: Ended) -> bool:
    return ended.how in ALLOWED and "deadlock" not in ended.said


def job(procedure: str, table: str, **moments: datetime) -> Subject:
    """What TimescaleDB's scheduler runs; a moment counts from the server's clock, so that an age of it is wanted."""

    def work(connection: Connection) -> None:
        (now,) = connection.execute("SELECT now()").fetchone() or ()
        config: dict[str, object] = {name: f"{(now - at).total_seconds()} seconds" for name, at in moments.items()}
        found = connection.execute(
            "SELECT job_id, config FROM timescaledb_information.jobs WHERE proc_name = %s"
            " AND coalesce(hypertable_name, config ->> 'table_name') = %s",
            [procedure.partition(".")[2], table],
        ).fetchall()
        assert len(found) == 1, found
        for number, known in found:
            connection.execute(f"CALL {procedure}(%s, %s)", [number, Jsonb(known | config)])

    return command("busy", work)


def aggregate(connection: Connection) -> object:
    """What follows an import of the ticks of two old days."""
    days = Window(desk.OPENS, desk.OPENS + 2 * DAY)
    instrument = instruments.find(connection, "X@B@EQ").instrument_id
    return aggregate_history(connection, instrument, days, NOW, piece_candles=60, progress=lambda _what, _done: None)


def verify(connection: Connection) -> object:
    return verify_candles(connection, None, repair=True, progress=lambda _done, _total: None)


def deliver(connection: Connection) -> None:
    """What a run ends with."""
    for topic, publish in publishers(Settings()).items():
        deliver_messages(connection, topic, publish, at=NOW)


def settle(names: Collection[str]) -> None:
    """What one order of works has done, another leaves to the next run: refreshes, looks, policies that are not due."""
    if not {"policy maintenance", "replay"}.isdisjoint(names):
        fire(COMPONENTS["policy_maintenance"], LATER)
    if "historical gap monitor" in names:
        # Hours counted in one transaction take back what was judged from the first to the last of them.
        fire(COMPONENTS["live_gap_monitor"], NOW)
    fire(COMPONENTS["alert_processor"], NOW)
    with connect(Settings(), "command") as connection:
        assert refresh_stale(connection, LATER, has_time=always).marks_left == 0
    if "signal processor" in names:
        SUBJECTS["signal processor"]()


def replay() -> object:
    return replay_window(read_functions(), NOW, NOW + MINUTE)


def lock_bucket(at: datetime) -> Callable[[Connection], object]:
    def lock(connection: Connection) -> None:
        stored = relation_of(connection, "candles_5m")
        assert connection.execute(f"SELECT FROM {stored} WHERE time = %s FOR UPDATE", [at]).rowcount > 0

    return lock


def read_chunk(table: str, at: datetime) -> Callable[[Connection], object]:
    def lock(connection: Connection) -> None:
        (chunk,) = connection.execute(
            "SELECT format('%%I.%%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
            " WHERE hypertable_schema = 'market' AND hypertable_name = %s AND range_start <= %s AND range_end > %s",
            [table, at, at],
        ).fetchone() or ("none",)
        connection.execute(f"LOCK TABLE {chunk} IN ACCESS SHARE MODE")

    return lock


REFRESHES = Gate("a changed bucket of 5m", lock_bucket(desk.OPENS + 5 * DAY + 5 * MINUTE))
REPAIRS = Gate("a wrong bucket of 5m", lock_bucket(WRONG))
COMPRESSES = Gate("a chunk of ticks", read_chunk("ticks", desk.OPENS + 5 * DAY))
DROPS = Gate("an old chunk of candles", read_chunk("candles", NOW - 100 * DAY))

# Each work, and the locks that it can be held at in the middle of one statement.
WORKS: Mapping[str, tuple[Work, Sequence[Gate]]] = {
    **{name: (SUBJECTS[name], ()) for name in SUBJECTS},
    "imports of options": (command("busy", import_beside_others), ()),
    "historical processor": (SUBJECTS["historical processor"], (REFRESHES,)),
    "refresh": (SUBJECTS["refresh"], (REFRESHES,)),
    "policy maintenance": (component("policy_maintenance", "busy"), (REFRESHES, DROPS)),
    "aggregation of an import": (command("busy", aggregate), ()),
    "rebuild of 4h": (command("busy", rebuild), ()),
    "delivery": (command("busy", deliver), ()),
    "verification": (command("busy", verify), (REPAIRS,)),
    "replay": (replay, (REFRESHES, DROPS)),
    "job of refresh": (
        job("market.apply_refresh", "candles_5m", start_offset=desk.HISTORY, end_offset=NOW - MINUTE),
        (REFRESHES,),
    ),
    "job of columns": (
        job("_timescaledb_functions.policy_compression", "ticks", compress_after=NOW - DAY),
        (COMPRESSES,),
    ),
    "job of retention": (job("market.apply_retention", "candles", drop_after=NOW - 90 * DAY), (DROPS,)),
}
# What comes of data, and those that it may meet of the others; two programs of a user that add an alert add two.
OF_DATA = {"signal processor", "alert processor", "desk API", "delivery"}
MEETING = OF_DATA | {"live processor", "historical processor", "policy maintenance"}
PAIRS = [
    pair
    for pair in combinations_with_replacement(WORKS, 2)
    if OF_DATA.isdisjoint(pair) or (MEETING.issuperset(pair) and pair != ("desk API", "desk API"))
]


class Scenes:
    """Copies of a busy desk, one for each case, and what was learnt of each work and each pair of them."""

    def __init__(self, templates: Templates) -> None:
        self.copy = CopiedScene(templates.server_url, templates.name("busy"))
        self.copy.contents = Contents(self.copy.connection, INSTEAD)
        self.is_used = False
        self._commits: dict[str, Sequence[int]] = {}

    def put_back(self) -> None:
        self.copy.put_back()
        self.is_used = False

    def here(self, *names: str, is_last: bool = False) -> Work:
        """Works one after the other, in the copy of this case; those that come last are settled."""
        url, self.is_used = self.copy.url, True

        def work() -> None:
            os.environ["DATABASE_URL"] = url
            for name in names:
                WORKS[name][0]()
            if is_last:
                settle(names)

        return work

    def stops(self, name: str, turn: int) -> Iterator[Stop]:
        """A work's last commit, and another one or a lock it can be held at: all of them have their turns."""
        if name not in self._commits:
            self._commits[name] = writing_commits(self.here(name))
            self.put_back()
        commits = [Step(number) for number in self._commits[name]]
        yield from commits[-1:]
        others: list[Stop] = [*commits[:-1], *WORKS[name][1]]
        if others:
            yield others[turn % len(others)]

    def one_after_the_other(self, *names: str) -> "Mapping[str, Counter[str]]":
        ended = in_child(self.here(*names, is_last=True))
        rows = self.take()
        assert ended.how == "succeeded", f"{names}: {ended.said}"
        return rows

    def take(self) -> "Mapping[str, Counter[str]]":
        """All that is stored; the next case has a new copy."""
        rows = self.copy.contents.rows(self.copy.connection)
        self.put_back()
        return rows

    def beside(self, held: str, stop: Stop, other: str) -> tuple[Ended, Ended]:
        """Let one run till it ends or waits, while another one is held open; both have ended then."""
        watch = self.copy.connection
        PUBLISHED.forget(watch)
        with held_open(self.here(held), stop, watch, self.copy.url) as (first, theirs):
            second = Child(self.here(other))
            wait_until(lambda: second.has_ended() or blocked(watch, theirs), f"{other} ends, or waits for {held}")
        return first.wait(), second.wait()

    def delivered(self, *, at_once: bool) -> Iterator[str]:
        """What is wrong with what was delivered, at once or again."""
        yield from PUBLISHED.wrong(self.copy.connection)
        came = Counter((each["topic"], each["key"]) for each in PUBLISHED.bodies)
        yield from (f"published twice: {name}" for name, times in came.items() if at_once and times > 1)


@pytest.fixture(scope="module")
def learnt(templates: Templates) -> Iterator[Scenes]:
    found = Scenes(templates)
    yield found
    found.copy.close()


@pytest.fixture
def scenes(every: int, request: pytest.FixtureRequest) -> Iterator[Scenes]:
    """A new copy, whatever happened to the case before."""
    if every > 1:
        pytest.skip("takes minutes: run make faults")
    learnt: Scenes = request.getfixturevalue("learnt")
    yield learnt
    if learnt.is_used:
        learnt.put_back()


@pytest.mark.parametrize("pair", PAIRS, ids=" + ".join)
def test_a_work_while_another_is_held_open(pair: tuple[str, str], scenes: Scenes, tell: Tell) -> None:
    one, two = pair
    turn = PAIRS.index(pair)
    # The next run of each comes last, always in the same order.
    wanted = [scenes.one_after_the_other(*order, one, two) for order in ({(one, two), (two, one)})]
    cases, gave_up, wrong = 0, 0, []
    for held, other in sorted({(one, two), (two, one)}):
        for stop in scenes.stops(held, turn):
            where = f"{other}, while {held} is held before {stop}"
            ended = scenes.beside(held, stop, other)
            cases += 1
            gave_up += sum(each.how != "succeeded" for each in ended)
            wrong += [f"{where}: {each.how}: {each.said}" for each in ended if not is_allowed(each)]
            following = in_child(scenes.here(one, two, is_last=True))
            if following.how != "succeeded":
                wrong.append(f"{where}: the next run: {following.how}: {following.said}")
            wrong += [
                f"{where}: {each}" for each in scenes.delivered(at_once={each.how for each in ended} == {"succeeded"})
            ]
            found = scenes.take()
            wrong += [f"{where}: {each}" for each in min((differences(order, found) for order in wanted), key=len)]
    tell(f"{one} + {two}: held open {cases} times, {gave_up} gave up for now", cases, wrong)
