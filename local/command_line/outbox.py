"""`chandlery outbox`: messages that wait to be delivered; `chandlery changes`: what changed of the data."""

from dataclasses import asdict, fields
from typing import Annotated

import typer

from chandlery.outbox.finish_run import TOPICS
from chandlery.outbox.store import changes as change_store
from chandlery.outbox.store import messages
from local.command_line.database import open_connection
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_rows

app = typer.Typer(no_args_is_help=True, help="See what waits to be delivered to others, and let it be tried again.")

_MOST = 1_000
TopicName = Annotated[
    str | None, typer.Option(metavar="NAME", help=f"messages of this topic alone: {', '.join(TOPICS)}")
]


@app.command("list")
def list_messages(
    topic: TopicName = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="messages, at most")] = 50,
    as_json: AsJson = False,
) -> None:
    """List messages that were not delivered yet, the oldest first: how often each was tried, and why it failed."""
    with open_connection() as connection:
        found = messages.list_waiting(connection, _known(topic), limit)
        counted = messages.count_waiting(connection)
    columns = ("id", "topic", "key", "created_at", "tries", "refused_at", "failed_because")
    show_rows([asdict(each) for each in found], columns, title="messages that wait", as_json=as_json)
    total = sum(each.messages for each in counted if topic in (None, each.topic))
    if total > len(found):
        err.print(f"{total:,} wait; --limit shows more")


@app.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID…]", help="of these alone; none: of all")] = None,
    topic: TopicName = None,
) -> None:
    """Let messages that were refused for good be tried again, by the next run that delivers.

    What only failed is tried by every run, and needs no command.
    """
    with open_connection() as connection:
        count = messages.retry(connection, _known(topic), ids or None)
    out.print(f"{count:,} to be tried again")


@app.command()
def remove(ids: Annotated[list[int], typer.Argument(metavar="ID…", help="which messages")]) -> None:
    """Remove messages that nobody can be told of: they are never delivered."""
    with open_connection() as connection:
        count = messages.remove(connection, ids)
    out.print(f"{count:,} removed")
    if count < len(set(ids)):
        err.print("the others are not there, or were delivered")


def changes(
    after: Annotated[int, typer.Option(metavar="CURSOR", min=0, help="what was told after this one; 0: all")] = 0,
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="of this data set alone")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="events, at most")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what changed of each data set, in the order in which changes were committed.

    Nothing is there unless CHANGES_PUBLISHED is true for the functions; kept for OUTBOX_KEEP_DAYS.
    """
    with open_connection() as connection:
        found = change_store.list_published(connection, after, dataset, (), limit)
    columns = [each.name for each in fields(change_store.PublishedChange)]
    rows = [asdict(each) | ({} if as_json else {"instruments": _few(each.instruments)}) for each in found]
    show_rows(rows, columns, title="changes", as_json=as_json, spare=("instruments", "timeframes", "published_at"))


def _known(topic: str | None) -> str | None:
    if topic not in (None, *TOPICS):
        raise typer.BadParameter(f"there is no topic {topic}; there is: {', '.join(TOPICS)}")
    return topic


def _few(keys: list[str]) -> str:
    """As many keys as a line of a table has room for."""
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3:,} more" if len(keys) > 3 else "")
