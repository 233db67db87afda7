"""Files that are sent: what comes of their records is what an import of the same files knows already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import Connection
from typer.testing import CliRunner

from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import ingest_records
from local.command_line import app
from local.command_line import send as module
from local.sending import Outcome
from tests.integration.market import around_the_clock

AT = datetime(2026, 3, 2, 16, tzinfo=UTC)
TIME = "2026-03-02T15:00:00Z"
CONTRACTS = ("expiry,strike,right,contract", "2026-03-20,50.0,C,", "2026-03-20,50,put,A 50")


@dataclass
class Written:
    """A target that writes records at once."""

    connection: Connection
    at_once: int = 10

    def send(self, bodies: Sequence[str], outcome: Outcome) -> None:
        report = ingest_records(self.connection, [Record(body[:9], body.encode()) for body in bodies], AT)
        assert report.bad == []
        outcome.sent += len(bodies)
        outcome.counts["new"] += report.rows_new


@pytest.mark.parametrize(
    ("dataset", "whose", "columns", "lines"),
    [
        ("sentiment", (), "instrument,source,item_id,score", ["X@A@EQ,news,a,0.5", "X@B@EQ,news,a,-1"]),
        ("flows", (), "instrument,venue,tx,leg,direction,amount", ["X@A@EQ,v,0xa,0,in,2.50", "X@B@EQ,v,0xa,1,out,1"]),
        (
            "option_quotes",
            ("--underlying", "X@A@EQ"),
            f"{CONTRACTS[0]},bid",
            [f"{CONTRACTS[1]},1.10", f"{CONTRACTS[2]},2"],
        ),
        (
            "open_interest",
            ("--underlying", "X@A@EQ"),
            f"{CONTRACTS[0]},open_interest",
            [f"{CONTRACTS[1]},7", f"{CONTRACTS[2]},8"],
        ),
    ],
)
def test_an_import_knows_all_that_was_sent(
    connection: Connection,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dataset: str,
    whose: Sequence[str],
    columns: str,
    lines: Sequence[str],
) -> None:
    monkeypatch.setattr(module, "find_target", lambda *_: Written(connection))
    around_the_clock(connection, "X@A@EQ")
    around_the_clock(connection, "X@B@EQ")
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([f"time,{columns}", *(f"{TIME},{line}" for line in lines), ""]))

    def chandlery(*arguments: str) -> str:
        env = {"DATABASE_URL": database_url, "CHANDLERY_PROGRESS": "false"}
        done = CliRunner().invoke(app, list(arguments), env=env)
        assert done.exit_code == 0, done.output
        return done.stdout

    named = ["--instrument", *whose[1:]] if whose else []
    assert "2 rows in 1 record sent, 0 retried, 2 new" in chandlery(
        "send", str(path), "--to", "here", "--dataset", dataset, *named
    )
    known = chandlery("import", dataset.replace("_", "-"), str(path), *whose)
    assert "0 new rows, 2 known already" in known
    assert "made" not in known
