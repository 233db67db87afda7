"""Tell everything known about one minute, and what it is in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from psycopg import Connection

from chandlery.gaps.store import ledger
from chandlery.gaps.store.ledger import Choice, Gap, Reason
from chandlery.reading.store import minute
from chandlery.reading.store.minute import MinuteTicks, Surroundings, WholeCandle
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import instruments
from chandlery.words.counting import spell
from chandlery.words.remark import Remark, without_remedy
from chandlery.words.window import DAY, MINUTE, WEEK, Window, floor_minute


class Verdict(StrEnum):
    """What a minute is."""

    NOT_OVER = "not_over"
    WAITING = "waiting"
    COMPLETE = "complete"
    NOT_EXPECTED = "not_expected"
    MISSING = "missing"
    EXPLAINED = "explained"
    NOT_JUDGED = "not_judged"


@dataclass(frozen=True)
class MinuteReport:
    """One minute of an instrument, UTC; `gaps` are the ledger's rows over it, the open one first."""

    minute: datetime
    instrument: Instrument
    expected: bool
    surroundings: Surroundings
    ticks: MinuteTicks
    candle: WholeCandle | None
    gaps: Sequence[Gap]
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class _Facts:
    at: datetime
    minute: datetime
    instrument: Instrument
    around: Surroundings
    ticks: MinuteTicks
    candle: WholeCandle | None
    gaps: Sequence[Gap]

    @property
    def alive(self) -> bool:
        """Whether the instrument is listed, or has data, at that minute."""
        since, until = self.instrument.expected_since, self.instrument.delisted_at
        return since is not None and since <= self.minute and (until is None or self.minute < until)

    @property
    def expected(self) -> bool:
        return self.around.market_open and self.alive

    @property
    def open_gap(self) -> Gap | None:
        return next((gap for gap in self.gaps if gap.healed_at is None), None)

    @property
    def vendor_knows(self) -> bool:
        """Whether a vendor said that nothing was traded."""
        return any(gap.reason == Reason.NO_TRADES for gap in self.gaps)

    @property
    def counts_lag(self) -> bool:
        """Whether gap monitors take something else to stand than what does."""
        stands = "none" if self.candle is None else "partial" if self.candle.partial else "complete"
        return (self.around.counted or "none") != stands


def explain_minute(connection: Connection, key: str, moment: datetime, at: datetime) -> MinuteReport:
    """Everything known at `at` about the minute a moment lies in.

    Args:
        connection: in autocommit mode.
        key: EXCHANGE@SYMBOL@TYPE.
        moment: anywhere inside the minute, aware.
        at: whether the minute is over is told by it, aware.

    Raises:
        Permanent: no such instrument.
        Retryable: from the database.
    """
    instrument = instruments.find(connection, key)
    starts = floor_minute(moment)
    window = Window(starts, starts + MINUTE)
    facts = _Facts(
        at=at,
        minute=starts,
        instrument=instrument,
        around=minute.describe(connection, instrument.instrument_id, starts),
        ticks=minute.sum_ticks(connection, instrument.instrument_id, starts),
        candle=minute.find_candle(connection, instrument.instrument_id, starts),
        gaps=ledger.list_gaps(connection, Choice(key=key, starts=window.starts, ends=window.ends, healed=True)),
    )
    verdict, sentence = _judge(facts)
    return MinuteReport(
        minute=starts,
        instrument=instrument,
        expected=facts.expected,
        surroundings=facts.around,
        ticks=facts.ticks,
        candle=facts.candle,
        gaps=facts.gaps,
        verdict=verdict,
        sentence=sentence,
    )


def _judge(facts: _Facts) -> tuple[Verdict, str]:
    if facts.minute + MINUTE > facts.at:
        return Verdict.NOT_OVER, "the minute is not over yet: a candle is made of its ticks once it is"
    if facts.around.marks:
        return Verdict.WAITING, _waiting(facts)
    if facts.candle and not facts.candle.partial:
        return Verdict.COMPLETE, _complete(facts)
    if facts.ticks.valid and not facts.candle:
        return Verdict.MISSING, (
            "missing: ticks are there, but neither a candle nor a mark that asks for one: triggers were off, it seems;"
            " gap checks come across it in their turn"
        )
    if not facts.expected:
        why = _why_not_expected(facts)
        return Verdict.NOT_EXPECTED, Remark(f"not expected: {without_remedy(why)}", _remedy(why))
    if facts.open_gap:
        return Verdict.MISSING, _missing(facts, facts.open_gap)
    return _judge_silence(facts)


