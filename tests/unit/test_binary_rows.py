"""The rows of binary COPY hold what the columns say, digit for digit."""

import struct
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import binary_rows

_Y2K = datetime(2000, 1, 1, tzinfo=UTC)
# Forms that files have, and that a checked number may have at its bounds.
NUMBERS = (
    "0", "1", "12345", "1.5", "100.50", ".5", "5.", "+7.25", "-0.0", "-3.75", "1e3", "1.50e1", "1.5e-3", "1E-5", "1e99",
    "0000.000", "10000", "99999999.9999", f"{'9' * 100}.{'1' * 100}", "0.00000001",
)  # fmt: skip


def fields_of(rows: bytes, columns: int) -> list[list[bytes | None]]:
    """What PostgreSQL takes apart: the fields of each row."""
    assert rows.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    found, at = [], 19
    while (count := struct.unpack_from(">h", rows, at)[0]) != -1:
        assert count == columns
        at += 2
        row: list[bytes | None] = []
        for _ in range(columns):
            (length,) = struct.unpack_from(">i", rows, at)
            at += 4
            row.append(rows[at : at + length] if length >= 0 else None)
            at += max(length, 0)
        found.append(row)
    assert rows[at:] == b"\xff\xff"
    return found


def number_of(field: bytes | None) -> tuple[Decimal, int]:
    """A numeric, and how many decimal places it shows."""
    assert field is not None
    count, weight, sign, places = struct.unpack_from(">hhHh", field)
    groups = struct.unpack_from(f">{count}h", field, 8)
    assert len(field) == 8 + 2 * count
    assert all(0 <= group < 10_000 for group in groups)
    with localcontext(Context(prec=500)):
        value = sum((Decimal(group).scaleb(4 * (weight - at)) for at, group in enumerate(groups)), Decimal(0))
        return -value if sign else value, places


def numbers_of(texts: list[str]) -> list[tuple[Decimal, int]]:
    column = pa.array(["x", *texts, "y"]).slice(1, len(texts))
    rows = binary_rows.copied([binary_rows.numbers(column)], [])
    return [number_of(field) for (field,) in fields_of(rows, 1)]


@given(st.lists(st.tuples(st.integers(-(10**60), 10**60), st.integers(-99, 39), st.booleans()), max_size=5))
def test_numbers_are_exact(parts: list[tuple[int, int, bool]]) -> None:
    powers = [f"{whole}e{power}" for whole, power, _ in parts]
    texts = [text if kept else f"{Decimal(text):f}" for text, (_, _, kept) in zip(powers, parts, strict=True)]
    exact = [(Decimal(text), max(0, -power)) for text, (_, power, _) in zip(texts, parts, strict=True)]
    assert numbers_of(texts) == exact


def test_every_form_of_a_number_is_the_one_that_the_database_reads(server_url: str) -> None:
    rows = binary_rows.copied([binary_rows.numbers(pa.array(NUMBERS))], [])
    with psycopg.connect(server_url) as connection:
        connection.execute("CREATE TEMPORARY TABLE numbers (place serial, value numeric)")
        with connection.cursor().copy("COPY numbers (value) FROM STDIN (FORMAT binary)") as copy:
            copy.write(rows)
        stored = connection.execute("SELECT value::text FROM numbers ORDER BY place").fetchall()
        read = connection.execute(
            "SELECT text::numeric::text FROM unnest(%s::text[]) WITH ORDINALITY AS said (text, place) ORDER BY place",
            [list(NUMBERS)],
        ).fetchall()
    assert stored == read


def test_the_other_fields() -> None:
    when = datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)
    times = pa.array([when, _Y2K - timedelta(microseconds=1)], pa.timestamp("us", "UTC"))
    fixed = [
        binary_rows.times(times),
        binary_rows.constant(7, 4, 2),
        binary_rows.integers(pa.array([-(2**63), 2**63 - 1]), 8),
        binary_rows.flags(pa.array([True, False])),
    ]
    rows = fields_of(binary_rows.copied(fixed, [pa.array(['né, "x"\n', None]), pa.array([None, ""])]), 6)
    microseconds = (when - _Y2K) // timedelta(microseconds=1)
    assert rows == [
        [
            struct.pack(">q", microseconds),
            struct.pack(">i", 7),
            struct.pack(">q", -(2**63)),
            b"\1",
            'né, "x"\n'.encode(),
            None,
        ],
        [struct.pack(">q", -1), struct.pack(">i", 7), struct.pack(">q", 2**63 - 1), b"\0", None, b""],
    ]


@pytest.mark.parametrize("texts", [["", None], [None, None]])
def test_texts_may_all_be_empty(texts: list[str | None]) -> None:
    rows = binary_rows.copied([binary_rows.constant(1, 4, 2)], [pa.array(texts, pa.string())])
    assert [row[1] for row in fields_of(rows, 2)] == [None if text is None else text.encode() for text in texts]
