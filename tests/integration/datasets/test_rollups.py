"""Roll-ups of a migrated database are those declared; and a measure comes out the same however rows are split."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.datasets import declared
from chandlery.datasets.cadence import Cadence
from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, First, Last, Max, Mean, Measure, Min, Sum, Union
from chandlery.datasets.rollup import Rollup
from chandlery.platform import definitions
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import MINUTE
from local import rollups

_QUERY = """
SELECT pg_get_viewdef(format('%%I.%%I', direct_view_schema, direct_view_name)::regclass)
FROM _timescaledb_catalog.continuous_agg WHERE user_view_schema = 'market' AND user_view_name = %s
"""


@pytest.mark.parametrize("rollup", declared.rollups(), ids=lambda rollup: rollup.relation)
def test_an_aggregate_is_what_is_declared(connection: Connection, rollup: Rollup) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(rollups.aggregate(rollup, relation="made_again").encode())
        found = [connection.execute(_QUERY, [name]).fetchone() for name in (rollup.relation, "made_again")]
    assert found[0] == found[1] is not None


def test_the_list_is_what_is_declared(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        found = connection.execute("SELECT * FROM market.rollups ORDER BY relation").fetchall()
        connection.execute("TRUNCATE market.rollups")
        connection.execute(rollups.listed(declared.rollups()).encode())
        assert found == connection.execute("SELECT * FROM market.rollups ORDER BY relation").fetchall() != []


def test_chains_of_the_tops_are_all_roll_ups() -> None:
    assert [each.relation for each in CANDLES.tops] == ["candles_4h", "candles_1d_parts"]
    assert [below for top in CANDLES.tops for below in CANDLES.chain(top.timeframe)] == list(CANDLES.rollups)


@pytest.mark.parametrize(("name", "text"), list(rollups.views(CANDLES)))
def test_a_view_over_days_is_what_is_declared(name: str, text: str) -> None:
    assert definitions.current()[name] == text


# One measure of every kind and choice; those of `time` are merged of stretches of it.
BY_TIME = (
    First("opened", of="z"),
    Last("closed", of="z"),
    First("open", of="p", preferring="good"),
    First("first_known", of="y", known=True),
    Last("last_known", of="z", known=True),
)
OF_ANY = (
    First("earliest", of="y", by="y_time"),
    Last("latest", of="x", by="x_time"),
    Max("high", of="x"),
    Min("low", of="x"),
    Max("top", of="p", preferring="good"),
    Min("bottom", of="p", preferring="good"),
    Union("good", flag=True),
    Sum("total", of="d"),
    Sum("known", of="d", whole=True),
    Sum("number", of="n", integer=True),
    Sum("all_numbers", of="n", whole=True, integer=True),
    Sum("good_total", of="d", where="good"),
    Sum("good_number", of="n", where="good", integer=True),
    Count("rows"),
    Count("good_rows", where="good"),
    Count("bad_rows", unless="good"),
    Union("bits", of="n"),
    Mean("mean", of="d", weight="w"),
    Mean("plain_mean", of="d"),
)
_ROWS = """
WITH given AS MATERIALIZED (
    SELECT time, r.* FROM unnest(%s::jsonb[]) WITH ORDINALITY AS each (row, time)
    CROSS JOIN LATERAL jsonb_to_record(row) AS r (
        p numeric, x numeric, y numeric, z numeric, x_time bigint, y_time bigint, good boolean, d double precision,
        n bigint, w bigint
    )
)
"""
WHOLE = st.integers(-9, 9)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "p": WHOLE,
            "x": st.none() | WHOLE,
            "y": st.none() | WHOLE,
            "z": st.none() | WHOLE,
            "x_time": st.none() | st.just(0),
            "y_time": st.none() | st.just(0),
            "good": st.booleans(),
            "d": st.none() | st.floats(-1e9, 1e9, allow_nan=False),
            "n": st.none() | st.integers(-(2**40), 2**40),
            "w": st.none() | st.integers(0, 3),
        }
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def asked(migrated_url: str) -> Any:
    """A connection for all examples: they leave nothing."""
    with connect(Settings(database_url=migrated_url), "test") as connection:
        yield connection


@examples(max_examples=40)
@given(ROWS, st.randoms(use_true_random=False))
def test_any_split_merges_to_the_fold(asked: Connection, rows: Sequence[dict[str, Any]], chance: Any) -> None:
    # Times of their own are known to be different, and in another order than the rows'.
    order = list(range(len(rows)))
    for column in ("x_time", "y_time"):
        chance.shuffle(order)
        rows = [row if row[column] is None else row | {column: order[place]} for place, row in enumerate(rows)]
    for measures, part in (
        ((*BY_TIME, *OF_ANY), "(time - 1) / split"),
        (OF_ANY, "abs(hashint8(time + 1000 * split)) %% 4"),
    ):
        assert_alike(asked, rows, measures, part)


def assert_alike(asked: Connection, rows: Sequence[dict[str, Any]], measures: Sequence[Measure], part: str) -> None:
    """The fold of all, and what parts of parts merge to, for twelve ways to split; read, as Python has it."""
    parts = [each for measure in measures for each in measure.parts()]
    fold = ", ".join(f"{each.fold} AS {each.name}" for each in parts)
    merge = ", ".join(f"{each.merge} AS {each.name}" for each in parts)
    names = ", ".join(each.name for each in parts)
    found = asked.execute(
        f"{_ROWS}, parts AS (SELECT split, {part} AS part, min(time) AS time, {fold}"  # noqa: S608
        " FROM given CROSS JOIN generate_series(1, 12) AS split GROUP BY 1, 2),"
        f" halves AS (SELECT split, part / 2 AS half, min(time) AS time, {merge} FROM parts GROUP BY 1, 2)"
        f" SELECT {names}, true AS direct FROM (SELECT {fold} FROM given) AS whole"
        f" UNION SELECT {names}, false FROM (SELECT {merge} FROM halves GROUP BY split) AS merged",
        [[Jsonb(row) for row in rows]],
    ).fetchall()
    assert {row[:-1] for row in found} == {row[:-1] for row in found if row[-1]}
    assert len(found) == 2


def test_what_is_read(asked: Connection) -> None:
    """By hand: what a null counts for, and a weight of 0."""
    rows: list[dict[str, Any]] = [
        {"p": 1, "z": 3, "x": 5, "x_time": 3, "y": None, "y_time": 1, "good": False, "d": 1.5, "n": 1, "w": 1},
        {"p": 9, "z": 8, "x": 7, "x_time": 1, "y": 4, "y_time": 9, "good": True, "d": None, "n": None, "w": 8},
        {"p": 5, "z": 8, "x": 6, "x_time": None, "y": 2, "y_time": 8, "good": True, "d": 4.5, "n": 4, "w": 2},
        {"p": 0, "z": None, "x": None, "x_time": 4, "y": None, "y_time": 0, "good": False, "d": 9.5, "n": 2, "w": 0},
    ]
    assert read(asked, rows) == {
        "opened": 3, "closed": None, "open": 9, "earliest": 2, "latest": 5, "high": 7, "low": 5, "top": 9, "bottom": 5,
        "good": True, "total": Decimal("15.5"), "known": None, "number": 7, "all_numbers": None, "rows": 4,
        "good_rows": 2, "bad_rows": 2, "bits": 7, "mean": Decimal("3.5"), "first_known": 4, "last_known": 8,
        "plain_mean": Decimal("5.16666666666666667"), "good_total": Decimal("4.5"), "good_number": 4,
    }  # fmt: skip
    nothing = [dict.fromkeys(rows[0]) | {"p": 1, "good": False, "d": 3.0, "w": 0}]
    assert read(asked, nothing)["mean"] is None


def read(asked: Connection, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What each measure makes of rows."""
    measures = (*BY_TIME, *OF_ANY)
    fold = ", ".join(f"{each.fold} AS {each.name}" for measure in measures for each in measure.parts())
    names = ", ".join(measure.read for measure in measures)
    row = asked.execute(f"{_ROWS} SELECT {names} FROM (SELECT {fold} FROM given) AS folded", [[Jsonb(r) for r in rows]])  # noqa: S608
    return dict(zip((measure.name for measure in measures), row.fetchone() or (), strict=True))


