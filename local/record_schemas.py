"""Write the schemas of records into docs/schemas, from the declarations and the database that commands use."""

import json
from collections.abc import Mapping
from pathlib import Path

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.importing.store.rows import list_cells
from chandlery.ingest.domain.record_schema import name_of, record_schema
from local.command_line.database import open_connection

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def written(connection: Connection) -> Mapping[str, str]:
    """The texts of all of them, by their files' names."""
    found = {}
    for dataset in declared.sent():
        required = {cell.name for cell in list_cells(connection, dataset) if not cell.may_be_absent}
        found[name_of(dataset)] = json.dumps(record_schema(dataset, required), indent=2) + "\n"
    return found


if __name__ == "__main__":
    with open_connection() as database:
        for name, text in written(database).items():
            (FOLDER / name).write_text(text)
