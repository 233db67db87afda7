"""What retention would drop is said before it is written."""

from datetime import UTC, datetime

from chandlery.policies.domain.policy import spelled
from chandlery.policies.wanted import read_policies
from local.command_line.output import err, plain


def warn_of_retention(what: str, table: str, begins: datetime) -> None:
    """Say on stderr that rows of a table are older than retention keeps others, if so.

    Args:
        what: a name of the rows, such as their file's.
        table: the table with the retention policy, as `sql/policies.toml` names it.
        begins: the oldest row's time, aware.

    Raises:
        Permanent: `sql/policies.toml` cannot be read.
    """
    policies = read_policies().get(table)
    retention = policies.retention if policies else None
    if retention and begins < datetime.now(UTC) - retention.after:
        err.print(
            f"[yellow]{what}: begins at {plain(begins)}; retention drops {table} older than"
            f" {spelled(retention.after)}, but keeps imported ones until you run: chandlery policies apply"
            f" --allow-destructive --history {table}[/yellow]",
            soft_wrap=True,
        )
