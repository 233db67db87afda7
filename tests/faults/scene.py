"""A state of the database that is put back between cases: by rows, which takes milliseconds, or as a new copy."""

import os
from collections.abc import Mapping

import psycopg
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from tests.faults.contents import Contents

# What TimescaleDB knows of its aggregates: what changed, and up to where they are materialized.
_CATALOGUE = (
    "continuous_aggs_hypertable_invalidation_log",
    "continuous_aggs_invalidation_threshold",
    "continuous_aggs_materialization_invalidation_log",
    "continuous_aggs_materialization_ranges",
    "continuous_aggs_watermark",
)


class Scene:
    """A database in a state that can be put back: here by rows, for what changes neither tables nor policies."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.connection = connect(Settings(database_url=url), "test")
        self.contents = Contents(self.connection)
        schema = f"faults_{name}"
        self.connection.execute(f"CREATE SCHEMA {schema}")
        self.connection.execute(f"CREATE TABLE {schema}.chunks AS {_CHUNKS}")
        self._drop = _DROP.format(schema=schema)
        self._statements: dict[str, list[str]] = {}
        for relation, has_key, columns in self._relations():
            copy = f'{schema}."{relation.replace(".", "_")}"'
            self.connection.execute(f"CREATE TABLE {copy} AS TABLE {relation}")
            self.connection.execute(f"ANALYZE {copy}")
            self._statements[relation] = _put_back(relation, copy, columns, has_key=has_key)
        self.before = self.contents.state(self.connection)

    def _relations(self) -> list[tuple[str, bool, str]]:
        """Each table, whether it has a key, and its columns but for those that are made of others."""
        return self.connection.execute(
            "SELECT format('%%s.%%s', n.nspname, c.relname),"
            "  EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary),"
            "  (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
            "   WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '')"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND ("
            "  n.nspname = 'market' AND c.relname <> 'schema_revision'"
            "  OR n.nspname = '_timescaledb_catalog' AND c.relname = ANY (%s)"
            "  OR n.nspname = '_timescaledb_internal' AND c.relname LIKE '\\_materialized\\_hypertable\\_%%')"
            " ORDER BY 1",
            [list(_CATALOGUE)],
        ).fetchall()

    def put_back(self) -> None:
        """Make every row what it was; no trigger sees it."""
        # By themselves, and before their rows: a chunk that was not there goes with all that is in it.
        self.connection.execute(self._drop)
        rows = [each for name, those in self._statements.items() if not _is_catalogue(name) for each in those]
        rest = [each for name, those in self._statements.items() if _is_catalogue(name) for each in those]
        # What TimescaleDB knows comes last: as rows are committed, it notes that they changed.
        for statements in (rows, rest):
            self.connection.execute(
                "; ".join(["BEGIN", "SET LOCAL session_replication_role = replica", *statements, "COMMIT"])
            )

    def reconnect(self) -> None:
        """Take another connection: the server was unavailable."""
        self.connection.close()
        self.connection = connect(Settings(database_url=self.url), "test")

    def close(self) -> None:
        """Let go of the database."""
        self.connection.close()


def _put_back(relation: str, copy: str, columns: str, *, has_key: bool) -> list[str]:
    insert = f"INSERT INTO {relation} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {copy} AS c"  # noqa: S608
    if not has_key:
        return [f"DELETE FROM {relation}", insert]  # noqa: S608
    return [
        f"DELETE FROM {relation} AS r WHERE r::text NOT IN (SELECT c::text FROM {copy} AS c)",  # noqa: S608
        f"{insert} WHERE c::text NOT IN (SELECT r::text FROM {relation} AS r)",  # noqa: S608
    ]


_CHUNKS = "SELECT format('%I.%I', chunk_schema, chunk_name) AS name FROM timescaledb_information.chunks"
_DROP = f"""
DO $$
DECLARE
    chunk text;
BEGIN
    FOR chunk IN SELECT found.name FROM ({_CHUNKS}) AS found EXCEPT SELECT kept.name FROM {{schema}}.chunks AS kept LOOP
        EXECUTE 'DROP TABLE ' || chunk;
    END LOOP;
END
$$"""  # noqa: S608


class CopiedScene:
    """A database that is thrown away after each case, and copied again: for what changes tables and policies."""

    def __init__(self, server_url: str, template: str) -> None:
        self._server_url, self._template = server_url, template
        self._copies = 0
        self._open()
        self.contents = Contents(self.connection)
        self.before: Mapping[str, tuple[int, int]] = self.contents.state(self.connection)

    def _open(self) -> None:
        self._name = f"chandlery_faults_{os.getpid()}_{self._copies}"
        self._copies += 1
        with psycopg.connect(self._server_url, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {self._name} TEMPLATE {self._template}")
        self.url = f"{self._server_url.rpartition('/')[0]}/{self._name}"
        self._connect()

    def put_back(self) -> None:
        """Take a new copy."""
        self.close()
        self._open()

    def _connect(self) -> None:
        self.connection = connect(Settings(database_url=self.url), "test")
        leave_to_us(self.connection)

    def reconnect(self) -> None:
        """Take another connection: the server was unavailable."""
        self.connection.close()
        self._connect()

    def close(self) -> None:
        """Let go of the database, and drop it."""
        self.connection.close()
        with psycopg.connect(self._server_url, autocommit=True) as server:
            server.execute(f"DROP DATABASE {self._name} WITH (FORCE)")


def leave_to_us(connection: Connection) -> None:
    """Keep a server's scheduler, which goes by the clock on the wall, from this database."""
    connection.execute("SELECT _timescaledb_functions.stop_background_workers()")


def _is_catalogue(relation: str) -> bool:
    return relation.startswith("_timescaledb_catalog.")
