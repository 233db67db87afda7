"""`chandlery backup` and `chandlery restore`: a database into a file and back. What does it is imported late."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from chandlery.platform.errors import Permanent
from chandlery.platform.schema import mismatch
from chandlery.platform.settings import Settings, read_settings
from local.backup_file import Source, open_source
from local.command_line.database import embedded_database
from local.command_line.liveness import at_work, progress_bar
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_json
from local.digests import digest_path
from local.encryption import parse_recipients, read_identities

File = Annotated[Path, typer.Argument(metavar="FILE", help="the backup")]
_WIDEST = 48  # characters of a table's name beside the bar


def backup(
    path: File,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a file of that name")] = False,
    schema_only: Annotated[
        bool, typer.Option("--schema-only", help="of a server: its schema, policies and rights, without any row")
    ] = False,
    data_only: Annotated[
        bool, typer.Option("--data-only", help="of a server: the rows of its tables, for a migrated empty database")
    ] = False,
    encrypt_to: Annotated[
        list[str] | None,
        typer.Option("--encrypt-to", metavar="KEY", help="encrypt for a public key of age or SSH; may be repeated"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Back up the whole database into FILE, which is there only once it is whole, and has been read back.

    Its digest is kept beside it, in FILE.sha256, as sha256sum -c reads it: copy both.

    Of a server: all of the database as of one moment, by pg_dump, while everything runs on; roles are not in it. Of the
    embedded database, which has to be stopped first: its directory.
    """
    if schema_only and data_only:
        raise typer.BadParameter("--schema-only and --data-only exclude each other")
    settings, recipients = read_settings(), parse_recipients(encrypt_to or [])
    if settings.database_url is None:
        if schema_only:
            raise Permanent("the embedded database is backed up whole: its schema alone is: chandlery migrate upgrade")
        if data_only:
            raise Permanent(
                "the embedded database is backed up whole; its rows alone: DATABASE_URL=$(chandlery db url)"
            )
        with at_work("backup"):
            embedded_database().back_up(path, overwrite=overwrite, recipients=recipients)
        _show({"file": str(path), "bytes": path.stat().st_size, "encrypted": bool(recipients)}, as_json)
        return
    from local.backup import back_up, back_up_data

    make = back_up_data if data_only else partial(back_up, schema_only=schema_only)
    with _progress("backup") as progress:
        report = make(settings, path, overwrite=overwrite, progress=progress, recipients=recipients)
    _show(asdict(report), as_json)


def restore(
    path: File,
    over_existing: Annotated[
        bool, typer.Option("--over-existing", help="drop what the database holds, for what FILE holds")
    ] = False,
    hold_jobs: Annotated[
        bool, typer.Option("--hold-jobs", help="leave TimescaleDB's jobs paused; start them: chandlery policies apply")
    ] = False,
    identity: Annotated[
        list[Path] | None,
        typer.Option("--identity", metavar="FILE", help="a secret key of age or SSH, for an encrypted FILE"),
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", metavar="FILE", help="opens an identity that age -p has locked")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore FILE into the database DATABASE_URL names, which need not be there, or else into the embedded one.

    FILE has to have the digest in FILE.sha256; where there is none, that is told.

    All is restored beside what is in use, which stays as it is until the very end. Roles that are missing are created,
    without password or members. Interrupted, the same command begins anew.

    A backup of data alone goes into the empty tables of a database that is there, migrated to its revision.
    """
    settings = read_settings()
    identities = [each for file in identity or [] for each in read_identities(file, passphrase_file)]
    if settings.database_url is None:
        database = embedded_database()
        with at_work("restore"):
            verified = database.restore(path, over_existing=over_existing, identities=identities)
        _show({"file": str(path), "home": str(database.home), "verified": verified}, as_json)
        if not verified:
            told = f"there is no {digest_path(path)}: it was held against gzip's own checksum alone"
            err.print(told, soft_wrap=True, markup=False)
        return
    from local.backup import is_data_archive

    source = open_source(path, identities)
    if is_data_archive(source.begins()):
        if over_existing:
            raise Permanent(
                f"{path} holds data alone, which goes into empty tables: restore it without --over-existing"
            )
        _restore_data(settings, source, hold_jobs, as_json)
    else:
        _restore_whole(settings, source, over_existing, hold_jobs, as_json)


def _restore_data(settings: Settings, source: Source, hold_jobs: bool, as_json: bool) -> None:
    from local.backup import restore_data

    with _progress("restore") as progress:
        report = restore_data(settings, source, hold_jobs=hold_jobs, progress=progress)
    _show(asdict(report), as_json)
    _report_unverified(source.path, report.verified)
    if report.derived_waits:
        err.print(
            "derived rows are still to be made: policy maintenance and the historical processor make them; until"
            " then reads may miss some",
            soft_wrap=True,
        )
    _report_held(hold_jobs)


def _restore_whole(settings: Settings, source: Source, over_existing: bool, hold_jobs: bool, as_json: bool) -> None:
    from local.backup import restore as restore_archive

    path = source.path
    with _progress("restore") as progress:
        report = restore_archive(settings, source, over_existing=over_existing, hold_jobs=hold_jobs, progress=progress)
    _show(asdict(report), as_json)
    _report_unverified(path, report.verified)
    if report.schema_only:
        err.print("the file holds a schema without rows: calendars, instruments and ticks are to be brought in")
    if report.began_anew:
        err.print("an earlier restore had not come to its end; what it left was dropped")
    if report.roles_created:
        names = ", ".join(report.roles_created)
        err.print(f"roles created, without password or members: {names}", soft_wrap=True, markup=False)
    if report.jobs_given:
        names = ", ".join(report.jobs_given)
        err.print(
            f"these may no longer do what their jobs do, which went to the tables' owners: {names}",
            soft_wrap=True,
            markup=False,
        )
    _report_held(hold_jobs)
    if wrong := mismatch(report.revision):
        err.print(wrong, soft_wrap=True, markup=False)


def _report_held(hold_jobs: bool) -> None:
    if hold_jobs:
        err.print("TimescaleDB's jobs are paused; start them: chandlery policies apply")


def _report_unverified(path: Path, verified: bool) -> None:
    if not verified:
        kept = digest_path(path)
        err.print(f"there is no {kept}: a changed byte may have gone unnoticed", soft_wrap=True, markup=False)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    if not err.is_terminal:
        with at_work(what) as tell:
            yield lambda now, done, total: tell(f"{what}: {now}, {done:,} of {total:,}" if total else f"{what}: {now}")
        return
    with progress_bar() as bar:
        task = bar.add_task(what, total=None)
        yield lambda now, done, total: bar.update(
            task, description=f"{what}: {now[-_WIDEST:]}", completed=done, total=total or None
        )


def _show(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(report)
        return
    told = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in report.items() if value)
    out.print(told, soft_wrap=True, markup=False)


def _plain(value: object) -> str:
    match value:
        case float():
            return f"{value:.1f}"
        case int() if not isinstance(value, bool):
            return f"{value:,}"
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)
