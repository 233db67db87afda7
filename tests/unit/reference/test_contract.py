"""What is usual of an underlying's options, and what distinguishes a contract from its twins."""

from dataclasses import astuple

import pytest

from chandlery.reference.domain.contract import root_of, terms_of
from chandlery.reference.domain.instrument import Instrument


@pytest.mark.parametrize(
    ("key", "calendar", "expected"),
    [
        ("XNAS@GOOG@EQ", "XNYS", ("OPRA", "100", "american", "black_scholes_merton", "USD")),
        ("CBOE@SPX@INDEX", "XNYS", ("OPRA", "100", "european", "black_76", "USD")),
        ("NSE@NIFTY@INDEX", "XBOM", ("NSE", "1", "european", "black_76", "INR")),
        ("NSE@INFY@EQ", "XBOM", ("NSE", "1", "european", "black_scholes_merton", "INR")),
        ("DERIBIT@BTC@SPOT", "24/7", ("DERIBIT", "1", "european", "black_76", "USD")),
    ],
)
def test_terms_follow_from_the_underlying(key: str, calendar: str, expected: tuple[str, ...]) -> None:
    assert astuple(terms_of(Instrument(1, key, calendar, "test"))) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AMX   261218C00100000", ""),
        ("AMX261218P00100000", ""),
        ("AMX1  261218C00100000", "AMX1"),
        ("amx", ""),
        (" AMX1 ", "AMX1"),
        ("", ""),
        ("PM", "PM"),
    ],
)
def test_both_sides_of_a_twin_have_one_name(name: str, expected: str) -> None:
    assert root_of(name, "AMX") == expected
