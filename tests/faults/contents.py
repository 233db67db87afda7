"""What the schema holds: every table, every aggregate as it is read, indicators; and how two such states differ."""

from collections import Counter
from collections.abc import Mapping, Sequence

from psycopg import Connection

# What may differ though nothing is lost, and why.
LEFT_OUT: Mapping[tuple[str, str], str] = {
    ("candles", "created_at"): "the server's clock when it was first written",
    ("candles", "updated_at"): "the server's clock when it was written",
    **{
        (table, column): why
        for table in ("strike_candles", "newest_strikes")
        for column, why in (
            ("revision", "a minute that builds on another one is made again whenever that comes after it"),
            ("created_at", "the server's clock when it was first written"),
            ("updated_at", "the server's clock when it was written"),
        )
    },
    ("instruments", "uuid"): "drawn when the instrument was first listed",
    ("users", "created_at"): "the server's clock when he was first here",
    ("users", "updated_at"): "the server's clock when he was first here",
    ("signals", "id"): "from a sequence, which counts rolled back rows too",
    ("watchlists", "watchlist_id"): "from a sequence, which counts rolled back rows too",
    **{
        (table, column): "from a sequence, which counts rolled back rows too"
        for table, columns in (("watchlist_items", ("watchlist_id", "item_id")), ("alerts", ("alert_id", "item_id")))
        for column in columns
    },
    **{("alerts", column): "the server's clock, of a level of an item" for column in ("created_at", "updated_at")},
    ("gaps", "gap_id"): "from a sequence, which counts rolled back rows too",
    ("marks", "mark_id"): "from a sequence, which counts rolled back rows too",
    ("stored_indicators", "indicator_id"): "from a sequence, which counts rolled back rows too",
    ("open_hours", "open_hour_id"): "from a sequence, which counts rolled back rows too",
    ("hour_versions", "version"): "counts the transactions that wrote, and two runs may share the work of one",
    ("imports", "import_id"): "counts what was rolled back as well",
    ("imports", "imported_at"): "the server's clock when it was written",
    **{
        (table, "received_at"): "the server's clock, where no producer says"
        for table in ("ticks", "option_quotes", "open_interest", "sentiment", "flows")
    },
    ("drops", "drop_id"): "counts what was rolled back as well",
    ("drops", "dropped_at"): "the server's clock when it was written",
    ("drops", "reported_in"): "the run that left a row, be it the next one",
    ("runs", "attempts"): "a run that failed was tried again",
    ("runs", "counts"): "what the last attempt still had to do",
    ("runs", "seconds"): "how long it took",
    ("runs", "recorded_at"): "the server's clock when it was written",
}
# What may differ, since it shows the way and not where it led: when gaps were found, that some were
# there for a while, from when on they were looked for, how often a candle changed on its way, who ran when.
INSTEAD: Mapping[str, str] = {
    "gaps": "SELECT instrument_id, starts, ends, minutes, reason FROM market.gaps WHERE healed_at IS NULL",
    "candles": "SELECT instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, partial,"
    " session_date, extended, source, version FROM market.candles",
    # Computed from another candle on, they agree to nine digits, as promised.
    "indicator_values": "SELECT instrument_id, timeframe, name, parameters, time, round(value::numeric, 7),"
    " round(value_2::numeric, 7), round(value_3::numeric, 7) FROM market.indicators",
    # Where values continue from, if from anywhere.
    "indicator_states": "SELECT 1",
    "scans": "SELECT component, ends, resume_at FROM market.scans",
    # How far back the first look went depends on its clock.
    "judged": "SELECT component, instrument_id, upper(stretches) FROM market.judged_stretches",
    "reaches": "SELECT component, share, ends FROM market.reaches",
    "runs": "SELECT 1",
    "upkeep": "SELECT policy, failures, error FROM market.upkeep",
    "hour_versions": "SELECT hour FROM market.hour_versions",
    "open_hours": "SELECT 1",
    # What was seen before a minute changed may have raised a signal, or fired an alert, that is no longer valid;
    # and its levels are those of the first look.
    "signals": "SELECT strategy, strategy_version, instrument_id, timeframe, time, known_at, direction, backfilled,"
    " CASE WHEN target_price IS NULL THEN ended_by END FROM market.signals WHERE ended_by IS DISTINCT FROM 'revised'",
    "alert_firings": "SELECT f.instrument_id, f.side, f.level, a.note, f.minute, f.is_late"
    " FROM market.alert_firings AS f JOIN market.alerts AS a USING (alert_id) WHERE f.revised_at IS NULL",
    "alerts": "SELECT instrument_id, item_id IS NULL, side, level, note, is_recurring, state, armed_at"
    " FROM market.alerts",
    # Marks of what changed for a while.
    "signal_marks": "SELECT 1",
    "alert_minutes": "SELECT 1",
    # One message for each that remains, the last one of a signal with its end; what changed, published or not yet; and
    # how many wait.
    "outbox": """
    SELECT 'waiting' AS what, row(topic, count(*))::text AS said FROM market.outbox WHERE sent_at IS NULL GROUP BY topic
    UNION ALL
    SELECT 'alert', row(f.side, f.level, f.minute, count(o.id))::text
    FROM market.alert_firings AS f
    LEFT JOIN market.outbox AS o ON o.topic = 'alerts'
        AND o.key = format('alert:%s:%s', f.alert_id, to_char(f.minute AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'))
    WHERE f.revised_at IS NULL
    GROUP BY f.alert_id, f.side, f.level, f.minute
    UNION ALL
    SELECT 'signal', row(
        s.strategy, s.instrument_id, s.time, count(*) FILTER (WHERE o.body ->> 'event' = 'raised'),
        (array_agg(o.body ->> 'ended_by' ORDER BY o.id DESC))[1] IS NOT DISTINCT FROM s.ended_by
    )::text
    FROM market.signals AS s
    LEFT JOIN market.outbox AS o ON o.topic = 'signals' AND o.group_key = 'signal:' || s.id
    WHERE NOT s.backfilled AND s.ended_by IS DISTINCT FROM 'revised'
    GROUP BY s.id
    UNION ALL
    (
        SELECT 'change', row(body ->> 'dataset', named.value)::text
        FROM market.outbox CROSS JOIN jsonb_array_elements_text(body -> 'instruments') AS named WHERE topic = 'changes'
        UNION
        SELECT 'change', row(c.dataset, n.instrument_key)::text
        FROM market.unpublished_changes AS c JOIN market.instruments AS n ON n.instrument_id = ANY (c.instrument_ids)
    )""",
    "unpublished_changes": "SELECT 1",
}
_NAMED: Mapping[str, str] = {
    # Numbers of signals and of changes come from sequences, which count rolled back rows too.
    "outbox": "SELECT topic, CASE topic WHEN 'alerts' THEN key ELSE regexp_replace(key, '[0-9]+', 'n') END AS key,"
    " body - 'id' - 'cursor' AS body, created_at, sent_at, refused_at, tries, failed_because FROM market.outbox",
    # Numbers of indicators are left out above.
    "indicator_values": "SELECT * FROM market.indicators",
    # An hour that was counted once its rows were gone is as one that was never counted: nothing is in it.
    "candle_hours": "SELECT * FROM market.candle_hours WHERE bit_count(complete | partial) > 0",
}
# Insert-only marks: the same hour and instrument marked twice, or in one row with another, is the same work to do.
MARKS: Mapping[str, str] = {
    "dirty": "SELECT DISTINCT bucket, id, t < 0 AS by_hand"
    " FROM market.dirty, unnest(instrument_ids, ticks) AS m (id, t)",
    # What an event makes of them.
    "unpublished_changes": "SELECT dataset, kind, timeframes, min(starts), max(ends), array_agg(DISTINCT id)"
    " FROM market.unpublished_changes LEFT JOIN unnest(instrument_ids) AS id ON true GROUP BY 1, 2, 3",
    "signal_marks": "SELECT DISTINCT dataset, timeframe, starts, ends, id, due_at"
    " FROM market.signal_marks, unnest(instrument_ids) AS id",
    "alert_minutes": "SELECT DISTINCT minute, id FROM market.alert_minutes, unnest(instrument_ids) AS id",
    "marks": "SELECT DISTINCT dataset, work, hour, id, timeframe, due_at"
    " FROM market.marks, unnest(instrument_ids) AS id",
    "open_hours": "SELECT DISTINCT hour, settled FROM market.open_hours",
}
VIEWS = ("5m", "15m", "30m", "1h", "4h", "1d_parts", "1d", "1w", "1mo")
# What TimescaleDB keeps of the policies: jobs without their numbers, columns, and which chunks are columns.
_POLICIES: Mapping[str, str] = {
    "jobs": "SELECT coalesce(k.table_name, j.config ->> 'table_name', j.hypertable_name) AS table_name, j.proc_name,"
    " j.schedule_interval, j.max_runtime, j.scheduled, j.config - 'hypertable_id' - 'mat_hypertable_id' AS config"
    " FROM timescaledb_information.jobs AS j"
    " LEFT JOIN market.kept_tables AS k ON k.relation ="
    " to_regclass(format('%I.%I', coalesce(j.hypertable_schema, ''), coalesce(j.hypertable_name, '')))"
    " WHERE j.job_id >= 1000",
    "columnstore": "SELECT k.table_name, c.segmentby, c.orderby"
    " FROM timescaledb_information.hypertable_columnstore_settings AS c"
    " JOIN market.kept_tables AS k ON k.relation = c.hypertable WHERE k.table_name NOT LIKE '%\\_be%'",
    "columns": "SELECT k.table_name, c.range_start FROM timescaledb_information.chunks AS c"
    " JOIN market.kept_tables AS k ON k.relation = to_regclass(format('%I.%I', c.hypertable_schema, c.hypertable_name))"
    " WHERE c.is_compressed",
    "aggregates": "SELECT view_name FROM timescaledb_information.continuous_aggregates",
}
# What decides how the aggregates are read: two states that agree in this read the same.
_INNER: Mapping[str, str] = {
    "hour_versions": "SELECT * FROM market.hour_versions",
    **{
        name: f"SELECT * FROM _timescaledb_catalog.continuous_aggs_{name}"  # noqa: S608
        for name in (
            "hypertable_invalidation_log",
            "materialization_invalidation_log",
            "invalidation_threshold",
            "watermark",
        )
    },
}

