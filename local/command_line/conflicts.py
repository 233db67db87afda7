"""What is said of rows whose time and seq are a known tick's, with other content."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chandlery.minutes.import_ticks import OnConflict, TickImport
from chandlery.minutes.store.ticks import Conflict, Content
from chandlery.words.counting import spell
from local.command_line.output import err, plain

_OUTCOMES = {
    OnConflict.KEEP: "the first of each was kept, and all other rows were imported",
    OnConflict.REFUSE: "nothing was imported",
}


def tell_conflicts(path: Path, word: str, report: TickImport, on_conflict: OnConflict) -> None:
    """Name the first conflicts of a file on stderr, and what to do about them; those that were replaced are none.

    Args:
        path: the file.
        word: what a row's place in it is called.
        report: of its import.
        on_conflict: what became of them.
    """
    if not report.conflicting or on_conflict is OnConflict.REPLACE:
        return
    for conflict in report.conflicts:
        err.print(f"{path.name} {word} {conflict.line}: {_spell(conflict, word)}", markup=False, soft_wrap=True)
    more = report.conflicting - len(report.conflicts)
    if more:
        err.print(f"… and {more:,} more")
    has = "has" if report.conflicting == 1 else "have"
    err.print(
        f"{path.name}: {report.conflicting:,} of {spell(report.read, 'row')} {has} the time and seq of another tick"
        f" and other content: {_OUTCOMES[on_conflict]}; {_advise(report.conflicts)}",
        style="yellow",
        markup=False,
        soft_wrap=True,
    )


def describe_conflicts(conflicts: Sequence[Conflict]) -> Sequence[dict[str, Any]]:
    """The same for programs."""
    return [asdict(conflict) for conflict in conflicts]


def _spell(conflict: Conflict, word: str) -> str:
    said, stored = vars(conflict.said), vars(conflict.stored)
    other = [name for name in Content.__dataclass_fields__ if said[name] != stored[name]]
    first = "stored before" if conflict.stored_line is None else f"{word} {conflict.stored_line}"
    contents = (", ".join(f"{name} {plain(each[name]) or 'empty'}" for name in other) for each in (said, stored))
    return f"{plain(conflict.time)}, seq {conflict.seq}: {next(contents)}; {first}: {next(contents)}"


def _advise(conflicts: Sequence[Conflict]) -> str:
    advice = []
    if any(conflict.stored_line is None for conflict in conflicts):
        advice.append("to correct what is stored: --on-conflict replace")
    if any(conflict.stored_line is not None for conflict in conflicts):
        advice.append("if the vendor leaves seq at 0 or repeats it, to import every row: --seq by-row")
    return "; ".join(advice)
