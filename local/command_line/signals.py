"""`chandlery signals`: what strategies say, and the rules by which they do."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Annotated

import typer

from chandlery.platform.errors import Permanent
from chandlery.reference.store import instruments
from chandlery.signals.check_lookahead import check_lookahead
from chandlery.signals.domain.rule import Direction
from chandlery.signals.list_signals import find_signal, list_latest_signals, list_signals
from chandlery.signals.signal_rules import check_rules, read_rules
from chandlery.signals.store.outcomes import Outcome, sum_outcomes
from chandlery.signals.store.signals import Signal
from chandlery.words.counting import spell
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import EARLIEST, Window, floor_minute
from local.command_line.database import open_connection
from local.command_line.liveness import at_work
from local.command_line.options import AsJson, in_order, parse_moment
from local.command_line.output import err, out, plain, show_csv, show_json, show_rows

app = typer.Typer(no_args_is_help=True, help="See what strategies say, and check the rules of sql/signals.toml.")

_COLUMNS = (
    "id", "time", "instrument_key", "timeframe", "strategy", "strategy_version", "direction", "strength", "confidence",
    "price", "target_price", "stop_loss", "generated_at", "expires_at", "ended_at", "ended_by", "backfilled",
)  # fmt: skip
_SPARE = ("generated_at", "strategy_version", "strength", "backfilled", "confidence", "expires_at")

AsCsv = Annotated[bool, typer.Option("--csv", help="as CSV on stdout")]
Strategy = Annotated[str | None, typer.Option(metavar="NAME", help="of this strategy alone")]
Frame = Annotated[
    Timeframe | None, typer.Option(parser=Timeframe.parse, metavar="TIMEFRAME", help="of rules of this timeframe alone")
]
Most = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="signals, at most")]
OfKey = Annotated[str | None, typer.Argument(metavar="[KEY]", help="of one instrument; of all when absent")]


@app.command("list")
def list_all(
    key: OfKey = None,
    strategy: Strategy = None,
    timeframe: Frame = None,
    starts: Annotated[
        datetime | None, typer.Option("--from", parser=parse_moment, metavar="TIME", help="buckets from there on")
    ] = None,
    ends: Annotated[
        datetime | None, typer.Option("--to", parser=parse_moment, metavar="TIME", help="buckets before it")
    ] = None,
    limit: Most = 100,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List signals, the newest first: open ones, and those that have ended."""
    in_order("--from", starts, "--to", ends)
    with open_connection() as connection:
        page = list_signals(
            connection, key=key, strategy=strategy, timeframe=timeframe, starts=starts, ends=ends, limit=limit
        )
    _show(page.signals, "signals", is_cut=page.next_cursor is not None, as_csv=as_csv, as_json=as_json)


@app.command()
def active(
    key: OfKey = None,
    strategy: Strategy = None,
    timeframe: Frame = None,
    limit: Most = 100,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List signals that have not ended, the newest first."""
    with open_connection() as connection:
        page = list_signals(connection, key=key, strategy=strategy, timeframe=timeframe, active_only=True, limit=limit)
    _show(page.signals, "active signals", is_cut=page.next_cursor is not None, as_csv=as_csv, as_json=as_json)


@app.command()
def latest(
    strategy: Strategy = None,
    timeframe: Frame = None,
    limit: Most = 100,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show the latest signal of each instrument."""
    with open_connection() as connection:
        page = list_latest_signals(connection, strategy=strategy, timeframe=timeframe, limit=limit)
    _show(page.signals, "latest signals", is_cut=page.next_cursor is not None, as_csv=as_csv, as_json=as_json)


@app.command()
def explain(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="which signal")],
    as_json: AsJson = False,
) -> None:
    """Tell why a signal was raised, with the numbers it was raised by, and what ended it."""
    with open_connection() as connection:
        found = find_signal(connection, number)
    if as_json:
        show_json(asdict(found))
        return
    said = Direction(found.direction).name.lower()
    ended = f"ended by {found.ended_by} at {plain(found.ended_at)}" if found.ended_at else "open"
    lines = [
        f"{found.strategy} {found.strategy_version} said {said} of {found.instrument_key} at {plain(found.price)}",
        f"by the {found.timeframe} bucket of {plain(found.time)}, known at {plain(found.known_at)},"
        f" found at {plain(found.generated_at)}" + (", backfilled" if found.backfilled else ""),
        *([found.rationale] if found.rationale else []),
        *(_used(each) for each in found.indicators_used),
        f"target {plain(found.target_price) or 'none'}, stop {plain(found.stop_loss) or 'none'}",
        f"until {plain(found.expires_at)}",
        ended + (f", at {plain(found.ended_price)}" if found.ended_price is not None else ""),
    ]
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)


