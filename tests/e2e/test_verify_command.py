"""`chandlery verify`, on the embedded database."""

import json

import psycopg

from tests.e2e.commands import KEY, Chandlery
from tests.e2e.test_refresh_command import DAY, history

__all__ = ["history"]


def test_duplicates_are_named_and_repaired(history: Chandlery) -> None:
    assert history("refresh", "1h", *DAY).returncode == 0
    # Nothing has taken the marks of what was imported.
    assert history("invoke", "historical_processor", "--at", "2026-03-03T12:00Z").returncode == 0
    right = history("verify")
    assert (right.returncode, right.stdout.splitlines()[-1]) == (0, "nothing is wrong"), right.stdout + right.stderr
    with psycopg.connect(history("db", "url").stdout.strip(), autocommit=True) as connection:
        (table,) = connection.execute("SELECT market.policy_relation('candles_1h')::text").fetchone() or ()
        connection.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE time = '2026-03-02T10:00Z'")  # noqa: S608
    wrong = history("verify", "--from", "2026-03-02", "--json")
    assert wrong.returncode == 1
    report = json.loads(wrong.stdout)
    assert (report["wrong"], report["repaired"]) == (1, 0)
    (table,) = (each for each in report["tables"] if each["twice"])
    assert table["examples"][0].startswith(f"2026-03-02T10:00Z of {KEY}: stands twice")
    assert history("verify", "--to", "2026-03-01").returncode == 0
    repaired = history("verify", "--repair")
    assert repaired.returncode == 0, repaired.stderr
    assert repaired.stdout.splitlines()[-1] == "1 was wrong, 1 of them repaired"
    assert history("verify").returncode == 0