# What a failed run said changes nothing for the next one.
_RUNS = "SELECT component, scheduled_at, status FROM market.runs"

Digest = Mapping[str, tuple[int, int]]


class Contents:
    """The content of the schema by queries, made when the schema is final."""

    def __init__(self, connection: Connection, instead: Mapping[str, str] | None = None) -> None:
        """Of a database; `instead` has queries to take the place of tables, where only a part of them matters."""
        tables = connection.execute(
            "SELECT c.table_name::text, array_agg(c.column_name::text ORDER BY c.ordinal_position)"
            " FROM information_schema.columns AS c JOIN pg_tables AS t"
            "  ON t.schemaname = c.table_schema AND t.tablename = c.table_name"
            " WHERE c.table_schema = 'market' GROUP BY 1"
        ).fetchall()
        self._tables = (
            {name: MARKS.get(name) or _kept(name, columns) for name, columns in tables}
            | dict(_NAMED)
            | dict(_POLICIES)
            | dict(instead or {})
        )
        self._views = {f"candles_{each}": f"SELECT * FROM market.candles_{each}" for each in VIEWS}  # noqa: S608

    def digest(self, connection: Connection) -> Digest:
        """A number for each table that does not depend on the order of its rows."""
        return _digest(connection, self._tables)

    def state(self, connection: Connection) -> Digest:
        """The same, and what the aggregates are made of: runs that begin in the same state come to the same end."""
        inner = {f"inner {name}": query for name, query in _inner(connection).items()}
        return _digest(connection, self._tables | inner | {"runs": _RUNS})

    def views(self, connection: Connection) -> Digest:
        """The same of the aggregates as they are read."""
        return _digest(connection, self._views)

    def rows(self, connection: Connection, names: Sequence[str] = ()) -> Mapping[str, "Counter[str]"]:
        """Every row, of some tables or of all."""
        queries = self._tables | self._views
        return {
            name: Counter(row for (row,) in connection.execute(f"SELECT row::text FROM ({queries[name]}) AS row"))  # noqa: S608
            for name in names or queries
        }


