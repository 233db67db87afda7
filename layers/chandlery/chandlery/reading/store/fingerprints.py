"""Fingerprints: what tells, without reading them, whether an instrument's candles are the ones that were read before.

Why an answer that is found under a fingerprint is what reading again would give:

- Minutes. Every change of candles counts its hour up (market.hour_versions, by shares of the instruments) in its own
  transaction, and waits for whoever counts the same hour. So the sum over a stretch grows with every change that
  becomes visible, and equal sums mean equal minutes at all times in between. What retention drops moves the horizon in
  the same transaction.
- Derived buckets are materialized below an aggregate's watermark, and computed from the aggregate below, in the end
  from minutes, above it. As long as minutes and watermark stay, a bucket that is computed stays; one that is
  materialized can be older than its minutes, and a refresh puts it right at any time: no count tells of that. So
  nothing is told of a bucket in doubt, one whose hour has a mark, for a mark is taken only after its buckets were
  refreshed. Without a change there is no new mark; so a bucket without doubt when it was told of, and again when it is
  asked for, can have been in doubt in between in one way: its mark stood above the watermark, the watermark passed it
  over, a refresh put it right, the mark was taken. The watermark never goes back, and is told as far as it lies inside.
- A bucket that was open when its hour's mark was taken is materialized later; a refresh of later ones may pass it
  over, until its hour is refreshed once more. Hours in which that can be are those of market.open_hours, marks as well.
- A rebuild changes the aggregate under the name, and is in doubt until it has settled; its name moves with a new row of
  the catalogue.
- Expected minutes hang on the rows of the instrument and its calendar: sessions change along with the calendar's row.

The fingerprint is read before the candles: a change in between is in the candles, and the next fingerprint is another.
It is then an answer that nobody finds, never one that is found too late.

Another hand that drops chunks, or empties a table, goes unnoticed here as everywhere; what writes rows does not.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.platform.statements import run
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window


@dataclass(frozen=True)
class Fingerprint:
    """What tells of the candles of the buckets that start in a window.

    Attributes:
        value: the same text, the same candles, of those that start before `settled_to`.
        settled_to: the window's end; or where the first bucket starts that is in doubt: from there on candles are read
            anew each time. The window's start where nothing is settled.
    """

    value: str
    settled_to: datetime


def find_candles(
    connection: Connection, instrument_id: int, timeframe: Timeframe, window: Window, dataset: Dataset = CANDLES
) -> Fingerprint:
    """The fingerprint of an instrument's candles whose buckets start in a window: read it before them.

    It knows nothing of the time: whether a bucket is open is for the key.
    """
    starts, ends = timeframe.ceil_bucket(window.starts), timeframe.ceil_bucket(window.ends)
    chain = () if dataset.is_own(timeframe) else dataset.chain(timeframe)
    row = run(
        connection,
        "fingerprint_candles",
        dataset=dataset.name,
        instrument_id=instrument_id,
        starts=starts,
        ends=ends,
        by_session=timeframe.by_session,
        width=timeframe.width,
        aggregates=[each.relation for each in chain],
        widths=[each.width for each in chain],
    ).fetchone()
    if row is None:  # no such instrument any more
        return Fingerprint("", window.starts)
    settled_to, fingerprint = row
    return Fingerprint(
        fingerprint, window.ends if settled_to is None else max(min(settled_to, window.ends), window.starts)
    )
