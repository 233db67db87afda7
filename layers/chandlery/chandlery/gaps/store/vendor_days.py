"""What vendors are asked for, day by day, and what they said: of candles, which are all that a vendor has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.datasets.candles import CANDLES
from chandlery.platform.connection import transaction
from chandlery.platform.statements import read_rows, run
from chandlery.words.window import DAY, Window


@dataclass(frozen=True)
class VendorDay:
    """One instrument's UTC day with open gaps: the stretches to ask about, each of the gap at its place in `gap_ids`.

    `days_due` is how many such days there are in all.
    """

    instrument_id: int
    ticker: str
    allow_negative: bool
    day: datetime
    days_due: int
    gap_ids: list[int]
    starts: list[datetime]
    ends: list[datetime]

    @property
    def window(self) -> Window:
        """The day."""
        return Window(self.day, self.day + DAY)

    def is_missing(self, minute: datetime) -> bool:
        """Whether a minute lies in one of the stretches."""
        return any(starts <= minute < ends for starts, ends in zip(self.starts, self.ends, strict=True))


@dataclass(frozen=True)
class Asked:
    """A day that a vendor was asked for, and what it said."""

    day: VendorDay
    said: str


def list_due(connection: Connection, vendor: str, at: datetime, ends: datetime, days: int) -> Sequence[VendorDay]:
    """The days to ask a vendor for, of gaps before `ends` that are not backing off; at most `days` of them."""
    values: dict[str, Any] = {"dataset": CANDLES.name, "vendor": vendor, "at": at, "ends": ends, "days": days}
    return read_rows(connection, VendorDay, "list_vendor_days", **values)


def explain_quiet(connection: Connection, day: VendorDay, vendor: str, candles: int, at: datetime) -> None:
    """Write down that a vendor with so many candles of a day has none of the minutes still missing: no trades."""
    run(
        connection,
        "explain_quiet_minutes",
        gap_ids=day.gap_ids,
        starts=day.starts,
        ends=day.ends,
        day=day.day,
        evidence=Jsonb({"vendor": vendor, "candles_that_day": candles}),
        at=at,
    )


def back_off(connection: Connection, vendor: str, asked: Sequence[Asked], at: datetime, ends: datetime) -> int:
    """Keep what is still open before `ends` as unhealable, and ask again later; returns the gaps that back off.

    Gaps of which only a part was asked about remember which.
    """
    stretches = [
        (each.day.instrument_id, starts, until, each.said)
        for each in asked
        for starts, until in zip(each.day.starts, each.day.ends, strict=True)
    ]
    with transaction(connection):
        run(connection, "lock_gaps")
        found = run(
            connection,
            "back_off_gaps",
            dataset=CANDLES.name,
            vendor=vendor,
            at=at,
            ends=ends,
            instrument_ids=[instrument_id for instrument_id, *_ in stretches],
            asked_starts=[starts for _, starts, *_ in stretches],
            asked_ends=[until for *_, until, _ in stretches],
            said=[said for *_, said in stretches],
        )
        return sum(whole for (whole,) in found)


def list_open_days(connection: Connection, instrument_id: int, window: Window) -> Sequence[tuple[datetime, bool]]:
    """The UTC days of a window in which an instrument is to trade, in order, and whether each is incomplete."""
    values = {"dataset": CANDLES.name, "instrument_id": instrument_id, "starts": window.starts, "ends": window.ends}
    return [(day, incomplete) for day, incomplete in run(connection, "list_open_days", **values)]
