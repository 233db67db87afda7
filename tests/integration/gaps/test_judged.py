"""What was judged belongs to an instrument and its data: elsewhere silence is neither explained nor present."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.gaps.find_gaps import count_hours, find_gaps
from chandlery.gaps.list_gaps import list_gaps
from chandlery.gaps.report_coverage import report_coverage
from chandlery.gaps.store import scans
from chandlery.reading.explain_minute import Verdict, explain_minute
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import DAY, HOUR, MINUTE, WEEK, Window
from tests.conftest import SERVER_URL
from tests.integration.gaps.test_gap_ledger import run_historical, run_live
from tests.integration.gaps.test_gap_reasons import EMPTY, MONDAY, add, at, days_of, fill, settle
from tests.integration.market import always
from tests.plain_gaps import Candle, Instrument, delete_candles, insert_candles, judge, read_instruments, read_open

DATABASE = settings(
    max_examples=2 if SERVER_URL else 1,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    # A history is made from a seed: a smaller one shows no more.
    phases=[Phase.generate],
)
# On the embedded database fewer: each of them asks about every minute there is.
STEPS = 25 if SERVER_URL else 12
BUSY, OTHER = "X@BUSY@EQ", "X@OTHER@EQ"
MORNING = Window(MONDAY, at(3, 0))
# After all of it.
LATER = at(30, 0)


@pytest.fixture
def busy(connection: Connection) -> int:
    """An instrument that traded in each minute of three mornings, on a feed that others share."""
    fill(connection, "day", days_of(9, 12))
    number = add(connection, BUSY, "day")
    insert_candles(connection, number, trading(range(3)))
    return number


def trading(days: Iterable[int], every: int = 1) -> dict[datetime, Candle]:
    return {at(day, 9) + place * MINUTE: Candle(trades=2) for day in days for place in range(0, 180, every)}


def told(connection: Connection, key: str, days: int = 3) -> Sequence[tuple[int, ...]]:
    """Day by day: expected, present, explained, missing and not judged minutes; as the view has them, too."""
    last = at(days - 1, 0).date()
    report = report_coverage(connection, LATER, keys=[key], first=MONDAY.date(), last=last)
    numbers = [(day.expected, day.present, day.explained, day.missing, day.not_judged) for day in report.days]
    for day in report.days:
        assert day.expected == day.present + day.explained + day.missing + day.not_judged
        assert day.coverage == (day.present + day.explained) / day.expected
    return numbers


def verdict(connection: Connection, key: str, moment: datetime) -> Verdict:
    return explain_minute(connection, key, moment, LATER).verdict


def test_an_instrument_added_after_a_scan_is_not_judged_by_it(connection: Connection, busy: int) -> None:
    settle(connection, MORNING)
    assert told(connection, BUSY) == 3 * [(180, 180, 0, 0, 0)]
    other = add(connection, OTHER, "day")
    insert_candles(connection, other, {at(0, 9): Candle(trades=1), at(2, 9): Candle(trades=1)})
    count_hours(connection, lambda: True)
    assert told(connection, OTHER) == [(180, 1, 0, 0, 179), (180, 0, 0, 0, 180), (180, 1, 0, 0, 179)]
    assert verdict(connection, OTHER, at(1, 10)) == Verdict.NOT_JUDGED
    settle(connection, MORNING)
    # Two trades in three mornings: such a silence is plausible now that somebody has looked.
    assert told(connection, OTHER) == [(180, 1, 179, 0, 0), (180, 0, 180, 0, 0), (180, 1, 179, 0, 0)]
    assert verdict(connection, OTHER, at(1, 10)) == Verdict.EXPLAINED


def test_no_gap_where_nobody_looked_is_said_to_be_that(connection: Connection, busy: int) -> None:
    def remarks(**choice: Any) -> Sequence[str]:
        return list_gaps(connection, LATER, **choice).remarks

    count_hours(connection, lambda: True)
    (remark,) = remarks()
    assert remark.startswith(
        "1 instrument is not judged everywhere between 2026-03-02T09:00:00Z and 2026-03-31T23:59:00Z"
    )
    settle(connection, Window(MONDAY, at(1, 10)))
    # Without an end up to where the newest look ended.
    assert remarks() == []
    (remark,) = remarks(starts=MONDAY, ends=at(1, 11))
    assert "between 2026-03-03T10:00:00Z and 2026-03-03T11:00:00Z" in remark
    add(connection, OTHER, "day")
    assert remarks() == []
    instruments.add(connection, OTHER, "day", "feed", listed_at=at(0, 9))
    assert remarks(key=BUSY) == remarks(feed="other") == remarks(key=OTHER, ends=at(0, 9)) == []
    (remark,) = remarks(key=OTHER)
    assert "between 2026-03-02T09:00:00Z and 2026-03-03T10:00:00Z" in remark
    # While the market was closed nothing could be missing.
    instruments.add(connection, OTHER, "day", "feed", listed_at=at(0, 12), delisted_at=at(1, 9))
    assert remarks(key=OTHER) == []


def test_data_of_an_earlier_time_are_not_judged_by_a_scan_before_them(connection: Connection, busy: int) -> None:
    other = add(connection, OTHER, "day")
    insert_candles(connection, other, trading([2], every=3))
    settle(connection, MORNING)
    assert told(connection, OTHER) == [(180, 60, 120, 0, 0)]
    insert_candles(connection, other, {at(0, 9): Candle(trades=1)})
    count_hours(connection, lambda: True)
    assert told(connection, OTHER) == [(180, 1, 0, 0, 179), (180, 0, 0, 0, 180), (180, 60, 120, 0, 0)]


def test_silence_of_a_feed_that_sent_nothing_is_missing_and_not_explained(connection: Connection, busy: int) -> None:
    other = add(connection, OTHER, "day", "other")
    insert_candles(connection, other, {at(0, 9): Candle(trades=1), at(2, 11.5): Candle(trades=1)})
    settle(connection, MORNING)
    assert told(connection, OTHER) == [(180, 1, 0, 179, 0), (180, 0, 0, 180, 0), (180, 1, 0, 179, 0)]
    assert {reason for _, _, reason in read_open(connection, other)} == {"feed_down"}


def test_silence_without_a_trade_to_measure_it_by_is_not_judged(connection: Connection, busy: int) -> None:
    instruments.add(connection, OTHER, "day", "feed", listed_at=at(0, 9))
    report = run_live(connection, at(3, 0))
    assert told(connection, OTHER) == 3 * [(180, 0, 0, 0, 180)]
    assert verdict(connection, OTHER, at(1, 10)) == Verdict.NOT_JUDGED
    assert (report.gaps_open, report.minutes_not_judged) == (0, 540)
    assert (report.coverage_7d, report.coverage_24h) == (0.5, 0.5)
    assert [(feed.coverage_7d, feed.minutes_not_judged) for feed in report.feeds] == [(0.5, 540)]
    # One trade shows how often it trades.
    number = instruments.find(connection, OTHER).instrument_id
    insert_candles(connection, number, {at(1, 10): Candle(trades=1)})
    report = run_live(connection, at(3, 0))
    assert told(connection, OTHER) == [(180, 0, 180, 0, 0), (180, 1, 179, 0, 0), (180, 0, 180, 0, 0)]
    assert (report.coverage_7d, report.minutes_not_judged) == (1.0, 0)


def test_a_feed_that_lived_after_all_explains_no_silence(connection: Connection, busy: int) -> None:
    other = add(connection, OTHER, "day")
    instruments.add(connection, OTHER, "day", "feed", listed_at=at(3, 9))
    fill(connection, "day", days_of(9, 12, days=4))
    day = Window(at(3, 0), at(4, 0))
    settle(connection, day, component="live")
    assert read_open(connection, other) == [(at(3, 9), at(3, 12), "feed_down")]
    insert_candles(connection, busy, trading([3]))
    settle(connection, day, component="historical")
    assert read_open(connection, other) == []
    assert connection.execute("SELECT healed_from FROM market.gaps WHERE instrument_id = %s", [other]).fetchall() == [
        ("not_judged",)
    ]
    assert told(connection, OTHER, 4) == [(180, 0, 0, 0, 180)]


def test_a_vendor_explains_what_could_not_be_measured(connection: Connection, busy: int) -> None:
    instruments.add(connection, OTHER, "day", "feed", listed_at=at(0, 9))
    number = instruments.find(connection, OTHER).instrument_id
    connection.execute(
        "INSERT INTO market.gaps"
        " (instrument_id, starts, ends, minutes, reason, found_at, healed_at, healed_from)"
        " VALUES (%s, %s, %s, 60, 'no_trades', %s, %s, 'no_trades')",
        [number, at(1, 10), at(1, 11), LATER, LATER],
    )
    settle(connection, MORNING)
    assert told(connection, OTHER) == [(180, 0, 0, 0, 180), (180, 0, 60, 0, 120), (180, 0, 0, 0, 180)]
    assert verdict(connection, OTHER, at(1, 10)) == Verdict.EXPLAINED


def test_a_session_filled_or_corrected_after_a_scan_is_not_judged_by_it(connection: Connection, busy: int) -> None:
    other = add(connection, OTHER, "day")
    insert_candles(connection, other, trading(range(3), every=30))
    settle(connection, MORNING)
    assert told(connection, OTHER) == 3 * [(180, 6, 174, 0, 0)]
    fill(connection, "day", (*days_of(9, 12)[:1], Session(at(1, 0).date(), at(1, 9), at(1, 13)), days_of(9, 12)[2]))
    assert told(connection, OTHER) == [(180, 6, 174, 0, 0), (240, 6, 0, 0, 234), (180, 6, 174, 0, 0)]
    settle(connection, MORNING)
    assert [day[4] for day in told(connection, OTHER)] == [0, 0, 0]
    connection.execute(
        "UPDATE market.sessions SET opens_at = opens_at - INTERVAL '1 hour' WHERE session_date = %s", [at(2, 0)]
    )
    assert [day[0] - day[1] - day[4] for day in told(connection, OTHER)[2:]] == [0]


def test_another_calendar_or_feed_is_judged_again(connection: Connection, busy: int) -> None:
    fill(connection, "long", days_of(8, 14))
    other = add(connection, OTHER, "day")
    insert_candles(connection, other, trading(range(3), every=30))
    settle(connection, MORNING)
    instruments.add(connection, OTHER, "long", "feed")
    assert [day[4] for day in told(connection, OTHER)] == [294, 354, 354]
    settle(connection, MORNING)
    assert [day[4] for day in told(connection, OTHER)] == [0, 0, 0]
    instruments.add(connection, OTHER, "long", "another")
    # Before nine and from twelve on the former feed was down: those gaps are open.
    assert [day[3:] for day in told(connection, OTHER)] == [(120, 174), (180, 174), (180, 174)]


def test_a_life_that_was_cut_and_restored_is_judged_again(connection: Connection, busy: int) -> None:
    other = add(connection, OTHER, "day")
    insert_candles(connection, other, trading(range(3), every=30))
    settle(connection, MORNING)
    for listed, delisted in ((at(1, 0), None), (None, at(1, 0))):
        connection.execute(
            "UPDATE market.instruments SET listed_at = %s, delisted_at = %s WHERE instrument_id = %s",
            [listed, delisted, other],
        )
        settle(connection, MORNING)
    connection.execute("UPDATE market.instruments SET delisted_at = NULL WHERE instrument_id = %s", [other])
    assert [day[4] for day in told(connection, OTHER)] == [0, 174, 174]


def test_silence_that_a_lost_candle_leaves_is_not_explained_before_a_scan(connection: Connection, busy: int) -> None:
    settle(connection, MORNING)
    delete_candles(connection, busy, [at(1, 10), at(1, 11)])
    count_hours(connection, lambda: True)
    assert told(connection, BUSY)[1] == (180, 178, 0, 0, 2)
    assert verdict(connection, BUSY, at(1, 10)) == Verdict.NOT_JUDGED


def test_a_candle_that_became_partial_is_not_explained(connection: Connection, busy: int) -> None:
    settle(connection, MORNING)
    insert_candles(connection, busy, {at(1, 10): Candle(partial=True, trades=1)})
    count_hours(connection, lambda: True)
    assert told(connection, BUSY)[1] == (180, 179, 0, 0, 1)


def test_holes_in_data_imported_after_a_scan_are_not_judged_by_it(connection: Connection, busy: int) -> None:
    other = add(connection, OTHER, "day")
    insert_candles(connection, other, {at(0, 9): Candle(trades=1), at(2, 9): Candle(trades=1)})
    settle(connection, MORNING)
    assert told(connection, OTHER)[1] == (180, 0, 180, 0, 0)
    dense = trading([1])
    insert_candles(connection, other, {minute: dense[minute] for minute in dense if not 30 <= minute.minute < 50})
    count_hours(connection, lambda: True)
    assert told(connection, OTHER)[1] == (180, 120, 0, 0, 60)
    settle(connection, MORNING)
    assert told(connection, OTHER)[1] == (180, 120, 0, 60, 0)


def test_a_scan_that_dies_or_has_no_time_judges_what_it_came_to(connection: Connection, busy: int) -> None:
    other = add(connection, OTHER, "day")
    insert_candles(connection, other, trading(range(3), every=30))
    count_hours(connection, lambda: True)
    shares = scans.plan_shares(connection, 1)
    turns = iter([True, False])
    find_gaps(connection, "test", MORNING, at(3, 0), shares=shares, has_time=lambda: next(turns))
    assert told(connection, BUSY) == 3 * [(180, 180, 0, 0, 0)]
    assert [day[4] for day in told(connection, OTHER)] == [174, 174, 174]
    assert judged(connection) == {("test", busy): {*expected(connection, busy)}}

    def dies() -> bool:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        find_gaps(connection, "dead", MORNING, at(3, 0), shares=shares, has_time=dies)
    assert {component for component, _ in judged(connection)} == {"test"}


def test_the_live_window_and_the_historical_one_are_judged_each_by_its_own_monitor(
    connection: Connection, busy: int
) -> None:
    other = add(connection, OTHER, "day")
    fill(connection, "day", days_of(9, 12, days=12))
    insert_candles(connection, busy, trading(range(12)))
    insert_candles(connection, other, trading(range(12), every=30))
    now = at(11, 14)
    run_live(connection, now)
    assert [day[4] for day in told(connection, OTHER, 12)] == 5 * [174] + 7 * [0]
    run_historical(connection, now)
    assert [day[4] for day in told(connection, OTHER, 12)] == 12 * [0]
    assert explain_minute(connection, OTHER, at(1, 9.25), LATER).surroundings.judged_by == ["historical_gap_monitor"]
    # An outage of more than a week leaves a hole behind, which nobody has looked at.
    fill(connection, "day", days_of(9, 12, days=28))
    insert_candles(connection, busy, trading(range(12, 28)))
    insert_candles(connection, other, trading(range(12, 28), every=30))
    run_live(connection, at(27, 14))
    assert [day for day, numbers in enumerate(told(connection, OTHER, 28)) if numbers[4]] == list(range(12, 21))


def test_ticks_that_retention_dropped_leave_what_was_judged(connection: Connection, busy: int) -> None:
    other = add(connection, OTHER, "day")
    insert_candles(connection, other, trading(range(3), every=30))
    connection.execute(
        "INSERT INTO market.ticks (instrument_id, time, seq, price, size) VALUES (%s, %s, 1, 1, 1)", [other, at(0, 9)]
    )
    connection.execute("DELETE FROM market.dirty")
    settle(connection, MORNING)
    before = told(connection, OTHER)
    connection.execute("SELECT drop_chunks('market.ticks', %s::timestamptz)", [LATER])
    settle(connection, MORNING)
    assert told(connection, OTHER) == before == 3 * [(180, 6, 174, 0, 0)]


def test_a_scan_that_goes_on_writes_a_row_a_share(connection: Connection, busy: int) -> None:
    for place in range(30):
        number = add(connection, f"X@A{place}@EQ", "day")
        insert_candles(connection, number, {at(0, 9) + place * MINUTE: Candle(trades=1)})
    count_hours(connection, lambda: True)

    def rows() -> Sequence[tuple[Any, ...]]:
        return connection.execute(
            "SELECT instrument_id, component, ctid::text, xmin::text, xmax::text FROM market.judged ORDER BY 1, 2"
        ).fetchall()

    settle(connection, Window(MONDAY, at(1, 10)), share=10)
    before = rows()
    for clock in (10.5, 11, 11.25):
        settle(connection, Window(MONDAY + HOUR, at(1, clock)), share=10)
    assert rows() == before
    assert {lasts for (lasts,) in connection.execute("SELECT ends FROM market.reaches")} == {at(1, 11.25)}
    ends = {max(minutes) for minutes in judged(connection).values()}
    assert ends == {at(1, 11.25) - MINUTE}


def test_shares_of_another_size_keep_what_was_judged(connection: Connection, busy: int) -> None:
    for place in range(9):
        number = add(connection, f"X@A{place}@EQ", "day")
        insert_candles(connection, number, {at(0, 9) + place * MINUTE: Candle(trades=1)})
    ends: dict[int, datetime] = {}
    for size, clock in ((10, 10), (3, 10.5), (2, 11), (7, 11.5)):
        shares = scans.plan_shares(connection, size)
        count_hours(connection, lambda: True)
        window = Window(MONDAY, at(1, clock))
        # An instrument in no share of this scan stays where it was.
        find_gaps(connection, "test", window, window.ends, shares=shares[:1], has_time=always)
        ends |= dict.fromkeys(range(shares[0].first, shares[0].last + 1), window.ends)
        told = {number: max(minutes) + MINUTE for (_, number), minutes in judged(connection).items()}
        assert told == {number: ends[number] for number in told}
        assert len(told) == 10


# An instrument's calendar and feed.
Under = tuple[str, str]


@dataclass
class Book:
    """The plainest there is: the minutes judged by component and instrument, and by which calendar and feed."""

    judged: dict[tuple[str, int], set[datetime]] = field(default_factory=dict)
    under: dict[tuple[str, int], Under] = field(default_factory=dict)

    def look(
        self, component: str, number: int, instrument: Instrument, under: Under, window: Window, minutes: set[datetime]
    ) -> None:
        mine = component, number
        seen = instrument.expected(window)
        for other in self.judged.keys() - {mine}:
            if other[1] == number:
                self.judged[other] -= set(seen) - minutes
        if seen and self.under.get(mine) != under:
            self.judged[mine], self.under[mine] = set(), under
        if mine in self.judged:
            self.judged[mine] = {m for m in self.judged[mine] if instrument.lives(m)} - set(seen) | minutes

    def forget(self, numbers: Iterable[int], starts: datetime, ends: datetime) -> None:
        for (component, number), minutes in self.judged.items():
            if number in numbers:
                self.judged[component, number] = {m for m in minutes if not starts <= m < ends}

    def told(
        self, under: Mapping[int, Under], expected: Mapping[int, Sequence[datetime]]
    ) -> dict[tuple[str, int], set[datetime]]:
        return {
            (component, number): left
            for (component, number), minutes in self.judged.items()
            if self.under[component, number] == under[number] and (left := minutes & set(expected[number]))
        }


def expected(connection: Connection, number: int) -> list[datetime]:
    return read_instruments(connection)[number].expected(Window(MONDAY - WEEK, MONDAY + 2 * WEEK))


def judged(connection: Connection) -> dict[tuple[str, int], set[datetime]]:
    """As the database has it: the expected minutes, by component and instrument."""
    known = read_instruments(connection)
    found: dict[tuple[str, int], set[datetime]] = {}
    for component, number, starts, ends in connection.execute(
        "SELECT component, instrument_id, lower(part), upper(part)"
        " FROM market.judged_stretches CROSS JOIN unnest(stretches) AS part"
    ).fetchall():
        found.setdefault((component, number), set()).update(known[number].expected(Window(starts, ends)))
    return {name: minutes for name, minutes in found.items() if minutes}


class History:
    """Random events on a desk, and the book that goes along."""

    def __init__(self, connection: Connection, seed: int) -> None:
        connection.execute(EMPTY)
        self.connection, self.chance, self.book = connection, Random(seed), Book()
        self.hours = {"a": list(days_of(9, 11, days=6)), "b": list(days_of(10, 13, 11, 11.5, days=6))}
        for name in self.hours:
            self.fill(name)
        for key in "ABCD":
            self.add(f"X@{key}@EQ")

    def fill(self, name: str) -> None:
        days = MONDAY.date(), at(5, 0).date()
        sessions.replace(self.connection, Calendar(name, "UTC", *days, tuple(self.hours[name])))

    def add(self, key: str) -> None:
        instruments.add(self.connection, key, self.chance.choice("ab"), self.chance.choice(["f", "g"]))

    def number(self) -> int:
        return self.chance.choice(list(read_instruments(self.connection)))

    def under(self) -> dict[int, Under]:
        rows = self.connection.execute("SELECT instrument_id, calendar, feed FROM market.instruments").fetchall()
        return {number: (calendar, feed) for number, calendar, feed in rows}

    def import_candles(self) -> None:
        number, starts = self.number(), at(self.chance.randrange(6), self.chance.randrange(9, 13))
        minutes = [
            starts + place * MINUTE for place in range(0, self.chance.choice([1, 30, 120]), self.chance.choice([1, 7]))
        ]
        insert_candles(
            self.connection, number, {minute: Candle(trades=self.chance.choice([1, 3])) for minute in minutes}
        )
        self._count({number: minutes})

    def lose_candles(self) -> None:
        number = self.number()
        stored = list(read_instruments(self.connection)[number].candles)
        if stored:
            minutes = self.chance.sample(stored, min(3, len(stored)))
            delete_candles(self.connection, number, minutes)
            self._count({number: minutes})

    def _count(self, changed: Mapping[int, Sequence[datetime]]) -> None:
        before = self._bits()
        count_hours(self.connection, lambda: True)
        after = self._bits()
        for number in changed:
            differ = sorted(before.get(number, set()) ^ after.get(number, set()))
            if differ:
                self.book.forget([number], differ[0], differ[-1] + MINUTE)

    def _bits(self) -> dict[int, set[datetime]]:
        return {number: set(each.candles) for number, each in self.counted.items()}

    @property
    def counted(self) -> dict[int, Instrument]:
        """By the hours that were counted."""
        known = read_instruments(self.connection)
        for number, instrument in known.items():
            rows = self.connection.execute(
                "SELECT hour, (complete | partial)::bigint FROM market.candle_hours WHERE instrument_id = %s", [number]
            ).fetchall()
            minutes = {hour + place * MINUTE for hour, bits in rows for place in range(60) if bits >> (59 - place) & 1}
            known[number] = replace(instrument, candles=dict.fromkeys(minutes, Candle()))
        return known

    def scan(self) -> None:
        component = self.chance.choice(["live", "old"])
        starts = at(self.chance.randrange(5), self.chance.choice([0, 9.5, 10]))
        window = Window(starts, starts + self.chance.choice([HOUR, DAY, 3 * DAY]))
        shares = list(scans.plan_shares(self.connection, 2 if component == "live" else 10))
        self.chance.shuffle(shares)
        shares = shares[: self.chance.choice([1, len(shares)])]
        known, under = read_instruments(self.connection), self.under()
        find_gaps(self.connection, component, window, window.ends, shares=shares, has_time=always)
        for number, minutes in judge(known, window).items():
            if any(share.first <= number <= share.last for share in shares):
                self.book.look(component, number, known[number], under[number], window, minutes)

    def correct_session(self) -> None:
        name = self.chance.choice("ab")
        place = self.chance.randrange(6)
        was = self.hours[name][place]
        come = replace(was, closes_at=was.closes_at + self.chance.choice([-1, 1]) * 30 * MINUTE)
        if come.closes_at <= max([come.opens_at, *(rest.ends_at for rest in come.breaks)]):
            return
        self.hours[name][place] = come
        self.fill(name)
        self.book.forget(
            [n for n, (calendar, _) in self.under().items() if calendar == name], come.opens_at, come.closes_at
        )

    def change_instrument(self) -> None:
        self.add(f"X@{self.chance.choice('ABCDEF')}@EQ")

    def cut_life(self) -> None:
        listed = self.chance.choice([None, at(self.chance.randrange(4), 10)])
        delisted = self.chance.choice([None, at(4 + self.chance.randrange(2), 10.25)])
        self.connection.execute(
            "UPDATE market.instruments SET listed_at = %s, delisted_at = %s WHERE instrument_id = %s",
            [listed, delisted, self.number()],
        )

    def go_on(self) -> None:
        self.chance.choice(
            [
                *(self.scan, self.scan, self.scan, self.import_candles, self.import_candles, self.lose_candles),
                *(self.correct_session, self.change_instrument, self.cut_life),
            ]
        )()

    def check(self) -> None:
        whole = {number: expected(self.connection, number) for number in read_instruments(self.connection)}
        assert judged(self.connection) == self.book.told(self.under(), whole)


@pytest.mark.long
@DATABASE
@given(seed=st.integers(0, 2**32))
def test_what_is_judged_through_random_histories(connection: Connection, seed: int) -> None:
    history = History(connection, seed)
    for _ in range(STEPS):
        history.go_on()
        history.check()
