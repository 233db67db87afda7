"""Sentiment and flows: files in, what they come to by hour and day out, whatever writes rows and in whatever order."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.policies.wanted import read_policies
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.words.window import DAY, HOUR, MINUTE
from tests import plain_flows
from tests.conftest import SERVER_URL, empty
from tests.integration.api_scene import get, settings
from tests.integration.commands import chandlery
from tests.integration.market import NOON, always, around_the_clock
from tests.integration.platform.test_session_settings import set_for
from tests.plain_flows import Item, Leg
from tests.waiting import wait_until

KEY, OTHER = "X@ETH@SPOT", "X@BTC@SPOT"
SIDES = ("in_amount", "out_amount", "net_amount", "in_usd", "out_usd", "net_usd", "in_count", "out_count")
ITEMS = ("score", "weight", "items", "positive", "negative", "neutral")
Row = Mapping[str, str]
Bring = Callable[..., tuple[int, str, str]]


@pytest.fixture
def market(connection: Connection) -> Connection:
    around_the_clock(connection, KEY, OTHER)
    return connection


@pytest.fixture
def bring(market: Connection, migrated_url: str, tmp_path: Path) -> Bring:
    """Imports a file of rows, given as CSV."""

    def bring_in(dataset: str, text: str, *options: str) -> tuple[int, str, str]:
        path = tmp_path / f"{dataset}.csv"
        path.write_text(text)
        return chandlery(migrated_url, "import", dataset, str(path), *options)

    return bring_in


@pytest.fixture
def read(market: Connection, migrated_url: str) -> Callable[..., Sequence[Row]]:
    """Rows as the command line says them, and the HTTP API too, to the last digit."""

    def answer(what: str, timeframe: str, key: str = KEY, **where: str) -> Sequence[Row]:
        window = ("--from", "2026-01-01", "--to", "2027-01-01")
        given = [word for name, value in where.items() for word in (f"--{name.replace('_', '-')}", value) if word]
        code, said, _ = chandlery(migrated_url, what, key, timeframe, *window, *given, "--csv")
        assert code == 0
        rows = list(csv.DictReader(io.StringIO(said)))
        with settings(migrated_url):
            asked = {"timeframe": timeframe, **{name: value or "true" for name, value in where.items()}}
            told = get(f"/api/v1/{what}/{key}", **asked)
            text = get(f"/api/v1/{what}/{key}", numbers="text", **asked)
        answered = json.loads(told.text, parse_float=_written_out)["rows"]
        as_text = json.loads(text.text, parse_float=pytest.fail)["rows"]
        assert [{name: _plain(value) for name, value in row.items()} for row in as_text] == [
            {name: f"{value:f}" if isinstance(value, Decimal) else _plain(value) for name, value in row.items()}
            for row in answered
        ]
        assert [{name: _plain(value) for name, value in row.items()} for row in answered] == rows
        return rows

    return answer


def _written_out(number: str) -> Decimal:
    assert "e" not in number.lower()
    return Decimal(number)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        value = f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    return "" if value is None else str(value)


def told(rows: Sequence[Row], *names: str) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def refresh_marked(connection: Connection) -> None:
    assert refresh_stale(connection, NOON + 365 * DAY, has_time=always).marks_left == 0


SENTIMENT = """time,instrument,source,item_id,score,weight
2026-03-02T10:05:00Z,X@BTC@SPOT,news,n0,0.9,1
2026-03-02T10:20:00Z,X@BTC@SPOT,news,n1,-0.5,0
2026-03-02T10:40:00Z,X@BTC@SPOT,news,n2,0.5,3
2026-03-02T11:10:00Z,X@BTC@SPOT,news,n3,-0.8,0
2026-03-02T11:50:00Z,X@BTC@SPOT,news,n4,0.2,0
2026-03-02T12:30:00Z,X@BTC@SPOT,news,n5,-0.4,96
"""


@pytest.mark.parametrize("refreshed", [False, True], ids=["read at once", "refreshed"])
def test_a_weight_of_zero_counts_no_score_and_a_day_is_no_mean_of_hours(
    market: Connection, bring: Bring, read: Any, refreshed: bool
) -> None:
    assert bring("sentiment", SENTIMENT)[0] == 0
    if refreshed:
        refresh_marked(market)
    hours = read("sentiment", "1h", OTHER)
    assert told(hours, "time", "source", *ITEMS) == [
        ("2026-03-02T10:00:00Z", "", "0.6", "4", "3", "2", "1", "0"),
        ("2026-03-02T11:00:00Z", "", "", "0", "2", "1", "1", "0"),
        ("2026-03-02T12:00:00Z", "", "-0.4", "96", "1", "0", "1", "0"),
    ]
    day = ("-0.36", "100", "6", "3", "3", "0")
    assert told(read("sentiment", "1d", OTHER), *ITEMS) == [day]
    assert told(read("sentiment", "1d", OTHER, source="news"), "source", *ITEMS) == [("news", *day)]
    assert read("sentiment", "1d", OTHER, source="posts") == []


def test_an_item_scored_again_is_a_correction_and_when_it_came_is_none(
    market: Connection, bring: Bring, read: Any
) -> None:
    header, first, *_ = SENTIMENT.splitlines()
    row = first.replace(",1", ",")
    assert bring("sentiment", f"{header},received_at\n{row},2026-03-02T10:05:01Z\n")[0] == 0
    # A weight that is not known is 1, and the same item may come a second time.
    code, said, _ = bring("sentiment", f"{header},received_at\n{first},2026-03-02T10:07:00Z\n")
    assert (code, said.rstrip().endswith("0 new rows, 1 known already")) == (0, True)
    again = first.replace("0.9", "-0.9")
    code, _, told_of = bring("sentiment", f"{header}\n{again}\n")
    assert (code, "score -0.9; stored before: score 0.9" in told_of) == (1, True)
    assert bring("sentiment", f"{header}\n{again}\n", "--on-conflict", "replace")[0] == 0
    assert told(read("sentiment", "1h", OTHER), *ITEMS) == [("-0.9", "1", "1", "0", "1", "0")]
    stored = market.execute("SELECT received_at FROM market.sentiment").fetchall()
    assert stored == [(datetime(2026, 3, 2, 10, 5, 1, tzinfo=UTC),)]


def test_a_file_of_other_names_and_clocks_is_read_as_the_command_says(bring: Bring, read: Any) -> None:
    text = "Date;Symbol;Feed;Id;Score;weight\n02.03.2026 11:05:00;X@BTC@SPOT;news;n1;0,5;1.000,5\n"
    named = "time=Date,instrument=Symbol,source=Feed,item_id=Id"
    clock = ("--time-zone", "Europe/Berlin", "--day-first", "--decimal-comma")
    assert bring("sentiment", text, "--columns", named, *clock)[0] == 0
    assert told(read("sentiment", "1h", OTHER), "time", *ITEMS[:3]) == [("2026-03-02T10:00:00Z", "0.5", "1000.5", "1")]
    code, _, said = bring("sentiment", text, "--columns", "when=Date")
    assert (code, "when is not a column of rows; these are: instrument, time, source" in said) == (1, True)


def legs(*rows: str) -> str:
    return "\n".join(["time,instrument,venue,tx,leg,direction,amount,cancelled", *rows, ""])


def test_amounts_of_256_bits_are_exact(market: Connection, bring: Bring, read: Any) -> None:
    amounts = ("33066915805160912602", str(2**256 - 1), "1.95E+21", "0.000000000000000001")
    alone = (*amounts[:2], "1950000000000000000000", amounts[3])
    rows = [
        f"2026-03-02T{hour}:00Z,{key},alpha,0xa{n},0,in,{amount},false"
        for n, amount in enumerate(amounts)
        for key, hour in ((KEY, f"10:0{n}"), (OTHER, f"1{n}:00"))
    ]
    assert bring("flows", legs(*rows))[0] == 0
    total = "115792089237316195423570985008687907853269984665640564041440650923718290552537.000000000000000001"
    assert told(read("flows", "1h"), "in_amount", "net_amount", "in_count") == [(total, total, "4")]
    assert told(read("flows", "1h", OTHER), "in_amount") == [(amount,) for amount in alone]
    refresh_marked(market)
    assert told(read("flows", "1d", venue="alpha"), "venue", "in_amount", "out_amount") == [("alpha", total, "0")]
    assert told(read("flows", "1h", OTHER), "in_amount") == [(amount,) for amount in alone]


def test_legs_of_one_transaction_all_count_and_a_changed_one_is_reported(
    market: Connection, bring: Bring, read: Any
) -> None:
    text = legs(
        *(
            f"2026-03-02T10:00:12Z,{KEY},alpha,0xb1,{leg},in,{amount},false"
            for leg, amount in ((570, "10"), (571, "10"), (575, "2.5"))
        )
    )
    assert "3 new rows" in bring("flows", text)[1]
    assert "0 new rows, 3 known already" in bring("flows", text)[1]
    assert told(read("flows", "1h"), "in_amount", "in_count") == [("22.5", "3")]
    changed = text.replace("571,in,10", "571,in,11")
    code, _, said = bring("flows", changed)
    assert (code, "leg 571: amount 11; stored before: amount 10" in said) == (1, True)
    assert told(read("flows", "1h"), "in_amount") == [("22.5",)]
    assert bring("flows", changed, "--on-conflict", "replace")[0] == 0
    assert told(read("flows", "1h"), "in_amount", "in_count") == [("23.5", "3")]


@pytest.mark.parametrize("order", ["121", "211"])
def test_a_reorganised_chain_takes_its_rows_back(market: Connection, bring: Bring, read: Any, order: str) -> None:
    files = {
        "1": legs(
            f"2026-03-02T13:59:48Z,{KEY},alpha,0xc1,0,in,100,false",
            f"2026-03-02T13:20:00Z,{KEY},alpha,0xc0,0,in,7,false",
        ),
        "2": legs(
            f"2026-03-02T13:59:48Z,{KEY},alpha,0xc1,0,in,100,true",
            f"2026-03-02T14:00:12Z,{KEY},alpha,0xc1,0,in,100,false",
        ),
    }
    hours = (
        "SELECT DISTINCT extract(hour FROM hour)::integer FROM market.marks"
        " WHERE (dataset, work) = ('flows', 'refresh') ORDER BY 1"
    )
    for place, number in enumerate(order):
        assert bring("flows", files[number])[0] == 0
        if number == "2":
            assert market.execute(hours).fetchall() == [(13,), (14,)]
        elif "1" in order[:place]:
            assert market.execute(hours).fetchall() == []
        refresh_marked(market)
    assert told(read("flows", "1h"), "time", "in_amount", "in_count") == [
        ("2026-03-02T13:00:00Z", "7", "1"),
        ("2026-03-02T14:00:00Z", "100", "1"),
    ]
    assert told(read("flows", "1d"), "in_amount", "in_count") == [("107", "2")]


def test_days_are_those_of_utc_where_clocks_change(
    market: Connection, migrated_url: str, bring: Bring, read: Any
) -> None:
    moved = (
        ("10-31T23:59:59", "in", 5), ("11-01T04:30:00", "in", 7), ("11-01T05:30:00", "out", 2),
        ("11-01T06:30:00", "in", 11), ("11-01T23:30:00", "out", 4), ("11-02T00:00:00", "in", 13),
        ("11-02T04:30:00", "out", 1),
    )  # fmt: skip
    rows = [f"2026-{at}Z,{KEY},alpha,0xd{n},0,{way},{amount},false" for n, (at, way, amount) in enumerate(moved)]
    with set_for(migrated_url, "database", {"TimeZone": "America/New_York"}):
        market.execute("SET timezone = 'America/New_York'")
        try:
            assert bring("flows", legs(*rows))[0] == 0
            refresh_marked(market)
            days = read("flows", "1d")
            hours = told(read("flows", "1h"), "time", "net_amount")
        finally:
            market.execute("SET timezone = 'UTC'")
    assert told(days, "time", "in_amount", "out_amount", "net_amount", "in_count", "out_count") == [
        ("2026-10-31T00:00:00Z", "5", "0", "5", "1", "0"),
        ("2026-11-01T00:00:00Z", "18", "6", "12", "2", "2"),
        ("2026-11-02T00:00:00Z", "13", "1", "12", "1", "1"),
    ]
    assert hours[2:4] == [("2026-11-01T05:00:00Z", "-2"), ("2026-11-01T06:00:00Z", "11")]


def test_what_moves_inside_a_venue_counts_on_neither_side(market: Connection, bring: Bring, read: Any) -> None:
    text = legs(
        f"2026-03-02T10:00:00Z,{KEY},alpha,0xe,3,in,10,false",
        f"2026-03-02T10:00:00Z,{KEY},alpha,0xe,1,in,1,false",
        f"2026-03-02T10:00:00Z,{KEY},beta,0xe,4,out,10,false",
    )
    assert bring("flows", text)[0] == 0
    # Another program writes by plain SQL: of a later hour, and netted all the same.
    market.execute(
        "INSERT INTO market.flows (instrument_id, venue, time, tx, leg, direction, amount, usd)"
        " VALUES (1, 'alpha', '2026-03-02 12:00Z', '0xe', 2, 'out', 3, 30)"
    )
    wanted = ("venue", "in_amount", "out_amount", "net_amount", "in_count", "out_count")
    assert told(read("flows", "1h", by_venue=""), *wanted) == [
        ("alpha", "8", "0", "8", "1", "0"),
        ("beta", "0", "10", "-10", "0", "1"),
    ]
    assert told(read("flows", "1h"), *wanted) == [("", "8", "10", "-2", "1", "1")]
    market.execute("DELETE FROM market.flows WHERE leg = 2")
    assert told(read("flows", "1d"), *wanted) == [("", "11", "10", "1", "2", "1")]


@pytest.mark.parametrize("legs_late", [1, 20])
@pytest.mark.parametrize("days", [0, 40])
def test_a_late_leg_is_netted_with_one_in_columns(desk: Connection, legs_late: int, days: int) -> None:
    desk.execute("TRUNCATE market.flows")
    write_legs(desk, [Leg("alpha", NOON, f"0x{n}", 1, "in", Decimal(10)) for n in range(legs_late)])
    desk.execute("SELECT compress_chunk(c, true) FROM show_chunks('market.flows') AS c")
    late = Leg("alpha", NOON - days * DAY, "", 2, "out", Decimal(4))
    write_legs(desk, [replace(late, tx=f"0x{n}") for n in range(legs_late)])
    stored = desk.execute("SELECT leg, counted, count(*) FROM market.flows GROUP BY 1, 2 ORDER BY 1").fetchall()
    assert stored == [(1, 6, legs_late), (2, 0, legs_late)]


def test_legs_that_come_at_once_are_netted(market: Connection, migrated_url: str, server_url: str) -> None:
    leg = Leg("alpha", NOON, "0xf", 1, "in", Decimal(10))
    with ThreadPoolExecutor(1) as pool, connect(Settings(database_url=migrated_url), "second") as second:
        with market.transaction():
            write_legs(market, [leg])
            coming = pool.submit(write_legs, second, [replace(leg, leg=2, direction="out", amount=Decimal(4))])
            waits = "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = %s"
            wait_until(lambda: market.execute(waits, [second.info.backend_pid]).fetchone() == (True,), "its turn")
        coming.result()
    stored = market.execute("SELECT leg, counted FROM market.flows ORDER BY leg").fetchall()
    assert stored == [(1, 6), (2, 0)]


BAD = [
    ("flows", legs(f"2026-03-02T10:00:00Z,{KEY},alpha,0xa,0,in,-1,false"), 'column amount: "-1" is negative'),
    (
        "flows",
        legs("2026-03-02T10:00:00Z,X@NONE@SPOT,alpha,0xa,0,in,1,false"),
        '"X@NONE@SPOT" is not an instrument',
    ),
    ("flows", legs(f"2026-03-02T10:00:00Z,{KEY},alpha,0xa,0,up,1,false"), 'column direction: "up" is none of in, out'),
    ("sentiment", SENTIMENT.replace("0.9", "1.5"), 'column score: "1.5" is not from -1 to 1'),
    ("sentiment", SENTIMENT.replace("instrument", "ticker"), "no column instrument names the rows' instruments"),
]


@pytest.mark.parametrize(("dataset", "text", "said"), BAD, ids=[said for *_, said in BAD])
def test_a_bad_row_is_named(market: Connection, bring: Bring, dataset: str, text: str, said: str) -> None:
    code, _, told_of = bring(dataset, text)
    assert (code, said in told_of) == (1, True), told_of


def test_rows_of_another_instrument_than_the_one_named_are_bad(bring: Bring) -> None:
    assert '"X@BTC@SPOT" is not X@ETH@SPOT' in bring("sentiment", SENTIMENT, "--instrument", KEY)[2]
    assert bring("sentiment", SENTIMENT, "--instrument", OTHER)[0] == 0


def test_lines_of_json_are_files_too(market: Connection, migrated_url: str, tmp_path: Path, read: Any) -> None:
    amounts = (2**256 - 1, "0.000000000000000001")
    rows = [
        {"time": f"2026-03-02T10:0{leg}:00Z", "instrument": KEY, "venue": "alpha", "tx": "0xa", "leg": leg,
         "direction": "in", "amount": amount}
        for leg, amount in enumerate(amounts)
    ]  # fmt: skip
    path = tmp_path / "flows.ndjson"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert chandlery(migrated_url, "import", "flows", str(path))[0] == 0
    assert told(read("flows", "1h"), "in_amount", "in_count") == [(f"{2**256 - 1}.000000000000000001", "2")]


@pytest.fixture(scope="module")
def desk(migrated_url: str) -> Iterator[Connection]:
    """A connection for all examples, with rows a day later: whatever is older is refreshed by its marks alone."""
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        around_the_clock(connection, KEY)
        for table in COLUMNAR:
            columns = read_policies()[table].columnstore
            assert columns is not None
            order = [", ".join(names) for names in (columns.segment_by, columns.order_by)]
            connection.execute("CALL market.set_columnstore(%s, %s, %s)", [table, *order])
        yield connection
        for table in COLUMNAR:
            connection.execute("CALL market.remove_columnstore(%s)", [table])


COLUMNAR = ("flows", "sentiment")
# On either side of an hour's end and of a day's, and in other chunks.
MINUTES = (-60, -1, 0, 59, 60, 119, -8 * 1440, -20 * 1440)
TIMES = st.sampled_from([NOON - 12 * HOUR + minute * MINUTE for minute in MINUTES])
AMOUNTS = st.one_of(
    st.integers(0, 4).map(Decimal), st.just(Decimal(2**256 - 1)), st.just(Decimal("0.000000000000000001")),
    st.decimals(0, 100, places=3),
)  # fmt: skip
LEGS = st.builds(
    Leg,
    st.sampled_from(["alpha", "beta"]),
    TIMES,
    st.sampled_from(["0x1", "0x2", "0x3"]),
    st.integers(0, 3),
    st.sampled_from(["in", "out"]),
    AMOUNTS,
    st.none() | st.decimals(0, 1000, places=2),
    st.sampled_from([False, False, False, True]),
)
LATER = NOON + DAY


@examples(max_examples=8)
@given(st.lists(st.lists(LEGS, min_size=1, max_size=6), min_size=1, max_size=5), st.data())
def test_flows_are_those_of_a_plain_fold(desk: Connection, statements: Sequence[Sequence[Leg]], data: Any) -> None:
    desk.execute("TRUNCATE market.flows; TRUNCATE market.flows_1h; TRUNCATE market.flows_1d; DELETE FROM market.marks")
    known = {key_of(leg): leg for leg in [Leg("gamma", LATER, "0x0", 0, "in", Decimal(1))]}
    write_legs(desk, list(known.values()))
    refresh_marked(desk)
    has_columns = False
    for statement in statements:
        rows = {key_of(leg): leg for leg in statement}
        write_legs(desk, list(rows.values()))
        known |= rows
        changed = data.draw(st.sampled_from([None, *rows]))
        if changed is not None and not (has_columns and SERVER_URL is None):
            if data.draw(st.booleans()):
                desk.execute("DELETE FROM market.flows WHERE (venue, time, tx, leg) = (%s, %s, %s, %s)", changed)
                known.pop(changed)
            else:
                desk.execute(CANCEL, changed)
                known[changed] = replace(known[changed], cancelled=True)
        has_columns |= make_columns(desk, "flows", data)
        if data.draw(st.booleans()):
            refresh_marked(desk)
    refresh_marked(desk)
    stored = desk.execute("SELECT venue, time, tx, leg, counted FROM market.flows").fetchall()
    assert {tuple(key): Fraction(what) for *key, what in stored} == {
        key_of(leg): what for leg, what in plain_flows.counted(known.values()).items()
    }
    for width, timeframe in ((HOUR, "1h"), (DAY, "1d")):
        for view, of in (
            (f"net_flows_{timeframe}", lambda leg: leg.venue),
            (f"total_net_flows_{timeframe}", lambda _: ""),
        ):
            assert summed(desk, view, "venue", SIDES) == plain_flows.flows(known.values(), width, of)


CANCEL = "UPDATE market.flows SET cancelled = true WHERE (venue, time, tx, leg) = (%s, %s, %s, %s)"


def make_columns(connection: Connection, table: str, data: Any) -> bool:
    """Perhaps make columns of a table's chunks: the embedded database changes nothing there by a plain statement."""
    wanted: bool = data.draw(st.booleans())
    if wanted:
        connection.execute("SELECT compress_chunk(c, true) FROM show_chunks(%s::regclass) AS c", [f"market.{table}"])
    return wanted


