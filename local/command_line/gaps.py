"""`chandlery gaps`: what is missing, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from psycopg import Connection
from rich.box import SIMPLE
from rich.table import Table

from chandlery.datasets import declared
from chandlery.gaps.list_gaps import remark_not_judged
from chandlery.gaps.store import ledger
from chandlery.gaps.store.ledger import Choice, Gap, Reason, Sum
from chandlery.platform.errors import Permanent
from chandlery.reference.store import feeds, instruments
from chandlery.words.counting import spell
from local.command_line.database import open_connection
from local.command_line.options import DEFAULT, AsJson, DatasetName, dataset_of, in_order, parse_moment
from local.command_line.output import err, out, plain, show_json, show_table

_ROWS = 100


def gaps(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="instrument key; all when absent")] = None,
    feed: Annotated[str | None, typer.Option(help="only gaps of this feed")] = None,
    reason: Annotated[list[Reason] | None, typer.Option(help="only these reasons; may be repeated")] = None,
    starts: Annotated[
        datetime | None,
        typer.Option("--from", parser=parse_moment, metavar="TIME", help="only gaps that end after it"),
    ] = None,
    ends: Annotated[
        datetime | None,
        typer.Option("--to", parser=parse_moment, metavar="TIME", help="only gaps that start before it"),
    ] = None,
    healed: Annotated[bool, typer.Option("--all", help="also healed and explained gaps")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help=f"most rows to show; {_ROWS} when absent, all with --json")
    ] = None,
    dataset: DatasetName = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show the ledger of gaps: open gaps, the oldest first; with --all, then healed ones, the latest first.

    The column minutes counts expected minutes only, without closed hours in between. A warning names what no gap
    monitor has judged yet.
    """
    in_order("--from", starts, "--to", ends)
    chosen = dataset_of(dataset, declared.watched())
    choice = Choice(key or "", feed or "", tuple(reason or ()), starts, ends, healed, chosen)
    with open_connection() as connection:
        _check(connection, key, feed)
        found = ledger.list_gaps(connection, choice, limit if limit or as_json else _ROWS)
        sums = ledger.sum_gaps(connection, choice)
        remarks = list(remark_not_judged(connection, choice, datetime.now(UTC)))
    for remark in remarks:
        err.print(remark, style="yellow", markup=False, soft_wrap=True)
    if as_json:
        show_json([asdict(gap) for gap in found])
        return
    if found:
        show_table(_table(found))
    total = sum(each.gaps for each in sums)
    cut = f"; the first {len(found):,} are shown, more: --limit N" if len(found) < total else ""
    out.print(_summary(sums, healed=healed) + cut, soft_wrap=True)


def describe_evidence(gap: Gap) -> str:
    """Evidence in few words; the feed, which the row tells itself, is left out."""
    return _words({name: value for name, value in gap.evidence.items() if (name, value) != ("feed", gap.feed)})


def _words(evidence: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {'unknown' if value is None else value}" for name, value in evidence.items()
    )


def _check(connection: Connection, key: str | None, feed: str | None) -> None:
    if key:
        instruments.find(connection, key)
    if feed and feed not in (names := [each.feed for each in feeds.list_all(connection)]):
        raise Permanent(f"no feed {feed}; there is: {', '.join(names) or 'none yet'}")


def _table(found: Sequence[Gap]) -> Table:
    rows = [
        asdict(gap) | {"ends": _ends(gap), "attempts": gap.attempts or None, "evidence": describe_evidence(gap)}
        for gap in found
    ]
    # What no row has takes no room.
    columns = [name for name in rows[0] if any(row[name] not in (None, "") for row in rows)]
    table = Table(title="gaps", title_justify="left", header_style="bold", box=SIMPLE, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=name != "evidence", overflow="fold")
    for row in rows:
        table.add_row(*(_short(row[name]) for name in columns))
    return table


def _short(value: object) -> str:
    """Ledger times are whole minutes: their seconds are left out."""
    if isinstance(value, datetime) and not (value.second or value.microsecond):
        return f"{value:%Y-%m-%dT%H:%MZ}"
    return plain(value)


def _ends(gap: Gap) -> str:
    """The time alone, on the day it starts."""
    return f"{gap.ends:%H:%MZ}" if gap.ends.date() == gap.starts.date() else _short(gap.ends)


def _summary(sums: Sequence[Sum], *, healed: bool) -> str:
    told = _described([each for each in sums if not each.healed], "open")
    return told + ("; " + _described([each for each in sums if each.healed], "healed or explained") if healed else "")


def _described(sums: Sequence[Sum], state: str) -> str:
    gaps, minutes = sum(each.gaps for each in sums), sum(each.minutes for each in sums)
    reasons = ", ".join(f"{each.reason} {each.gaps:,} ({each.minutes:,} min)" for each in sums)
    return f"{spell(gaps, 'gap')} {state}, {spell(minutes, 'minute')}" + (f": {reasons}" if reasons else "")
