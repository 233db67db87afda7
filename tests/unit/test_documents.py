"""The README and docs/ say what the code has."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from chandlery.datasets import declared
from chandlery.platform.settings import SCHEDULED, LocalSettings, Settings
from functions.http_api.application import app as http_api
from local import settings_table
from local.command_line import app
from local.embedded import EmbeddedDatabase
from local.embedded.errors import EmbeddedDatabaseError
from local.schedules import read_functions

REPO = Path(__file__).resolve().parents[2]
LAYER = REPO / "layers" / "chandlery" / "chandlery"
SETTINGS = (REPO / "docs" / "settings.md").read_text()
BENCHMARKS = (REPO / "docs" / "benchmarks.md").read_text()
ARCHITECTURE = (REPO / "docs" / "architecture.md").read_text()
SECURITY = (REPO / "docs" / "security.md").read_text()
COMPARISON = (REPO / "docs" / "comparison.md").read_text()


def test_the_page_of_settings_is_current() -> None:
    assert settings_table.in_place(SETTINGS) == SETTINGS, "run: make docs"
    for model in (Settings, LocalSettings):
        for name in model.model_fields:
            assert f"\n| `{name.upper()}` |" in SETTINGS


def test_a_page_without_a_place_for_the_settings_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no place for the settings: put in <!-- settings"):
        settings_table.in_place("# Settings\n")


def read_in(path: Path) -> set[str]:
    return set(re.findall(r"settings\.(\w+)", path.read_text())) & Settings.model_fields.keys()


def readers() -> Mapping[str, set[str]]:
    """Who reads each setting, by the code."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (REPO / "functions").rglob("*.py"):
        for name in read_in(path):
            found[name].add(path.relative_to(REPO / "functions").parts[0].removesuffix(".py"))
    for name in SCHEDULED:
        found[f"{name}_enabled"].add(name)
    # A dry run alone shortens the vendor's deadline, which the vendor's adapter reads.
    for name in read_in(LAYER / "platform" / "component.py") - {"vendor_deadline_seconds"}:
        found[name].add("every scheduled")
    for name in read_in(LAYER / "outbox" / "finish_run.py") - {"changes_published"}:
        found[name].add("every scheduled")
    for name in ("redis_url", "cache_key", "redis_secret_id"):  # by cache_server
        found[name].add("http_api")
    by_all = {"database_url", "database_secret_id"} | read_in(LAYER / "platform" / "secrets_extension.py")
    for name in read_in(LAYER / "platform" / "connection.py") | by_all:
        found[name].add("all")
    for name in read_in(LAYER / "vendors" / "__init__.py") | {"vendor_api_key", "vendor_secret_id"}:
        found[name] |= {"historical_gap_monitor", "command line"}
    return found


def test_each_setting_says_who_reads_it() -> None:
    told = {
        name: set(field.json_schema_extra["read_by"])  # type: ignore[arg-type, index]
        for name, field in Settings.model_fields.items()
    }
    assert told == readers()


def test_every_scheduled_function_has_a_switch() -> None:
    assert set(SCHEDULED) == {function.name for function in read_functions() if function.schedule}


def test_the_diagram_has_every_function_and_no_other() -> None:
    drawn = set(re.findall(r"\[\[(\w+)\]\]", ARCHITECTURE))
    assert drawn == {function.name for function in read_functions()}


def test_each_function_runs_when_and_what_the_page_says() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`([^`]+)`|when asked) \| (?:`(\w+)`|several)", ARCHITECTURE, re.MULTILINE)
    told = {name: (schedule or None, usecase or None) for name, schedule, usecase in rows}
    assert told == {function.name: (function.schedule, usecase_of(function.name)) for function in read_functions()}


def usecase_of(function: str) -> str | None:
    """The one use case a function calls; none of one that calls several, or is a package."""
    path = REPO / "functions" / f"{function}.py"
    if not path.is_file():
        return None
    found = {
        name.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("chandlery.")
        for name in node.names
        if name.name == node.module.rpartition(".")[2] and "_" in name.name  # one verb, with its object, a file
    }
    return found.pop() if len(found) == 1 else None


def rows_under(heading: str) -> list[list[str]]:
    """The cells of the table that has this heading."""
    lines = ARCHITECTURE[ARCHITECTURE.index(heading) :].splitlines()[2:]
    rows = [line for line in lines[: lines.index("") if "" in lines else None] if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


MARKS = rows_under("| what | who sets it |")
LOCKS = rows_under("| lock | who holds it")


def test_every_lock_of_the_sql_is_in_the_table_and_no_other() -> None:
    """A migration may take one of the code before."""
    text = "".join(path.read_text() for room in ("queries", "schema") for path in (REPO / "sql" / room).rglob("*.sql"))
    assert {row[0].strip("`") for row in LOCKS} == set(re.findall(r"hashtext\('([\w. ]+)'\)", text))


def test_every_mark_of_the_table_is_one() -> None:
    text = "".join(path.read_text() for path in (REPO / "sql" / "migrations").rglob("*.up.sql"))
    dropped = {name for names in re.findall(r"DROP TABLE ([^;]+);", text) for name in names.split(", ")}
    dropped |= set(re.findall(r"ALTER TABLE (market\.\w+) RENAME TO", text))
    created = set(re.findall(r"CREATE TABLE (market\.\w+)", text)) - dropped
    named = {name for row in MARKS for name in re.findall(r"`(market\.\w+)`", row[0])}
    assert named <= created
    # What is neither data nor reference data, nor made of them, is there for runs to meet in.
    reference = ["instruments", "calendars", "sessions", "tickers", "feeds", "rollups", "stored_indicators"]
    reference += ["option_contracts", "option_expiries", "cadences", "rates"]
    reference += ["users", "watchlists", "watchlist_items", "alerts", "alert_firings"]
    data = [*reference, "feed_minutes", "known_data", "runs", "signals", *(each.name for each in declared.DATASETS)]
    assert created - named == {f"market.{name}" for name in data}


