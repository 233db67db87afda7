"""The frame of a run: a heading, then the figures of each benchmark as it ends."""

from collections.abc import Generator

import pytest

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from tests.benchmarks.figures import Spent, figures_of, row_of, where

SOAK = "soak"
_BEGUN = pytest.StashKey[Spent]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak-minutes", type=int, default=360, help="simulated minutes of the soak; 360 where not given")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The soak takes as long as half of the others: it runs when asked for by its name."""
    if SOAK not in config.option.keyword.lower():
        left_out = [item for item in items if item.name.startswith(f"test_{SOAK}_")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def heading(migrated_url: str, pytestconfig: pytest.Config) -> None:
    with connect(Settings(database_url=migrated_url), "bench") as connection:
        for line in where(connection):
            _print(pytestconfig, line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    item.stash[_BEGUN] = Spent.now()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call" and report.passed:
        for line in figures_of(item.name, report.capstdout):
            _print(item.config, line)
        _print(item.config, f"{row_of(item.name):<4}   {item.name} {Spent.now().since(item.stash[_BEGUN])}")
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Its figures replace the dot of a benchmark that passed."""
    return ("passed", "", "") if report.when == "call" and report.passed else None


def _print(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capturing = config.pluginmanager.get_plugin("capturemanager")
    assert reporter is not None
    assert capturing is not None
    with capturing.global_and_fixture_disabled():
        reporter.ensure_newline()
        reporter.write_line(line, flush=True)
