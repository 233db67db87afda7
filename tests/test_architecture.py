"""Imports go one way, each room keeps to its own, and no query is orphaned."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from chandlery.platform import schema
from chandlery.platform.migrations import alembic_config
from chandlery.platform.statements import steps

REPO = Path(__file__).resolve().parents[1]
LAYER = REPO / "layers" / "chandlery" / "chandlery"
QUERIES = sorted((REPO / "sql" / "queries").rglob("*.sql"))

# The functions that have the layer with numpy and TA-Lib; the others must not so much as load a module that needs them.
NUMERIC_FUNCTIONS = {"historical_processor", "signal_processor"}


def sources() -> Iterator[Path]:
    yield from (path for path in LAYER.rglob("*.py") if path.name != "__init__.py")
    yield from (REPO / "functions").rglob("*.py")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_data_sets_are_declared_of_timeframes_alone() -> None:
    """All rooms go by what is declared; declarations know time alone, which knows of no data set."""
    below = {"chandlery.words.timeframe", "chandlery.words.window"}
    for path in (LAYER / "datasets").glob("*.py"):
        others = {each for each in imports_of(path) if each.startswith("chandlery.") and "datasets" not in each}
        assert {each.rpartition(".")[0] for each in others} <= below, path.name
    for module in below:
        path = LAYER / "words" / f"{module.rpartition('.')[2]}.py"
        assert not [each for each in imports_of(path) if each.startswith("chandlery.datasets")], path.name


# What keeps data goes by the declarations and by `market.rollups`.
MACHINERY = [
    path
    for path in [*LAYER.rglob("*.py"), *(REPO / "functions").rglob("*.py"), *(REPO / "sql" / "schema").rglob("*.sql")]
    if not path.is_relative_to(LAYER / "datasets")
]


def test_no_machinery_asks_which_data_set_it_is() -> None:
    """Of SQL this holds what goes by the list of roll-ups."""
    asked = re.compile(r"\b(dataset|data_set)(\.name)? (==|!=|in \(|in \{|is) ")
    assert not [path.name for path in MACHINERY if path.suffix == ".py" and asked.search(path.read_text())]


def test_timeframes_and_aggregates_are_listed_once() -> None:
    """Timeframes in their enumeration, aggregates in the declaration of which `market.rollups` is made."""
    text = {path: path.read_text() for path in MACHINERY if path.name != "timeframe.py"}
    text |= {path: path.read_text() for path in (REPO / "local").rglob("*.py")}
    aggregates = re.compile(r"\bcandles_(?:5m|15m|30m|1h|4h|1d_parts)\b")
    listing = {path.name for path, each in text.items() if len(set(aggregates.findall(each))) > 2}
    listing |= {path.name for path, each in text.items() if len(set(re.findall(r"\bTimeframe\.M\d+", each))) > 2}
    assert not listing
    # The views over the parts of days are written of the declaration.
    special = {path.name for path, each in text.items() if "candles_1d_parts" in each}
    assert special == {"candles_1d.sql", "candles_1w.sql", "candles_1mo.sql"}


FUNCTIONS = sorted(
    path.stem for path in (REPO / "functions").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
)


@pytest.fixture(scope="module")
def numerics_loaded() -> Mapping[str, Sequence[str]]:
    """What is loaded of numpy and TA-Lib once a function is: in one process, those that may load them at the end."""
    code = (
        "import importlib, json, sys\n"
        "def loaded(name):\n"
        "    importlib.import_module(f'functions.{name}')\n"
        "    return sorted({'numpy', 'talib'} & sys.modules.keys())\n"
        "print(json.dumps({name: loaded(name) for name in sys.argv[1:]}))"
    )
    names = sorted(FUNCTIONS, key=NUMERIC_FUNCTIONS.__contains__)
    done = subprocess.run([sys.executable, "-c", code, *names], cwd=REPO, capture_output=True, text=True, check=True)
    found: Mapping[str, Sequence[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_third_party_numerics_are_loaded_where_they_are_deployed(
    name: str, numerics_loaded: Mapping[str, Sequence[str]]
) -> None:
    assert numerics_loaded[name] == (["numpy", "talib"] if name in NUMERIC_FUNCTIONS else [])


def test_only_settings_reads_the_environment() -> None:
    for path in sources():
        if path.parent.name != "settings":
            assert "environ" not in path.read_text(), path.name
            assert "getenv" not in path.read_text(), path.name


def named(path: Path) -> Mapping[str, str]:
    """The statements of a file by the names that code calls them by."""
    text = path.read_text()
    return {f"{path.stem}:{step}": each for step, each in steps(text).items()} or {path.stem: text}


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_every_query_is_used_and_explained(path: Path) -> None:
    code = "".join(source.read_text() for source in [*LAYER.rglob("*.py"), *(REPO / "local").rglob("*.py")])
    assert path.read_text().startswith("-- "), "it does not say what it is for"
    for name, text in named(path).items():
        assert f'"{name}"' in code, f"nobody runs {name}"
        assert text.startswith("-- "), f"{name} does not say what it is for"
        assert text.rstrip().endswith(";")


def test_no_two_queries_have_the_same_name() -> None:
    assert [name for name, times in Counter(path.stem for path in QUERIES).items() if times > 1] == []


def test_every_query_asked_for_exists() -> None:
    asked = set()
    for source in LAYER.rglob("*.py"):
        asked |= set(
            re.findall(
                r'(?:statement\(|(?:run|read_rows)\((?:self\._?)?connection, (?:\w+, )?)"([\w:]+)"', source.read_text()
            )
        )
    assert len(asked) > 100
    assert asked <= {name for path in QUERIES for name in named(path)}


def test_the_code_knows_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(alembic_config("postgresql://")).get_current_head() == schema.REVISION


def test_rooms_have_names_that_say_something() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "shared", "base", "manager", "misc"}
    tracked = [path for top in ("functions", "layers", "local", "sql") for path in (REPO / top).rglob("*")]
    assert not [path for path in tracked if path.stem in vague and "node_modules" not in path.parts]
