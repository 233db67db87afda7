"""What vendors are asked for, day by day, and what they said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from chandlery.domain.instrument import Instrument
from chandlery.domain.vendor import VendorCandle
from chandlery.domain.window import DAY, Window
from chandlery.errors import Permanent, psycopg_errors_translated
from chandlery.store.statements import run, statement


@dataclass(frozen=True)
class VendorDay:
    """One instrument's UTC day with open gaps; `starts` and `ends` are theirs, in the order of `gap_ids`."""

    instrument_id: int
    ticker: str
    day: datetime
    gap_ids: list[int]
    starts: list[datetime]
    ends: list[datetime]

    @property
    def window(self) -> Window:
        """The day."""
        return Window(self.day, self.day + DAY)

    def is_missing(self, minute: datetime) -> bool:
        """Whether a minute lies in one of the gaps."""
        return any(starts <= minute < ends for starts, ends in zip(self.starts, self.ends, strict=True))


@dataclass(frozen=True)
class Asked:
    """A stretch of one instrument that a vendor was asked for, and what it said."""

    instrument_id: int
    window: Window
    said: str


def list_due(connection: Connection, vendor: str, at: datetime, ends: datetime, days: int) -> Sequence[VendorDay]:
    """The days to ask a vendor for: of gaps that end by `ends` and are not backing off, about so many days."""
    with psycopg_errors_translated(), connection.cursor(row_factory=class_row(VendorDay)) as cursor:
        values = {"vendor": vendor, "at": at, "ends": ends, "days": days}
        return cursor.execute(statement("list_vendor_days"), values).fetchall()


def explain_quiet(
    connection: Connection, day: VendorDay, vendor: str, candles: Sequence[VendorCandle], at: datetime
) -> None:
    """Write down that a vendor with candles of a day has none of these missing minutes: nothing was traded in them."""
    run(
        connection,
        "explain_quiet_minutes",
        gap_ids=day.gap_ids,
        starts=day.window.starts,
        ends=day.window.ends,
        times=[candle.time for candle in candles],
        evidence=Jsonb({"vendor": vendor, "candles_that_day": len(candles)}),
        at=at,
    )


def back_off(connection: Connection, vendor: str, asked: Sequence[Asked], at: datetime) -> int:
    """Keep what is still open as unhealable, and ask again later; returns the gaps."""
    return run(
        connection,
        "back_off_gaps",
        at=at,
        instrument_ids=[each.instrument_id for each in asked],
        starts=[each.window.starts for each in asked],
        ends=[each.window.ends for each in asked],
        evidences=[Jsonb({"vendor": vendor, "said": each.said}) for each in asked],
    ).rowcount


def list_incomplete(connection: Connection, instrument_id: int, window: Window) -> Sequence[datetime]:
    """The starts of the UTC days of a window in which an instrument's sessions are not complete, in order."""
    values = {"instrument_id": instrument_id, "starts": window.starts, "ends": window.ends}
    return [day for (day,) in run(connection, "list_incomplete_days", **values)]


def find_ticker(connection: Connection, instrument: Instrument, vendor: str) -> str:
    """What a vendor calls an instrument.

    Raises:
        Permanent: nobody said.
    """
    row = run(connection, "find_ticker", instrument_id=instrument.instrument_id, vendor=vendor).fetchone()
    if row is None:
        raise Permanent(
            f"{instrument.key} has no ticker at {vendor}; add it: chandlery instruments add {instrument.key}"
            f" --calendar {instrument.calendar} --ticker TICKER"
        )
    return str(row[0])
