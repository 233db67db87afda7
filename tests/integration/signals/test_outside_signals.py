"""Signals from outside: said once, by a POST or by SQL, and followed to their ends as those of rules are."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg.errors import CheckViolation, InsufficientPrivilege

from chandlery.platform.errors import Permanent
from chandlery.words.timeframe import Timeframe
from functions import record_api
from local.http_server import RECORDS, event_of, function_of
from tests.integration.ingest.record_scene import Context
from tests.integration.market import around_the_clock
from tests.integration.platform.test_roles import PRODUCER, role
from tests.integration.signals.signal_scene import process, put_minutes, rules_of, signals_of
from tests.integration.signals.test_signals import DAY, KEY, at, change, minutes

SAID = {
    "strategy": "desk",
    "strategy_version": 1,
    "instrument_key": KEY,
    "timeframe": "5m",
    "time": "2026-03-02T14:25:00Z",
    "direction": "buy",
    "strength": 0.5,
    "confidence": 0.6,
    "price": 100,
    "target_price": 103.25,
    "stop_loss": "98.0",
    "rationale": "because",
    "indicators_used": [{"name": "close", "value": 100.5}],
    "generated_at": "2026-03-02T14:30:05Z",
    "expires_at": "2026-03-03T14:30:00Z",
    "backfilled": False,
}
Post = Callable[[Any], tuple[int, Any]]


@pytest.fixture
def instrument(connection: Connection) -> int:
    return around_the_clock(connection, KEY)[0]


@pytest.fixture
def post(connection: Connection, instrument: int, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Clock":
            return cls(2026, 3, 2, 14, 31, tzinfo=tz)

    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(record_api, "datetime", Clock)

    def posted(said: Any) -> tuple[int, Any]:
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        event = event_of("POST", "/api/v1/signals", {"content-type": "application/json"}, body)
        assert function_of(event) == RECORDS
        answered = record_api.handler(event, Context())
        return answered["statusCode"], json.loads(answered["body"])

    yield posted
    record_api.SANDBOX.close()


def test_a_signal_is_said_once(connection: Connection, post: Post) -> None:
    status, first = post(SAID)
    assert (status, first["new"], first["known"]) == (201, 1, 0)
    # The same by other words.
    same = SAID | {"strategy_version": "1", "time": "2026-03-02T15:25:00+01:00", "direction": 1, "stop_loss": 98}
    status, again = post([same, SAID])
    assert (status, again["new"], again["known"], again["ids"]) == (200, 0, 1, first["ids"] * 2)
    status, other = post([SAID | {"timeframe": "1h", "time": "2026-03-02T14:00:00Z"}, SAID | {"target_price": 104}])
    assert (status, other["title"]) == (409, "Conflict")
    (both,) = other["errors"]
    assert (both["number"], both["fields"]) == (2, ["target_price"])
    assert (both["sent"]["target_price"], both["stored"]["target_price"]) == ("104", "103.25")
    columns = ("known_at", "generated_at", "direction", "target_price", "stop_loss", "backfilled", "from_rule")
    ((known_at, generated_at, *rest),) = signals_of(connection, *columns)
    assert (known_at, generated_at) == (at("14:30"), at("14:30") + timedelta(seconds=5))
    assert list(map(str, rest)) == ["1", "103.25", "98.0", "False", "False"]


def test_it_is_published_and_ends_as_those_of_rules_do(connection: Connection, instrument: int, post: Post) -> None:
    post([SAID, SAID | {"strategy": "late", "generated_at": None, "backfilled": True}])
    first = process(connection, [], at("14:31"), is_published=True)
    assert (first.signals_from_outside, first.signals_raised, first.signal_marks_left) == (2, 0, 0)
    put_minutes(connection, instrument, minutes("14:30", [100, 101, 97.5, 104]))
    process(connection, [], at("14:35"), is_published=True)
    assert set(signals_of(connection)) == {(at("14:25"), "stop", at("14:32"), 97.5)}
    (number,) = connection.execute("SELECT id FROM market.signals WHERE strategy = 'desk'").fetchone() or ()
    # Nobody could have acted on what was backfilled.
    keys = [key for (key,) in connection.execute("SELECT key FROM market.outbox WHERE topic = 'signals' ORDER BY 1")]
    assert keys == [f"signal:{number}:ended", f"signal:{number}:raised"]
    assert not process(connection, [], at("14:36"), is_published=True).changed
    # The next one supersedes it, and a minute that is revised takes its end back.
    change(connection, instrument, at("14:32"), 100)
    post(
        SAID
        | {"time": "2026-03-02T14:30:00Z", "generated_at": "2026-03-02T14:32:00Z", "direction": "hold"}
        | dict.fromkeys(("target_price", "stop_loss"))
    )
    process(connection, [], at("14:37"))
    ended = connection.execute("SELECT ended_by, ended_at FROM market.signals WHERE id = %s", [number]).fetchone()
    assert ended == ("superseded", at("14:32"))


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("strategy", {"strategy": ""}),
        ("strategy", {"strategy": "ruled", "strategy_version": "1"}),
        ("instrument_key", {"instrument_key": "X@NONE@EQ"}),
        ("timeframe", {"timeframe": "7m"}),
        ("time", {"time": "2026-03-02T14:26:00Z"}),
        ("time", {"time": "2026-03-02T14:25:00"}),
        ("time", {"time": "2026-03-02T14:40:00Z", "generated_at": None}),
        ("direction", {"direction": "up"}),
        ("direction", {"direction": 3}),
        ("direction", {"direction": 0}),
        ("confidence", {"confidence": 1.5}),
        ("price", {"price": "NaN"}),
        ("target_price", {"target_price": 99}),
        ("target_price", {"direction": -1}),
        ("generated_at", {"generated_at": "2026-03-02T14:24:00Z"}),
        ("expires_at", {"expires_at": "2026-03-02T14:25:00Z"}),
        ("expires_at", {"expires_at": None}),
        ("sure", {"sure": True}),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(
    connection: Connection, post: Post, field: str, said: dict[str, Any]
) -> None:
    connection.execute("INSERT INTO market.signal_rules VALUES ('ruled', '1', '5m', '', '{}', now(), now())")
    status, problem = post([SAID, SAID | {"strategy": "second"} | said])
    assert status == 422, problem
    assert [(each["number"], each["field"]) for each in problem["errors"]] == [(2, field)]
    assert signals_of(connection) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'{"price": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_no_signal_is_refused(post: Post, body: bytes) -> None:
    assert post(body)[0] == 422


def test_a_producer_says_them_by_sql_and_nothing_else(connection: Connection, instrument: int) -> None:
    insert = (
        "INSERT INTO market.signals (strategy, strategy_version, instrument_id, timeframe, time, direction,"
        " generated_at, expires_at) VALUES (%s, '1', %s, %s, %s, 1, %s, %s)"
    )
    values = ["mine", instrument, "5m", at("14:25"), at("14:31"), at("15:00")]
    connection.execute("INSERT INTO market.signal_rules VALUES ('ruled', '1', '5m', '', '{}', now(), now())")
    with role(connection, PRODUCER):
        connection.execute(insert, values)
        connection.execute(insert + " ON CONFLICT DO NOTHING", values)
        with pytest.raises(CheckViolation, match="no timeframe"):
            connection.execute(insert, [*values[:2], "7m", *values[3:]])
        with pytest.raises(CheckViolation, match=r"a rule of signals\.toml"):
            connection.execute(insert, ["ruled", *values[1:]])
        for change in (
            "UPDATE market.signals SET direction = -1",
            "UPDATE market.signals SET ended_at = now(), ended_by = 'stop'",
            "DELETE FROM market.signals",
            "DELETE FROM market.outside_signals",
        ):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(change)
    assert signals_of(connection, "known_at", "backfilled") == [(at("14:30"), False)]
    report = process(connection, [], at("15:02"))
    assert (report.signals_from_outside, report.signals_ended) == (1, 1)


def test_rules_leave_them_alone_and_take_no_name_of_theirs(
    connection: Connection, post: Post, instrument: int, tmp_path: Path
) -> None:
    post(SAID | {"strategy": "over", "strategy_version": 2})
    put_minutes(connection, instrument, minutes("14:20", [101] * 20))
    process(connection, rules_of(tmp_path, {"condition": "close > 200"}), at("14:41"))
    assert signals_of(connection, "ended_by") == [(None,)]
    with pytest.raises(Permanent, match="over version 2 has signals from outside"):
        process(connection, rules_of(tmp_path, {"version": 2}), at("14:42"))


def test_the_database_knows_each_timeframe(connection: Connection, instrument: int) -> None:
    for timeframe in Timeframe:
        connection.execute(
            "INSERT INTO market.signals (strategy, strategy_version, instrument_id, timeframe, time, direction,"
            " generated_at, expires_at) VALUES ('s', '1', %s, %s, '2026-02-01', 1, '2026-06-01', '2026-07-01')",
            [instrument, timeframe],
        )
    first = DAY.replace(month=2, day=1)
    assert dict(signals_of(connection, "timeframe", "known_at")) == {
        # Of days and longer ones sessions say when they are known; here the clock does.
        each: each.next_bucket(first) if each is not Timeframe.W1 else first + 7 * timedelta(days=1)
        for each in Timeframe
    }


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("price", "1e99999999999999999999", "body"),
        ("indicators_used", '[{"a": 1e400}]', "indicators_used"),
        ("indicators_used", '[{"a": "\\u0000"}]', "indicators_used"),
        ("indicators_used", '[{"\\ud800": 1}]', "indicators_used"),
        ("indicators_used", '[{"a": ' + "[" * 900 + "]" * 900 + "}]", "indicators_used"),
    ],
)
def test_what_no_column_can_keep_is_the_senders_fault(post: Post, name: str, value: str, field: str) -> None:
    others = json.dumps({each: said for each, said in SAID.items() if each != name})
    status, answer = post(f'{others[:-1]}, "{name}": {value}}}'.encode())
    assert (status, answer["errors"][0]["field"]) == (422, field)


def test_what_looks_like_no_character_is_text(post: Post) -> None:
    assert post(SAID | {"indicators_used": [{"path": "\\u0000", "nested": [[1.5]]}]})[0] == 201
