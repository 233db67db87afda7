import re
from datetime import UTC, datetime, timedelta

import pytest

from chandlery.platform.errors import Permanent
from chandlery.words.window import Window
from local.schedules import Function, find_function, firings, read_functions

DAY = Window(datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC))


def function(schedule: str | None, name: str = "a") -> Function:
    return Function(name, timedelta(seconds=55), schedule)


@pytest.mark.parametrize(
    ("expression", "count", "first"),
    [
        ("cron(* * * * ? *)", 1440, "00:00"),
        ("cron(0/5 * * * ? *)", 288, "00:00"),
        ("rate(1 minute)", 1440, "00:00"),
        ("rate(5 minutes)", 288, "00:00"),
        ("cron(30 0/6 * * ? *)", 4, "00:30"),
        ("cron(0 2 * * ? *)", 1, "02:00"),
        ("cron(0 2 ? * SUN *)", 1, "02:00"),
    ],
)
def test_schedules_fire_when_they_say(expression: str, count: int, first: str) -> None:
    fired = list(function(expression).firings(DAY))
    assert len(fired) == count
    assert fired[0].strftime("%H:%M") == first
    assert all(DAY.starts <= moment < DAY.ends and moment.tzinfo for moment in fired)


def test_functions_fire_in_order_of_time() -> None:
    fired = list(firings([function("rate(1 hour)"), function("cron(30 * * * ? *)", "b")], DAY))
    assert [moment for moment, _ in fired] == sorted(moment for moment, _ in fired)
    assert [each.name for _, each in fired[:4]] == ["a", "b", "a", "b"]


def test_a_function_without_a_schedule_never_fires() -> None:
    assert list(function(None).firings(DAY)) == []


@pytest.mark.parametrize("expression", ["every fortnight", "rate(7 minutes)", "rate(90 minutes)", "cron(0 2 ? * 2 *)"])
def test_an_expression_that_cannot_be_replayed_is_named(expression: str) -> None:
    with pytest.raises(Permanent, match=re.escape(expression)):
        list(function(expression).firings(DAY))


def test_the_template_is_the_list_of_functions() -> None:
    assert "live_processor" in {each.name for each in read_functions()}
    with pytest.raises(Permanent, match=r"no function nonesuch; there are: .*live_processor"):
        find_function("nonesuch")
