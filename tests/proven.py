"""What tests have proven, reported at the end of a run."""

import pytest

# The user property of a report that says it: a line, how many cases, how many of them were wrong.
TOLD = "proven"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what was proven, by whichever process."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    told = {tuple(line) for report in reports for name, line in getattr(report, "user_properties", []) if name == TOLD}
    if told:
        terminalreporter.section("what was proven")
        for line, _cases, _wrong in sorted(told):
            terminalreporter.write_line(line)
        cases, wrong = (sum(each[place] for each in told) for place in (1, 2))
        terminalreporter.write_line(f"{cases:,} cases: {wrong} differences")