def key_of(leg: Leg) -> tuple[str, datetime, str, int]:
    return leg.venue, leg.time, leg.tx, leg.leg


def write_legs(connection: Connection, legs: Sequence[Leg]) -> None:
    """As a program of the desk does, for which the last word of a leg holds."""
    connection.execute(
        "INSERT INTO market.flows (instrument_id, venue, time, tx, leg, direction, amount, usd, cancelled)"
        " SELECT 1, r.* FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::bigint[], %s::text[], %s::numeric[],"
        " %s::numeric[], %s::boolean[]) AS r"
        " ON CONFLICT (instrument_id, venue, time, tx, leg) DO UPDATE SET direction = excluded.direction,"
        " amount = excluded.amount, usd = excluded.usd, cancelled = excluded.cancelled",
        [list(column) for column in zip(*(vars(leg).values() for leg in legs), strict=True)],
    )


def summed(
    connection: Connection, view: str, dimension: str, columns: Sequence[str]
) -> Mapping[plain_flows.Key, tuple[object, ...]]:
    """What a view says, as exact numbers."""
    found = connection.execute(f"SELECT time, {dimension}, {', '.join(columns)} FROM market.{view}").fetchall()  # noqa: S608
    return {
        (time, value): tuple(Fraction(cell) if isinstance(cell, Decimal) else cell for cell in cells)
        for time, value, *cells in found
    }


