"""What is made of pip-audit's report: known, clean and never asked are three things."""

from pathlib import Path

import pytest

from local import audit
from local.audit import Audit, main, read_report

CLEAN = {"dependencies": [{"name": "redis", "version": "8.1.0", "vulns": []}], "fixes": []}
KNOWN = {
    "dependencies": [
        {"name": "redis", "version": "8.1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["8.1.1"], "aliases": []}]},
        {"name": "urllib3", "version": "2.8.0", "vulns": [{"id": "PYSEC-2", "fix_versions": [], "aliases": []}]},
        {"name": "ours", "skip_reason": "Dependency not found on PyPI"},
    ],
    "fixes": [],
}
UNKNOWN = {"dependencies": [{"name": "redis", "skip_reason": "Dependency not found on PyPI"}], "fixes": []}


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (read_report(CLEAN), 0, "1 packages, 0 vulnerabilities"),
        (
            read_report(KNOWN),
            1,
            "2 packages, 2 vulnerabilities; not known to PyPI: ours\n  redis 8.1.0: PYSEC-1, fixed in 8.1.1",
        ),
        (read_report(UNKNOWN), 0, "skipped: the index in use has no report"),
        ("pip-audit could not ask (no network)", 0, "skipped: pip-audit could not ask (no network)"),
    ],
    ids=["clean", "known", "unknown", "unasked"],
)
def test_an_audit_is_reported_as_it_is(
    answer: Audit | str, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "audit", lambda _lock: answer)
    assert main() == code
    assert said in capsys.readouterr().out


def test_a_lock_that_cannot_be_asked_about_is_no_clean_one(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("not a requirement\n")
    assert "pip-audit could not ask" in str(audit.audit(tmp_path / "lock.txt"))