@pytest.mark.parametrize("test", sorted({row[-1].strip("`") for row in [*MARKS, *LOCKS]}))
def test_every_row_of_the_tables_is_shown_by_a_test(test: str) -> None:
    path, _, name = test.partition("::")
    assert f"def {name}(" in (REPO / path).read_text()


@pytest.mark.parametrize("test", sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)` \|$", SECURITY, re.MULTILINE))))
def test_what_the_page_on_security_says_is_shown_by_a_test(test: str) -> None:
    path, _, name = test.partition("::")
    assert f"def {name}" in (REPO / path).read_text()


def test_every_row_of_the_page_on_security_names_its_test() -> None:
    tables = SECURITY[SECURITY.index("## Roles") : SECURITY.index("## What is not")]
    rows = [row for row in tables.splitlines() if row.startswith("| ") and "shown by" not in row and "---" not in row]
    assert len(rows) > 20
    assert [row for row in rows if not re.search(r"`tests/[\w/.:]+` \|$", row)] == []


def test_the_page_on_security_has_every_role_and_queue_and_no_parameter_that_is_not() -> None:
    text = "".join(path.read_text() for path in (REPO / "sql" / "migrations").rglob("*.up.sql"))
    roles = set(re.findall(r"CREATE ROLE (chandlery_\w+)", text)) | set(re.findall(r"'(chandlery_\w+)'::regrole", text))
    assert set(re.findall(r"^\| `(chandlery_\w+)` \|", SECURITY, re.MULTILINE)) == roles
    template = (REPO / "template.yaml").read_text()
    queues = re.findall(r"^  (\w+):\n    Type: AWS::SQS::Queue\n", template, re.MULTILINE)
    assert queues
    assert [name for name in queues if f"`{name}`" not in SECURITY] == []
    named = set(re.findall(r"`([A-Z][a-z]\w+)`", SECURITY))
    assert [name for name in named if not re.search(rf"^  {name}:$", template, re.MULTILINE)] == []


def test_functions_with_their_owners_rights_have_a_search_path_of_their_own() -> None:
    text = "\n".join(path.read_text() for path in sorted((REPO / "sql").rglob("*.sql")))
    headings = re.findall(r"^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE)[^$]*\$\$", text, re.MULTILINE)
    theirs = [heading for heading in headings if "SECURITY DEFINER" in heading]
    assert len(theirs) > 5
    assert [heading for heading in theirs if "SET search_path = pg_catalog, pg_temp" not in heading] == []


def test_only_its_owner_may_enter_the_folder_of_an_embedded_database(tmp_path: Path) -> None:
    home = tmp_path / ".chandlery"
    (tmp_path / "none").write_text("not a backup")
    with pytest.raises(EmbeddedDatabaseError):
        EmbeddedDatabase(home).restore(tmp_path / "none", over_existing=False)
    assert home.stat().st_mode & 0o777 == 0o700


PAGES = [*sorted(REPO.glob("*.md")), *sorted((REPO / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", [str(path.relative_to(REPO)) for path in PAGES])
def test_rooms_and_files_that_a_page_names_are_there(page: str) -> None:
    path = REPO / page
    linked = [path.parent / each for each in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text())]
    named = [
        REPO / each for each in re.findall(r"`((?:functions|layers|sql|local|tests|docs)/[\w./-]*)`", path.read_text())
    ]
    assert [str(each) for each in linked + named if not each.exists()] == []


@pytest.mark.parametrize("page", [str(path.relative_to(REPO)) for path in PAGES])
def test_headings_that_a_page_links_to_are_there(page: str) -> None:
    path = REPO / page
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", path.read_text())
    assert [link for link in links if link[1] not in anchors((path.parent / link[0]) if link[0] else path)] == []


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leaves(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    if hasattr(command, "commands"):
        for name in command.list_commands(None):
            yield from leaves(command.get_command(None, name), *path, name)
    else:
        yield path


def words_of_rows(page: str) -> list[set[str]]:
    """The words in the first cell of each row of a page's tables."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", (REPO / "docs" / page).read_text().replace("\\|", " "), re.MULTILINE)
    return [set(re.findall(r"[\w-]+", row)) for row in rows]


def test_every_command_is_on_the_page_of_commands() -> None:
    rows = words_of_rows("commands.md")
    assert [path for path in leaves(get_command(app)) if not any({"chandlery", *path} <= row for row in rows)] == []


def test_every_route_is_on_the_page_of_the_http_api() -> None:
    rows = words_of_rows("http-api.md")
    routes = http_api.outline().paths or {}
    parts = {path: set(re.findall(r"[\w-]+", re.sub(r"{\w+}", "", path))) for path in routes}
    assert {"/api/v1/ticks", "/api/v1/alerts"} <= parts.keys()
    assert [path for path, words in parts.items() if not any(words - {"fo"} <= row for row in rows)] == []


def test_the_readme_is_a_page_that_can_be_read_at_once() -> None:
    assert len((REPO / "README.md").read_bytes()) < 8_000


def test_our_own_figures_are_those_of_the_benchmarks() -> None:
    ours = [part for part in re.split(r"\n(?=- |\n)", COMPARISON) if "`make bench`" in part]
    figures = [figure for part in ours for figure in re.findall(r"\d[\d,.]*\d s\b|\d[\d,]+ rows/s", part)]
    assert len(figures) >= 3
    assert [figure for figure in figures if figure not in BENCHMARKS] == []
