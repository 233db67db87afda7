"""Instruments: what is traded."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.platform.connection import transaction
from chandlery.platform.errors import NotFound, Permanent
from chandlery.platform.statements import read_rows, run, run_on, run_on_each
from chandlery.reference.domain.instrument import UNDESCRIBED, Description, Instrument, exchange_of
from chandlery.reference.store.sessions import restamp_instrument
from chandlery.words.counting import spell
from chandlery.words.remark import Remark


def add(
    connection: Connection,
    key: str,
    calendar: str,
    feed: str,
    *,
    listed_at: datetime | None = None,
    delisted_at: datetime | None = None,
    tickers: Mapping[str, str] | None = None,
    allow_negative: bool | None = None,
    description: Description = UNDESCRIBED,
) -> None:
    """Add an instrument, or change the one there is, in one transaction.

    Args:
        connection: in autocommit mode.
        key: EXCHANGE@SYMBOL@TYPE.
        calendar: one that has been filled.
        feed: whose ticks they are.
        listed_at: candles are expected from here on; null keeps what is stored.
        delisted_at: candles are expected up to here; null keeps what is stored.
        tickers: what vendors call it, by vendor; those of other vendors are kept.
        allow_negative: whether prices may lie below zero; null keeps what is stored, and of a new one means not.
        description: what it is; what is null of it keeps what is stored.

    Raises:
        Permanent: it would be delisted before it is listed, the calendar is not known, or prices below zero are stored
            that are to be refused; nothing is written then.
        Retryable: from the database.
    """
    with transaction(connection):
        stored = _look_up(connection, key)
        _refuse_backward_life(stored, key, listed_at, delisted_at)
        named = {"feed": feed, "listed_at": listed_at, "delisted_at": delisted_at, "allow_negative": allow_negative}
        run(connection, "upsert_instrument", instrument_key=key, calendar=calendar, **named, **_said(description))
        run(connection, "align_parts", instrument_key=key)
        if stored and allow_negative is False:
            _refuse_stored_negative(connection, stored)
        for vendor, ticker in (tickers or {}).items():
            run(connection, "upsert_ticker", instrument_key=key, vendor=vendor, ticker=ticker)


def change(
    connection: Connection,
    key: str,
    *,
    calendar: str | None = None,
    feed: str | None = None,
    listed_at: datetime | None = None,
    delisted_at: datetime | None = None,
    tickers: Mapping[str, str] | None = None,
    allow_negative: bool | None = None,
    description: Description = UNDESCRIBED,
) -> int:
    """Change what is named of an instrument, in one transaction; null keeps what is stored, as do tickers not named.

    Another calendar gives its candles other session dates.

    Returns:
        How many candles were restamped.

    Raises:
        NotFound: there is no such instrument.
        Permanent: as of `add`; nothing is written then.
        Retryable: from the database.
    """
    with transaction(connection):
        if calendar is not None:
            # In the order of everybody who takes both; no scan and no writer goes by the former calendar meanwhile.
            run(connection, "lock_gaps")
            run(connection, "lock_candles")
        stored = find(connection, key)
        _refuse_backward_life(stored, key, listed_at, delisted_at)
        named = {"feed": feed, "listed_at": listed_at, "delisted_at": delisted_at, "allow_negative": allow_negative}
        run(connection, "change_instrument", instrument_key=key, calendar=calendar, **named, **_said(description))
        run(connection, "align_parts", instrument_key=key)
        if allow_negative is False:
            _refuse_stored_negative(connection, stored)
        for vendor, ticker in (tickers or {}).items():
            run(connection, "upsert_ticker", instrument_key=key, vendor=vendor, ticker=ticker)
        if calendar in (None, stored.calendar):
            return 0
        return restamp_instrument(connection, stored.instrument_id, calendar)


def remove(connection: Connection, key: str, *, with_data: bool = False) -> None:
    """Remove an instrument, and with it the options on it, in one transaction.

    What is derived of them goes as any that is stale: with the next refresh.

    Args:
        connection: in autocommit mode.
        key: EXCHANGE@SYMBOL@TYPE.
        with_data: whether its rows of every data set, its gaps, and its contracts with theirs, go as well.

    Raises:
        NotFound: there is no such instrument.
        Permanent: data of it is stored, and is not to go; or an expiry has contracts. Nothing is written then.
        Retryable: from the database.
    """
    with transaction(connection):
        # Nobody writes gaps or candles of what goes; in the order of everybody who takes both.
        run(connection, "lock_gaps")
        run(connection, "lock_candles")
        instrument_id = find(connection, key).instrument_id
        if expiring := run(connection, "find_expiring", instrument_id=instrument_id).fetchone():
            told = spell(expiring[1], "contract")
            raise Permanent(f"{key} is an expiry of {expiring[0]} with {told}: it goes with its underlying")
        names = [dataset.name for dataset in declared.DATASETS]
        has_rows = run_on_each(connection, names, "has_rows_of", instrument_id=instrument_id)
        kept = [name for name, has in zip(names, has_rows, strict=True) if has]
        options = dict[int, bool](run(connection, "list_contract_ids", underlying_id=instrument_id).fetchall())
        contracts = sum(options.values())
        if (kept or contracts) and not with_data:
            owned = [*kept, *([spell(contracts, "contract")] if contracts else [])]
            raise Permanent(f"{key} has {' and '.join(owned)}; to delete them as well, for good: --with-data")
        run(connection, "set_bitmap_scans", setting="off")
        everything = [instrument_id, *options]
        for name in names if options else kept:
            run_on(connection, name, "delete_rows_of", instrument_ids=everything)
        for query in ("delete_candle_hours_of", "delete_imports_of"):
            run(connection, query, instrument_ids=everything)
        # What others stand on goes last.
        for instrument_ids in ([*options], [instrument_id]):
            run(connection, "delete_instrument", instrument_ids=instrument_ids)


def list_all(connection: Connection) -> Sequence[Instrument]:
    """Every instrument, by key."""
    return read_rows(connection, Instrument, "list_instruments")


def list_keys(connection: Connection) -> Mapping[str, int]:
    """The ids of all instruments that are no option contracts, by key."""
    return dict(run(connection, "list_keys").fetchall())


def find(connection: Connection, key: str) -> Instrument:
    """The instrument of a key.

    Raises:
        NotFound: there is none.
    """
    found = _look_up(connection, key)
    if found is None:
        raise not_found(connection, key)
    return found


def not_found(connection: Connection, key: str) -> NotFound:
    """What to say where there is no instrument of a key: the keys that may have been meant, or how to add it."""
    near = " or ".join(found for (found,) in run(connection, "list_near_keys", given=key))
    try:
        exchange_of(key)
    except ValueError as error:
        return NotFound(f"{error}; did you mean {near}?" if near else str(error))
    advice = f"add it first: chandlery instruments add {key} --calendar NAME"
    if near:
        return NotFound(Remark(f"no instrument {key}; did you mean {near}?", f" Else {advice}"))
    return NotFound(Remark(f"no instrument {key}", f"; {advice}"))


def list_ticked(connection: Connection, instrument_ids: Sequence[int]) -> Sequence[int]:
    """Those of some instruments that have any tick."""
    return [found for (found,) in run(connection, "list_ticked", instrument_ids=list(instrument_ids))]


def count(connection: Connection) -> int:
    """How many instruments there are."""
    row = run(connection, "count_instruments").fetchone()
    return int(row[0]) if row else 0


def _said(description: Description) -> Mapping[str, str | None]:
    return {
        "instrument_name": description.name,
        "asset_type": description.asset_type,
        "sector": description.sector,
        "industry": description.industry,
    }


def _look_up(connection: Connection, key: str) -> Instrument | None:
    return next(iter(read_rows(connection, Instrument, "find_instrument", instrument_key=key)), None)


def _refuse_stored_negative(connection: Connection, stored: Instrument) -> None:
    """Raises `Permanent` where candles could not be made of stored ticks any more."""
    found = run(connection, "find_negative_price", instrument_id=stored.instrument_id).fetchone()
    if stored.allow_negative and found and found[0]:
        raise Permanent(f"{stored.key} has prices below zero; they have to be deleted before they can be refused")


def _refuse_backward_life(
    stored: Instrument | None, key: str, listed_at: datetime | None, delisted_at: datetime | None
) -> None:
    listed = listed_at or (stored.listed_at if stored else None)
    delisted = delisted_at or (stored.delisted_at if stored else None)
    if listed and delisted and listed >= delisted:
        raise Permanent(
            f"{key} cannot be listed at {listed.isoformat()} and delisted at {delisted.isoformat()}:"
            " give --listed and --delisted in order"
        )
