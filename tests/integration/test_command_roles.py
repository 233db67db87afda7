"""Each command does its work under the least of the roles, by a login of its own; the role below it is refused."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg import Connection
from typer.testing import CliRunner, Result

from chandlery.errors import Permanent
from functions import historical_gap_monitor, historical_processor, live_gap_monitor, live_processor, policy_maintenance
from local.command_line import app
from tests.integration.policy_scene import desk, hold_jobs
from tests.integration.test_roles import OWNER, READER, WRITER, acting_as

__all__ = ["desk"]

KEY, OTHER, STRETCH = "X@A@EQ", "X@B@EQ", "--from 2026-03-02T12:00Z --to 2026-03-02T13:00Z"
TICKS = "time,price,size\n" + "".join(f"2026-03-02T12:{m:02}:30Z,{100 + m},7\n" for m in range(30))
CANDLES = "time,open,high,low,close,volume\n2026-03-02T12:50:00Z,7,9,6,8,5\n"
SESSIONS = "session_date,opens_at,closes_at\n2026-03-02,2026-03-02T09:00Z,2026-03-02T17:00Z\n"
# In the order in which a desk would: what each needs is there when it is its turn.
COMMANDS = [
    (READER, "migrate check"),
    (READER, "migrate current"),
    (WRITER, f"instruments add {KEY} --calendar 24/7 --feed test"),
    (WRITER, f"instruments add {OTHER} --calendar 24/7 --feed test"),
    (WRITER, "sessions sync --from 2026-03-01 --to 2026-03-04"),
    (WRITER, "feeds set test --not-live"),
    (WRITER, "sessions import {folder}/sessions.csv --calendar OWN --time-zone UTC"),
    (WRITER, f"import ticks {{folder}}/ticks.csv --instrument {KEY}"),
    (WRITER, f"import candles {{folder}}/candles.csv --instrument {OTHER}"),
    (WRITER, "invoke live_processor --at 2026-03-02T13:00Z"),
    (WRITER, "invoke live_gap_monitor --at 2026-03-02T13:05Z"),
    (WRITER, "invoke historical_gap_monitor --at 2026-03-12T02:00Z"),
    (OWNER, f"import ticks {{folder}}/ticks.csv --instrument {KEY} --aggregate"),
    (READER, f"candles {KEY} 1m {STRETCH} --csv"),
    (READER, f"candles {KEY} 1h {STRETCH} --json"),
    (READER, "gaps --all --json"),
    (READER, "coverage --from 2026-03-02 --to 2026-03-03 --json"),
    (READER, f"explain {KEY} 2026-03-02T12:05Z"),
    (READER, "instruments list --json"),
    (READER, "feeds list --json"),
    (READER, "status --exit-zero --at 2026-03-02T13:06Z --json"),
    (READER, f"verify {STRETCH}"),
    (READER, "policies plan"),
    (OWNER, f"verify {STRETCH} --repair"),
    (OWNER, "policies apply"),
    (OWNER, "refresh 5m --from 2026-03-02 --to 2026-03-03"),
    (OWNER, "invoke policy_maintenance --at 2026-03-02T13:10Z"),
    (OWNER, "invoke historical_processor --at 2026-03-02T18:30Z"),
    (OWNER, "migrate upgrade"),
    (WRITER, f"instruments set {KEY} --feed other"),
    (WRITER, f"instruments remove {OTHER} --with-data"),
]
COMPONENTS = (live_processor, live_gap_monitor, historical_gap_monitor, historical_processor, policy_maintenance)
BELOW = {WRITER: READER, OWNER: WRITER}
# What has nothing to do is not refused it: there is nothing to repair, to migrate or to refresh.
HARMLESS = {"migrate upgrade", f"verify {STRETCH} --repair", "invoke historical_processor --at 2026-03-02T18:30Z"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files to import."""
    for name, content in (("ticks", TICKS), ("candles", CANDLES), ("sessions", SESSIONS)):
        (tmp_path / f"{name}.csv").write_text(content)
    return tmp_path


def test_each_command_works_under_its_least_role(
    server_url: str, desk: Connection, database_url: str, folder: Path
) -> None:
    with ExitStack() as stack:
        urls = {role: stack.enter_context(acting_as(role, database_url)) for role in (READER, WRITER, OWNER)}

        def told(role: str, line: str) -> Result:
            words = line.format(folder=folder).split()
            for function in COMPONENTS:  # each would keep its connection
                function.handler.sandbox.close()
            return CliRunner(env={"DATABASE_URL": urls[role]}).invoke(app, words)

        wrong = []
        for least, line in COMMANDS:
            if least in BELOW and line not in HARMLESS:
                refused = told(BELOW[least], line)
                if not (isinstance(refused.exception, Permanent) and "lacks a right" in str(refused.exception)):
                    wrong.append((BELOW[least], line, refused.exit_code, repr(refused.exception), refused.output[:300]))
            result = told(least, line)
            hold_jobs(desk)
            if result.exit_code != 0:
                wrong.append((least, line, result.exit_code, repr(result.exception), result.output[:300]))
        for function in COMPONENTS:
            function.handler.sandbox.close()
        assert not wrong, "\n".join(map(str, wrong))
