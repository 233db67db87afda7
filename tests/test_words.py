"""Texts are written as a native engineer writes: phrases that may not be used, and what to write instead."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]

# Each phrase, as a pattern between word boundaries, and what to write instead.
PHRASES = {
    r"besides?": "next to, at the same time, also",
    r"anew": "again",
    r"once more": "again",
    r"of ours": "Chandlery's, or leave it out",
    r"one's own": "your own, its own",
    r"tells?|told|telling": "report, publish, notify, show, say, list, distinguish",
    r"(?:said|says?) of": "say about, say for",
    r"so many": "N, that many",
    r"so long(?! as)": "N, that long",
    r"whoever|whomever|(?:by|of) whom": "anyone who, the one that",
    r"(?<!there\s)(?:is|are|was|were) no (?!longer|more|less|fewer|older|newer|lower|higher|later|larger)": "is not a",
    r"stands?|stood": "is, exists, remains; for “stand for”: mean, represent; for “stand in”: replace",
    r"(?:holds?|held|holding)(?: \w+){0,4} against": "compare with, check against",
    r"nor (?:is|are|was|were|does|do|did|has|have|can|could|may|will)": "subject before verb: and it is not",
    r"(?:is|are|was|were) to (?:be|have|come)": "must, should, will",
    r"(?:becomes?|became) of": "happens to",
    r"(?:puts?|putting) right": "repair, correct",
    r"for ever": "forever",
    r"be had": "be obtained, be read",
    r"(?:is|are|was|were) away": "is unavailable",
    r"(?:goes|go|went) on": "continue",
    r"in turns": "alternating, in rotation",
    r"another hand": "another program",
    r"that (?:is|are) there": "existing, stored",
    r"(?<!and\s)the like": "similar ones",
    r"hence|lest|upon|whereby|whereof|thereof|therein|whatsoever": "a plain word",
}
_FORBIDDEN = re.compile(
    "|".join(rf"\b(?P<p{i}>{phrase.replace(' ', chr(92) + 's+')})\b" for i, phrase in enumerate(PHRASES)), re.IGNORECASE
)
_INSTEAD = list(PHRASES.values())
SQL = sorted(path for folder in ("queries", "schema") for path in (REPO / "sql" / folder).rglob("*.sql"))
PAGES = [*sorted(REPO.glob("*.md")), *sorted((REPO / "docs").rglob("*.md"))]


def faults(text: str) -> Iterator[str]:
    """Each phrase in the text that may not be used: its line, the phrase, and what to write instead."""
    for found in _FORBIDDEN.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        instead = _INSTEAD[int((found.lastgroup or "p0")[1:])]
        yield f"line {line}: “{' '.join(found[0].split())}”: write {instead}"


def prose(page: str) -> str:
    """A page without its code and addresses, line by line as it was."""
    page = re.sub(r"```.*?```", lambda code: "\n" * code[0].count("\n"), page, flags=re.DOTALL)
    page = re.sub(r"`[^`]*`", lambda code: "`" + "\n" * code[0].count("\n"), page)
    return re.sub(r"\]\([^)]*\)", "]", page)


def unreleased(changelog: str) -> str:
    """The changelog up to its newest release, whose text stays as it was."""
    begins = changelog.index("## [Unreleased]")
    released = re.compile(r"^## \[\d", re.MULTILINE).search(changelog, begins)
    return changelog[: released.start() if released else None]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPO)))
def test_pages_use_plain_words(page: Path) -> None:
    text = page.read_text()
    assert list(faults(prose(unreleased(text) if page.name == "CHANGELOG.md" else text))) == []


def comments(sql: str) -> str:
    """The comments of a file of SQL, line by line as they were."""
    return "\n".join(line.partition("--")[2] for line in sql.splitlines())


@pytest.mark.parametrize("path", SQL, ids=lambda path: str(path.relative_to(REPO)))
def test_comments_of_sql_use_plain_words(path: Path) -> None:
    assert list(faults(comments(path.read_text()))) == []


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("It is\nmade anew.", "line 2: “anew”"),
        ("A silent strike is no gap", "“is no”"),
        ("Nor does it\nwait", "“Nor does”"),
        ("held against the code", "“held against”"),
        ("compared with what users told\nus", "“told”"),
    ],
)
def test_a_phrase_is_found_wherever_it_breaks(text: str, phrase: str) -> None:
    (fault,) = faults(text)
    assert phrase in fault


def test_code_and_plain_words_are_left_alone() -> None:
    assert list(faults("There is no gap. It is no longer there, whatever understands it.")) == []
    assert list(faults(prose("`--discard-beside`\n\n```sql\n-- told anew\n```\n[x](besides.md)"))) == []
