"""The schedules of `template.yaml`, the only list of functions, and when they fire."""

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from croniter import croniter

from chandlery.platform.errors import Permanent
from chandlery.words.window import MINUTE, Window

_INSTALLED = Path(__file__).resolve().with_name("template.yaml")  # in a wheel
TEMPLATE = _INSTALLED if _INSTALLED.exists() else _INSTALLED.parents[1] / "template.yaml"
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
# Units in the next larger one: a rate that divides them fires at the same times each hour or day.
_WHOLE = {"minute": 60, "hour": 24, "day": 1}
# EventBridge numbers weekdays from another day than cron does: only names mean the same to both.
_CRON = re.compile(r"cron\((\S+ \S+ \S+ \S+ (?:[*?]|[A-Z,-]+)) \*\)")


@dataclass(frozen=True)
class Function:
    """A function of the template: its module in `functions/`, its time limit, and its schedule, if it has one."""

    name: str
    timeout: timedelta
    schedule: str | None

    def firings(self, window: Window) -> Iterator[datetime]:
        """The scheduled times inside a window, in order, UTC.

        Raises:
            Permanent: the schedule's expression is not one we understand.
        """
        if self.schedule is None:
            return
        before = window.starts - timedelta(microseconds=1)
        for moment in croniter(_cron_fields(self.schedule), before.astimezone(UTC), ret_type=datetime):
            if moment >= window.ends:
                return
            yield moment


@cache
def read_functions(template: Path = TEMPLATE) -> Sequence[Function]:
    """Every function of the template; a schedule that is a parameter is that parameter's default."""
    read = yaml.load(template.read_text(), Loader=_TemplateLoader)  # noqa: S506  # derives from SafeLoader
    defaults = {name: parameter.get("Default") for name, parameter in read["Parameters"].items()}
    found = []
    for resource in read["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            expressions = [
                event["Properties"]["ScheduleExpression"]
                for event in properties.get("Events", {}).values()
                if event["Type"] == "ScheduleV2"
            ]
            schedules = [defaults.get(expression, expression) for expression in expressions]
            name = properties["Handler"].partition(".")[0]
            found.append(Function(name, timedelta(seconds=properties["Timeout"]), next(iter(schedules), None)))
    return found


def find_function(name: str) -> Function:
    """The function of a name.

    Raises:
        Permanent: the template has none.
    """
    functions = {function.name: function for function in read_functions()}
    if name not in functions:
        raise Permanent(f"no function {name}; there are: {', '.join(sorted(functions))}")
    return functions[name]


def firings(functions: Sequence[Function], window: Window) -> Iterator[tuple[datetime, Function]]:
    """What fires when inside a window, in order of time; at one time, in the template's order."""
    streams = (_placed(place, function, window) for place, function in enumerate(functions))
    for moment, place in heapq.merge(*streams):
        yield moment, functions[place]


def _placed(place: int, function: Function, window: Window) -> Iterator[tuple[datetime, int]]:
    for moment in function.firings(window):
        yield moment, place


def next_minute(moment: datetime) -> datetime:
    """The whole minute after a moment: the soonest a schedule may fire."""
    return moment.replace(second=0, microsecond=0) + MINUTE


class _TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, which are kept as their plain value.

    SAM's translator reads them too; for these few lines the wheel would need it and five packages more.
    """


def _plain(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # the third kind there is


_TemplateLoader.add_multi_constructor("!", _plain)


def _cron_fields(expression: str) -> str:
    """An EventBridge expression as the five fields of cron: `rate(5 minutes)`, `cron(30 0/6 * * ? *)`."""
    if (rate := _RATE.fullmatch(expression)) and _WHOLE[rate[2]] % int(rate[1]) == 0:
        count, unit = rate.groups()
        return {"minute": f"*/{count} * * * *", "hour": f"0 */{count} * * *", "day": "0 0 * * *"}[unit]
    if cron := _CRON.fullmatch(expression):
        return cron[1].replace("?", "*")
    raise Permanent(
        f"schedule {expression} cannot be replayed: write a rate that divides its hour or day, or cron(minute hour day"
        " month weekday-by-name *)"
    )