@app.command()
def outcomes(
    strategy: Strategy = None,
    starts: Annotated[
        datetime | None, typer.Option("--from", parser=parse_moment, metavar="TIME", help="buckets from there on")
    ] = None,
    ends: Annotated[
        datetime | None, typer.Option("--to", parser=parse_moment, metavar="TIME", help="buckets before it")
    ] = None,
    backfilled: Annotated[bool, typer.Option("--backfilled", help="of what nobody could have acted on")] = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Hold confidence against what came true, by tenths of it; and how far prices went for and against.

    The column tenth says 4 for confidences from 0.4 to 0.5; favourable and adverse are shares of the price.
    """
    in_order("--from", starts, "--to", ends)
    with open_connection() as connection:
        found = sum_outcomes(connection, strategy=strategy, starts=starts, ends=ends, backfilled=backfilled)
    rows, columns = [asdict(each) for each in found], [each.name for each in fields(Outcome)]
    if as_csv:
        show_csv(rows, columns)
        return
    rounded = [
        {name: round(each, 4) if isinstance(each, float) else each for name, each in row.items()} for row in rows
    ]
    show_rows(rows if as_json else rounded, columns, title="outcomes", as_json=as_json)


@app.command("check-lookahead")
def look_ahead(
    key: OfKey = None,
    starts: Annotated[
        datetime | None, typer.Option("--from", parser=parse_moment, metavar="TIME", help="buckets from there on")
    ] = None,
    ends: Annotated[
        datetime | None, typer.Option("--to", parser=parse_moment, metavar="TIME", help="buckets before it; now")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="signals of each rule, at most: the newest")] = 200,
    as_json: AsJson = False,
) -> None:
    """Judge again each signal of the rules in the file by data cut off at its time: all are to be raised again.

    Nothing is written. Indicators that a rule names have to be stored: the signal processor has run with it.
    """
    window = Window(starts or EARLIEST, ends or floor_minute(datetime.now(UTC)))
    with open_connection() as connection:
        some = [instruments.find(connection, key)] if key else instruments.list_all(connection)
        ids = [each.instrument_id for each in some]
        with at_work("rules") as tell:
            report = check_lookahead(
                connection, read_rules(), ids, window, most=most, progress=lambda done, total: tell(f"{done}/{total}")
            )
    rows = [
        {"strategy": each.rule.strategy, "version": each.rule.version, "time": each.time, "known_at": each.known_at}
        for each in report.peeking
    ]
    if as_json:
        show_json({"signals": report.signals, "peeking": rows})
    else:
        out.print(f"{spell(report.signals, 'signal')} judged again, {len(rows):,} not raised by what was known")
    if rows:
        if not as_json:
            show_rows(rows, ("strategy", "version", "time", "known_at"), title="rules that peek", as_json=False)
        raise Permanent("a rule saw what was not known yet")


@app.command()
def lint(as_json: AsJson = False) -> None:
    """Check the rules in the file, without a database."""
    rules, problems = check_rules()
    if as_json:
        show_json(problems)
    for problem in () if as_json else problems:
        out.print(problem, soft_wrap=True, markup=False)
    if problems:
        raise Permanent(f"{spell(len(problems), 'problem')} in signals.toml")
    if not as_json:
        out.print(f"{spell(len(rules), 'rule')}: valid" if rules else "no rules yet")


def _used(used: object) -> str:
    """A number that a condition stands on, as a line."""
    said = dict(used) if isinstance(used, dict) else {}
    parameters = ", ".join(f"{name}={value}" for name, value in said.get("parameters", {}).items())
    name = ".".join(filter(None, [said.get("dataset"), said["name"]])) + (f"({parameters})" if parameters else "")
    output = said.get("output")
    name += f".{output}" if output and output not in (said["name"], "real") else ""
    return f"  {said['timeframe']} {name} = {said['value']} ({said['time']})"


def _show(found: Sequence[Signal], title: str, *, is_cut: bool, as_csv: bool, as_json: bool) -> None:
    rows = [asdict(each) for each in found]
    if as_csv:
        show_csv(rows, _COLUMNS)
        return
    if as_json:
        show_json(rows)
        return
    show_rows(rows, _COLUMNS, title=title, as_json=False, spare=_SPARE)
    if is_cut:
        err.print("there are more: --limit N")
