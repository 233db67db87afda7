"""Each command does its work under the least of the roles, by a login of its own; the role below it is refused."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg import Connection
from typer.main import get_command
from typer.testing import CliRunner, Result

from chandlery.platform.migrations import alembic_config
from functions import (
    alert_processor,
    desk_api,
    historical_gap_monitor,
    historical_processor,
    live_gap_monitor,
    live_processor,
    option_processor,
    policy_maintenance,
    record_api,
    signal_processor,
    tick_ingest,
)
from functions.http_api.sandbox import SANDBOX
from local.command_line import app, stack
from local.schedules import read_functions
from tests.conftest import REPO, SECRET_MARKER
from tests.integration.backup_scene import have_programs
from tests.integration.platform.test_roles import OWNER, PRODUCER, READER, WRITER, acting_as
from tests.integration.policy_scene import desk, hold_jobs
from tests.vendor_server import VendorServer, bar

__all__ = ["desk"]

PAGE = (REPO / "docs" / "security.md").read_text()
KEY, OTHER, STRETCH = "X@A@EQ", "X@B@EQ", "--from 2026-03-02T12:00Z --to 2026-03-02T13:00Z"
TICKS = "time,price,size\n" + "".join(f"2026-03-02T12:{m:02}:30Z,{100 + m},7\n" for m in range(30))
CANDLES = "time,open,high,low,close,volume\n2026-03-02T12:50:00Z,7,9,6,8,5\n"
MORE = "time,open,high,low,close,volume\n2026-03-02T12:51:00Z,8,9,6,8,5\n"
SESSIONS = "session_date,opens_at,closes_at\n2026-03-02,2026-03-02T09:00Z,2026-03-02T17:00Z\n"
OPTIONS = {
    "contracts": "expiry,strike,right\n2026-03-04,50,C\n",
    "quotes": "time,expiry,strike,right,bid,ask\n2026-03-02T12:00Z,2026-03-04,50,C,1,2\n",
    "trades": "time,expiry,strike,right,price,size\n2026-03-02T12:00Z,2026-03-04,50,C,1,2\n",
    "interest": "time,expiry,strike,right,open_interest\n2026-03-02T12:00Z,2026-03-04,50,C,9\n",
    "rates": "time,currency,days,rate\n2026-03-02T00:00Z,USD,30,0.04\n",
    "sentiment": "time,source,item_id,score\n2026-03-02T12:00Z,news,1,0.5\n",
    "flows": "time,venue,tx,leg,direction,amount\n2026-03-02T12:00Z,kraken,0x1,0,in,5\n",
}
SIGNAL = (
    f'{{"strategy":"mine","strategy_version":1,"instrument_key":"{KEY}","timeframe":"5m","direction":"buy",'
    '"time":"2026-03-02T12:00:00Z","expires_at":"2026-03-03T12:00:00Z"}'
)
_HEAD = ScriptDirectory.from_config(alembic_config("postgresql://")).get_revision("head")
# In the order in which a desk would: what each needs is there when it is its turn. Whose turn it is, the page says.
COMMANDS = [
    "db shell",
    "db tune --memory 4GB",
    "migrate check",
    "migrate current",
    f"instruments add {KEY} --calendar 24/7 --feed test --ticker A",
    f"instruments add {OTHER} --calendar 24/7 --feed test",
    "sessions sync --from 2026-03-01 --to 2026-03-04",
    "feeds set test --not-live",
    "sessions import {folder}/sessions.csv --calendar OWN --time-zone UTC",
    "sessions remove OWN",
    f"import ticks {{folder}}/ticks.csv --instrument {KEY}",
    f"import candles {{folder}}/candles.csv --instrument {OTHER}",
    f"contracts import {{folder}}/contracts.csv --underlying {KEY}",
    f"import option-quotes {{folder}}/quotes.csv --underlying {KEY}",
    f"import option-trades {{folder}}/trades.csv --underlying {KEY}",
    f"import open-interest {{folder}}/interest.csv --underlying {KEY}",
    "import rates {folder}/rates.csv",
    f"import sentiment {{folder}}/sentiment.csv --instrument {KEY}",
    f"import flows {{folder}}/flows.csv --instrument {KEY}",
    "cadence set sentiment news 15m --from 2026-03-02",
    "cadence clear sentiment news",
    f"backfill {KEY} --from 2026-03-02T11:00Z --to 2026-03-02T12:00Z",
    "invoke live_processor --at 2026-03-02T13:00Z",
    "invoke option_processor --at 2026-03-02T13:00Z",
    "invoke live_gap_monitor --at 2026-03-02T13:05Z",
    "invoke historical_gap_monitor --at 2026-03-12T02:00Z",
    "instruments add NSE@NIFTY@INDEX --calendar 24/7 --feed NSE",
    "invoke tick_ingest --event {events}/tick_ingest_queue.json",
    "invoke record_api --event {events}/record_api_ticks.json",
    "watchlists add Mine --colour #00ff00",
    "watchlists set 1 --name Hers",
    f"watchlists add-item 1 {KEY} --high 1000 --low 1",
    f"alerts add {KEY} high 999",
    "watchlists set-item 1 1 --low none",
    "watchlists show 1",
    "watchlists list",
    "alerts set 3 --level 998",
    "alerts arm 3",
    "alerts list --json",
    "alerts firings",
    "invoke desk_api --event {events}/desk_api_alerts.json",
    "invoke alert_processor --at 2026-03-02T13:01Z",
    "alerts remove 3",
    "watchlists remove-item 1 1",
    "watchlists remove 1",
    f"import ticks {{folder}}/ticks.csv --instrument {KEY} --aggregate",
    f"import candles {{folder}}/more.csv --instrument {OTHER} --aggregate",
    f"candles {KEY} 1m {STRETCH} --csv",
    f"candles {KEY} 1h {STRETCH} --json",
    f"strikes {KEY} 5m {STRETCH} --csv",
    f"chain {KEY} --csv",
    f"expiries {KEY} --json",
    f"sentiment {KEY} 1h {STRETCH} --csv",
    f"flows {KEY} 1h {STRETCH} --csv",
    f"show ticks {KEY} {STRETCH} --csv",
    "gaps --all --json",
    "coverage --from 2026-03-02 --to 2026-03-03 --json",
    f"export candles {STRETCH} --out {{folder}}/candles.parquet",
    f"explain {KEY} 2026-03-02T12:05Z",
    "indicators latest --csv",
    "signals add {folder}/signals.json",
    "signals list --csv",
    "signals active --json",
    "signals latest --csv",
    "signals explain 1",
    "signals outcomes --json",
    f"signals check-lookahead {KEY} --json",
    "instruments list --json",
    f"contracts list {KEY} --json",
    "sessions list --json",
    "feeds list --json",
    "cadence list --json",
    "status --exit-zero --at 2026-03-02T13:06Z --json",
    f"verify {STRETCH}",
    "policies plan",
    "changes --json",
    "invoke http_api --event {events}/http_api_status.json",
    "up --no-schedules --port 0 --sandboxes 1",
    f"verify {STRETCH} --repair",
    "outbox list --json",
    "outbox retry",
    "outbox remove 1",
    "policies apply",
    "refresh 5m --from 2026-03-02 --to 2026-03-03",
    "rebuild 4h",
    "rebuild 4h --discard-before",
    "invoke policy_maintenance --at 2026-03-02T13:10Z",
    "invoke historical_processor --at 2026-03-02T18:30Z",
    "invoke signal_processor --at 2026-03-02T18:31Z",
    "replay --from 2026-03-02T18:35Z --to 2026-03-02T18:36Z",
    "up --port 0 --sandboxes 1",
    "migrate downgrade -1",
    "migrate upgrade",
    "migrate downgrade -1",
    "invoke migrate --event {events}/migrate_upgrade.json",
    f"migrate stamp {_HEAD.down_revision}",
    "migrate stamp head",
    f"instruments set {KEY} --feed other --calendar OWN",
    f"instruments remove {OTHER} --with-data",
]
WITHOUT_DATABASE = [
    "completion bash",
    "migrate history",
    "migrate upgrade --sql",
    "policies lint",
    "signals lint",
    "sessions export XNYS --from 2026-03-02 --to 2026-03-06",
    "sessions list --offered",
]
BACKUP = "backup {folder}/desk.backup"
# Only rules raise signals, and no rule is kept up.
BEFORE = {
    "signals explain 1": "INSERT INTO market.signals (strategy, strategy_version, instrument_id, timeframe, time,"
    " known_at, direction, generated_at, expires_at) SELECT 'said', '1', min(instrument_id), '1m', '2026-03-02 12:00Z',"
    " '2026-03-02 12:01Z', 1, '2026-03-02 12:05Z', '2026-03-02 13:00Z' FROM market.instruments",
}
COMPONENTS = (
    live_processor,
    option_processor,
    alert_processor,
    live_gap_monitor,
    historical_gap_monitor,
    historical_processor,
    policy_maintenance,
    signal_processor,
)
ANY = "any login"
DESK = "chandlery_desk"
BELOW = {READER: PRODUCER, WRITER: READER, OWNER: WRITER, DESK: READER}
# A command with nothing to do is not refused: there is nothing to repair or to refresh.
HARMLESS = {
    f"signals check-lookahead {KEY} --json",
    f"verify {STRETCH} --repair",
    "invoke historical_processor --at 2026-03-02T18:30Z",
    "invoke signal_processor --at 2026-03-02T18:31Z",
    "up --no-schedules --port 0 --sandboxes 1",
    f"signals check-lookahead {KEY} --json",
}
SAYS_NO = re.compile(r"lacks a right|status.{0,4}50[03]")


def told_roles() -> Mapping[str, str]:
    """What the page says: each command → its least role, as the page calls it."""
    found: dict[str, str] = {}
    for role, commands, shown_by in re.findall(r"^\| (.+) \| (.+) \| `tests/(.+)` \|$", PAGE, re.MULTILINE):
        if "/test_command_roles.py" in shown_by or role.startswith("none"):
            found |= dict.fromkeys(re.findall(r"`([a-z][\w -]+)`", commands), role.strip("`"))
    return found


ROLES = told_roles()


def entry_of(line: str) -> str:
    """The entry of the page about a command: the one that says most about it."""
    words = line.split()
    plain = [word for word in words if not word.startswith("--")]

    def tells(entry: str) -> bool:
        options = [word for word in entry.split() if word.startswith("--")]
        names = [word for word in entry.split() if word not in options]
        return plain[: len(names)] == names and set(options) <= set(words)

    return max(filter(tells, ROLES), key=lambda entry: len(entry.split()))


def registered(known: Any, *path: str) -> Iterator[str]:
    """Every command there is; `invoke` is one of each function of the template."""
    if hasattr(known, "commands"):
        for name in known.list_commands(None):
            yield from registered(known.get_command(None, name), *path, name)
    elif path == ("invoke",):
        yield from (f"invoke {function.name}" for function in read_functions())
    else:
        yield " ".join(path)


def test_every_command_and_function_is_in_the_table_and_is_tried() -> None:
    assert {re.sub(r" --.*", "", entry) for entry in ROLES} == set(registered(get_command(app)))
    tried = {entry_of(line) for line in (*COMMANDS, *WITHOUT_DATABASE, BACKUP)}
    of_others = {entry for entry, role in ROLES.items() if role.startswith(("none", "superuser"))}
    assert ROLES.keys() - of_others <= tried
    assert {entry_of(line) for line in WITHOUT_DATABASE} <= of_others


def test_what_needs_no_database() -> None:
    for line in WITHOUT_DATABASE:
        result = CliRunner(env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}).invoke(app, line.split())
        assert (result.exit_code, result.exception) == (0, None), line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files to import."""
    files = {"ticks": TICKS, "candles": CANDLES, "more": MORE, "sessions": SESSIONS}
    for name, content in (files | OPTIONS).items():
        (tmp_path / f"{name}.csv").write_text(content)
    (tmp_path / "signals.json").write_text(SIGNAL)
    return tmp_path