def test_every_measure_is_tried() -> None:
    tried = {type(measure) for measure in (*BY_TIME, *OF_ANY)}
    assert tried == {First, Last, Max, Min, Sum, Count, Mean, Union}
    assert {type(measure) for measure in CANDLES.rollup} <= tried


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rollup": (Sum("size"),)}, "there is no column size"),
        ({"rollup": (Sum("volume; --", of="volume"),)}, "'volume; --' is no name of a table or a column"),
        ({"rollup": (Sum("volume"), Max("volume"))}, "volume is kept twice"),
        ({"rollup": (Max("volume", preferring="good"),)}, "volume prefers rows by a flag that is not kept"),
        (
            {"rollup": (Last("volume"), Last("other", of="volume", by="later"))},
            "volume is ordered by two different columns",
        ),
        ({"key": ("instrument_id", "later")}, "what is rolled up, imported or sent has its time in the column time"),
        ({"key": ("instrument_id", "strike", "time")}, "there is no column strike"),
        ({"key": ("time", "instrument_id")}, "its key is not an instrument_id, dimensions, and a time"),
        ({"key": ("instrument_id", "volume")}, "its key is not an instrument_id, dimensions, and a time"),
        ({"key": ()}, "its key is not an instrument_id, dimensions, and a time"),
        (
            {"columns": {"instrument_id": Kind.TEXT, "time": Kind.TIME, "volume": Kind.REAL}},
            "instrument_id is no integer",
        ),
        ({"columns": {"instrument_id": Kind.INTEGER, "time": Kind.DATE, "volume": Kind.REAL}}, "its key is not an"),
        ({"is_imported": True}, "no file or record has all of its columns"),
        (
            {
                "columns": {"instrument_id": Kind.INTEGER, "time": Kind.TIME, "volume": Kind.REAL, "limit": Kind.REAL},
                "key": ("instrument_id", "limit", "time"),
            },
            "no dimension can be called limit",
        ),
        ({"timeframes": CANDLES.timeframes[::-1]}, "are not made of several whole ones of"),
        ({"timeframes": (Timeframe.H1, Timeframe.H1)}, "are not made of several whole ones of"),
        (
            {"timeframes": (Timeframe.M5,), "cadence": Cadence(5 * MINUTE, "things")},
            "buckets of 0:05:00 are not made of several whole ones of 0:05:00",
        ),
        ({"best_first": ("volume", "-rank")}, "there is no column rank"),
    ],
)
def test_a_data_set_that_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    columns = {
        "instrument_id": Kind.INTEGER,
        "time": Kind.TIME,
        "later": Kind.TIME,
        "volume": Kind.DECIMAL,
        "good": Kind.FLAG,
        "more": Kind.JSON,
    }
    with pytest.raises(ValueError, match=f"(?s)^things: .*{said}"):
        Dataset(**{"name": "things", "columns": columns, "rollup": (Sum("volume"),)} | changes)