def differences(wanted: Mapping[str, "Counter[str]"], found: Mapping[str, "Counter[str]"]) -> list[str]:
    """The rows that only one of them has, some of each table."""
    said = []
    for name in sorted(found):
        for word, only in (("is missing", wanted[name] - found[name]), ("is too much", found[name] - wanted[name])):
            said += [f"{name}: {row} {word}" for row in sorted(only)[:4]]
            if len(only) > 4:
                said.append(f"{name}: … {len(only)} rows are such")
    return said


def _kept(table: str, columns: Sequence[str]) -> str:
    kept = ", ".join(column for column in columns if (table, column) not in LEFT_OUT)
    return f"SELECT {kept} FROM market.{table}"  # noqa: S608  # our own words


def _inner(connection: Connection) -> Mapping[str, str]:
    found = connection.execute(
        "SELECT view_name, format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)"
        " FROM timescaledb_information.continuous_aggregates"
    ).fetchall()
    return dict(_INNER) | {name: f"SELECT * FROM {relation}" for name, relation in found}  # noqa: S608


def _digest(connection: Connection, queries: Mapping[str, str]) -> Digest:
    rows = connection.execute(
        " UNION ALL ".join(
            f"SELECT '{name}', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)"  # noqa: S608
            f" FROM ({query}) AS row"
            for name, query in queries.items()
        )
    )
    return {name: (count, int(total)) for name, count, total in rows}
