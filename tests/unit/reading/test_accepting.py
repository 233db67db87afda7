"""Which type an answer has, by what the caller takes."""

import pytest

from functions.http_api.accepting import preferred

OFFERED = ["application/json", "text/csv"]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.5, application/json;q=0.9", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("image/png", None),
        ("application/json;q=0", None),
        ("text/csv;q=much", "text/csv"),
    ],
)
def test_the_type_is_the_one_the_caller_likes_best(accept: str, answered: str | None) -> None:
    assert preferred(OFFERED, accept) == answered
