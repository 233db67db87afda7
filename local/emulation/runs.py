"""What runs of a deployed function told: how they ended, and which alarms watch for that."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.emulation.aws import Emulator

_FAILED = "run failed"
_ENDED = {"run succeeded", _FAILED}


@dataclass(frozen=True)
class Run:
    """How a run ended; of one that failed there are no counts, and of one that did not, no error."""

    service: str
    scheduled_at: str
    counts: Mapping[str, Any]
    error: str | None


def runs_of(aws: Emulator, function: str) -> Sequence[Run]:
    """A function's runs that have ended, in their order."""
    entries = [json.loads(line) for line in aws.log_of(function).splitlines() if line.startswith('{"level"')]
    return [
        Run(entry["service"], entry["scheduled_at"], entry.get("counts", {}), entry.get("error"))
        for entry in entries
        if entry["message"] in _ENDED
    ]


def alarms_of_failures(aws: Emulator, service: str) -> Sequence[tuple[str, str]]:
    """Names and descriptions of the alarms that watch a component's failures."""
    return [
        (alarm["AlarmName"], alarm["AlarmDescription"])
        for alarm in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
        if alarm["MetricName"] == "Failures" and {"Name": "service", "Value": service} in alarm["Dimensions"]
    ]