@pytest.fixture
def one_minute_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """`up` fires the schedules of one minute, at which nearly all are due, and ends as by Ctrl-C."""
    ended = [False]

    def sleep(_: float) -> None:
        ended[0] = not ended[0]
        if not ended[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(stack, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(stack, "next_minute", lambda _: datetime(2026, 3, 3, 0, 30, tzinfo=UTC))


@pytest.fixture
def vendor() -> Iterator[Mapping[str, str]]:
    """The settings of one that has a candle."""
    with VendorServer() as server:
        server.give("A", bar(datetime(2026, 3, 2, 11, 7, tzinfo=UTC), 7, 9, 6, 8))
        yield {"VENDOR": "polygon", "VENDOR_URL": server.url, "VENDOR_API_KEY": server.key}


def run(url: str, line: str, folder: Path, **environment: str) -> Result:
    for function in COMPONENTS:  # each would keep its connection
        function.handler.sandbox.close()
    for sandbox in (SANDBOX, desk_api.SANDBOX, record_api.SANDBOX, tick_ingest.SANDBOX):
        sandbox.close()
    environment |= {"BAD_RECORDS_QUEUE_URL": "https://queue.example/bad"}
    words = line.format(folder=folder, events=REPO / "events").split()
    return CliRunner(env={"DATABASE_URL": url} | environment).invoke(app, words)


def told(result: Result) -> str:
    return f"{result.exit_code} {result.exception!r} {result.output}"


def test_each_command_works_under_its_least_role(
    server_url: str,
    desk: Connection,
    database_url: str,
    folder: Path,
    vendor: Mapping[str, str],
    one_minute_up: None,
) -> None:
    with ExitStack() as entered:
        roles = (PRODUCER, READER, DESK, WRITER, OWNER)
        urls = {role: entered.enter_context(acting_as(role, database_url)) for role in roles}
        urls[ANY] = urls[PRODUCER]
        entered.callback(command.upgrade, alembic_config(database_url), "head")
        wrong = []
        for line in COMMANDS:
            if line == "db shell" and shutil.which("psql") is None:
                continue
            least = ROLES[entry_of(line)]
            if line in BEFORE:
                desk.execute(BEFORE[line])
            if least in BELOW and line not in HARMLESS:
                refused = told(run(urls[BELOW[least]], line, folder, **vendor))
                if not SAYS_NO.search(refused):
                    wrong.append((BELOW[least], line, refused))
            result = run(urls[least], line, folder, **vendor)
            hold_jobs(desk)
            assert SECRET_MARKER not in told(result), line
            # The server's settings do not depend on the login.
            differs = entry_of(line) == "db tune" and isinstance(result.exception, SystemExit)
            if SAYS_NO.search(told(result)) or (result.exit_code and not differs):
                wrong.append((least, line, told(result)))
        for function in COMPONENTS:
            function.handler.sandbox.close()
        for sandbox in (SANDBOX, desk_api.SANDBOX, record_api.SANDBOX, tick_ingest.SANDBOX):
            sandbox.close()
        assert not wrong, "\n".join(str(each)[:700] for each in wrong)


def test_a_backup_needs_a_role_that_may_read_everything(
    server_url: str, desk: Connection, database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_programs(server_url, monkeypatch)
    with acting_as(READER, database_url) as url:
        # As pg_dump says it, to version 17 and from 18 on.
        assert re.search(
            "permission denied|may lack SELECT privilege|does not see users' rows", told(run(url, BACKUP, folder))
        )
    with acting_as(ROLES[entry_of(BACKUP)], database_url) as url:
        assert run(url, BACKUP, folder).exit_code == 0
    with acting_as(OWNER, database_url) as url:
        assert "only a superuser can restore" in told(run(url, "restore {folder}/desk.backup", folder))
