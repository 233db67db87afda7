"""Write the DDL of a data set's roll-ups, for its migration.

    python -m local.rollups strikes >> sql/migrations/versions/0042_strikes.up.sql

Views of days, weeks and months, of a data set that has such, are written to sql/schema.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import timedelta

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset, Rollup
from chandlery.platform.definitions import SCHEMA
from chandlery.words.counting import spell
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, MINUTE

_INDENT = "\n    "
_LISTED = (
    "dataset",
    "relation",
    "below",
    "width",
    "level",
    "bucket",
    "keys",
    "leaves_out",
    "best_first",
    "fold",
    "merge",
)
# What the date of a session is floored to, and what a comment says of the view.
_UNITS = {
    Timeframe.D1: (
        "session_date::timestamp",
        "Regular sessions, the minute of the closing auction included; time is the session date at 00:00 UTC.",
    ),
    Timeframe.W1: (
        "date_trunc('week', session_date::timestamp)",
        "Weeks of session dates; time is their Monday at 00:00 UTC.",
    ),
    Timeframe.MO1: (
        "date_trunc('month', session_date::timestamp)",
        "Months of session dates; time is their first day at 00:00 UTC.",
    ),
}
_LENGTHS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


def migration(dataset: Dataset) -> str:
    """All that a migration makes of a data set's roll-ups."""
    return "\n".join([*map(aggregate, dataset.rollups), listed(dataset.rollups)])


def aggregate(rollup: Rollup, relation: str = "", below: str = "") -> str:
    """The statement that makes one, without data; under another name, on another relation, if so asked."""
    return (
        f"CREATE MATERIALIZED VIEW market.{relation or rollup.relation}"
        " WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS\n"
        f"{merge(rollup) % f'market.{below or rollup.below}'}\nWITH NO DATA;\n"
    )


def listed(rollups: Sequence[Rollup]) -> str:
    """The statement that puts them on the list of roll-ups."""
    rows = ",\n    ".join(map(_row, rollups))
    return f"INSERT INTO market.rollups ({', '.join(_LISTED)}) VALUES\n    {rows};\n"


def fold(rollup: Rollup) -> str:
    """The SELECT that makes its buckets of the data set's rows; a place is left for where those are."""
    where = f"\nWHERE NOT {rollup.leaves_out}" if rollup.leaves_out else ""
    return _select(rollup, [f"{part.fold} AS {part.name}" for part in rollup.parts], where)


def merge(rollup: Rollup) -> str:
    """The SELECT that makes its buckets of what it is built on; the same place is left."""
    if rollup.level == 1:
        return fold(rollup)
    return _select(rollup, [f"{part.merge} AS {part.name}" for part in rollup.parts], "")


def views(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """The views of days, weeks and months, by name, as they stand in sql/schema."""
    for timeframe in dataset.days.timeframes if dataset.days else ():
        below, relation = dataset.rollup_of(timeframe), dataset.relation(timeframe)
        starts, comment = _UNITS[timeframe]
        key = ", ".join(["instrument_id", *dataset.dimensions])
        kept = [f"{part.merge} AS {part.name}" for part in below.parts if part.name != "time"]
        columns = f",{_INDENT}".join([f"{key}, {starts} AT TIME ZONE 'UTC' AS time", *kept])
        lines = [
            f"-- Written by local/rollups.py, of what {dataset.name} are declared as.",
            f"CREATE OR REPLACE VIEW market.{relation} AS",
            f"SELECT{_INDENT}{columns}",
            f"FROM market.{below.relation}",
            f"GROUP BY {key}, {starts} AT TIME ZONE 'UTC';",
            f"COMMENT ON VIEW market.{relation} IS '{comment}';",
        ]
        yield relation, "\n".join(lines) + "\n"


def _select(rollup: Rollup, kept: Sequence[str], where: str) -> str:
    floored = f"time_bucket({_interval(rollup.width)}, time)"
    plain = [column for column in rollup.key if column != rollup.bucket]
    columns = f",{_INDENT}".join([f"{', '.join(plain)}, {floored} AS {rollup.bucket}", *kept])
    return f"SELECT{_INDENT}{columns}\nFROM %s{where}\nGROUP BY {', '.join([*plain, floored])}"


def _interval(width: timedelta) -> str:
    unit, name = next((unit, name) for unit, name in _LENGTHS if width % unit == timedelta(0))
    return f"INTERVAL '{spell(width // unit, name)}'"


def _row(rollup: Rollup) -> str:
    values = [
        *map(_quoted, [rollup.table, rollup.relation, rollup.below]),
        _interval(rollup.width),
        str(rollup.level),
        _quoted(rollup.bucket),
        _quoted(f"{{{','.join(rollup.key)}}}"),
        _quoted(rollup.leaves_out) if rollup.leaves_out else "NULL",
        _quoted(", ".join(f"{column} DESC" for column in rollup.best_first)),
    ]
    texts = [_quoted(fold(rollup)), _quoted(merge(rollup)) if rollup.level > 1 else "NULL"]
    return f"({', '.join(values)},\n    {f',{_INDENT}'.join(texts)})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    known = {each.name: each for each in declared.DATASETS if each.rollups}
    parser = ArgumentParser(description="Write the DDL of a data set's roll-ups, for its migration.")
    parser.add_argument("name", choices=known)
    chosen = known[parser.parse_args().name]
    for relation, text in views(chosen):
        (SCHEMA / "derived" / f"{relation}.sql").write_text(text)
    sys.stdout.write(migration(chosen))
