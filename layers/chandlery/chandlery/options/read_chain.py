"""Read the chains of an underlying: the newest that was told of each listed strike, both sides in a row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Connection

from chandlery.datasets.kinds import Kind
from chandlery.options.domain import expiries as of_expiries
from chandlery.options.domain.answers import chain_values
from chandlery.options.store import answers
from chandlery.options.store.answers import Asked, Row
from chandlery.options.store.expiries import list_expiries, of_day
from chandlery.platform.asked import check_limit
from chandlery.reading.domain.cursor import Value, write_cursor
from chandlery.reading.position import read_position
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.window import MINUTE, WEEK, floor_minute

_ORDER: Mapping[str, Kind] = {"expires_at": Kind.TIME, "contract": Kind.TEXT, "strike": Kind.DECIMAL}


@dataclass(frozen=True)
class ChainQuery:
    """Which strikes.

    Attributes:
        expiry: those that had not expired a day before, where absent.
        at: as it was known then, by minutes that had ended; where absent, the newest that there is.
        near: strikes at most N places from the money.
        limit: strikes a page; None: all.
        cursor: `next_cursor` of a page of the same question.
    """

    expiry: date | None = None
    at: datetime | None = None
    near: int | None = None
    limit: int | None = None
    cursor: str | None = None


@dataclass(frozen=True)
class WrittenChain:
    """Strikes as JSON, in order of expiry, contract and strike."""

    texts: Sequence[str]
    next_cursor: str | None


def read_chain(connection: Connection, underlying: Instrument, query: ChainQuery) -> Sequence[Row]:
    """All strikes, as rows of `chain_values`.

    Args:
        connection: in autocommit mode, or in a transaction that sees one moment; nothing is written.
        underlying: whose options.
        query: what is asked for.

    Raises:
        Refused: a value is wrong; says what there is.
        NotFound: it has no options.
        Retryable, Permanent: from the database.
    """
    asked = ask_chain(connection, underlying, query)
    return answers.read(connection, asked) if asked else []


def write_chain(
    connection: Connection, underlying: Instrument, query: ChainQuery, *, as_text: bool = False
) -> WrittenChain:
    """A page as JSON, with numbers `as_text` where asked.

    Raises:
        As `read_chain`; Refused also where the cursor belongs to another question.
    """
    limit = query.limit or 1
    check_limit(limit)
    said = _said(underlying, query)
    asked = ask_chain(connection, underlying, query, read_position(query.cursor, said, _ORDER))
    rows = answers.write(connection, asked, as_text=as_text) if asked else []
    cursor = None
    if len(rows) > limit:
        cursor = write_cursor(said | {"position": json.dumps(list(rows[limit - 1].position))})
    return WrittenChain([row.text for row in rows[:limit]], cursor)


def ask_chain(
    connection: Connection, underlying: Instrument, query: ChainQuery, after: Sequence[str] | None = None
) -> Asked | None:
    """The question to the database; none where nothing was made of any strike."""
    found = list_expiries(connection, underlying)
    newest = of_expiries.newest_minute(found)
    moment = query.at or newest
    if query.expiry is not None:
        found = of_day(underlying.key, found, query.expiry)
        moment = query.at or of_expiries.newest_minute(found)
    elif moment is not None:
        found = of_expiries.alive(found, moment)
    if moment is None:
        return None
    ends = floor_minute(query.at) if query.at else moment + MINUTE
    given: dict[str, Any] = {
        "underlying_id": underlying.instrument_id,
        "expires_at": [each.expires_at for each in found],
        "at": query.at,
        "since": ends - WEEK,
        "ends": ends,
        "known_before": query.at or ends,
        "near": query.near,
        "most": None if query.limit is None else query.limit + 1,
        **dict(zip((f"after_{name}" for name in _ORDER), after or (None,) * len(_ORDER), strict=True)),
    }
    return Asked("read_chain", chain_values(), tuple(_ORDER), given)


def _said(underlying: Instrument, query: ChainQuery) -> dict[str, Value]:
    return {
        "chain": underlying.key,
        "expiry": query.expiry.isoformat() if query.expiry else None,
        "at": query.at.isoformat() if query.at else None,
        "near": query.near,
    }
