"""Functions and views of `sql/schema`: a file each, and one script in which each comes after what it is made of."""

import re
from pathlib import Path

import pytest

from chandlery.platform import definitions

FILES = sorted(definitions.SCHEMA.rglob("*.sql"))
# Made by a loop of 0007, of which no statement has their text.
BY_A_LOOP = {"candles_1d", "candles_1w", "candles_1mo"}
ATOMIC = "CREATE OR REPLACE FUNCTION market.{}() RETURNS bigint\nBEGIN ATOMIC\n    SELECT 1 FROM market.{};\nEND;\n"
TEXT = "CREATE OR REPLACE FUNCTION market.{}() RETURNS bigint AS $$\n    SELECT 1 FROM market.{}\n$$;\n"
VIEW = "CREATE OR REPLACE VIEW market.{} AS SELECT 1 AS one FROM market.{};\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_makes_what_its_name_says_and_nothing_else(path: Path) -> None:
    bare = re.sub(r"\$\$.*?\$\$", "", path.read_text(), flags=re.DOTALL)
    made = re.findall(r"^CREATE OR REPLACE (?:FUNCTION|PROCEDURE|VIEW) market\.(\w+)", bare, re.MULTILINE)
    assert set(made) == {path.stem}
    # No file has rights, drops or triggers.
    begins = set(re.findall(r"^(?:CREATE OR REPLACE|[A-Z]+)", bare, re.MULTILINE))
    assert not begins & {"CREATE", "DROP", "ALTER", "GRANT", "REVOKE", "DO"}
    assert set(re.findall(r"^COMMENT ON \w+ market\.(\w+)", bare, re.MULTILINE)) <= {path.stem}


def test_no_name_is_used_twice() -> None:
    assert len({path.stem for path in FILES}) == len(FILES) > 80


def test_what_came_since_or_went_is_dropped_by_a_migration() -> None:
    before, now = definitions.of_migrations().keys() | BY_A_LOOP, definitions.current().keys()
    assert now - before <= _dropped("down"), "the down script of the migration that brought them drops them"
    assert before - now <= _dropped("up"), "the up script of a migration drops them"


def _dropped(direction: str) -> set[str]:
    """What the scripts of migrations drop since functions and views are in `sql/schema`."""
    scripts = [path for path in definitions.VERSIONS.glob(f"*.{direction}.sql") if path.name >= definitions.FIRST]
    text = "".join(path.read_text() for path in scripts)
    dropped = re.findall(r"\bDROP (?:FUNCTION|PROCEDURE|VIEW) (IF EXISTS )?(?:market\.)?(\w+)", text)
    assert all(if_exists for if_exists, _ in dropped), "on the way of another database it may not be there"
    return {name for _, name in dropped}


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ({"a": VIEW.format("a", "b"), "b": VIEW.format("b", "ticks")}, "ba"),
        ({"a": VIEW.format("a", "b()"), "b": TEXT.format("b", "ticks")}, "ba"),
        ({"a": ATOMIC.format("a", "b"), "b": ATOMIC.format("b", "c"), "c": VIEW.format("c", "ticks")}, "cba"),
        # The text of a body is read when it runs: what is named in it, in a comment or in words need not be there.
        ({"a": TEXT.format("a", "b"), "b": VIEW.format("b", "a()")}, "ab"),
        (
            {"a": VIEW.format("a", "t") + "COMMENT ON VIEW market.a IS 'As market.b.';\n", "b": VIEW.format("b", "a")},
            "ab",
        ),
        ({"a": "-- As market.b.\n" + VIEW.format("a", "t"), "b": VIEW.format("b", "a")}, "ab"),
    ],
)
def test_each_comes_after_what_it_is_made_of(given: definitions.Definitions, order: str) -> None:
    made = re.findall(r"^CREATE OR REPLACE \w+ market\.(\w+)", definitions.script(given), re.MULTILINE)
    assert "".join(made) == order


def test_views_are_locked_from_above() -> None:
    found = definitions.script({"a": VIEW.format("a", "b"), "b": VIEW.format("b", "ticks")})
    assert re.findall(r"^ALTER VIEW IF EXISTS market\.(\w+)", found, re.MULTILINE) == ["a", "b"]
