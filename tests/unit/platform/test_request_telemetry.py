"""Metrics of requests are records as Powertools prints them, though each combination is laid out once."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics

from chandlery.platform.request_telemetry import RequestTelemetry
from chandlery.platform.telemetry import Measured, ProcessUse

USED = ("MemoryBytes", "CpuSeconds", "MemoryShare", "CpuShare")


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> RequestTelemetry:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Chandlery/test")
    return RequestTelemetry("http_api")


def answered(telemetry: RequestTelemetry, status: int, cached: str | None, memory_mb: int | None = 512) -> None:
    telemetry.answered("GET", "/x", status, 0.25, "id", cached=cached, process=ProcessUse(memory_mb))


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def by_powertools(measured: dict[str, Measured], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    metrics = EphemeralMetrics(service="http_api", namespace="Chandlery/test")
    for name, (unit, value) in measured.items():
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
    (record,) = printed(capsys)
    return record


def test_a_record_is_the_one_powertools_would_print(
    telemetry: RequestTelemetry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Measured]] = []
    emit = RequestTelemetry._emit

    def seen_and_emitted(self: RequestTelemetry, measured: dict[str, Measured]) -> None:
        seen.append(measured)
        emit(self, measured)

    monkeypatch.setattr(RequestTelemetry, "_emit", seen_and_emitted)
    for status, cached, memory_mb in (
        (200, "hit", 512), (200, "miss", 512), (404, None, 512), (200, "bypass", None), (503, None, 512),
    ):  # fmt: skip
        answered(telemetry, status, cached, memory_mb)
    told = printed(capsys)
    for record, measured in zip(told, seen, strict=True):
        expected = by_powertools(measured, capsys)
        assert abs(record["_aws"].pop("Timestamp") - expected["_aws"].pop("Timestamp")) < 60_000
        assert record == expected
        assert list(record) == list(expected)
    values = [
        {name: value for name, value in record.items() if isinstance(value, list) and name not in USED}
        for record in told
    ]
    assert [each.get("CacheHitRate") for each in values] == [[1.0], [0.0], None, None, None]
    assert [each["ClientErrors"] for each in values] == [[0.0], [0.0], [1.0], [0.0], [0.0]]
    assert [each["ServerErrors"] for each in values] == [[0.0], [0.0], [0.0], [0.0], [1.0]]
    assert {tuple(each["RequestSeconds"]) for each in values} == {(0.25,)}


def test_where_metrics_are_off_none_is_printed_however_many_there_would_be(
    telemetry: RequestTelemetry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    for _ in range(250):  # Powertools itself prints a hundred at a time
        answered(telemetry, 200, "hit")
    assert printed(capsys) == []
