"""Averages that the database computes, at every scale."""

from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings

EXACT = Context(prec=400, rounding=ROUND_HALF_UP)
EIGHTEEN = Context(prec=18, rounding=ROUND_HALF_UP)


def average(connection: Connection, totals: list[tuple[Decimal, Decimal]]) -> list[Decimal | None]:
    rows = connection.execute(
        "SELECT market.average(total, weight)"
        " FROM unnest(%s::numeric[], %s::numeric[]) WITH ORDINALITY AS t (total, weight)"
        " ORDER BY ordinality",
        [[total for total, _ in totals], [weight for _, weight in totals]],
    ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("prices", "sizes", "expected"),
    [
        (["0.00000000236", "0.00000000238"], ["1000000000", "1000000000"], "0.00000000237"),
        (
            ["0.000000000000000001", "0.000000000000000003"],
            ["123456789012345678901234567890.123456789012345678", "0.000000000000000001"],
            "0.000000000000000001",
        ),
        (["-37.63", "0.01"], ["1", "1"], "-18.81"),
        (["182.25"], ["3"], "182.25"),
        (["1", "2"], ["1", "2"], "1.66666666666666667"),
        (["0", "0"], ["1", "2"], "0"),
    ],
)
def test_a_vwap_lies_among_its_prices(
    connection: Connection, prices: list[str], sizes: list[str], expected: str
) -> None:
    pairs = [(Decimal(price), Decimal(size)) for price, size in zip(prices, sizes, strict=True)]
    turnover = sum((EXACT.multiply(price, size) for price, size in pairs), Decimal())
    volume = sum((size for _, size in pairs), Decimal())
    assert average(connection, [(turnover, volume)]) == [Decimal(expected)]


def test_nothing_has_no_average(connection: Connection) -> None:
    assert average(connection, [(Decimal(0), Decimal(0)), (Decimal(5), Decimal(0))]) == [None, None]


amounts = st.decimals(min_value="1e-30", max_value="1e30", allow_nan=False, places=30)


def test_averages_have_eighteen_significant_digits(migrated_url: str) -> None:
    with connect(Settings(database_url=migrated_url), "test") as connection:

        @settings(max_examples=20)
        @given(st.lists(st.tuples(amounts, amounts), min_size=20, max_size=60))
        def hold(pairs: list[tuple[Decimal, Decimal]]) -> None:
            for (total, weight), found in zip(pairs, average(connection, pairs), strict=True):
                assert found is not None
                exact = EXACT.divide(total, weight)
                # The last of eighteen digits may be one off where the exponent itself is rounded.
                assert abs(found - exact) <= abs(exact) * Decimal("1e-17")
                assert found == EIGHTEEN.plus(exact) or len(found.normalize().as_tuple().digits) >= 17

        hold()
