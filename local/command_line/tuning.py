"""`chandlery db tune`: how a server is best set, beside how it is."""

import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import psycopg
import typer

from chandlery.platform import server_settings
from chandlery.platform.domain.tuning import Compared, Machine, compare
from chandlery.platform.domain.tuning import tune as tune_for
from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.settings import read_settings
from chandlery.policies.domain.policy import workers_needed
from chandlery.policies.wanted import read_policies
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_json, show_rows

_SIZES = {"MB": 2**20, "GB": 2**30, "TB": 2**40}
_COLUMNS = ("setting", "wanted", "found", "fits", "why")


def parse_memory(text: str) -> int:
    """Bytes, of a number and MB, GB or TB."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([MGT])i?B?", text.strip(), re.IGNORECASE)
    if found is None:
        raise typer.BadParameter(f"{text} is not an amount of memory; write 512MB, 16GB or 1TB")
    return int(float(found[1]) * _SIZES[found[2].upper() + "B"])


def tune(
    memory: Annotated[
        int | None,
        typer.Option(
            parser=parse_memory,
            metavar="SIZE",
            help="the server's memory, such as 16GB; that of this machine when absent",
        ),
    ] = None,
    cores: Annotated[
        int | None, typer.Option(min=1, help="the server's cores; those of this machine when absent")
    ] = None,
    connections: Annotated[int, typer.Option(min=1, help="connections that the server is to accept")] = 100,
    as_json: AsJson = False,
) -> None:
    """Compute settings for a PostgreSQL server, and compare them with those of the server that DATABASE_URL names.

    Prints the statements that set those that differ, and exits 1 if any does; nothing is changed. Without DATABASE_URL
    it prints all settings.
    """
    given = memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = Machine(given, cores or os.cpu_count() or 1, connections)
    try:
        wanted = tune_for(machine, workers_needed(read_policies(), 1))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    settings = read_settings()
    if settings.database_url is None:
        _show([Compared(setting, None) for setting in wanted], as_json)
        err.print("to compare them with a server: set DATABASE_URL; the embedded database has its own settings")
        return
    # Without the settings that our own sessions have.
    with psycopg_errors_translated(), psycopg.connect(settings.database_url.get_secret_value()) as connection:
        found = server_settings.find(connection, [setting.name for setting in wanted])
    compared = compare(wanted, found)
    _show(compared, as_json)
    if untold := [each.setting.name for each in compared if each.found is None]:
        told = f"unknown: {', '.join(untold)}; the server lacks them, or hides them from all but pg_read_all_settings"
        err.print(told, soft_wrap=True, markup=False)
    if not all(each.fits for each in compared):
        raise typer.Exit(1)


def _show(compared: Sequence[Compared], as_json: bool) -> None:
    if as_json:
        show_json([asdict(each) | {"fits": each.fits, "statement": each.statement} for each in compared])
        return
    rows = [
        asdict(each.setting)
        | {"setting": each.setting.name, "wanted": each.setting.written, "found": each.found_plainly, "fits": each.fits}
        for each in compared
    ]
    show_rows(rows, _COLUMNS, title="settings", as_json=False)
    differing = [each for each in compared if not each.fits]
    for each in differing:
        out.print(each.statement, markup=False, soft_wrap=True)
    if any(each.needs_restart for each in differing):
        names = ", ".join(each.setting.name for each in differing if each.needs_restart)
        err.print(f"restart the server for: {names}; for the rest: SELECT pg_reload_conf()", soft_wrap=True)
