"""What `chandlery` alone shows: which database there is, and what to do first."""

from chandlery.platform.settings import read_settings
from local.command_line.database import embedded_database
from local.command_line.output import out

_STEPS = {
    "Begin": {
        "demo": "watch ticks become candles, in a database of its own",
        "migrate upgrade": "make a database here; with DATABASE_URL, on your server",
        "import ticks FILE": "bring in your own ticks; import candles FILE: candles",
        "up": "run everything until Ctrl-C: database, schedules, HTTP API",
    },
    "Then": {
        "status": "is all well? What waits, what failed, and why",
        "candles KEY 5m --from -1d --to now": "read candles; export: into CSV or Parquet",
        "gaps": "what is missing; explain KEY TIME: why",
    },
}


def welcome() -> None:
    """A few lines for a newcomer: the state of things here, then commands in the order one needs them."""
    out.print("Chandlery makes and keeps a trading desk's candles.", style="bold")
    out.print(f"Database: {_database()}", markup=False)
    width = max(len(command) for steps in _STEPS.values() for command in steps)
    for title, steps in _STEPS.items():
        out.print(f"\n{title}", style="bold")
        for command, does in steps.items():
            out.print(f"  chandlery {command:<{width}}  {does}", markup=False)
    out.print("\nAll commands: chandlery --help. One of them: chandlery COMMAND --help. More: README.md and docs/.")


def _database() -> str:
    if read_settings().database_url is not None:
        return "the one that DATABASE_URL names"
    database = embedded_database()
    if not database.has_data():
        return "none in this folder yet"
    return f"embedded, in {database.home}"
