"""Option chains on a terminal: as narrow as it can be, no cell is cut off."""

import io
from typing import Any

import pytest
from rich.console import Console

from local.command_line import option_chains
from local.command_line.output import measure

QUOTED: dict[str, Any] = {
    f"{side}_{name}": value
    for side in ("call", "put")
    for name, value in {
        "oi": 1138,
        "volume": 54,
        "iv": 0.166,
        "delta": 0.442,
        "last": 5.9,
        "bid": 5.4,
        "ask": 6,
    }.items()
}
ROWS = [
    QUOTED | {"strike": "747.5", "rank": 0},
    # One side is not listed.
    QUOTED | {name: None for name in QUOTED if name.startswith("put")} | {"strike": 750, "rank": 1},
]


@pytest.mark.parametrize("left_out", [(), ("last", "delta"), ("last", "delta", "volume", "oi", "iv")])
def test_a_chain_cuts_off_no_cell(left_out: tuple[str, ...]) -> None:
    table = option_chains._table("X@U@EQ 2015-12-31", ROWS, left_out)
    shown = io.StringIO()
    Console(file=shown, width=measure(table).minimum).print(table)
    text = shown.getvalue()
    assert "…" not in text
    (money,) = [line for line in text.splitlines() if "> 747.5 <" in line]
    calls, puts = money.split("> 747.5 <")
    assert (calls.split()[-2:], puts.split()[:2]) == (["5.400", "6"], ["5.400", "6"])
    assert len(calls.split()) == len(puts.split()) == 7 - len(left_out)
    (one_sided,) = [line for line in text.splitlines() if " 750 " in line]
    assert one_sided.split()[-1] == "750"
