"""Write what was found of the indicators of some series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from psycopg import Connection

from chandlery.indicators.kept_indicators import KeptIndicators
from chandlery.indicators.numerics.functions import LIBRARY
from chandlery.indicators.numerics.renewal import Places, Renewal, Values, Which
from chandlery.indicators.store import indicators
from chandlery.indicators.store.indicators import Rows


@dataclass(frozen=True)
class Indicated:
    """What was done, in rows, and in series of one indicator that were looked at.

    `latest` is the time of the last value of each instrument that is other than before, in seconds since 1970.
    """

    written: int = 0
    changed: int = 0
    deleted: int = 0
    series: int = 0
    latest: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: "Indicated") -> "Indicated":
        """Both together."""
        return Indicated(
            self.written + other.written,
            self.changed + other.changed,
            self.deleted + other.deleted,
            self.series + other.series,
            {
                each: max(some.get(each, 0) for some in (self.latest, other.latest))
                for each in (*self.latest, *other.latest)
            },
        )


def write_values(
    connection: Connection,
    kept: KeptIndicators,
    instrument_ids: Places,
    renewals: Sequence[Renewal],
    which: Which,
    at: datetime,
) -> Indicated:
    """Write what the renewals of the chosen series ask for.

    Args:
        connection: in a transaction.
        kept: the indicators.
        instrument_ids: whose each series is.
        renewals: of each indicator.
        which: of the series.
        at: the run's scheduled time.

    Raises:
        AlreadyStored: a value stands where none was found.
        Retryable, Permanent: from the database.
    """
    new = np.concatenate([each.new[which[each.written.series]] for each in renewals])
    rows = _rows(kept, instrument_ids, [each.written.at(which[each.written.series]) for each in renewals])
    deleted = _rows(kept, instrument_ids, [each.deleted.at(which[each.deleted.series]) for each in renewals])
    indicators.delete(connection, deleted)
    for some, write in ((new, indicators.insert), (~new, indicators.replace)):
        write(connection, rows.at(some), made_by=LIBRARY, made_at=at)
    changed = int(np.count_nonzero(~new))
    return Indicated(
        len(rows) - changed,
        changed,
        len(deleted),
        int(np.count_nonzero(which)) * len(renewals),
        _latest(instrument_ids, renewals, which),
    )


def _latest(instrument_ids: Places, renewals: Sequence[Renewal], which: Which) -> Mapping[int, int]:
    """The last change of each of the chosen series that has any."""
    latest = np.zeros(len(instrument_ids), np.int64)
    for each in renewals:
        for values in (each.written, each.deleted):
            np.maximum.at(latest, values.series, values.time)
    changed = which & (latest > 0)
    return dict(zip(instrument_ids[changed].tolist(), latest[changed].tolist(), strict=True))


def _rows(kept: KeptIndicators, instrument_ids: Places, values: Sequence[Values]) -> Rows:
    """Rows of the values of each indicator."""
    return Rows(
        instrument_ids[np.concatenate([each.series for each in values])],
        np.repeat(kept.numbers, [len(each) for each in values]),
        np.concatenate([each.time for each in values]),
        np.concatenate([each.made_from for each in values]),
        [np.concatenate(output) for output in zip(*(each.outputs for each in values), strict=True)],
    )
