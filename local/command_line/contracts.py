"""`chandlery contracts`: the options of an underlying. Reading files is imported late: it loads pyarrow."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from psycopg import Connection

from chandlery.importing.import_contracts import import_contracts
from chandlery.reference.store import contracts as contract_store
from chandlery.reference.store import instruments
from chandlery.words.counting import spell
from local.command_line.contract_imports import Underlying
from local.command_line.database import open_connection
from local.command_line.incoming_files import Counts, File, Options, SkipBad, import_files
from local.command_line.options import AsJson, Key, parse_day
from local.command_line.output import show_csv, show_rows

app = typer.Typer(no_args_is_help=True, help="Manage the options of an underlying.")

_COLUMNS = tuple(contract_store.Contract.__dataclass_fields__)


@app.command("import")
def import_files_of_contracts(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="CSV, CSV.gz or Parquet: expiry,strike,right[,contract,expires_at,multiplier,style,model,currency]",
        ),
    ],
    underlying: Underlying,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Import option contracts. Each file is imported whole or not at all, and may be imported again.

    Without expires_at, a contract expires at the close of the underlying's session on that day. Terms that a file does
    not have are what is usual of such an underlying's options; those of a stored contract change only where the file
    has others. The imports of quotes, trades and open interest make contracts as well.
    """

    def told(counts: Counts) -> str:
        return (
            f"{spell(counts['contracts'], 'contract')} made, {counts['changed']:,} changed, {counts['known']:,} known"
        )

    import_files(files, underlying, _import, told, Options(skip_bad, aggregate=False, as_json=as_json))


@app.command("list")
def list_contracts(
    key: Key,
    expiry: Annotated[date | None, typer.Option(parser=parse_day, metavar="DAY", help="of this day alone")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="comma-separated values")] = False,
    as_json: AsJson = False,
) -> None:
    """List the option contracts of an underlying, by expiry and strike."""
    with open_connection() as connection:
        found = contract_store.list_all(connection, instruments.find(connection, key), expiry)
    rows = [asdict(each) for each in found]
    if as_csv:
        show_csv(rows, _COLUMNS)
    else:
        show_rows(rows, _COLUMNS, title=f"contracts of {key}", as_json=as_json)


def _import(connection: Connection, file: File) -> Counts:
    from local.contract_lots import read_contracts
    from local.market_file.contract_columns import contract_columns, term_columns
    from local.market_file.row_columns import open_row_file

    columns = [*contract_columns(), *term_columns()]
    with open_row_file(file.path, columns, on_bad=file.set_aside) as reader:
        file.describe(reader)
        named, said = read_contracts(reader, file.instrument, file.progress)
    done = import_contracts(connection, file.instrument, named, said)
    return {**vars(done), "known": len(set(named)) - done.contracts - done.changed}
