"""What is said of rows whose key is a known tick's, or a known row's, with other content."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer

from chandlery.importing.import_rows import RowImport
from chandlery.importing.store.rows import RowConflict
from chandlery.minutes.import_lots import OnConflict
from chandlery.minutes.import_ticks import TickImport
from chandlery.minutes.store.ticks import Conflict, Content
from chandlery.words.counting import spell
from local.command_line.output import err, plain

_OUTCOMES = {
    OnConflict.KEEP: "the first of each was kept, and all other rows were imported",
    OnConflict.REFUSE: "nothing was imported",
}


def report_conflicts(path: Path, word: str, report: TickImport, on_conflict: OnConflict) -> None:
    """Name the first conflicts of a file on stderr, and what to do about them; those that were replaced are none.

    Args:
        path: the file.
        word: what a row's place in it is called.
        report: of its import.
        on_conflict: what became of them.
    """
    told = [f"{word} {conflict.line}: {_spell(conflict, word)}" for conflict in report.conflicts]
    _report(path.name, report, told, "the time and seq of another tick", on_conflict, _advise(report.conflicts))


def report_row_conflicts(path: Path, word: str, report: RowImport, key: Sequence[str], on_conflict: OnConflict) -> None:
    """The same of rows of any data set, whose `key` tells them apart."""
    told = [f"{word} {conflict.line}: {_spell_row(conflict, word, key)}" for conflict in report.conflicts]
    advice = "to correct what is stored: --on-conflict replace"
    _report(path.name, report, told, f"the {', '.join(key)} of another row", on_conflict, advice)


def _report(
    file: str,
    report: TickImport | RowImport,
    told: Sequence[str],
    shared: str,
    on_conflict: OnConflict,
    advice: str,
) -> None:
    if not report.conflicting or on_conflict is OnConflict.REPLACE:
        return
    for conflict in told:
        err.print(f"{file} {conflict}", markup=False, soft_wrap=True)
    more = report.conflicting - len(told)
    if more:
        err.print(f"… and {more:,} more")
    has = "has" if report.conflicting == 1 else "have"
    err.print(
        f"{file}: {report.conflicting:,} of {spell(report.read, 'row')} {has} {shared}"
        f" and other content: {_OUTCOMES[on_conflict]}; {advice}",
        style="yellow",
        markup=False,
        soft_wrap=True,
    )


def spell_counts(counts: Mapping[str, Any], new: str, *changes: str) -> str:
    """What an import did, in words: its `new` rows by that name, and of the `changes` those that there are."""
    words = [spell(counts["new"], new), f"{counts['known']:,} known already"]
    words += [f"{counts[name]:,} {name}" for name in changes if counts[name]]
    if counts["conflicting"]:
        words.append(spell(counts["conflicting"], "row in conflict", "rows in conflict"))
    return ", ".join(words)


def exit_on_conflicts(done: Sequence[Mapping[str, Any]], on_conflict: OnConflict) -> None:
    """Exit with 1 where rows of any file were left out, since others of their key are kept."""
    if on_conflict is OnConflict.KEEP and any(each.get("conflicting") for each in done):
        raise typer.Exit(1)


def describe_conflicts(conflicts: Sequence[Conflict | RowConflict]) -> Sequence[dict[str, Any]]:
    """The same for programs."""
    return [asdict(conflict) for conflict in conflicts]


def _spell(conflict: Conflict, word: str) -> str:
    said, stored = vars(conflict.said), vars(conflict.stored)
    other = [name for name in Content.__dataclass_fields__ if said[name] != stored[name]]
    first = "stored before" if conflict.stored_line is None else f"{word} {conflict.stored_line}"
    contents = (", ".join(f"{name} {plain(each[name]) or 'empty'}" for name in other) for each in (said, stored))
    return f"{plain(conflict.time)}, seq {conflict.seq}: {next(contents)}; {first}: {next(contents)}"


def _spell_row(conflict: RowConflict, word: str, key: Sequence[str]) -> str:
    said, stored = conflict.said, conflict.stored
    other = [name for name in said if said[name] != stored[name]]
    first = "stored before" if conflict.stored_line is None else f"{word} {conflict.stored_line}"
    contents = (", ".join(f"{name} {_cell(each[name])}" for name in other) for each in (said, stored))
    named = ", ".join(f"{name} {_cell(said[name])}" if name in said else conflict.instrument for name in key)
    return f"{named}: {next(contents)}; {first}: {next(contents)}"


def _cell(value: object) -> str:
    """As JSON has it."""
    return "empty" if value is None else format(value, "f") if isinstance(value, Decimal) else str(value)


def _advise(conflicts: Sequence[Conflict]) -> str:
    advice = []
    if any(conflict.stored_line is None for conflict in conflicts):
        advice.append("to correct what is stored: --on-conflict replace")
    if any(conflict.stored_line is not None for conflict in conflicts):
        advice.append("if the vendor leaves seq at 0 or repeats it, to import every row: --seq by-row")
    return "; ".join(advice)
