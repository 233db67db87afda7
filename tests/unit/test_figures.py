"""What a run of the benchmarks prints."""

import pytest

from tests.benchmarks.figures import NO_ROW, Spent, figures_of, row_of


@pytest.mark.parametrize(
    ("test", "row"),
    [
        ("test_p1_a_live_minute", "P1"),
        ("test_p14_many_clients[2]", "P14"),
        ("test_sizes", NO_ROW),
        ("test_p_1", NO_ROW),
    ],
)
def test_a_row_is_named_by_its_benchmark(test: str, row: str) -> None:
    assert row_of(test) == row


def test_logs_and_metrics_are_no_figures() -> None:
    printed = '\n{"level":"INFO","message":"run succeeded"}\nimport: 0.9\n{"_aws":{}}\n  of it: {half}\n\n'
    assert list(figures_of("test_p2_import", printed)) == ["P2   import: 0.9", "P2     of it: {half}"]


def test_the_systems_share_is_of_the_time_in_between() -> None:
    before, after = Spent(10, 100, 50), Spent(13, 106, 52)
    assert after.since(before) == "took 3 s; 25 % of all processor time was the system's"