ITEM = st.builds(
    Item,
    st.sampled_from(["news", "posts"]),
    TIMES,
    st.sampled_from(["a", "b"]),
    st.decimals(-1, 1, places=2),
    st.none() | st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(3), Decimal(2**64)]),
)


@examples(max_examples=5)
@given(st.lists(st.lists(ITEM, min_size=1, max_size=6), min_size=1, max_size=5), st.data())
def test_sentiment_is_that_of_a_plain_fold(desk: Connection, statements: Sequence[Sequence[Item]], data: Any) -> None:
    desk.execute(
        "TRUNCATE market.sentiment; TRUNCATE market.sentiment_1h; TRUNCATE market.sentiment_1d;"
        " DELETE FROM market.marks"
    )
    known = {("gamma", LATER, "z"): Item("gamma", LATER, "z", Decimal(0), None)}
    write_items(desk, list(known.values()))
    refresh_marked(desk)
    has_columns = False
    for statement in statements:
        rows = {(item.source, item.time, item.item_id): item for item in statement}
        write_items(desk, list(rows.values()))
        known |= rows
        gone = data.draw(st.sampled_from([None, *rows]))
        if gone is not None and not (has_columns and SERVER_URL is None):
            desk.execute("DELETE FROM market.sentiment WHERE (source, time, item_id) = (%s, %s, %s)", gone)
            known.pop(gone)
        has_columns |= make_columns(desk, "sentiment", data)
        if data.draw(st.booleans()):
            refresh_marked(desk)
    refresh_marked(desk)
    by_source = ("market.average(score_total, score_weight)", *ITEMS[1:])
    for width, timeframe in ((HOUR, "1h"), (DAY, "1d")):
        for view, read, of in (
            (f"sentiment_{timeframe}", by_source, lambda item: item.source),
            (f"total_sentiment_{timeframe}", ITEMS, lambda _: ""),
        ):
            found, expected = summed(desk, view, "source", read), plain_flows.sentiment(known.values(), width, of)
            assert {key: value[1:] for key, value in found.items()} == {key: v[1:] for key, v in expected.items()}
            for key, (score, *_) in found.items():
                assert_near(score, expected[key][0])


def assert_near(found: Any, expected: Any) -> None:
    """A mean has 18 digits."""
    assert (found is None) == (expected is None)
    assert found is None or abs(found - expected) <= abs(expected) / 10**17


def write_items(connection: Connection, items: Sequence[Item]) -> None:
    connection.execute(
        "INSERT INTO market.sentiment (instrument_id, source, time, item_id, score, weight)"
        " SELECT 1, r.* FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::numeric[], %s::numeric[]) AS r"
        " ON CONFLICT (instrument_id, source, time, item_id) DO UPDATE SET score = excluded.score,"
        " weight = excluded.weight",
        [list(column) for column in zip(*(vars(item).values() for item in items), strict=True)],
    )