def _judge_silence(facts: _Facts) -> tuple[Verdict, str]:
    """An expected minute without a complete candle, and without an open gap."""
    if facts.candle and not facts.vendor_knows:
        return Verdict.MISSING, f"missing: {_partial(facts)}; a gap monitor has still to enter it in the ledger"
    if not facts.around.awaited:
        return Verdict.NOT_JUDGED, _not_awaited(facts)
    if not facts.around.judged_by or (facts.counts_lag and not facts.candle):
        return Verdict.NOT_JUDGED, Remark(
            "not judged: there is no candle, and no gap monitor has looked at it with these data, or the instrument"
            " never traded in what it looked at",
            f"; run: chandlery invoke {_monitor(facts)}",
        )
    if facts.vendor_knows:
        return Verdict.EXPLAINED, "no complete candle, explained: no_trades, the vendor says so"
    return Verdict.EXPLAINED, (
        "no candle, explained: no_trades: the feed was alive, and such a silence is plausible at the instrument's own"
        " rate of trades"
    )


def _not_awaited(facts: _Facts) -> str:
    feed = facts.instrument.feed
    if facts.around.feed_imported:
        return Remark(
            f"not judged: all data of its feed {feed} were imported, none of this day, so no candle is missed",
            f"; if it should send: chandlery feeds set {feed} --live",
        )
    return f"not judged: its feed {feed} was not live yet, and nothing of this day was imported: no candle is missed"


def _waiting(facts: _Facts) -> str:
    age = facts.at - facts.minute
    who = "live_processor" if age < DAY else _monitor(facts)
    stands = "a candle is stored, but " if facts.candle else ""
    what = "ticks wait to be aggregated" if facts.ticks.valid else "a change waits to be taken up"
    told = "; until then its gap is open, and coverage counts it as missing" if facts.open_gap else ""
    return Remark(f"{stands}{what}{told}", f"; run: chandlery invoke {who}")


def _monitor(facts: _Facts) -> str:
    return "live_gap_monitor" if facts.at - facts.minute < WEEK else "historical_gap_monitor"


def _complete(facts: _Facts) -> str:
    if not facts.expected:
        why = _why_not_expected(facts)
        return Remark(f"a complete candle is stored, though not expected: {without_remedy(why)}", _remedy(why))
    if facts.open_gap:
        return "a complete candle is stored; its gap stays open in the ledger until the next run of a gap monitor"
    return "a complete candle is stored"


def _partial(facts: _Facts) -> str:
    silent = facts.around.longest_silence
    limit = facts.around.silence_limit
    told = f": the feed was silent for {silent} s of it (limit {limit} s)" if silent else ""
    if silent and silent < limit:
        told += ", too long by an earlier limit, which counts until the minute's ticks change"
    return f"a partial candle is stored{told}"


def _missing(facts: _Facts, gap: Gap) -> str:
    parts = [f"missing: {gap.reason} since {_described(gap.starts)}, found {_described(gap.found_at)}"]
    if facts.candle:
        parts.append(_partial(facts))
    if gap.attempts:
        again = f", again from {_described(gap.next_attempt_at)}" if gap.next_attempt_at else ""
        parts.append(f"{spell(gap.attempts, 'attempt')} to heal it{again}")
    if facts.counts_lag and not facts.candle:
        parts.append("its candle went away since hours were counted")
    return "; ".join(parts)


def _why_not_expected(facts: _Facts) -> str:
    around, instrument = facts.around, facts.instrument
    day, calendar = around.session_date, instrument.calendar
    if around.known_from is None or around.known_to is None or not around.known_from <= day <= around.known_to:
        known = f"from {around.known_from} to {around.known_to} only" if around.known_to else "for no day"
        return Remark(
            f"the calendar {calendar} is known {known}", f"; run: chandlery sessions sync --calendar {calendar}"
        )
    if not around.market_open:
        return f"the market was closed: {_why_closed(facts)}"
    if instrument.expected_since is None:
        return "neither data nor a listing of the instrument is known"
    if facts.minute < instrument.expected_since:
        return f"its candles are expected from {_described(instrument.expected_since)} on"
    return f"it was delisted at {_described(instrument.delisted_at or facts.minute)}"


def _remedy(text: str) -> str:
    return text.removeprefix(without_remedy(text))


def _why_closed(facts: _Facts) -> str:
    around = facts.around
    if around.opens_at is None or around.closes_at is None:
        return f"{around.session_date:%A} {around.session_date} is no session"
    if facts.minute < around.opens_at:
        return f"before the session of {around.session_date}, which opens at {_described(around.opens_at)}"
    if facts.minute == around.closes_at:
        return "this is the minute of the closing auction, which belongs to the session but may have no trade"
    if facts.minute > around.closes_at:
        return f"after the session of {around.session_date}, which closed at {_described(around.closes_at)}"
    return f"in the break of the session of {around.session_date}"


def _described(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
