"""List what is missing and why, a page at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.gaps.store import coverage, gap_pages
from chandlery.gaps.store.gap_pages import NumberedGap
from chandlery.gaps.store.ledger import Choice, Reason
from chandlery.platform.asked import check_limit, check_order
from chandlery.platform.errors import Refused
from chandlery.reading.domain.cursor import BROKEN, read_cursor, write_cursor
from chandlery.reference.store import instruments
from chandlery.words.counting import spell
from chandlery.words.remark import Remark
from chandlery.words.window import MINUTE, floor_minute


@dataclass(frozen=True)
class GapPage:
    """Rows of the ledger, the earliest start first; `next_cursor` leads on, null at the end.

    `remarks`, on the first page, say what the ledger cannot know.
    """

    gaps: Sequence[NumberedGap]
    remarks: Sequence[Remark]
    next_cursor: str | None


def list_gaps(
    connection: Connection,
    at: datetime,
    *,
    key: str | None = None,
    feed: str | None = None,
    reasons: Sequence[str] = (),
    open_only: bool = True,
    starts: datetime | None = None,
    ends: datetime | None = None,
    limit: int = 1000,
    cursor: str | None = None,
    dataset: Dataset = CANDLES,
) -> GapPage:
    """Gaps that touch [starts, ends).

    Args:
        connection: in autocommit mode; nothing is written.
        at: minutes that ended less than a minute before it are not due yet; aware.
        key: of one instrument.
        feed: of one feed's instruments.
        reasons: of these alone, by their names.
        open_only: without those that were healed.
        starts: since ever where absent; aware.
        ends: without end where absent; aware.
        limit: 1 … 10,000.
        cursor: `next_cursor` of a page of the same question.
        dataset: whose rows are missing.

    Raises:
        NotFound: there is no such instrument.
        Refused: a value is wrong.
        Retryable, Permanent: from the database.
    """
    check_limit(limit)
    unknown = [reason for reason in reasons if reason not in list(Reason)]
    if unknown:
        raise Refused("reason", f"no reason {unknown[0]}; there is: {', '.join(Reason)}")
    check_order(starts, ends)
    asked = {
        "dataset": dataset.name,
        "key": key,
        "feed": feed,
        "reasons": " ".join(sorted(reasons)),
        "open_only": open_only,
        "from": starts.isoformat() if starts else None,
        "to": ends.isoformat() if ends else None,
    }
    after = _position(cursor, asked)
    if key is not None:
        instruments.find(connection, key)
    named = [Reason(reason) for reason in reasons]
    choice = Choice(key or "", feed or "", named, starts, ends, healed=not open_only, dataset=dataset)
    found = gap_pages.list_page(connection, choice, after, limit + 1)
    chosen = found[:limit]
    remarks = [] if cursor else list(remark_not_judged(connection, choice, at))
    return GapPage(chosen, remarks, _cursor(asked, chosen[-1]) if len(found) > limit else None)


def remark_not_judged(connection: Connection, choice: Choice, at: datetime) -> Iterator[Remark]:
    """Say of what nobody has looked at that it may have gaps that the ledger does not know."""
    found = coverage.sum_not_judged(connection, choice, floor_minute(at) - MINUTE)
    if found.starts and found.ends:
        who = spell(found.instruments, "instrument is", "instruments are")
        yield Remark(
            f"{who} not judged everywhere between {_described(found.starts)} and {_described(found.ends)}: what is"
            " missing there is no gap yet",
            f"; see: chandlery coverage{declared.option(choice.dataset)}",
        )


def _described(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _position(cursor: str | None, asked: dict[str, str | bool | None]) -> tuple[datetime | str, int]:
    if cursor is None:
        return "-infinity", 0
    try:
        said = read_cursor(cursor, asked, {"starts": str, "gap": int})
    except ValueError as error:
        raise Refused("cursor", str(error)) from None
    try:
        starts = datetime.fromisoformat(str(said["starts"]))
    except ValueError:
        raise Refused("cursor", BROKEN) from None
    gap = int(said["gap"] or 0)
    if starts.tzinfo is None or not 0 <= gap < 2**63:
        raise Refused("cursor", BROKEN)
    return starts, gap


def _cursor(asked: dict[str, str | bool | None], last: NumberedGap) -> str:
    return write_cursor(asked | {"starts": last.starts.isoformat(), "gap": last.gap_id})
