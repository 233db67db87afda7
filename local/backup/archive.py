"""What pg_dump wrote: whether it is whole, whether it is ours, and what it needs to be restored."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chandlery.platform.errors import Permanent
from local.backup.programs import Program
from local.backup_file import Source

_MAGIC = b"PGDMP"
_GZIP = b"\x1f\x8b"
# Said to pg_restore, which would open the file twice to find out, and a pipe can be read once.
_CUSTOM = "--format=custom"
_RIGHTS = re.compile(r"^\d+; \d+ \d+ (?:ACL|DEFAULT ACL) ")
_NAME = r'("(?:[^"]|"")+"|[\w$]+)'
_GRANTED = re.compile(
    rf"\b(?:TO|FROM|FOR ROLE|SESSION AUTHORIZATION) {_NAME}(?:;$| WITH| IN SCHEMA| GRANT| REVOKE)", re.MULTILINE
)
_OWNED = re.compile(rf"^ALTER .* OWNER TO {_NAME};$", re.MULTILINE)
# Where TimescaleDB keeps its jobs: before 2.25, and since.
_JOBS = ("_timescaledb_config", "_timescaledb_catalog")
_REVISIONS, _ROWS = "TABLE DATA market schema_revision", "TABLE DATA market instruments"


@dataclass(frozen=True)
class Archive:
    """A whole archive of a database of ours."""

    source: Source
    database: str  # the name of the one it was made of
    postgresql: int  # major version
    timescaledb: str
    revision: str  # of our schema
    tables: int  # how many have rows in it
    has_rows: bool  # false of a schema alone
    owners: frozenset[str]  # roles that own what is in it, jobs included
    readers: frozenset[str]  # roles that have rights to it, owners among them


def check_whole(source: Source, pg_restore: Program) -> list[str]:
    """Read an archive from beginning to end; returns its table of contents, a line each.

    Raises:
        Permanent: it is no archive, or not all of it can be read.
    """
    begins = source.begins()
    if begins.startswith(_GZIP):
        raise Permanent(
            f"{source.path} is no backup of a server's database; if of an embedded one, restore without DATABASE_URL"
        )
    if not begins.startswith(_MAGIC):
        raise Permanent(f"{source.path} is no backup: it is not an archive in pg_dump's custom format")
    try:
        contents = _read(source, pg_restore, "--list").splitlines()
        # The contents stand at the beginning: only reading on shows whether the rest is there.
        with source.for_program() as (name, held):
            pg_restore.run([_CUSTOM, f"--file={os.devnull}", name], held=held)
    except Permanent as error:
        raise Permanent(f"{source.path} is not whole, or too new for this pg_restore: {error}") from None
    return contents


def check_stream(file: int, pg_restore: Program) -> None:
    """Read an archive from beginning to end, as it is written.

    Raises:
        Permanent: not all of it can be read.
    """
    pg_restore.run([_CUSTOM, f"--file={os.devnull}", f"/dev/fd/{file}"], held=[file])


def _read(source: Source, pg_restore: Program, *arguments: str, given: str = "") -> str:
    with source.for_program() as (name, held):
        return pg_restore.read(_CUSTOM, *arguments, name, given=given, held=held)


def read_archive(source: Source, pg_restore: Program) -> Archive:
    """What an archive is, after reading all of it.

    Raises:
        Permanent: it is no archive, not all of it can be read, or it is of no database of ours.
    """
    contents, path = check_whole(source, pg_restore), source.path
    database = _described(contents, r";\s+dbname: (.*)")
    if not any(_REVISIONS in line for line in contents):
        raise Permanent(
            f"{path} is a dump of the database {database}, but holds no schema of Chandlery's with its rows"
        )
    metadata = {row["key"]: row["value"] for row in _rows(source, pg_restore, "_timescaledb_catalog", "metadata")}
    revisions = [row["version_num"] for row in _rows(source, pg_restore, "market", "schema_revision")]
    return Archive(
        source,
        database,
        int(_described(contents, r";\s+Dumped from database version: (\d+)")),
        metadata.get("timescaledb_version", "of an unknown version"),
        ", ".join(revisions),
        sum("; 0 " in line and " TABLE DATA " in line for line in contents),
        any(_ROWS in line for line in contents),
        frozenset(_owners(source, pg_restore)),
        frozenset(_readers(source, pg_restore, contents)),
    )


def _described(contents: list[str], pattern: str) -> str:
    found = next((match[1] for line in contents if (match := re.match(pattern, line))), None)
    if found is None:
        raise Permanent(f"pg_restore --list tells nothing like {pattern}: it is of another version than known here")
    return found


def _rows(source: Source, pg_restore: Program, schema: str, table: str) -> Iterator[dict[str, str]]:
    """A small table's rows, as the archive has them."""
    script = _read(source, pg_restore, "--data-only", f"--schema={schema}", f"--table={table}", "--file=-")
    copied = re.search(r"^COPY \S+ \((.*)\) FROM stdin;\n((?:.*\n)*?)\\\.$", script, re.MULTILINE)
    if copied is not None:
        for line in copied[2].split("\n")[:-1]:
            yield dict(zip(copied[1].split(", "), line.split("\t"), strict=True))


def _owners(source: Source, pg_restore: Program) -> Iterator[str]:
    script = _read(source, pg_restore, "--schema-only", "--file=-")
    yield from (_bare(name) for name in _OWNED.findall(script))
    for schema in _JOBS:
        yield from (_bare(row["owner"]) for row in _rows(source, pg_restore, schema, "bgw_job"))


def _readers(source: Source, pg_restore: Program, contents: list[str]) -> Iterator[str]:
    rights = "".join(f"{line}\n" for line in contents if _RIGHTS.match(line))
    script = _read(source, pg_restore, "--use-list=/dev/stdin", "--file=-", given=rights) if rights else ""
    yield from (_bare(name) for name in _GRANTED.findall(script) if name != "PUBLIC")


def _bare(name: str) -> str:
    """A role's name without the quotes it is written with."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
