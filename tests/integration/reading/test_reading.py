"""What the reading commands read: the ledger, coverage by day, one minute, feeds, instruments."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg import Connection

from chandlery.gaps.report_coverage import CoverageReport, report_coverage
from chandlery.gaps.store import ledger
from chandlery.gaps.store.ledger import Choice, Reason
from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.platform.errors import NotFound, Permanent
from chandlery.platform.statements import statement
from chandlery.reading.explain_minute import MinuteReport, Verdict, explain_minute
from chandlery.reference.domain.session import Break, Calendar, Session
from chandlery.reference.store import feeds, instruments, sessions
from chandlery.reference.store.feeds import Feed
from tests.integration.market import MINUTE, NOON, always, around_the_clock, insert, live
from tests.plain_fold import Tick

HOUR = timedelta(hours=1)
DAY = date(2026, 3, 2)
BUSY, SILENT, QUIET = "X@BUSY@EQ", "X@SILENT@EQ", "X@QUIET@EQ"
JUDGED_AT = NOON + 2 * HOUR + MINUTE
GAP = (NOON + 40 * MINUTE, NOON + 70 * MINUTE)


def watch(connection: Connection, at: datetime) -> None:
    watch_live_gaps(connection, at, piece_candles=20_000, verify_buckets=0, share_instruments=1_000, has_time=always)


def trade(connection: Connection, instrument_id: int, minutes: Iterable[int]) -> None:
    """A tick in each of these minutes after noon."""
    at = (NOON + minute * MINUTE + timedelta(seconds=30) for minute in minutes)
    insert(connection, instrument_id, [Tick(time, 0, Decimal(7), Decimal(1)) for time in at])


def explain(connection: Connection, key: str, minute: int, at: datetime = JUDGED_AT) -> MinuteReport:
    """A moment inside the minute that starts N minutes after noon."""
    return explain_minute(connection, key, NOON + minute * MINUTE + timedelta(seconds=42), at)


def told(report: CoverageReport) -> dict[str, tuple[int, int, int, int, int]]:
    return {day.key: (day.expected, day.present, day.explained, day.missing, day.not_judged) for day in report.days}


@pytest.fixture
def ids(connection: Connection) -> dict[str, int]:
    """Two hours: one trades every minute, one but for half an hour, one every tenth minute; aggregated and judged."""
    found = dict(zip((BUSY, SILENT, QUIET), around_the_clock(connection, BUSY, SILENT, QUIET), strict=True))
    trade(connection, found[BUSY], range(120))
    trade(connection, found[SILENT], [minute for minute in range(120) if not 40 <= minute < 70])
    trade(connection, found[QUIET], range(0, 120, 10))
    live(connection, JUDGED_AT)
    watch(connection, JUDGED_AT)
    return found


class TestLedger:
    def test_open_gaps_and_what_was_healed(self, connection: Connection, ids: dict[str, int]) -> None:
        (gap,) = ledger.list_gaps(connection, Choice())
        assert (gap.key, gap.feed, gap.reason, gap.minutes) == (SILENT, "test", Reason.INSTRUMENT_SILENT, 30)
        assert (gap.starts, gap.ends, gap.found_at, gap.healed_at) == (*GAP, JUDGED_AT, None)
        assert gap.evidence["trades_expected"] > 7
        trade(connection, ids[SILENT], range(40, 50))
        live(connection, JUDGED_AT + MINUTE)
        watch(connection, JUDGED_AT + MINUTE)
        # A minute more was due by then, in which the whole feed was silent.
        rows = ledger.list_gaps(connection, Choice(key=SILENT, healed=True))
        assert [(row.reason, row.minutes, row.healed_from) for row in rows] == [
            ("instrument_silent", 20, None),
            ("feed_down", 1, None),
            ("instrument_silent", 10, "live_aggregated"),
        ]
        sums = ledger.sum_gaps(connection, Choice(key=SILENT, healed=True))
        assert [(each.reason, each.healed, each.gaps, each.minutes) for each in sums] == [
            ("instrument_silent", False, 1, 20),
            ("feed_down", False, 1, 1),
            ("instrument_silent", True, 1, 10),
        ]

    @pytest.mark.parametrize(
        ("choice", "found"),
        [
            (Choice(key=SILENT, feed="test", reasons=[Reason.INSTRUMENT_SILENT, Reason.UNHEALABLE]), 1),
            (Choice(key=BUSY), 0),
            (Choice(feed="other"), 0),
            (Choice(reasons=[Reason.FEED_DOWN]), 0),
            (Choice(starts=GAP[1] - MINUTE), 1),
            (Choice(starts=GAP[1]), 0),
            (Choice(ends=GAP[0] + MINUTE), 1),
            (Choice(ends=GAP[0]), 0),
        ],
    )
    def test_rows_are_chosen(self, connection: Connection, ids: dict[str, int], choice: Choice, found: int) -> None:
        assert len(ledger.list_gaps(connection, choice)) == found
        assert sum(each.gaps for each in ledger.sum_gaps(connection, choice)) == found

    def test_a_limit_keeps_the_oldest(self, connection: Connection, ids: dict[str, int]) -> None:
        watch(connection, JUDGED_AT + MINUTE)
        assert len(ledger.list_gaps(connection, Choice())) == 4
        assert [gap.starts for gap in ledger.list_gaps(connection, Choice(), limit=1)] == [GAP[0]]

    def test_reasons_are_those_of_the_database(self, connection: Connection) -> None:
        rows = connection.execute("SELECT unnest(enum_range(NULL::market.gap_reason))::text").fetchall()
        assert [reason for (reason,) in rows] == list(Reason)


class TestCoverage:
    def test_the_days_that_were_judged(self, connection: Connection, ids: dict[str, int]) -> None:
        report = report_coverage(connection, JUDGED_AT + 5 * MINUTE)
        expected = {
            BUSY: (120, 120, 0, 0, 0),
            SILENT: (120, 90, 0, 30, 0),
            QUIET: (120, 12, 108, 0, 0),
        }
        assert told(report) == expected
        assert (report.last, {day.session_date for day in report.days}) == (DAY, {DAY})
        assert {day.key: day.coverage for day in report.days} == {BUSY: 1.0, SILENT: 0.75, QUIET: 1.0}
        assert report.remarks == []
        view = connection.execute(
            "SELECT instrument_key, expected, present, explained, missing, not_judged FROM market.coverage"
        ).fetchall()
        assert {row[0]: row[1:] for row in view} == expected

    def test_what_nobody_has_judged_is_shown_apart(self, connection: Connection, ids: dict[str, int]) -> None:
        report = report_coverage(connection, JUDGED_AT + 10 * MINUTE, keys=[QUIET], first=DAY, last=DAY)
        assert told(report) == {QUIET: (130, 12, 108, 0, 10)}
        assert report.days[0].coverage == 120 / 130
        (remark,) = report.remarks
        assert remark.startswith("10 minutes are not judged: no gap monitor has looked at them")
        assert remark.endswith("run: chandlery invoke live_gap_monitor")
        later = report_coverage(connection, JUDGED_AT + timedelta(days=30), keys=[QUIET], first=DAY, last=DAY)
        assert later.remarks[0].endswith("historical_gap_monitor")

    def test_only_what_was_chosen_counts(self, connection: Connection, ids: dict[str, int]) -> None:
        assert list(told(report_coverage(connection, JUDGED_AT, keys=[QUIET, QUIET], feed="test"))) == [QUIET]
        with pytest.raises(Permanent, match="no instrument X@NO@EQ"):
            report_coverage(connection, JUDGED_AT, keys=["X@NO@EQ"])
        with pytest.raises(Permanent, match="none of these instruments has the feed other"):
            report_coverage(connection, JUDGED_AT, feed="other")

    def test_an_instrument_without_data_is_named(self, connection: Connection, ids: dict[str, int]) -> None:
        instruments.add(connection, "X@BLANK@EQ", "24/7", "test")
        (remark,) = report_coverage(connection, JUDGED_AT).remarks
        assert remark.startswith("nothing is expected yet of X@BLANK@EQ: neither data nor a listing is known")
        instruments.add(connection, "X@BLANK@EQ", "24/7", "test", listed_at=NOON + HOUR)
        with pytest.raises(Permanent, match="no gap monitor has looked at a session yet"):
            report_coverage(connection, JUDGED_AT, keys=["X@BLANK@EQ"])
        blank = report_coverage(connection, JUDGED_AT, keys=["X@BLANK@EQ"], first=DAY, last=DAY)
        assert told(blank) == {"X@BLANK@EQ": (60, 0, 0, 0, 60)}
        with pytest.raises(Permanent, match="nothing was expected on these days of X@BLANK@EQ"):
            report_coverage(connection, JUDGED_AT, keys=["X@BLANK@EQ"], first=date(2026, 3, 1), last=date(2026, 3, 1))

    def test_days_the_calendar_does_not_know_are_reported(self, connection: Connection, ids: dict[str, int]) -> None:
        with pytest.raises(Permanent, match=r"24/7 is known from 2026-03-01 to 2026-03-04 only.* --to 2026-04-02"):
            report_coverage(connection, JUDGED_AT, first=date(2026, 4, 1), last=date(2026, 4, 2))
        wide = report_coverage(connection, JUDGED_AT, first=date(2026, 2, 1), last=DAY)
        assert len(wide.days) == 3
        assert "--from 2026-02-01, or from a file" in wide.remarks[0]
        with pytest.raises(Permanent, match="no session from 2026-03-04 to 2026-03-04 has begun yet"):
            report_coverage(connection, JUDGED_AT, first=date(2026, 3, 4), last=date(2026, 3, 4))
        sessions.replace(connection, Calendar("NONE", "UTC", date(2026, 3, 1), date(2026, 3, 4), ()))
        instruments.add(connection, "X@SHUT@EQ", "NONE", "test", listed_at=NOON)
        with pytest.raises(Permanent, match="NONE has no session from 2026-03-02 to 2026-03-02"):
            report_coverage(connection, JUDGED_AT, keys=["X@SHUT@EQ"], first=DAY, last=DAY)

    def test_nothing_judged_yet_is_reported(self, connection: Connection) -> None:
        with pytest.raises(Permanent, match="there is no instrument yet"):
            report_coverage(connection, JUDGED_AT)
        around_the_clock(connection, BUSY)
        with pytest.raises(Permanent, match="no gap monitor has looked at a session yet"):
            report_coverage(connection, JUDGED_AT)
        with pytest.raises(Permanent, match="no gap monitor has looked at a session from 2026-03-02 on yet"):
            report_coverage(connection, JUDGED_AT, first=DAY)


class TestMinute:
    def test_a_candle_is_there(self, connection: Connection, ids: dict[str, int]) -> None:
        report = explain(connection, BUSY, 5)
        assert (report.verdict, report.sentence) == (Verdict.COMPLETE, "a complete candle is stored")
        assert report.minute == NOON + 5 * MINUTE
        assert (report.expected, report.surroundings.extended, report.surroundings.session_date) == (True, False, DAY)
        assert report.candle
        assert (report.candle.close, report.candle.turnover, report.candle.trades) == (7, 7, 1)
        assert (report.ticks.ticks, report.ticks.first, report.ticks.lowest) == (1, NOON + 5.5 * MINUTE, 7)
        assert report.surroundings.feed_seconds == "0" * 30 + "1" + "0" * 29
        assert (report.surroundings.longest_silence, report.surroundings.silence_limit) == (30, 60)
        assert (report.surroundings.counted, report.surroundings.hour_waits) == ("complete", False)
        assert (report.surroundings.judged_by, report.gaps) == (["live_gap_monitor"], [])

    def test_missing_and_healed(self, connection: Connection, ids: dict[str, int]) -> None:
        missing = explain(connection, SILENT, 45)
        assert (missing.verdict, missing.candle, missing.ticks.ticks) == (Verdict.MISSING, None, 0)
        assert missing.sentence == ("missing: instrument_silent since 2026-03-02T12:40:00Z, found 2026-03-02T14:01:00Z")
        trade(connection, ids[SILENT], [45])
        waiting = explain(connection, SILENT, 45)
        assert (waiting.verdict, waiting.surroundings.marks) == (Verdict.WAITING, 1)
        assert waiting.sentence == (
            "ticks wait to be aggregated; until then its gap is open, and coverage counts it as missing"
            "; run: chandlery invoke live_processor"
        )
        live(connection, JUDGED_AT)
        written = explain(connection, SILENT, 45)
        assert (written.verdict, written.surroundings.hour_waits) == (Verdict.COMPLETE, True)
        assert "its gap stays open in the ledger" in written.sentence
        watch(connection, JUDGED_AT)
        healed = explain(connection, SILENT, 45)
        assert healed.sentence == "a complete candle is stored"
        # With it the five quiet minutes before are plausible.
        assert [(gap.reason, gap.minutes, gap.healed_from) for gap in healed.gaps] == [
            ("instrument_silent", 6, "live_aggregated, no_trades")
        ]

    def test_explained_and_not_judged(self, connection: Connection, ids: dict[str, int]) -> None:
        explained = explain(connection, QUIET, 55)
        assert explained.verdict == Verdict.EXPLAINED
        assert explained.sentence.startswith("no candle, explained: no_trades: the feed was alive")
        later = explain(connection, QUIET, 130, at=JUDGED_AT + HOUR)
        assert later.verdict == Verdict.NOT_JUDGED
        assert later.sentence.endswith("run: chandlery invoke live_gap_monitor")
        assert explain(connection, QUIET, 121).verdict == Verdict.NOT_OVER
        connection.execute("DELETE FROM market.ticks WHERE instrument_id = %s", [ids[BUSY]])
        live(connection, JUDGED_AT)
        gone = explain(connection, BUSY, 5)
        assert (gone.verdict, gone.surroundings.counted, gone.candle) == (Verdict.NOT_JUDGED, "complete", None)

    def test_what_a_vendor_said_is_shown(self, connection: Connection, ids: dict[str, int]) -> None:
        connection.execute(
            "UPDATE market.gaps SET reason = 'no_trades', healed_at = found_at, healed_from = 'no_trades'"
        )
        report = explain(connection, SILENT, 45)
        assert (report.verdict, report.sentence) == (
            Verdict.EXPLAINED,
            "no complete candle, explained: no_trades, the vendor says so",
        )

    def test_a_partial_candle(self, connection: Connection, ids: dict[str, int]) -> None:
        feeds.set_limit(connection, "test", 20)
        trade(connection, ids[BUSY], [121])
        at = JUDGED_AT + 5 * MINUTE
        live(connection, at)
        before = explain(connection, BUSY, 121, at)
        assert before.sentence == (
            "missing: a partial candle is stored: the feed was silent for 30 s of it (limit 20 s);"
            " a gap monitor has still to enter it in the ledger"
        )
        watch(connection, at)
        after = explain(connection, BUSY, 121, at)
        assert (after.verdict, after.surroundings.counted) == (Verdict.MISSING, "partial")
        assert after.sentence.startswith("missing: feed_down since 2026-03-02T14:00:00Z, found 2026-03-02T14:06:00Z")

    def test_ticks_without_mark_or_candle(self, connection: Connection, ids: dict[str, int]) -> None:
        trade(connection, ids[SILENT], [45])
        connection.execute("DELETE FROM market.dirty")
        report = explain(connection, SILENT, 45)
        assert report.verdict == Verdict.MISSING
        assert "neither a candle nor a mark" in report.sentence

    def test_not_expected_of_the_instrument(self, connection: Connection, ids: dict[str, int]) -> None:
        assert explain(connection, BUSY, -1).sentence == (
            "not expected: its candles are expected from 2026-03-02T12:00:00Z on"
        )
        instruments.add(connection, "X@BLANK@EQ", "24/7", "test", delisted_at=NOON)
        assert "neither data nor a listing" in explain(connection, "X@BLANK@EQ", 0).sentence
        instruments.add(connection, "X@BLANK@EQ", "24/7", "test", listed_at=NOON - HOUR)
        assert explain(connection, "X@BLANK@EQ", 0).sentence.endswith("it was delisted at 2026-03-02T12:00:00Z")
        assert explain(connection, "X@BLANK@EQ", -1).expected
        with pytest.raises(Permanent, match="no instrument X@NO@EQ"):
            explain(connection, "X@NO@EQ", 0)

    @pytest.mark.parametrize(
        ("moment", "why"),
        [
            ("2026-03-06T08:59Z", "before the session of 2026-03-06, which opens at 2026-03-06T09:00:00Z"),
            ("2026-03-06T12:00Z", "in the break of the session of 2026-03-06"),
            ("2026-03-06T17:00Z", "this is the minute of the closing auction"),
            ("2026-03-06T17:01Z", "after the session of 2026-03-06, which closed at 2026-03-06T17:00:00Z"),
            ("2026-03-07T10:00Z", "Saturday 2026-03-07 is no session"),
            ("2026-03-09T10:00Z", "Monday 2026-03-09 is no session"),
            ("2026-03-11T10:00Z", "the calendar DESK is known from 2026-03-06 to 2026-03-10 only"),
        ],
    )
    def test_not_expected_of_the_market(self, connection: Connection, moment: str, why: str) -> None:
        days = [
            Session(day.date(), day + 9 * HOUR, day + 17 * HOUR, (Break(day + 12 * HOUR, day + 13 * HOUR),))
            for day in (datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
        ]
        sessions.replace(connection, Calendar("DESK", "UTC", date(2026, 3, 6), date(2026, 3, 10), tuple(days)))
        instruments.add(connection, BUSY, "DESK", "test", listed_at=NOON)
        report = explain_minute(connection, BUSY, datetime.fromisoformat(moment), datetime(2026, 4, 1, tzinfo=UTC))
        assert (report.verdict, report.expected) == (Verdict.NOT_EXPECTED, False)
        assert why in report.sentence


class TestFeeds:
    def test_what_is_known_of_each(self, connection: Connection, ids: dict[str, int]) -> None:
        feeds.set_limit(connection, "other", 7)
        instruments.add(connection, "X@MORE@EQ", "24/7", "more")
        feeds.set_limit(connection, "test", 9)
        assert feeds.list_all(connection) == [
            Feed("more", 1, 20, True, None),
            Feed("other", 0, 7, True, None),
            Feed("test", 3, 9, True, NOON + 119.5 * MINUTE),
        ]
        with pytest.raises(Permanent, match="refused"):
            feeds.set_limit(connection, "test", 61)


class TestInstruments:
    def test_what_is_not_given_is_kept(self, connection: Connection) -> None:
        around_the_clock(connection, BUSY)
        found = instruments.find(connection, BUSY)
        assert (found.listed_at, found.delisted_at, found.data_from, found.tickers) == (None, None, None, None)
        instruments.add(connection, BUSY, "24/7", "test", listed_at=NOON, tickers={"polygon": "B", "other": "BB"})
        instruments.add(connection, BUSY, "24/7", "feed", delisted_at=NOON + HOUR, tickers={"polygon": "C"})
        instruments.add(connection, BUSY, "24/7", "feed")
        found = instruments.find(connection, BUSY)
        assert (found.feed, found.listed_at, found.delisted_at) == ("feed", NOON, NOON + HOUR)
        assert found.tickers == {"polygon": "C", "other": "BB"}
        assert instruments.list_all(connection) == [found]

    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            ("IBM", "did you mean XNYS@IBM@EQ or XNYS@IBM@OPT?"),
            ("xnys@ibm", "did you mean XNYS@IBM@EQ or XNYS@IBM@OPT?"),
            ("NYSE:IBM", "did you mean XNYS@IBM@EQ or XNYS@IBM@OPT?"),
            ("XNAS@IBM@EQ", "did you mean XNYS@IBM@EQ or XNYS@IBM@OPT? Else add it first: chandlery instruments add"),
            ("BTC", "did you mean B@BTC/USDT@SPOT?"),
            ("X@NO@EQ", "no instrument X@NO@EQ; add it first: chandlery instruments add X@NO@EQ --calendar NAME"),
            ("%", '"%" is not an instrument key: write EXCHANGE@SYMBOL@TYPE, as in NSE@NIFTY@INDEX'),
        ],
    )
    def test_an_unknown_key_is_answered_with_those_of_its_symbol(
        self, connection: Connection, given: str, meant: str
    ) -> None:
        around_the_clock(connection, "XNYS@IBM@OPT", "XNYS@IBM@EQ", "B@BTC/USDT@SPOT", "XNYS@AIG@EQ")
        with pytest.raises(NotFound) as refused:
            instruments.find(connection, given)
        assert meant in str(refused.value)
        with connection.transaction():
            # Three instruments are looked through all the same; ten thousand are not.
            connection.execute("SET LOCAL enable_seqscan = off")
            plan = str(connection.execute(f"EXPLAIN {statement('list_near_keys')}", {"given": given}).fetchall())
        assert "instruments_symbol" in plan
        assert "Seq Scan" not in plan

    def test_a_life_that_ends_before_it_begins_is_refused(self, connection: Connection) -> None:
        around_the_clock(connection, BUSY)
        instruments.add(connection, BUSY, "24/7", "test", delisted_at=NOON)
        with pytest.raises(Permanent, match="cannot be listed at"):
            instruments.add(connection, BUSY, "24/7", "changed", listed_at=NOON)
        assert instruments.find(connection, BUSY).feed == "test"
