"""`chandlery explain`: everything known about one minute."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from chandlery.gaps.store.ledger import Gap
from chandlery.reading.explain_minute import MinuteReport, Verdict, explain_minute
from chandlery.reading.store.minute import MinuteTicks, WholeCandle
from chandlery.words.counting import spell
from local.command_line.database import open_connection
from local.command_line.gaps import describe_evidence
from local.command_line.options import AsJson, Key, parse_moment
from local.command_line.output import out, plain, show_json, show_table

_STYLES = {Verdict.COMPLETE: "green", Verdict.MISSING: "red", Verdict.NOT_JUDGED: "yellow", Verdict.WAITING: "yellow"}

_CANDLE_LINES = (
    ("open", "high", "low", "close", "volume", "turnover", "vwap", "trades"),
    ("source", "version", "revision", "created_at", "updated_at"),
    ("partial", "price_eligible", "session_date", "extended"),
)


def explain(
    key: Key,
    time: Annotated[
        datetime, typer.Argument(parser=parse_moment, metavar="TIME", help="a time inside the minute, with offset or Z")
    ],
    as_json: AsJson = False,
) -> None:
    """Show everything known about one minute, and explain it in one sentence."""
    with open_connection() as connection:
        report = explain_minute(connection, key, time, datetime.now(UTC))
    if as_json:
        show_json(asdict(report))
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, told in _parts(report):
        grid.add_row(Text(name, "bold"), Text(told))
    show_table(grid)
    out.print(report.sentence, style=_STYLES.get(report.verdict), markup=False, soft_wrap=True)


def _parts(report: MinuteReport) -> Iterator[tuple[str, str]]:
    instrument = report.instrument
    life = {"listed": instrument.listed_at, "delisted": instrument.delisted_at, "data from": instrument.data_from}
    yield "minute", plain(report.minute)
    yield "instrument", _join(f"{instrument.key}, calendar {instrument.calendar}, feed {instrument.feed}", life)
    yield "session", _session(report)
    yield "ticks", _ticks(report)
    yield "candle", _candle(report.candle) if report.candle else "none"
    yield "feed", _feed(report)
    yield "counted", _counted(report)
    yield "judged by", ", ".join(report.surroundings.judged_by) or "no gap monitor yet"
    for gap in report.gaps:
        yield "gap", _gap(gap)
    if not report.gaps:
        yield "gap", "none in the ledger"


def _join(start: str, more: dict[str, datetime | None]) -> str:
    return start + "".join(f", {name} {plain(moment)}" for name, moment in more.items() if moment)


def _session(report: MinuteReport) -> str:
    around = report.surroundings
    words = [plain(around.session_date), "expected" if report.expected else "not expected"]
    if around.opens_at:
        words.append("extended hours" if around.extended else "regular hours")
        words.append(f"open {plain(around.opens_at)} to {plain(around.closes_at)}")
    else:
        words.append(f"no session ({around.session_date:%A})")
    for starts, ends in zip(around.breaks_start, around.breaks_end, strict=True):
        words.append(f"break {plain(starts)} to {plain(ends)}")
    if around.next_opens_at and not around.market_open:
        words.append(f"opens next {plain(around.next_opens_at)}")
    return ", ".join([*words, around.time_zone])


def _ticks(report: MinuteReport) -> str:
    ticks, marks = report.ticks, report.surroundings.marks
    words = [f"{ticks.ticks:,}"]
    if ticks.ticks:
        words.append(f"{ticks.cancelled:,} cancelled")
        if ticks.not_for_prices:
            words.append(f"{ticks.not_for_prices:,} not for prices")
        words.append(f"first {plain(ticks.first)}, last {plain(ticks.last)}")
    words += _received(ticks)
    if ticks.valid:
        words.append(f"prices {plain(ticks.lowest)} to {plain(ticks.highest)}")
    return ", ".join([*words, f"{spell(marks, 'mark')} waiting" if marks else "no mark waiting"])


def _received(ticks: MinuteTicks) -> Iterator[str]:
    """When the newest tick came, and the last to come where that is another."""
    if ticks.newest_received_at:
        yield f"the newest received {plain(ticks.newest_received_at)}"
    if ticks.received_up_to != ticks.newest_received_at:
        yield f"the latest to come {plain(ticks.received_up_to)}"


def _candle(candle: WholeCandle) -> str:
    """What it holds, who made it when, and where it belongs: a line each."""
    stored = {name: value for name, value in asdict(candle).items() if value is not None}
    return "\n".join(
        ", ".join(f"{name} {plain(stored[name])}" for name in line if name in stored) for line in _CANDLE_LINES
    )


def _feed(report: MinuteReport) -> str:
    around = report.surroundings
    if around.feed_seconds is None:
        return "no tick of the feed was counted in this minute, or not yet"
    silence = f"longest silence {around.longest_silence} s, limit {around.silence_limit} s"
    return f"ticks in {around.feed_seconds.count('1')} of 60 seconds, {silence}\n{around.feed_seconds}"


def _counted(report: MinuteReport) -> str:
    around = report.surroundings
    told = f"candle: {around.counted}" if around.counted else "the hour has no candle counted"
    return told + (", the hour waits to be counted again" if around.hour_waits else "")


def _gap(gap: Gap) -> str:
    words = [
        f"{gap.reason}, {plain(gap.starts)} to {plain(gap.ends)}",
        f"{spell(gap.minutes, 'minute')}, found {plain(gap.found_at)}",
    ]
    if gap.healed_at:
        words.append(f"healed {plain(gap.healed_at)} from {gap.healed_from}")
    if gap.attempts:
        words.append(f"{spell(gap.attempts, 'attempt')}, next {plain(gap.next_attempt_at) or 'none'}")
    if evidence := describe_evidence(gap):
        words.append(evidence)
    return ", ".join(words)
