"""Write what a data set's migration makes behind its table: triggers, roll-ups, what keeps its gaps apart; or drops.

    python -m local.rollups strikes >> sql/migrations/versions/0042_strikes.up.sql
    python -m local.rollups strikes --down >> sql/migrations/versions/0042_strikes.down.sql

Views of days, weeks and months, of a data set that has such, are written to sql/schema.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import timedelta

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.rollup import Rollup, order_best_first
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


_TRIGGERS = """\
CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.{name}
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours({arguments});
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.{name}
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours({arguments});
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.{name}
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours({arguments});
"""
# A plane of instruments and seconds has no room for data sets: each has one of its own.
_GAPS_APART = """\
ALTER TABLE market.gaps ADD CONSTRAINT {name}_gaps_open_never_overlap EXCLUDE USING gist (
    box(
        point(instrument_id, date_part('epoch', starts - '2000-01-01 00:00Z'::timestamptz)),
        point(instrument_id, date_part('epoch', ends - '2000-01-01 00:00Z'::timestamptz) - 1)
    ) WITH &&
) WHERE (healed_at IS NULL AND dataset = '{name}') DEFERRABLE INITIALLY DEFERRED;
"""
# What is counted of a data set whose table has not the columns of Cadence.counted.
_COUNTED = """\
CREATE VIEW market.{counted} AS
SELECT instrument_id, time, false AS partial, NULL::bigint AS trades, '{name}' AS source
FROM market.{name} GROUP BY instrument_id, time;
"""
# The same where an operator sets the cadence, in two branches, so that the key finds the rows of one instrument.
_EXPECTED = """\
CREATE VIEW market.{counted} AS
SELECT k.instrument_id, r.time, false AS partial, NULL::bigint AS trades, r.{by} AS source
FROM market.cadences AS k
JOIN market.{name} AS r ON r.{by} = k.source AND r.instrument_id = k.whole_id
WHERE k.dataset = '{name}'
UNION ALL
SELECT k.instrument_id, r.time, false, NULL, r.{by}
FROM market.cadences AS k
JOIN market.{name} AS r ON r.{by} = k.source
WHERE k.dataset = '{name}' AND k.whole_id IS NULL;
"""
# What stands for its sources, with their gaps and what was judged.
_SOURCES_GONE = """\
DELETE FROM market.instruments AS n USING market.cadences AS k
WHERE n.instrument_id = k.instrument_id AND k.dataset = {name};"""
# TimescaleDB's own policies go with their table; the schema's jobs know it by name alone. Those of a superuser stay.
_JOBS_GONE = """\
SELECT delete_job(job_id) FROM timescaledb_information.jobs
WHERE proc_schema = 'market' AND config ->> 'table_name' IN ({names}) AND pg_has_role(owner, 'USAGE');"""
# Where what is known of its rows is kept.
_KNOWN = ("marks", "open_hours", "candle_hours", "hour_versions", "known_data", "gaps", "judged", "reaches", "scans")
# Where it is kept what was imported, and what retention may drop and has dropped.
_KEPT = ("imports", "retentions", "releases", "drops", "horizons")


def migration(dataset: Dataset) -> str:
    """All that a migration makes behind a data set's table."""
    return "\n".join(
        [
            *([triggers(dataset)] if dataset.works else []),
            *([_GAPS_APART.format(name=dataset.name)] if dataset.cadence else []),
            *map(aggregate, dataset.rollups),
            *([listed(dataset.rollups)] if dataset.rollups else []),
        ]
    )


def downgrade(dataset: Dataset) -> str:
    """All that takes it back, the table and what is known of its rows included; a kept rebuild refuses it."""
    dropped = [f"DROP MATERIALIZED VIEW market.{each.relation};" for each in reversed(dataset.rollups)]
    apart = [f"ALTER TABLE market.gaps DROP CONSTRAINT {dataset.name}_gaps_open_never_overlap;"] * bool(dataset.cadence)
    known = [f"DELETE FROM market.{each} WHERE dataset = {_quoted(dataset.name)};" for each in ("rollups", *_KNOWN)]  # noqa: S608
    names = ", ".join(_quoted(name) for name in (dataset.name, *(each.relation for each in dataset.rollups)))
    kept = [f"DELETE FROM market.{each} WHERE table_name IN ({names});" for each in _KEPT]  # noqa: S608
    jobs = _JOBS_GONE.format(names=names)
    sources = [_SOURCES_GONE.format(name=_quoted(dataset.name))] * bool(dataset.cadence and dataset.cadence.is_set)
    return "\n".join([jobs, *dropped, *sources, f"DROP TABLE market.{dataset.name};", *apart, *known, *kept]) + "\n"


def counted(dataset: Dataset) -> str:
    """The view of its minutes by which its hours are counted; nothing where its own table is."""
    if dataset.cadence is None or dataset.cadence.counted == dataset.name:
        return ""
    text = _EXPECTED if dataset.cadence.is_set else _COUNTED
    return text.format(counted=dataset.cadence.counted, name=dataset.name, by="".join(dataset.cadence.by[:1]))


def triggers(dataset: Dataset) -> str:
    """Those that mark the hours of its rows, for the work that there is."""
    return _TRIGGERS.format(name=dataset.name, arguments=", ".join(map(_quoted, [dataset.name, *dataset.works])))


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
        _quoted(order_best_first(rollup.best_first)),
    ]
    texts = [_quoted(fold(rollup)), _quoted(merge(rollup)) if rollup.level > 1 else "NULL"]
    return f"({', '.join(values)},\n    {f',{_INDENT}'.join(texts)})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    known = {each.name: each for each in declared.DATASETS if each.rollups or each.cadence}
    parser = ArgumentParser(description="Write what a data set's migration makes behind its table.")
    parser.add_argument("name", choices=known)
    parser.add_argument("--down", action="store_true", help="what takes it back, instead")
    asked = parser.parse_args()
    chosen = known[asked.name]
    view = counted(chosen)
    for relation, text in views(chosen):
        (SCHEMA / "derived" / f"{relation}.sql").write_text(text)
    if asked.down:
        dropped = f"DROP VIEW IF EXISTS market.{chosen.cadence.counted};\n" if chosen.cadence and view else ""
        sys.stdout.write(dropped + downgrade(chosen))
    else:
        sys.stdout.write("\n".join(filter(None, [view, migration(chosen)])))
