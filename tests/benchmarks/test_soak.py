"""Hours of minutes as fast as they go, one sandbox per function: what may grow, and must not."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import mean
from time import perf_counter

import pytest
from psycopg import Connection

from chandlery.policies.apply_policies import apply_policies
from chandlery.policies.wanted import read_policies
from chandlery.words.window import MINUTE, Window
from local.schedules import Function, firings, read_functions
from tests.benchmarks.sandbox import resident_bytes, started
from tests.benchmarks.scene import ON_SERVER, WHERE, insert_ticks, list_instruments, process_seconds
from tests.integration.policy_scene import hold_jobs

INSTRUMENTS = 10_000 if ON_SERVER else 100
TICKS = 6
# Every scheduled function has its time in these hours.
STARTS = datetime(2026, 3, 1, 20, 30, tzinfo=UTC)
WARM = 30
_BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
ORDER BY backend_start
"""


def test_soak_of_all_functions(connection: Connection, database_url: str, pytestconfig: pytest.Config) -> None:
    """Memory is looked at after a run of each function; what half an hour has warmed may not grow by a tenth."""
    minutes = int(pytestconfig.getoption("--soak-minutes"))
    stops = sorted({min(WARM, minutes // 2), minutes // 4, minutes // 2, 3 * minutes // 4, minutes})
    scheduled = [function for function in read_functions() if function.schedule]
    _set_scene(connection)
    begun, memory = perf_counter(), dict[str, dict[int, int]]()
    processor, last = dict[str, float](), dict[str, int]()
    with ExitStack() as running:
        sandboxes = {each.name: running.enter_context(started(each.name, database_url)) for each in scheduled}
        for minute in range(minutes):
            moment = STARTS + (minute + 1) * MINUTE
            insert_ticks(connection, moment - MINUTE, MINUTE, INSTRUMENTS, TICKS)
            for function in _due(scheduled, moment):
                called = sandboxes[function.name].call(moment)
                processor[function.name] = processor.get(function.name, 0) + called.processor
                last[function.name] = called.memory
            backends = [pid for (pid,) in connection.execute(_BACKENDS)]
            # One each of those that have been called; the two of the night come late.
            assert len(backends) == len(last), f"{len(backends)} connections of {len(last)} functions"
            if minute + 1 in stops:
                held = last | {"a backend of theirs": sum(map(resident_bytes, backends)) // len(backends)}
                for name, size in held.items():
                    memory.setdefault(name, {})[minute + 1] = size
        used = sum(map(process_seconds, backends))
    print(
        f"soak, {INSTRUMENTS:,} instruments, {minutes} minutes of {TICKS} ticks each, {WHERE}:"
        f" {(perf_counter() - begun) / 60:.0f} min; {len(backends)} connections; of the processor, a simulated minute"
        f" takes {sum(processor.values()) / minutes * 1000:.0f} ms in the sandboxes and {used / minutes * 1000:.0f} ms"
        f" in their backends\n  of these ms: "
        + ", ".join(f"{name} {seconds / minutes * 1000:.0f}" for name, seconds in processor.items())
    )
    for name, sizes in memory.items():
        told = ", ".join(f"{size / 1e6:.1f} after {minute} min" for minute, size in sizes.items())
        print(f"  memory of {name} in MB: {told}")
    _are_flat(memory)


def _set_scene(connection: Connection) -> None:
    list_instruments(connection, INSTRUMENTS)
    connection.execute("UPDATE market.instruments SET listed_at = %s", [STARTS])
    # The scheduled times are not the server's: policy maintenance replaces its jobs, which wait.
    with connection.transaction():
        apply_policies(connection, STARTS, read_policies(), allow_destructive=True)
        hold_jobs(connection)


def _due(scheduled: Sequence[Function], moment: datetime) -> Sequence[Function]:
    return [function for _, function in firings(scheduled, Window(moment, moment + MINUTE))]


def _are_flat(memory: dict[str, dict[int, int]]) -> None:
    for name, (warm, *later) in ((name, list(sizes.values())) for name, sizes in memory.items()):
        assert not later or mean(later) < 1.1 * warm + 5e6, f"{name}: {warm} bytes, then {later}"
