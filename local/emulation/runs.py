"""What runs of a deployed function told: how they ended, and which alarms watch for that."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.emulation.aws import Emulator

_ENDED = {"run succeeded", "run failed"}


@dataclass(frozen=True)
class Run:
    """How a run ended; of one that failed there are no counts, and of one that did not, no error."""

    service: str
    scheduled_at: str
    counts: Mapping[str, Any]
    error: str | None
    logged_at: int  # milliseconds


def runs_of(aws: Emulator, function: str, since: int = 0) -> Sequence[Run]:
    """A function's runs that were logged from a timestamp on, in milliseconds, as ended; in their order."""
    entries = [
        (json.loads(line), event["timestamp"])
        for event in aws.events_of(function, since)
        for line in event["message"].splitlines()
        if line.startswith('{"level"')
    ]
    return [
        Run(entry["service"], entry["scheduled_at"], entry.get("counts", {}), entry.get("error"), logged_at)
        for entry, logged_at in entries
        if entry["message"] in _ENDED
    ]


def alarms_of_failures(aws: Emulator, service: str) -> Sequence[tuple[str, str]]:
    """Names and descriptions of the alarms that watch a component's failures."""
    return [
        (alarm["AlarmName"], alarm["AlarmDescription"])
        for alarm in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
        if alarm["MetricName"] == "Failures" and {"Name": "service", "Value": service} in alarm["Dimensions"]
    ]
