"""Rooms by subject: each imports those before it alone, pure rules know no room, and what was renamed stays so."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.test_architecture import LAYER, QUERIES, REPO, sources

# From the ground up: each may import those before it.
ROOMS = [
    "words",
    "datasets",
    "platform",
    "outbox",
    "vendors",
    "reference",
    "minutes",
    "importing",
    "ingest",
    "gaps",
    "refresh",
    "policies",
    "rebuild",
    "reading",
    "indicators",
    "options",
    "signals",
    "desk",
    "health",
]
# What pure rules may know apart from their own room.
SHARED = {"words", "datasets"}
POWERTOOLS = {
    "platform/component.py",
    "platform/request_telemetry.py",
    "platform/secrets.py",
    "platform/telemetry.py",
}
# Words that had another meaning elsewhere, or said too little, and what replaces them.
FORMER = {
    "Step": "PolicyStep, RebuildStep",
    "Stretch": "PageWanted, ChangedBuckets",
    "indicate_piece": "compute_piece",
    "stand_in": "carry_out_policies",
    "rehearsal": "dry_run",
    "utils": "the name of what it is for",
    "helpers": "the name of what it is for",
}
# Released migrations, which are never edited, import it.
LEFT = {"store/__init__.py", "store/migrations.py"}

RULES = [path for path in sources() if path.is_relative_to(LAYER) and str(path.relative_to(LAYER)) not in LEFT]
EVERY = [*LAYER.rglob("*.py"), *(REPO / "functions").rglob("*.py"), *(REPO / "local").rglob("*.py")]
STEPS = re.findall(
    r"^\d+\. (?:(?!^\d+\.|^#).)*?`([\w/]+\.\w+)`\s+\(`(\w+)`\)",
    (REPO / "docs" / "architecture.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


def name_of(path: Path) -> str:
    return str(path.relative_to(LAYER))


def room_of(module: str) -> str:
    return module.split(".")[1]


def is_pure(module: str) -> bool:
    """Whether a module (`chandlery.gaps.domain.coverage`) is one of rules alone."""
    parts = module.split(".")
    return parts[1] in SHARED or "domain" in parts[2:]


def module_of(path: Path) -> str:
    return ".".join(("chandlery", *path.relative_to(LAYER).with_suffix("").parts)).removesuffix(".__init__")


@cache
def imports_of(path: Path) -> list[str]:
    """Modules, Chandlery's as they are, others by their first name."""
    return sorted(set(_imports_of(path)))


def _imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if not node.module.startswith("chandlery"):
                yield node.module.split(".")[0]
                continue
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                place = LAYER.joinpath(*whole.split(".")[1:])
                yield whole if place.is_dir() or place.with_suffix(".py").exists() else node.module


def ours(path: Path) -> list[str]:
    return [each for each in imports_of(path) if each.startswith("chandlery.")]


def test_every_module_is_in_a_room() -> None:
    assert {name_of(path).split("/")[0] for path in RULES} <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_those_before_it_alone(room: str) -> None:
    below = set(ROOMS[: ROOMS.index(room) + 1])
    upwards = [
        f"{name_of(path)} imports {each}"
        for path in RULES
        if room_of(module_of(path)) == room and not is_pure(module_of(path))
        for each in ours(path)
        if not is_pure(each) and room_of(each) not in below and not _computes(room, each)
    ]
    assert upwards == []


def _computes(room: str, module: str) -> bool:
    """Computing with numpy knows no database: a reader may compute, though what is stored of it is above."""
    return room == "reading" and module.startswith("chandlery.indicators.numerics")


def test_pure_rules_know_the_standard_library_and_each_other() -> None:
    known = {"chandlery", *sys.stdlib_module_names}
    impure = [
        f"{name_of(path)} imports {each}"
        for path in RULES
        if is_pure(module_of(path))
        for each in imports_of(path)
        if each.split(".")[0] not in known
        or (
            each.startswith("chandlery.")
            and not (is_pure(each) and room_of(each) in {*SHARED, room_of(module_of(path))})
        )
    ]
    assert impure == []
    for path in RULES:
        if is_pure(module_of(path)):
            assert not re.search(r"\b(os\.environ|datetime\.now|utcnow|time\.time)\b", path.read_text()), name_of(path)


def test_what_asks_the_database_calls_no_use_case() -> None:
    upwards = [
        f"{name_of(path)} imports {each}"
        for path in RULES
        if "store" in path.relative_to(LAYER).parts
        for each in ours(path)
        if room_of(each) != "platform"
        and not is_pure(each)
        and ".store" not in each
        and not _computes(room_of(module_of(path)), each)
    ]
    assert upwards == []


def test_computing_knows_neither_database_nor_settings() -> None:
    known = {"chandlery", "numpy", "talib", *sys.stdlib_module_names}
    for path in RULES:
        if "numerics" in path.relative_to(LAYER).parts:
            assert {each.split(".")[0] for each in imports_of(path)} <= known, name_of(path)
            assert all(".numerics" in each or is_pure(each) for each in ours(path)), name_of(path)


def test_deployed_code_knows_nothing_of_the_local_stack() -> None:
    for path in sources():
        assert not {"local", "tests"} & set(imports_of(path)), path.name


def test_few_know_powertools() -> None:
    knowing = {name_of(path) for path in RULES if "aws_lambda_powertools" in imports_of(path)}
    assert knowing <= POWERTOOLS


def test_no_room_asks_the_time() -> None:
    for path in RULES:
        if room_of(module_of(path)) not in ("platform", "vendors"):
            assert not re.search(r"\.now\(|utcnow|time\.time\(", path.read_text()), name_of(path)


def test_no_file_of_the_layer_is_long() -> None:
    assert [name_of(path) for path in RULES if len(path.read_text().splitlines()) >= 300] == []


def test_queries_are_in_rooms_of_forty_files_at_most() -> None:
    rooms = Counter(str(path.parent.relative_to(REPO / "sql" / "queries")) for path in QUERIES)
    assert set(rooms) <= {*ROOMS, "backup"}
    assert [room for room, files in rooms.items() if files > 40] == []


@pytest.mark.parametrize("former", sorted(FORMER))
def test_what_was_renamed_stays_so(former: str) -> None:
    for path in EVERY:
        named = {node.name for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "name")}
        assert former not in {path.stem, *named}, f"{path}: say {FORMER[former]}"


def test_a_tick_becomes_a_daily_candle_in_twelve_steps_at_most() -> None:
    assert 8 <= len(STEPS) <= 12


@pytest.mark.parametrize(("file", "name"), STEPS)
def test_each_step_from_a_tick_to_an_answer_is_where_the_page_says(file: str, name: str) -> None:
    text = (REPO / file).read_text()
    assert f"def {name}(" in text if file.endswith(".py") else re.search(rf"\b{name}\b", text)
